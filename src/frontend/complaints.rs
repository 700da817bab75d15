//! What is said in the log about packets and connections: one line a minute for each client and cause, whatever is sent and
//! from however many addresses.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::base::bounded::BoundedMap;

/// One line for each client and cause in this time.
const EVERY: Duration = Duration::from_secs(60);
/// Clients and causes that are remembered; while there are so many, no new one is heard.
const MOST: usize = 4096;

/// Who has been complained about, and why; strangers are one.
type Heard = BoundedMap<(Option<Arc<str>>, &'static str), ()>;

/// What all sockets have said.
#[derive(Debug)]
pub struct Complaints(Mutex<Heard>);

impl Default for Complaints {
    fn default() -> Self {
        Self(Mutex::new(heard()))
    }
}

/// What one socket knows to be said, so that a flood does not make the sockets wait for each other.
#[derive(Debug)]
pub struct Said(Heard);

impl Default for Said {
    fn default() -> Self {
        Self(heard())
    }
}

fn heard() -> Heard {
    BoundedMap::new(MOST, EVERY)
}

impl Complaints {
    /// Whether nothing was said for a minute about `client` (`None` for strangers) and `cause`; from now on it
    /// counts as said.
    pub fn is_news(
        &self,
        said: &mut Said,
        client: Option<&Arc<str>>,
        cause: &'static str,
        now: Instant,
    ) -> bool {
        let key = (client.cloned(), cause);
        if said.0.get(&key, now).is_some() {
            return false;
        }
        said.0.insert(key.clone(), (), now);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.expire(now);
        if all.get(&key, now).is_some() || all.len() >= MOST {
            return false;
        }
        all.insert(key, (), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{Clock, ManualClock, UnixTime};

    #[test]
    fn many_sockets_say_one_thing_once_a_minute_a_023() {
        let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
        let complaints = Complaints::default();
        let mut sockets: Vec<Said> = (0..8).map(|_| Said::default()).collect();
        let vpn: Arc<str> = "vpn".into();
        for (client, cause) in [(None, "unknown-client"), (Some(&vpn), "late"), (Some(&vpn), "lost")] {
            let mut lines = |now| {
                sockets
                    .iter_mut()
                    .filter_map(|said| complaints.is_news(said, client, cause, now).then_some(()))
                    .count()
            };
            assert_eq!(lines(clock.now().steady), 1, "{cause}");
            assert_eq!(lines(clock.now().steady), 0, "{cause}");
            clock.advance(EVERY);
            assert_eq!(lines(clock.now().steady), 1, "{cause}");
        }
    }

    #[test]
    fn more_clients_than_are_remembered_do_not_make_the_log_forget() {
        let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
        let (complaints, mut said) = (Complaints::default(), Said::default());
        let clients: Vec<Arc<str>> = (0..MOST + 100).map(|n| n.to_string().into()).collect();
        let mut lines = 0;
        for client in clients.iter().chain(&clients) {
            lines += usize::from(complaints.is_news(&mut said, Some(client), "late", clock.now().steady));
        }
        assert_eq!(lines, MOST);
    }
}
