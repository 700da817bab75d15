//! What is said in the log about faults that logins meet: one line a minute for each client and kind of fault. While a
//! directory is away every login meets the same one, and whoever may send logins could fill the disk with them; each of
//! them is in the audit and in the metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;
use crate::login::attempt::Attempt;
use crate::login::verdict::{Fault, FaultKind};

/// One line for each client and kind in this time.
const EVERY: Duration = Duration::from_secs(60);
/// Clients and kinds that are remembered.
const MOST: usize = 4096;

/// What has been said.
#[derive(Debug)]
pub(in crate::gateway) struct Faults(Mutex<BoundedMap<(Arc<str>, FaultKind), ()>>);

impl Default for Faults {
    fn default() -> Self {
        Self(Mutex::new(BoundedMap::new(MOST, EVERY)))
    }
}

impl Faults {
    /// Says what a login met, unless that was said.
    pub(in crate::gateway) fn tell(&self, fault: &Fault, attempt: &Attempt, now: Instant) {
        let (client, kind) = (&attempt.client.name, fault.kind);
        if self.is_news(client, kind, now) {
            let (id, kind) = (attempt.id, kind.code());
            tracing::warn!(event = "login.fault", attempt = %id, %client, fault = kind, "{fault}");
        }
    }

    /// Whether nothing was said for a minute about such a fault at `client`; from now on it counts as said.
    fn is_news(&self, client: &Arc<str>, kind: FaultKind, now: Instant) -> bool {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (client.clone(), kind);
        let is_news = said.get(&key, now).is_none();
        if is_news {
            said.insert(key, (), now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, ManualClock, UnixTime};

    #[test]
    fn each_kind_of_fault_is_told_once_a_minute_for_each_client() {
        let clock = ManualClock::at(UnixTime(0));
        let (faults, vpn, wifi): (Faults, Arc<str>, Arc<str>) =
            (Faults::default(), "vpn".into(), "wifi".into());
        let news = |client, kind| faults.is_news(client, kind, clock.now().steady);
        for _minute in 0..3 {
            assert!(news(&vpn, FaultKind::StoreUnavailable));
            clock.advance(EVERY / 2);
            assert!(!news(&vpn, FaultKind::StoreUnavailable));
            assert!(news(&vpn, FaultKind::Overloaded) && news(&wifi, FaultKind::StoreUnavailable));
            clock.advance(EVERY / 2);
            assert!(!news(&vpn, FaultKind::Overloaded), "its own minute has not passed");
            clock.advance(EVERY);
        }
    }
}
