//! How much a store takes of the machine.

use std::time::Duration;

/// How much a store takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Writes that may wait for the disk; further ones are refused.
    pub queue: usize,
    /// Connections that read.
    pub readers: usize,
    /// Most pages of 4 KiB that the file may have; `None` for as many as the disk takes.
    pub max_pages: Option<u32>,
    /// How long a write waits while another process writes.
    pub patience: Duration,
    /// Bytes of memory for subjects; one takes some 200. Those that were not asked for in a long time make room and are read
    /// again.
    pub memory: usize,
    /// Bytes of the journal from which on it is folded; at four times as many nothing more is taken.
    pub journal: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self {
            queue: 8192,
            readers: 2,
            max_pages: None,
            patience: Duration::from_secs(3),
            memory: 256 << 20,
            journal: 64 << 20,
        }
    }
}
