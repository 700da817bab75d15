//! New settings in place of old, or a reason why not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::config::Kept;
use crate::config::settings::Settings;
use crate::daemon::watch::Watch;
use crate::daemon::{Daemon, Stopped, assemble, level, load_beside, notify, open_files};
use crate::directory::file::Users;

/// Counts reloads.
#[derive(Debug, Default)]
pub struct Reloads {
    done: AtomicU64,
    failed: AtomicU64,
    files_refused: AtomicBool,
}

/// What became of new settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reloaded {
    /// How often they took effect.
    pub done: u64,
    /// How often they did not.
    pub failed: u64,
    /// Whether the files of the rules could not be read when they changed last.
    pub files_refused: bool,
}

impl Reloads {
    /// How many took effect and how many did not.
    #[must_use]
    pub fn counts(&self) -> Reloaded {
        Reloaded {
            done: self.done.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            files_refused: self.files_refused.load(Ordering::Relaxed),
        }
    }

    /// Whether what rules look up is older than its files.
    pub(in crate::daemon) fn note_files(&self, refused: bool) {
        self.files_refused.store(refused, Ordering::Relaxed);
    }
}

/// Users that a reload replaced, until no login looks them up any more.
#[derive(Default)]
pub(in crate::daemon) struct Retired(Vec<Arc<Users>>);

/// More of them than this are given up, to whichever login comes last.
const MOST_RETIRED: usize = 16;

impl Retired {
    fn add(&mut self, users: Vec<Arc<Users>>) {
        self.0.extend(users);
        self.0.truncate(MOST_RETIRED);
    }

    /// Frees those whom nobody needs, on a thread that serves nobody: to give back the memory of a million takes
    /// milliseconds.
    pub(in crate::daemon) fn tidy(&mut self) {
        let free: Vec<_> = self.0.extract_if(.., |users| Arc::strong_count(users) == 1).collect();
        if !free.is_empty() {
            tokio::task::spawn_blocking(move || drop(free));
        }
    }
}

impl Daemon {
    /// Reads the settings again. With any problem the old ones stay and the log says why; otherwise the new
    /// ones hold for every login that begins from now on, and nothing that is under way is lost.
    pub(in crate::daemon) async fn reload(&mut self) {
        notify::reloading();
        match self.take_over().await {
            Ok(warnings) => {
                let reloads = self.reloads.done.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                tracing::info!(event = "daemon.reloaded", reloads, warnings, "the new settings hold");
            }
            Err(stopped) => {
                self.reloads.failed.fetch_add(1, Ordering::Relaxed);
                tracing::error!(event = "daemon.reload-failed", "the old settings stay: {stopped}");
            }
        }
        notify::ready(&format!("{} clients", self.clients()));
    }

    /// Everything that can fail comes before everything that changes something.
    async fn take_over(&mut self) -> Result<usize, Stopped> {
        // Reading files and parsing takes a while; sockets are served meanwhile.
        let (path, kept) = (self.config.clone(), self.kept.clone());
        let read = tokio::task::spawn_blocking(move || load_beside(&path, &kept)).await;
        let read =
            read.map_err(|error| Stopped::Internal(format!("reading the settings broke off: {error}")))?;
        let (mut settings, warnings) = read.map_err(Stopped::Configuration)?;
        for warning in &warnings {
            tracing::warn!(event = "config.warning", "{warning}");
        }
        self.refuse_what_needs_a_restart(&settings)?;
        let kept = Arc::new(Kept::of(&settings));
        let clients = assemble::clients(&settings)?;
        let live = assemble::live(
            &mut settings,
            Some((self.gateway.admission(), self.gateway.spray())),
            &self.stock.clock,
            &self.stock.random,
        )?;
        let accounting = self.accounting.prepare(&settings, &self.stock)?;
        let fresh = self.stock.read_again(&settings).await?;
        let place = self.status.bind(settings.status).await?;
        let sockets = self.listeners.bind(&settings.radius.listen)?;
        let doors = self.doors.bind(&assemble::listeners(&settings))?;
        // Nothing below can fail.
        self.watch = Watch::new(&settings, self.stock.clock.now());
        self.reloads.note_files(false);
        self.stock.exchange(fresh);
        self.gateway.reload(live);
        self.retired.add(self.kept.without(&kept));
        self.kept = kept;
        self.status.change(place);
        self.listeners.change(sockets);
        self.accounting.reload(accounting);
        self.doors.change(doors);
        self.front.reload(clients);
        self.ldap.reload(assemble::ldap_clients(&settings), settings.ldap);
        open_files::compare(&settings);
        self.signing.tell(&self.front);
        self.log.set(level(settings.log.level));
        Ok(warnings.len())
    }

    fn refuse_what_needs_a_restart(&self, settings: &Settings) -> Result<(), Stopped> {
        let keys = self.stock.needs_restart(settings);
        if keys.is_empty() {
            return Ok(());
        }
        Err(Stopped::System(format!("{} cannot change while the program runs; restart it", keys.join(", "))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::report::Complaints;

    #[tokio::test]
    async fn users_are_freed_when_no_login_looks_them_up_any_more_and_never_pile_up() {
        let users = || Arc::new(Users::read(0, "", &mut Complaints::default()));
        let mut retired = Retired::default();
        let in_use = users();
        retired.add(vec![in_use.clone(), users()]);
        retired.tidy();
        assert_eq!((retired.0.len(), Arc::strong_count(&in_use)), (1, 2));
        drop(in_use);
        retired.tidy();
        assert!(retired.0.is_empty());
        let all: Vec<_> = (0..20).map(|_| users()).collect();
        retired.add(all.clone());
        assert_eq!(retired.0.len(), MOST_RETIRED);
    }
}
