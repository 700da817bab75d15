//! Files that root makes for the service. A command typed as root may be the first to need the audit file or
//! the store; left to root, they would shut the service out.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

/// Opens the file at `path` as `options` say, and makes it if there is none. A file that root makes belongs to
/// the owner of its folder. One that was made is still in its folder after a loss of power: to bring a file to the disk does
/// not promise that (fsync(2)).
///
/// # Errors
///
/// What the system says.
pub fn open_or_make(options: &OpenOptions, path: &Path) -> io::Result<File> {
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            let folder = folder_of(path);
            give_to_owner_of_folder(&file, folder)?;
            bring_to_disk(folder)?;
            Ok(file)
        }
        // A link that leads nowhere yet counts as there, too.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.clone().create(true).open(path),
        Err(error) => Err(error),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn give_to_owner_of_folder(file: &File, folder: &Path) -> io::Result<()> {
    let folder = fs::metadata(folder)?;
    if file.metadata()?.uid() == 0 && folder.uid() != 0 {
        // Not every root may give files away, as in a container; then it stays as it is.
        let _given = fchown(file, Some(folder.uid()), Some(folder.gid()));
    }
    Ok(())
}

fn bring_to_disk(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // A folder that may be written to and not be read, or one of a file system that has no disk.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput) =>
        {
            Ok(())
        }
        end => end,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::OpenOptionsExt;

    use super::*;

    fn options() -> OpenOptions {
        OpenOptions::new().read(true).append(true).mode(0o600).clone()
    }

    #[test]
    fn a_file_is_made_once_and_kept_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        open_or_make(&options(), &path).unwrap().write_all(b"one").unwrap();
        open_or_make(&options(), &path).unwrap().write_all(b" two").unwrap();
        let mut text = String::new();
        File::open(&path).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "one two");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_root_makes_belongs_to_the_owner_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        if std::os::unix::fs::chown(folder.path(), Some(12345), Some(12345)).is_err() {
            eprintln!("skipped: only root can give a folder away");
            return;
        }
        let file = open_or_make(&options(), &folder.path().join("file")).unwrap();
        assert_eq!((file.metadata().unwrap().uid(), file.metadata().unwrap().gid()), (12345, 12345));
    }

    #[test]
    fn a_folder_that_is_not_there_is_the_systems_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = open_or_make(&options(), &folder.path().join("none").join("file")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
