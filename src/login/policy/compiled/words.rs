//! What rules name, as numbers.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::login::identity::Pseudonym;
use crate::login::policy::compiled::networks::Networks;
use crate::login::policy::condition::Network;
use crate::login::policy::facts::Country;
use crate::login::policy::window::{NamedCalendar, TimeWindow, Window};

/// Numbers of the things that rules name.
#[derive(Debug, Default)]
pub(super) struct Words {
    pub(super) clients: Numbers<Arc<str>>,
    pub(super) client_groups: Numbers<Arc<str>>,
    pub(super) listeners: Numbers<Arc<str>>,
    pub(super) directories: Numbers<Arc<str>>,
    pub(super) subjects: Numbers<Pseudonym>,
    pub(super) groups: Numbers<Box<str>>,
    pub(super) countries: Numbers<Country>,
    pub(super) asns: Numbers<u32>,
    pub(super) networks: Networks,
    pub(super) windows: Vec<Box<[Hours]>>,
    pub(super) calendars: Vec<Arc<NamedCalendar>>,
    pub(super) zones: Vec<TimeZone>,
    /// Keys of groups, by their numbers.
    pub(super) group_list: Vec<Box<str>>,
    network_list: Vec<Arc<Network>>,
    network_numbers: Numbers<usize>,
    window_numbers: Numbers<usize>,
    calendar_numbers: Numbers<usize>,
}

/// Hours of a window, by the clock of a zone.
#[derive(Debug)]
pub(super) struct Hours {
    /// Number of the zone.
    pub(super) zone: usize,
    pub(super) window: TimeWindow,
}

impl Words {
    /// Number of a group.
    #[allow(clippy::borrowed_box, reason = "numbers are kept by the whole key")]
    pub(super) fn group(&mut self, key: &Box<str>) -> usize {
        let number = self.groups.of(key);
        if number == self.group_list.len() {
            self.group_list.push(key.clone());
        }
        number
    }

    /// Number of a network. The same one has the same number, and so has nothing else.
    pub(super) fn network(&mut self, network: &Arc<Network>) -> usize {
        let number = self.network_numbers.of(&Arc::as_ptr(network).addr());
        if number == self.network_list.len() {
            self.network_list.push(network.clone());
        }
        number
    }

    /// Number of a window.
    pub(super) fn window(&mut self, window: &Arc<Window>) -> usize {
        let number = self.window_numbers.of(&Arc::as_ptr(window).addr());
        if number == self.windows.len() {
            let hours = window
                .hours
                .iter()
                .map(|hours| Hours { zone: self.zone(&hours.zone), window: hours.clone() });
            let hours = hours.collect();
            self.windows.push(hours);
        }
        number
    }

    /// Number of a calendar.
    pub(super) fn calendar(&mut self, calendar: &Arc<NamedCalendar>) -> usize {
        let number = self.calendar_numbers.of(&Arc::as_ptr(calendar).addr());
        if number == self.calendars.len() {
            self.calendars.push(calendar.clone());
        }
        number
    }

    fn zone(&mut self, zone: &TimeZone) -> usize {
        self.zones.iter().position(|known| known == zone).unwrap_or_else(|| {
            self.zones.push(zone.clone());
            self.zones.len().saturating_sub(1)
        })
    }

    /// How many networks there are.
    pub(super) fn network_count(&self) -> usize {
        self.network_list.len()
    }

    /// To be called when everything has its number.
    pub(super) fn finish(&mut self) {
        let list = self.network_list.iter().map(|network| network.prefixes()).enumerate();
        self.networks = Networks::new(list);
    }
}

/// Numbers of values, in the order in which they came.
#[derive(Debug)]
pub(super) struct Numbers<T>(HashMap<T, usize, BuildHasherDefault<Quick>>);

impl<T> Default for Numbers<T> {
    fn default() -> Self {
        Self(HashMap::default())
    }
}

impl<T: Hash + Eq + Clone> Numbers<T> {
    /// The number of a value; the next one for a new value.
    pub(super) fn of(&mut self, value: &T) -> usize {
        let next = self.0.len();
        match self.0.get(value) {
            Some(number) => *number,
            None => *self.0.entry(value.clone()).or_insert(next),
        }
    }

    /// The number of a value, if it has one.
    pub(super) fn get<Q: Hash + Eq + ?Sized>(&self, value: &Q) -> Option<usize>
    where
        T: std::borrow::Borrow<Q>,
    {
        self.0.get(value).copied()
    }

    /// How many values there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All values with their numbers, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&T, usize)> {
        self.0.iter().map(|(value, number)| (value, *number))
    }
}

/// A hash that takes a few nanoseconds for a name. All values in these tables come from the settings: whoever asks with
/// names of his own making finds what is there, and cannot make its chains longer.
#[derive(Default)]
pub(super) struct Quick(u64);

/// An odd number without a pattern in its bits: 2^64 divided by the golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Quick {
    const fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(SPREAD);
    }
}

impl Hasher for Quick {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        let rest = rest.iter().fold(1u64, |word, byte| (word << 8) | u64::from(*byte));
        self.mix(rest);
    }

    fn write_u8(&mut self, byte: u8) {
        self.mix(byte.into());
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_usize(&mut self, number: usize) {
        self.write(&number.to_le_bytes());
    }

    fn finish(&self) -> u64 {
        // The upper bits of a product depend on all bits of what was multiplied; the table looks at the lower ones too.
        self.0.rotate_left(26)
    }
}
