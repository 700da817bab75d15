//! A file that is to take the place of a journal: it is written beside it while logins go on, and only its end while they wait.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::owner::open_or_make;
use crate::login::verdict::Fault;
use crate::store::sqlite::journal::record::{Header, Record, START, as_place};
use crate::store::sqlite::journal::{PIECE, check, read, trouble, try_lock};

/// The file. Whoever writes it holds its lock, which becomes that of the journal.
#[derive(Debug)]
pub(in crate::store::sqlite) struct Draft {
    aside: PathBuf,
    file: File,
    header: Header,
    end: u64,
    clean: bool,
}

impl Draft {
    /// Begins one for the journal at `path`; `None` when somebody else has.
    pub(super) fn begin(path: &Path, header: Header) -> Result<Option<Self>, Fault> {
        let mut aside = path.as_os_str().to_owned();
        aside.push(".new");
        let aside = PathBuf::from(aside);
        let options = OpenOptions::new().read(true).write(true).mode(0o600).clone();
        loop {
            let file = open_or_make(&options, &aside).map_err(|why| trouble(&why))?;
            if !try_lock(&file)? {
                return Ok(None);
            }
            // Whoever had it may have put it in its place meanwhile.
            if !is_at(&file, &aside)? {
                continue;
            }
            check(&aside, &file)?;
            file.set_len(0).map_err(|why| trouble(&why))?;
            return Ok(Some(Self { aside, file, header, end: START, clean: false }));
        }
    }

    /// Copies the records of the journal in `from` that stand between two places, as far as they are to be kept.
    pub(in crate::store::sqlite) fn copy(
        &mut self,
        (from, generation): (&Arc<File>, u64),
        range: (u64, u64),
    ) -> Result<(), Fault> {
        let (mut bytes, mut failed) = (Vec::new(), Ok(()));
        read(from, generation, range, &mut |record, _| {
            // Whose tables are being changed is said at the end.
            if failed.is_ok() && !matches!(record, Record::Cold(_) | Record::Warm(_)) {
                self.clean = record == Record::Clean;
                record.put(self.header.generation, &mut bytes);
                if bytes.len() > PIECE {
                    failed = self.write(&bytes);
                    bytes.clear();
                }
            }
        })?;
        failed.and_then(|()| self.write(&bytes)).map_err(|why| trouble(&why))
    }

    /// Brings to the disk what was copied.
    pub(in crate::store::sqlite) fn sync(&self) -> Result<(), Fault> {
        self.file.sync_data().map_err(|why| trouble(&why))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.end)?;
        self.end = self.end.saturating_add(as_place(bytes.len()));
        Ok(())
    }

    /// Ends it with these records and puts it at `path`, on the disk and locked: the file, how it begins, where it ends, and
    /// whether nothing of it can be lost.
    pub(super) fn finish(
        mut self,
        path: &Path,
        records: &[Record],
    ) -> Result<(Arc<File>, Header, u64, bool), Fault> {
        let mut bytes = Vec::new();
        records.iter().for_each(|record| record.put(self.header.generation, &mut bytes));
        let put = (|| {
            self.write(&bytes)?;
            self.header.carried = self.end.saturating_sub(START);
            self.file.write_all_at(&self.header.to_bytes(), 0)?;
            self.file.sync_all()?;
            fs::rename(&self.aside, path)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        })();
        put.map_err(|why| trouble(&why))?;
        let clean = records.last().map_or(self.clean, |last| *last == Record::Clean);
        Ok((Arc::new(self.file), self.header, self.end, clean))
    }
}

/// Whether the path leads to this very file.
fn is_at(file: &File, path: &Path) -> Result<bool, Fault> {
    let file = file.metadata().map_err(|why| trouble(&why))?;
    Ok(fs::metadata(path).is_ok_and(|at| (at.dev(), at.ino()) == (file.dev(), file.ino())))
}
