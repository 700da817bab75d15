//! The file: who may see it, and how a connection to it is set up.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::base::owner::open_or_make;
use crate::login::verdict::{Fault, FaultKind};
use crate::store::sqlite::fault::fault;

/// How long a reader waits; only while another process repairs the log after a crash does it have to.
const READER_PATIENCE: Duration = Duration::from_secs(1);
/// Prepared statements that a connection keeps; there are fewer.
const STATEMENTS: usize = 48;
/// A write-ahead log that grew beyond this is cut when it is next reset.
const LARGEST_LOG: i64 = 32 * 1024 * 1024;

/// Which file, on which device: tells whether somebody put another one in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inode(u64, u64);

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer { max_pages: Option<u32>, patience: Duration },
    Reader,
}

/// Makes the file if there is none, readable by its owner alone, and checks that nobody else can put
/// something in its place.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, Fault> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::metadata(parent)
        .map_err(|why| refused(parent, &format!("the folder cannot be read: {why}; create it")))?;
    if !folder.is_dir() {
        return Err(refused(parent, "it is not a folder"));
    }
    if folder.mode() & 0o1002 == 0o002 {
        return Err(refused(parent, "everybody may write to this folder; chmod o-w it"));
    }
    let opened = open_or_make(OpenOptions::new().write(true).mode(0o600), path);
    let file = opened
        .and_then(|file| file.metadata())
        .map_err(|why| refused(path, &format!("the file cannot be opened for writing: {why}")))?;
    if !file.is_file() {
        return Err(refused(path, "it is not a regular file"));
    }
    if file.mode() & 0o027 != 0 {
        return Err(refused(path, "others may read or change it; chmod 600 it"));
    }
    fs::canonicalize(path).map_err(|why| refused(path, &format!("its path cannot be resolved: {why}")))
}

/// The file that `path` leads to now.
pub(super) fn inode(path: &Path) -> Result<Inode, Fault> {
    fs::metadata(path)
        .map(|file| Inode(file.dev(), file.ino()))
        .map_err(|why| refused(path, &format!("the file is gone ({why}); put it back, no restart is needed")))
}

/// Opens a connection; never makes a file.
pub(super) fn connect(path: &Path, role: Role) -> Result<Connection, Fault> {
    let doing = "cannot open the store";
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|why| fault(doing, &why))?;
    set_up(&connection, role).map_err(|why| fault(doing, &why))?;
    Ok(connection)
}

fn set_up(connection: &Connection, role: Role) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    match role {
        Role::Writer { max_pages, patience } => {
            connection.busy_timeout(patience)?;
            connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update_and_check(None, "journal_size_limit", LARGEST_LOG, |_| Ok(()))?;
            // What is forgotten is overwritten, not only unlinked.
            connection.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
            // Negative: KiB instead of pages.
            connection.pragma_update(None, "cache_size", -4096)?;
            if let Some(pages) = max_pages {
                connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
            }
        }
        Role::Reader => {
            connection.busy_timeout(READER_PATIENCE)?;
            connection.pragma_update(None, "query_only", true)?;
            connection.pragma_update(None, "cache_size", -2048)?;
        }
    }
    Ok(())
}

fn refused(path: &Path, why: &str) -> Fault {
    Fault::new(FaultKind::StoreUnavailable, format!("cannot use the store {}: {why}", path.display()))
}
