//! What is done about a server while nobody asks it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::upstream::ldap::server::{Health, ROOT, Server, is_fresh, locked};

/// How often a server that is down is tried, and old bind connections are thrown away.
const CHECK_EVERY: Duration = Duration::from_secs(5);
/// Every so many checks the shared connection is asked for a sign of life.
const CHECKS_PER_SIGN: u32 = 6;

impl Server {
    /// Runs for ever: brings a server that was down back, and notices one that went silent.
    pub(crate) async fn keep_watch(self: Arc<Self>) {
        let mut checks = 0_u32;
        loop {
            tokio::time::sleep(CHECK_EVERY).await;
            checks = checks.wrapping_add(1);
            let now = self.clock.now().steady;
            self.throw_old_away(now);
            let due = match &*locked(&self.health) {
                Health::Up => checks.is_multiple_of(CHECKS_PER_SIGN),
                Health::Down => true,
                Health::Refused(until, _) => now >= *until,
            };
            if due && let Some(until) = now.checked_add(self.access.server_timeout) {
                self.look(until).await;
            }
        }
    }

    fn throw_old_away(&self, now: Instant) {
        let old: Vec<_> = locked(&self.idle)
            .extract_if(.., |(since, link)| !is_fresh(*since, now) || link.is_over())
            .collect();
        // Their goodbyes are said without the lock.
        drop(old);
    }

    /// Asks on every shared connection for a sign of life; when there is none, or one has ended unnoticed, on a new one.
    /// What comes of it is in `health` and in the log.
    async fn look(&self, until: Instant) {
        let mut all = locked(&self.shared).clone();
        all.retain(|(_, connection)| !connection.is_closed());
        let mut has_ended = all.is_empty();
        for (_, connection) in all {
            match self.search_on(&connection, false, &ROOT, (until, true)).await {
                Ok(_) => self.judge(None),
                Err(Some(trouble)) => self.judge(Some(&trouble)),
                Err(None) => has_ended = true,
            }
        }
        if has_ended {
            let _ = self.probe(until).await;
        }
    }
}
