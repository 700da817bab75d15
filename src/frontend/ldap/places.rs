//! How many connections at once, in all and from one source, and how much memory unfinished messages may take
//! (B-005, B-010).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::base::cidr::Prefix;

/// Octets that any connection may hold of a message that is not whole.
pub(super) const OWN_ROOM: usize = 64 * 1024;
/// Octets in one piece of what all connections share beyond that.
const PIECE: usize = 64 * 1024;
/// Pieces there are: 256 MiB.
const PIECES: usize = 4096;

/// All places of the LDAP listeners.
#[derive(Debug)]
pub(super) struct Places {
    taken: AtomicUsize,
    /// Only sources that have a connection now, so it holds no more than there are connections.
    sources: Mutex<HashMap<Prefix, usize>>,
    room: Arc<Semaphore>,
}

impl Default for Places {
    fn default() -> Self {
        Self { taken: AtomicUsize::new(0), sources: Mutex::default(), room: Arc::new(Semaphore::new(PIECES)) }
    }
}

/// The place of one connection; given back when this is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Place {
    places: Arc<Places>,
    source: Option<Prefix>,
    room: Option<OwnedSemaphorePermit>,
}

impl Places {
    /// Connections there are now.
    pub(super) fn taken(&self) -> usize {
        self.taken.load(Ordering::Acquire)
    }

    /// A place among all; `None` when `most` are taken.
    pub(super) fn enter(self: &Arc<Self>, most: usize) -> Option<Place> {
        let one_more = |taken: usize| (taken < most).then(|| taken.saturating_add(1));
        let entered = self.taken.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        entered.ok().map(|_| Place { places: self.clone(), source: None, room: None })
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<Prefix, usize>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// A place among those of one source (IPv6: one /64); `false` when `most` are taken. The source is known only
    /// after the header of a balancer.
    pub(super) fn claim(&mut self, address: IpAddr, most: usize) -> bool {
        let source = Prefix::around(address, 32, 64);
        let mut sources = self.places.sources();
        let taken = sources.get(&source).copied().unwrap_or(0);
        if taken >= most {
            return false;
        }
        sources.insert(source, taken.saturating_add(1));
        drop(sources);
        self.source = Some(source);
        true
    }

    /// Room for an unfinished message of so many octets; `false` when there is none now.
    pub(super) fn has_room(&mut self, octets: usize) -> bool {
        let wanted = octets.saturating_sub(OWN_ROOM).div_ceil(PIECE);
        let held = self.room.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let Some(more) = u32::try_from(wanted.saturating_sub(held)).ok().filter(|more| *more > 0) else {
            return true;
        };
        match (self.places.room.clone().try_acquire_many_owned(more), &mut self.room) {
            (Err(_), _) => false,
            (Ok(new), Some(room)) => {
                room.merge(new);
                true
            }
            (Ok(new), room @ None) => {
                *room = Some(new);
                true
            }
        }
    }

    /// The large message is gone.
    pub(super) fn give_room_back(&mut self) {
        self.room = None;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.fetch_sub(1, Ordering::AcqRel);
        if let Some(source) = self.source {
            let mut sources = self.places.sources();
            match sources.get(&source).copied() {
                Some(taken) if taken > 1 => {
                    sources.insert(source, taken.saturating_sub(1));
                }
                Some(_) | None => {
                    sources.remove(&source);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn no_more_connections_than_there_are_places_and_each_comes_back_b_010() {
        let places = Arc::new(Places::default());
        let first = places.enter(2).unwrap();
        let second = places.enter(2).unwrap();
        assert!(places.enter(2).is_none());
        drop(first);
        assert!(places.enter(2).is_some(), "and it is given back at once");
        assert_eq!(places.taken(), 1);
        drop(second);
        assert_eq!(places.taken(), 0);
    }

    #[test]
    fn a_source_has_its_own_number_and_an_ipv6_network_is_one_source_b_010() {
        let places = Arc::new(Places::default());
        let mut claimed: Vec<Place> = Vec::new();
        let mut claim = |text: &str| {
            let mut place = places.enter(100).unwrap();
            let granted = place.claim(address(text), 2);
            claimed.push(place);
            granted
        };
        assert!(claim("192.0.2.1") && claim("192.0.2.1") && !claim("192.0.2.1"));
        assert!(claim("192.0.2.2"));
        assert!(claim("2001:db8::1") && claim("2001:db8::2") && !claim("2001:db8::3"));
        drop(claimed);
        assert!(places.sources().is_empty(), "nothing is remembered of those that are gone");
    }

    #[test]
    fn unfinished_messages_of_all_connections_have_one_bound_b_005() {
        let places = Arc::new(Places::default());
        let mut many: Vec<Place> = (0..100).map(|_| places.enter(1000).unwrap()).collect();
        let with_room = many.iter_mut().filter_map(|place| place.has_room(4 << 20).then_some(())).count();
        assert_eq!(with_room, 4096 / 63, "4 MiB are 63 pieces beyond what each may hold anyway");
        let mut small = places.enter(1000).unwrap();
        assert!(small.has_room(OWN_ROOM), "small messages need none of it");
        many.iter_mut().for_each(Place::give_room_back);
        assert!(small.has_room(4 << 20));
    }
}
