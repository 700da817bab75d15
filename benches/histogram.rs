//! Times of any number of requests in a fixed amount of memory.

use std::time::Duration;

/// Each power of two is divided into so many equal parts, so a time is known to a sixty-fourth of itself.
const PARTS: usize = 64;
const PART_BITS: usize = PARTS.ilog2() as usize;
/// Enough for every number of nanoseconds.
const BUCKETS: usize = (65 - PART_BITS) * PARTS;

/// How often each time was seen, by buckets that grow with the time.
#[derive(Clone)]
pub struct Histogram {
    counts: Box<[u64]>,
    all: u64,
    most: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS].into(), all: 0, most: Duration::ZERO }
    }
}

impl Histogram {
    pub fn add(&mut self, time: Duration) {
        self.counts[bucket(nanos(time))] += 1;
        self.all += 1;
        self.most = self.most.max(time);
    }

    /// Adds all that another one has seen.
    pub fn join(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.all += other.all;
        self.most = self.most.max(other.most);
    }

    pub const fn len(&self) -> usize {
        self.all as usize
    }

    /// The longest one, exactly.
    pub const fn most(&self) -> Duration {
        self.most
    }

    /// The time that this part of all did not exceed, in microseconds, up to a sixty-fourth of it too high.
    pub fn quantile(&self, part: f64) -> f64 {
        let wanted = ((self.all as f64 * part) as u64).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return (end(at) as f64).min(self.most.as_nanos() as f64) / 1e3;
            }
        }
        0.0
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Small numbers have buckets of their own; of others the highest bits tell the bucket.
const fn bucket(nanos: u64) -> usize {
    if nanos < PARTS as u64 {
        return nanos as usize;
    }
    let shift = nanos.ilog2() as usize - PART_BITS;
    (shift + 1) * PARTS + (nanos >> shift) as usize - PARTS
}

/// The greatest number in a bucket.
const fn end(bucket: usize) -> u64 {
    let (row, part) = (bucket / PARTS, (bucket % PARTS) as u64);
    if row == 0 {
        return part;
    }
    ((PARTS as u64 + part) << (row - 1)) + ((1 << (row - 1)) - 1)
}

/// That the buckets join without a gap; a mistake there would falsify every table.
pub fn check() {
    for at in 0..BUCKETS {
        assert_eq!(bucket(end(at)), at);
        assert!(at + 1 == BUCKETS || bucket(end(at) + 1) == at + 1);
    }
    let mut some = Histogram::default();
    (1..=1000).for_each(|micros| some.add(Duration::from_micros(micros)));
    assert!((495.0..=510.0).contains(&some.quantile(0.5)) && (980.0..=1000.0).contains(&some.quantile(0.99)));
}
