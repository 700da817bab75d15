//! The files that rules look things up in (prefixes, calendars, databases of addresses): read again when they change.
//!
//! Only these are read again, and the rules that run are kept: whoever has half edited the configuration is not
//! surprised by it. What cannot be read leaves everything as it was.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::base::clock::{Now, UnixTime};
use crate::config::data;
use crate::config::settings::{CalendarSettings, GeoSettings, NetworkSettings, Settings};
use crate::daemon::assemble;
use crate::gateway::drive::Gateway;
use crate::gateway::ports::places::Places;
use crate::login::policy::Policy;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// What is written out of calendars ahead of time is written out anew after this.
const STALE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What tells one state of a file from another; `None` where there is none.
type Stamp = Option<(i64, i64, u64, u64, u64)>;

/// Looks at the files from time to time.
pub(super) struct Watch {
    files: Arc<Files>,
    /// How the files were when they were read, or when that was tried for the last time.
    read: Vec<Stamp>,
    /// How they were when they were last looked at.
    seen: Vec<Stamp>,
    next: Option<Instant>,
    stale: Option<Instant>,
    task: Option<JoinHandle<Looked>>,
}

struct Files {
    networks: Vec<NetworkSettings>,
    calendars: Vec<CalendarSettings>,
    geo: GeoSettings,
    paths: Vec<PathBuf>,
}

/// What a look came to.
struct Looked {
    stamps: Vec<Stamp>,
    fresh: Option<Result<Fresh, String>>,
}

/// What was read.
struct Fresh {
    policy: Arc<Policy>,
    places: Arc<dyn Places>,
    prefixes: usize,
    times: usize,
    warnings: Vec<String>,
}

impl Watch {
    /// Watches the files that `settings` name, which were read just now.
    pub(super) fn new(settings: &Settings) -> Self {
        let (networks, calendars, geo) =
            (settings.networks.clone(), settings.calendars.clone(), settings.geo.clone());
        let mut paths = data::files(&networks, &calendars);
        paths.extend([&geo.country, &geo.asn].into_iter().flatten().cloned());
        let read: Vec<Stamp> = paths.iter().map(stamp).collect();
        let files = Arc::new(Files { networks, calendars, geo, paths });
        Self { files, seen: read.clone(), read, next: None, stale: None, task: None }
    }

    /// Looks at the files when it is time to, and takes over what was read. Never waits for a file.
    pub(super) async fn turn(&mut self, gateway: &Arc<Gateway>, now: Now) {
        if self.files.paths.is_empty() {
            return;
        }
        match self.task.take() {
            Some(task) if task.is_finished() => match task.await {
                Ok(looked) => self.take(looked, gateway, now.steady),
                Err(error) => {
                    tracing::error!(event = "policy.data-refused", "looking at files broke off: {error}")
                }
            },
            Some(task) => self.task = Some(task),
            None if self.next.is_none_or(|next| next <= now.steady) => self.look(gateway, now),
            None => {}
        }
    }

    fn look(&mut self, gateway: &Arc<Gateway>, now: Now) {
        self.next = now.steady.checked_add(LOOK);
        let stale = *self.stale.get_or_insert_with(|| later(now.steady));
        let files = self.files.clone();
        let (read, seen) = (self.read.clone(), self.seen.clone());
        let (gateway, again) = (gateway.clone(), stale <= now.steady);
        self.task = Some(tokio::task::spawn_blocking(move || {
            let stamps: Vec<Stamp> = files.paths.iter().map(stamp).collect();
            // A file that is still being written looks different the next time.
            let settled = stamps == seen && stamps != read;
            let fresh = (settled || again).then(|| files.read(&gateway.policy(), now.unix));
            Looked { stamps, fresh }
        }));
    }

    fn take(&mut self, looked: Looked, gateway: &Gateway, now: Instant) {
        let Looked { stamps, fresh } = looked;
        if fresh.is_some() {
            self.read.clone_from(&stamps);
            self.stale = Some(later(now));
        }
        self.seen = stamps;
        match fresh {
            None => {}
            Some(Err(why)) => {
                tracing::error!(event = "policy.data-refused", "the rules keep what they had: {why}");
            }
            Some(Ok(fresh)) => {
                for warning in fresh.warnings {
                    tracing::warn!(event = "config.warning", "{warning}");
                }
                let (prefixes, times) = (fresh.prefixes, fresh.times);
                gateway.renew(fresh.policy, fresh.places);
                tracing::info!(
                    event = "policy.data-reloaded",
                    prefixes,
                    times,
                    "files of the rules were read again"
                );
            }
        }
    }
}

impl Files {
    fn read(&self, policy: &Policy, now: UnixTime) -> Result<Fresh, String> {
        let read = data::read_again(&self.networks, &self.calendars, now);
        let (sets, warnings) = read.map_err(|problems| problems.to_string().trim_end().to_owned())?;
        let places = assemble::places(&self.geo).map_err(|fault| fault.to_string())?;
        Ok(Fresh {
            policy: Arc::new(policy.renewed(&sets)),
            places,
            prefixes: sets.networks.values().map(|network| network.prefixes().len()).sum(),
            times: sets.calendars.values().map(|named| named.calendar.spans().len()).sum(),
            warnings: warnings.iter().map(ToString::to_string).collect(),
        })
    }
}

fn later(now: Instant) -> Instant {
    now.checked_add(STALE).unwrap_or(now)
}

fn stamp(path: &PathBuf) -> Stamp {
    let file = fs::metadata(path).ok()?;
    Some((file.mtime(), file.mtime_nsec(), file.len(), file.ino(), file.dev()))
}
