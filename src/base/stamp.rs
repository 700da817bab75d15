//! What tells one state of a file from another.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use crate::base::clock::UnixTime;

/// A file that was changed so shortly before it was looked at may have been changed again without another time.
const RECENT: Duration = Duration::from_secs(60);

/// The state of a file.
///
/// The time of the last change of the file itself is among it: a copy can bring the other time along, and be as long as
/// what was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    changed: (i64, i64),
    written: (i64, i64),
    length: u64,
    place: (u64, u64),
}

impl Stamp {
    /// The state that the system tells.
    #[must_use]
    pub fn of(file: &Metadata) -> Self {
        Self {
            changed: (file.ctime(), file.ctime_nsec()),
            written: (file.mtime(), file.mtime_nsec()),
            length: file.len(),
            place: (file.dev(), file.ino()),
        }
    }

    /// Its length in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Whether the file changed so shortly before `now`, or after it, that it may change once more and look the same.
    #[must_use]
    pub fn is_recent(&self, now: UnixTime) -> bool {
        let recently = i64::try_from(RECENT.as_secs()).unwrap_or(i64::MAX);
        self.changed.0 >= now.seconds().saturating_sub(recently)
    }

    /// One that was changed at `seconds`, for tests of what looks at files.
    #[cfg(test)]
    #[must_use]
    pub const fn changed_at(seconds: i64) -> Self {
        Self { changed: (seconds, 0), written: (1, 0), length: 1, place: (1, 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_written_again_or_put_in_its_place_has_another_state() {
        let folder = tempfile::tempdir().unwrap();
        let (here, there) = (folder.path().join("a"), folder.path().join("b"));
        std::fs::write(&here, "one").unwrap();
        std::fs::write(&there, "two").unwrap();
        let state = |path| Stamp::of(&std::fs::metadata(path).unwrap());
        let before = state(&here);
        assert_eq!(before, state(&here));
        std::fs::rename(&there, &here).unwrap();
        assert_ne!(before, state(&here), "another file");
        let before = state(&here);
        std::fs::write(&here, "three").unwrap();
        assert_ne!(before, state(&here), "another length");
    }

    #[test]
    fn what_changed_within_the_last_minute_may_change_unseen() {
        let now = UnixTime::from_seconds(1_800_000_000);
        for (ago, recent) in [(-5, true), (0, true), (59, true), (61, false)] {
            assert_eq!(Stamp::changed_at(now.seconds() - ago).is_recent(now), recent, "{ago}");
        }
    }
}
