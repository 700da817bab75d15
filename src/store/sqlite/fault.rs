//! Errors of SQLite in words that say what to do.

use rusqlite::{Error, ErrorCode};

use crate::login::verdict::{Fault, FaultKind};

/// The fault behind an error: what we were `doing`, what came back, whose move it is. Values never appear in
/// it: SQLite names tables and columns at most.
pub(super) fn fault(doing: &str, why: &Error) -> Fault {
    if let Error::SqliteFailure(failure, _) = why
        && failure.code == ErrorCode::ConstraintViolation
    {
        return Fault::new(
            FaultKind::Internal,
            format!("{doing}: the subject is unknown or the record is taken"),
        );
    }
    Fault::new(FaultKind::StoreUnavailable, format!("{doing}: {}", reason(why)))
}

fn reason(why: &Error) -> String {
    let code = match why {
        Error::SqliteFailure(failure, _) => failure.code,
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..) => {
            return "it holds a value that this version does not know; restore a backup".into();
        }
        other => return format!("{other}"),
    };
    let advice = match code {
        ErrorCode::DiskFull => {
            "the disk is full or the file has its largest size; make room, no restart is needed"
        }
        ErrorCode::SystemIoFailure => "the disk gave an I/O error; look at the system log, then at the disk",
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
            "it is read-only for us; check owner and mode of file and folder, and how they are mounted"
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            "the file is damaged or no database; stop the daemon and restore a backup"
        }
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            "another process holds the write lock for long; end it, no restart is needed"
        }
        ErrorCode::CannotOpen => "the file cannot be opened; check that it exists and belongs to us",
        _ => return format!("{why}"),
    };
    format!("{advice} ({why})")
}

/// Whether the connection may be at fault, so that the next use should open a new one.
pub(super) fn spoils_connection(why: &Error) -> bool {
    why.sqlite_error_code().is_some_and(|code| {
        !matches!(
            code,
            ErrorCode::DiskFull
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ConstraintViolation
        )
    })
}
