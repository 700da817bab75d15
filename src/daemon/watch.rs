//! The files that rules look things up in (prefixes, calendars, databases of addresses): read again when they change.
//!
//! Only these are read again, and the rules that run are kept: whoever has half edited the configuration is not
//! surprised by it. What cannot be read leaves everything as it was.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::base::clock::{Now, UnixTime};
use crate::base::stamp::Stamp;
use crate::config::data;
use crate::config::settings::{CalendarSettings, GeoSettings, NetworkSettings, Settings};
use crate::daemon::assemble;
use crate::daemon::reload::Reloads;
use crate::gateway::drive::Gateway;
use crate::gateway::ports::places::Places;
use crate::login::policy::Policy;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_secs(2);

/// What is written out of calendars ahead of time is written out anew after this.
const STALE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What could not be read may be readable after this although no file has changed: for want of a place, or of an answer of
/// a disk that is away.
const RETRY: Duration = Duration::from_secs(10 * 60);

/// Looks at the files from time to time.
pub(super) struct Watch {
    files: Arc<Files>,
    known: Known,
    next: Option<Instant>,
    task: Option<JoinHandle<Looked>>,
}

struct Files {
    networks: Vec<NetworkSettings>,
    calendars: Vec<CalendarSettings>,
    geo: GeoSettings,
    paths: Vec<PathBuf>,
}

/// What is known of how the files are.
#[derive(Clone)]
struct Known {
    /// How they were, `None` where there was none, when they were read, or when that was tried for the last time.
    read: Vec<Option<Stamp>>,
    /// How they were when they were last looked at.
    seen: Vec<Option<Stamp>>,
    /// They were read before they were looked at, and one of them may have been changed between the two.
    doubtful: bool,
    /// When to read them although nothing has changed.
    again: Option<Instant>,
}

/// Why files are read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// One of them has changed.
    Changed,
    /// What was written out of calendars ahead of time will be over one day; or they could not be read.
    Stale,
    /// One of them may have changed just after it was read.
    Doubtful,
}

impl Known {
    /// As they are now, having been read a moment before.
    fn new(stamps: Vec<Option<Stamp>>, now: Now) -> Self {
        let doubtful = stamps.iter().flatten().any(|stamp| stamp.is_recent(now.unix));
        Self { seen: stamps.clone(), read: stamps, doubtful, again: now.steady.checked_add(STALE) }
    }

    /// Why they are to be read now, if they are.
    fn wants(&self, stamps: &[Option<Stamp>], now: Instant) -> Option<Why> {
        // A file that is still being written looks different the next time.
        if stamps == self.seen && stamps != self.read {
            Some(Why::Changed)
        } else if self.again.is_some_and(|again| again <= now) {
            Some(Why::Stale)
        } else {
            (self.doubtful && stamps == self.read).then_some(Why::Doubtful)
        }
    }

    /// They are like this now; `read` says whether they could be read, where that was tried.
    fn looked(&mut self, stamps: Vec<Option<Stamp>>, read: Option<bool>, now: Instant) {
        if let Some(well) = read {
            self.read.clone_from(&stamps);
            self.doubtful = false;
            self.again = now.checked_add(if well { STALE } else { RETRY });
        }
        self.seen = stamps;
    }
}

/// What a look came to.
struct Looked {
    stamps: Vec<Option<Stamp>>,
    fresh: Option<(Why, Result<Fresh, String>)>,
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
    pub(super) fn new(settings: &Settings, now: Now) -> Self {
        let (networks, calendars, geo) =
            (settings.networks.clone(), settings.calendars.clone(), settings.geo.clone());
        let mut paths = data::files(&networks, &calendars);
        paths.extend([&geo.country, &geo.asn].into_iter().flatten().cloned());
        let files = Arc::new(Files { networks, calendars, geo, paths });
        Self { known: Known::new(files.stamps(), now), files, next: None, task: None }
    }

    /// Looks at the files when it is time to, and takes over what was read. Never waits for a file.
    pub(super) async fn turn(&mut self, gateway: &Arc<Gateway>, reloads: &Reloads, now: Now) {
        if self.files.paths.is_empty() {
            return;
        }
        match self.task.take() {
            Some(task) if task.is_finished() => match task.await {
                Ok(looked) => self.take(looked, gateway, reloads, now.steady),
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
        let (files, known, gateway) = (self.files.clone(), self.known.clone(), gateway.clone());
        self.task = Some(tokio::task::spawn_blocking(move || {
            let before = files.stamps();
            let Some(why) = known.wants(&before, now.steady) else {
                return Looked { stamps: before, fresh: None };
            };
            let fresh = files.read(&gateway.policy(), now.unix);
            let stamps = files.stamps();
            // What was written to meanwhile was read in part, and is read again when it has settled.
            let fresh = (stamps == before).then_some((why, fresh));
            Looked { stamps, fresh }
        }));
    }

    fn take(&mut self, looked: Looked, gateway: &Gateway, reloads: &Reloads, now: Instant) {
        let Looked { stamps, fresh } = looked;
        self.known.looked(stamps, fresh.as_ref().map(|(_, read)| read.is_ok()), now);
        if let Some((_, fresh)) = &fresh {
            reloads.note_files(fresh.is_err());
        }
        match fresh {
            None => {}
            Some((_, Err(problems))) => {
                tracing::error!(event = "policy.data-refused", "the rules keep what they had: {problems}");
            }
            // Nearly always they are what they were, and nobody has to hear of it.
            Some((Why::Doubtful, Ok(fresh))) => gateway.renew(fresh.policy, fresh.places),
            Some((Why::Changed | Why::Stale, Ok(fresh))) => {
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
    fn stamps(&self) -> Vec<Option<Stamp>> {
        self.paths.iter().map(stamp).collect()
    }

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

fn stamp(path: &PathBuf) -> Option<Stamp> {
    Some(Stamp::of(&fs::metadata(path).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, ManualClock};

    const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);

    fn state(changed: i64) -> Option<Stamp> {
        Some(Stamp::changed_at(changed))
    }

    #[test]
    fn a_file_that_changes_is_read_when_it_has_been_the_same_twice() {
        let now = ManualClock::at(NOW).now();
        let mut known = Known::new(vec![state(5)], now);
        let now = now.steady;
        assert_eq!(known.wants(&[state(5)], now), None);
        assert_eq!(known.wants(&[state(6)], now), None, "it may still be written to");
        known.looked(vec![state(6)], None, now);
        assert_eq!(known.wants(&[state(7)], now), None);
        known.looked(vec![state(7)], None, now);
        assert_eq!(known.wants(&[state(7)], now), Some(Why::Changed));
        known.looked(vec![state(7)], Some(true), now);
        assert_eq!(known.wants(&[state(7)], now), None);
    }

    #[test]
    fn what_could_be_read_is_read_again_after_a_month_and_what_could_not_after_minutes() {
        let now = ManualClock::at(NOW).now();
        let mut known = Known::new(vec![state(5)], now);
        let now = now.steady;
        for (could, life) in [(true, STALE), (false, RETRY), (true, STALE)] {
            known.looked(vec![state(5)], Some(could), now);
            assert_eq!(known.wants(&[state(5)], now + life - Duration::from_millis(1)), None);
            assert_eq!(known.wants(&[state(5)], now + life), Some(Why::Stale));
        }
    }

    #[test]
    fn a_file_that_was_changed_shortly_before_the_first_look_is_read_once_more() {
        let now = ManualClock::at(NOW).now();
        let recent = NOW.seconds() - 59;
        let mut known = Known::new(vec![state(5), state(recent)], now);
        let same = [state(5), state(recent)];
        assert_eq!(known.wants(&same, now.steady), Some(Why::Doubtful));
        known.looked(same.to_vec(), Some(true), now.steady);
        assert_eq!(known.wants(&same, now.steady), None);
        let long_ago = Known::new(vec![None, state(recent - 2)], now);
        assert_eq!(long_ago.wants(&[None, state(recent - 2)], now.steady), None);
    }
}
