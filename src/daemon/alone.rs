//! One running program per store. Two of them would share the packets of one port between them, and an answer
//! would come to the one that did not ask.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::base::owner::open_or_make;
use crate::login::verdict::{Fault, FaultKind};

/// Held as long as the program runs; the system takes it back however the program ends.
#[derive(Debug)]
pub struct Alone(#[allow(dead_code, reason = "the lock goes when the file is closed")] File);

/// Takes the store at `path` for this program. Commands of an administrator need no such thing.
///
/// # Errors
///
/// A fault when another program runs on the same store, or the file beside it cannot be opened.
pub fn alone(path: &Path) -> Result<Alone, Fault> {
    let beside = lock_file(path);
    let shown = beside.display();
    let fault = |what: String| Fault::new(FaultKind::StoreUnavailable, what);
    let options = OpenOptions::new().read(true).append(true).mode(0o600).clone();
    let file = open_or_make(&options, &beside)
        .map_err(|error| fault(format!("cannot open the lock of the store, {shown}: {error}")))?;
    match file.try_lock() {
        Ok(()) => Ok(Alone(file)),
        Err(TryLockError::WouldBlock) => Err(fault(format!(
            "another gateway runs on the store {}: stop it first, or give this one a store of its own",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(fault(format!("cannot lock {shown}: {error}"))),
    }
}

/// Not the store itself: closing any file of it would release the locks that `SQLite` holds there.
fn lock_file(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_taken_by_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store.db");
        let first = alone(&store).unwrap();
        assert!(alone(&store).unwrap_err().what.contains("another gateway runs on the store"));
        assert!(alone(&folder.path().join("other.db")).is_ok(), "another store is free");
        drop(first);
        assert!(alone(&store).is_ok(), "it is free again");
    }
}
