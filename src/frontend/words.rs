//! Closed sets of words, each with a counter: what strangers can cause is counted instead of logged.

use std::sync::atomic::{AtomicU64, Ordering};

/// A closed set of words: every member has one for metrics, and is listed.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $member:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$what])* $member,)* }

        impl $name {
            /// All of them, in the order of their counters.
            pub const ALL: &'static [Self] = &[$(Self::$member,)*];

            /// The fixed word in metrics and the log.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$member => $word,)* }
            }
        }
    };
}

pub(super) use words;

/// One counter for each word of a set.
pub(super) fn zeros(count: usize) -> Box<[AtomicU64]> {
    (0..count).map(|_| AtomicU64::new(0)).collect()
}

/// Counts one more of the word at this place in its set.
pub(super) fn add(counters: &[AtomicU64], at: usize) {
    if let Some(counter) = counters.get(at) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Every word of the set with its count.
pub(super) fn read<'a, T: Copy>(
    all: &'a [T],
    counters: &'a [AtomicU64],
) -> impl Iterator<Item = (T, u64)> + 'a {
    all.iter().zip(counters).map(|(word, counter)| (*word, counter.load(Ordering::Relaxed)))
}
