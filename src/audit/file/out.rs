//! Where the lines go.

use std::io::{self, Write};

/// A file, or standard output.
pub(super) struct Out {
    out: Box<dyn Write + Send>,
    /// The last write stopped in the middle of a line.
    torn: bool,
}

/// How far writing got.
pub(super) struct Written {
    /// So many octets of the lines are out of our hands.
    pub(super) octets: usize,
    /// Why it is not all of them.
    pub(super) error: Option<io::Error>,
}

impl Out {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out, torn: false }
    }

    /// Nobody knows how the last line ends.
    pub(super) const fn note_torn(&mut self) {
        self.torn = true;
    }

    /// Writes `lines`, in one piece where the system takes them so. When it takes a part of a line alone, the next
    /// line begins with a line feed, so that the damage stays one line.
    pub(super) fn append(&mut self, lines: &mut Vec<u8>) -> Written {
        let healing = usize::from(self.torn);
        if self.torn {
            lines.insert(0, b'\n');
        }
        let mut taken = 0_usize;
        let stopped = loop {
            let rest = lines.get(taken..).unwrap_or_default();
            if rest.is_empty() {
                break None;
            }
            match self.out.write(rest) {
                Ok(0) => break Some(io::ErrorKind::WriteZero.into()),
                Ok(more) => taken = taken.saturating_add(more),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Some(error),
            }
        };
        if let Some(last) = taken.checked_sub(1) {
            self.torn = lines.get(last) != Some(&b'\n');
        }
        match self.out.flush() {
            // What went no further than a buffer of ours is not out of our hands.
            Err(error) => Written { octets: 0, error: Some(error) },
            Ok(()) => Written { octets: taken.saturating_sub(healing), error: stopped },
        }
    }
}
