//! Reads records from the audit file, and from those that a rotation has put beside it.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::desk::settings;
use crate::cli::exit::Failure;
use crate::config::settings::AuditTarget;

/// A longer line is no record.
const LONGEST_LINE: u64 = 64 * 1024;
/// Most rotated files that are looked for.
const MOST_ROTATED: usize = 100;
/// How rotated files are packed.
const PACKED: [&str; 4] = ["gz", "xz", "zst", "bz2"];

/// Where the records are: `file` if it is given, else what the settings say.
pub(in crate::cli) fn place(config: &Path, file: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    if let Some(path) = file {
        return Ok(path.clone());
    }
    match settings(config)?.audit.to {
        AuditTarget::File(path) => Ok(path),
        AuditTarget::Stdout => {
            Err(Failure::usage("the audit goes to standard output: ask journalctl, or say --file"))
        }
    }
}

/// Files that a rotation has put beside the one at `path`.
pub(in crate::cli) struct Rotated {
    /// `path.1`, `path.2` …, oldest first.
    pub(in crate::cli) files: Vec<PathBuf>,
    /// Those that are packed and cannot be read here.
    pub(in crate::cli) packed: Vec<PathBuf>,
}

/// Looks for them.
pub(in crate::cli) fn rotated(path: &Path) -> Rotated {
    let beside = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        PathBuf::from(name)
    };
    let mut found = Rotated { files: Vec::new(), packed: Vec::new() };
    for number in 1..=MOST_ROTATED {
        let plain = beside(&format!(".{number}"));
        if plain.is_file() {
            found.files.push(plain);
        }
        let packed = PACKED.iter().map(|ending| beside(&format!(".{number}.{ending}")));
        found.packed.extend(packed.filter(|path| path.is_file()));
    }
    found.files.reverse();
    found
}

/// Hands each record of the file at `path` to `look`, oldest first, as it stands there and as a value. A line that
/// was cut by a crash, or that a bad disk has changed, is not a record.
pub(in crate::cli) fn each_record(path: &Path, mut look: impl FnMut(String, &Value)) -> Result<(), Failure> {
    let file = File::open(path).map_err(|error| Failure::no_input(format!("{}: {error}", path.display())))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut whole = true;
    loop {
        line.clear();
        let read = reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(());
        }
        let begins_here = std::mem::replace(&mut whole, line.last() == Some(&b'\n'));
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        let Ok(text) = std::str::from_utf8(&line) else { continue };
        if let Ok(record) = serde_json::from_str::<Value>(text)
            && begins_here
        {
            look(text.to_owned(), &record);
        }
    }
}

/// The text under `key`.
pub(in crate::cli) fn word<'a>(record: &'a Value, key: &str) -> Option<&'a str> {
    record.get(key)?.as_str()
}

/// When it was.
pub(in crate::cli) fn time(record: &Value) -> Option<jiff::Timestamp> {
    word(record, "time")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn read(path: &Path) -> Vec<i64> {
        let mut found = Vec::new();
        each_record(path, |_, record| found.extend(record.get("n").and_then(Value::as_i64))).unwrap();
        found
    }

    #[test]
    fn a_line_without_end_is_no_record_takes_no_memory_and_hides_nothing_behind_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let long = "x".repeat(3 * 64 * 1024 - 7) + "{\"n\":9}";
        fs::write(&path, format!("{{\"n\":1}}\n{long}\n\n{{\"n\":2}}\n{{\"n\":3}}")).unwrap();
        assert_eq!(read(&path), [1, 2, 3]);
    }

    #[test]
    fn rotated_files_are_found_oldest_first_and_packed_ones_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for ending in ["", ".1", ".2", ".10", ".3.gz", ".4.xz", ".bak", ".1x"] {
            fs::write(folder.path().join(format!("audit.jsonl{ending}")), "").unwrap();
        }
        let names = |paths: Vec<PathBuf>| {
            let names = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
            names.collect::<Vec<_>>()
        };
        let found = rotated(&path);
        assert_eq!(names(found.files), ["audit.jsonl.10", "audit.jsonl.2", "audit.jsonl.1"]);
        assert_eq!(names(found.packed), ["audit.jsonl.3.gz", "audit.jsonl.4.xz"]);
    }
}
