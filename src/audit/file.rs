//! Records at the end of a file, or on standard output. After somebody moved the file away, open the log
//! anew and put it in place of the old one; until then records go into the file that was moved.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::audit::record::{NetworkPrefix, write};
use crate::base::owner::open_or_make;
use crate::gateway::ports::{Audit, AuditRecord};
use crate::login::verdict::{Fault, FaultKind};

/// Keeps records in a file or on standard output. Each is one `write`; what the system took is out of our
/// hands, even when the process is killed right after.
pub struct AuditLog {
    keep: NetworkPrefix,
    path: Option<PathBuf>,
    inner: Mutex<Inner>,
}

struct Inner {
    out: Box<dyn Write + Send>,
    line: Vec<u8>,
    /// The last write stopped in the middle of a line.
    torn: bool,
}

/// No record is longer by design; a buffer that grew beyond is given back.
const USUAL_LINE: usize = 1024;

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
        let inner = Inner { out: Box::new(out), line: Vec::with_capacity(USUAL_LINE), torn: false };
        Self { keep, path: None, inner: Mutex::new(inner) }
    }
}

impl Audit for AuditLog {
    fn record(&self, record: &AuditRecord) -> Result<(), Fault> {
        let mut guard = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Inner { out, line, torn } = &mut *guard;
        line.clear();
        line.shrink_to(USUAL_LINE);
        if *torn {
            line.push(b'\n');
        }
        write(line, record, self.keep);
        let result = append(out.as_mut(), line, torn);
        result.map_err(|error| fault(self.path.as_deref(), "cannot write to", &error))
    }
}

/// Writes `line` in one piece. When only a part of it fits, `torn` is set, and the next line begins with a
/// line feed, so that the damage stays one line.
fn append(out: &mut (dyn Write + Send), line: &[u8], torn: &mut bool) -> io::Result<()> {
    let written = loop {
        match out.write(line) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => break done?,
        }
    };
    // A line feed that ended an older torn line may be all that was written.
    *torn = if written == 0 {
        *torn
    } else {
        written < line.len() && line.get(..written).is_none_or(|l| l != b"\n")
    };
    if written < line.len() {
        return Err(io::Error::from(io::ErrorKind::StorageFull));
    }
    out.flush()
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
