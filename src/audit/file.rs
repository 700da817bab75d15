//! Records at the end of a file, or on standard output. After somebody moved the file away, open the log
//! anew and put it in place of the old one; until then records go into the file that was moved.
//!
//! A system call for each record is what a login would pay most for here. So the lines of logins that end at about the
//! same time are gathered, and whoever of them is polled again first writes them all with one call; none of them is
//! done before its own line is out.

mod group;
mod out;

use std::fs::{File, OpenOptions};
use std::future::Future;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use crate::audit::file::group::{Gathered, Gathering, Kept, Line};
use crate::audit::file::out::Out;
use crate::audit::record::{NetworkPrefix, write_by};
use crate::base::owner::open_or_make;
use crate::gateway::ports::{Audit, AuditRecord};
use crate::login::verdict::{Fault, FaultKind};

/// Keeps records in a file or on standard output. What the system took is out of our hands, even when the process is
/// killed right after.
pub struct AuditLog {
    keep: NetworkPrefix,
    path: Option<PathBuf>,
    gathering: Mutex<Gathering>,
    out: Mutex<Out>,
}

impl AuditLog {
    /// Appends to the file at `path`, which is made when it is not there, readable by its owner alone. A line
    /// that a crash left unfinished is ended first.
    ///
    /// # Errors
    ///
    /// A fault when the file cannot be opened or made.
    pub fn file(path: &Path, keep: NetworkPrefix) -> Result<Self, Fault> {
        let file = open(path).map_err(|error| fault(Some(path), "cannot open", &error))?;
        Ok(Self { path: Some(path.to_owned()), ..Self::over(file, keep) })
    }

    /// Writes to standard output, for a service manager or a container that keeps it.
    #[must_use]
    pub fn stdout(keep: NetworkPrefix) -> Self {
        Self::over(io::stdout(), keep)
    }

    /// Writes to `out`.
    fn over(out: impl Write + Send + 'static, keep: NetworkPrefix) -> Self {
        let out = Mutex::new(Out::new(Box::new(out)));
        Self { keep, path: None, gathering: Mutex::default(), out }
    }

    fn gathering(&self) -> std::sync::MutexGuard<'_, Gathering> {
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`Audit::record_soon`], where the log itself may be exchanged meanwhile.
    pub fn keep_soon(
        self: Arc<Self>,
        record: &AuditRecord,
    ) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let line = self.gather(record);
        Kept::new(self, line)
    }

    /// Takes a record down; it is written with those beside it.
    fn gather(&self, record: &AuditRecord) -> Line {
        let mut gathering = self.gathering();
        let line = gathering.add(|lines, second| write_by(lines, record, self.keep, second));
        let full = gathering.is_full().then(|| gathering.take());
        drop(gathering);
        if let Some(gathered) = full {
            self.write_out(gathered);
        }
        line
    }

    /// Writes what was gathered, and tells those whose lines they are.
    fn write_out(&self, gathered: Gathered) {
        let Gathered { mut lines, group } = gathered;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let written = out.append(&mut lines);
        drop(out);
        let fault = written.error.map(|error| fault(self.path.as_deref(), "cannot write to", &error));
        group.is_written(written.octets, fault);
        self.gathering().give_back(lines);
    }
}

impl Audit for AuditLog {
    fn record(&self, record: &AuditRecord) -> Result<(), Fault> {
        let mut gathering = self.gathering();
        let line = gathering.add(|lines, second| write_by(lines, record, self.keep, second));
        let gathered = gathering.take();
        drop(gathering);
        // Whoever waits for its line gets it written too.
        self.write_out(gathered);
        line.outcome()
    }

    fn record_soon<'a>(
        &'a self,
        record: &AuditRecord,
    ) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
        Box::pin(Kept::new(self, self.gather(record)))
    }
}

fn fault(path: Option<&Path>, did: &str, error: &io::Error) -> Fault {
    let place = path.map_or_else(|| "standard output".to_owned(), |path| path.display().to_string());
    let text = error.to_string().to_lowercase();
    Fault::new(
        FaultKind::AuditUnavailable,
        format!("audit: {did} {place}: {text}; nobody is let in until it works"),
    )
}

fn open(path: &Path) -> io::Result<File> {
    let mut file = open_or_make(OpenOptions::new().read(true).append(true).mode(0o600), path)?;
    if !file.metadata()?.is_file() {
        return Ok(file);
    }
    if file.seek(SeekFrom::End(0))? > 0 {
        file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            file.write_all(b"\n")?;
        }
    }
    Ok(file)
}

#[cfg(test)]
mod tests;
