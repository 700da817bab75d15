//! New settings in place of old, or a reason why not.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::config::settings::Settings;
use crate::daemon::watch::Watch;
use crate::daemon::{Daemon, Stopped, assemble, level, load, notify, open_files};

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
        let path = self.config.clone();
        let read = tokio::task::spawn_blocking(move || load(&path)).await;
        let read =
            read.map_err(|error| Stopped::Internal(format!("reading the settings broke off: {error}")))?;
        let (mut settings, warnings) = read.map_err(Stopped::Configuration)?;
        for warning in &warnings {
            tracing::warn!(event = "config.warning", "{warning}");
        }
        self.refuse_what_needs_a_restart(&settings)?;
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
