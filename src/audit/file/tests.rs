use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use super::*;
use crate::base::clock::UnixTime;

fn record(reason: &'static str) -> AuditRecord {
    AuditRecord::bare(UnixTime(0), "login", "policy", "reject", reason)
}

fn reasons(text: &str) -> Vec<Option<String>> {
    let of = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(value["reason"].as_str()?.to_owned())
    };
    text.lines().map(of).collect()
}

fn some(reason: &str) -> Option<String> {
    Some(reason.to_owned())
}

#[test]
fn records_are_appended_to_a_file_that_only_its_owner_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    for reason in ["one", "two"] {
        AuditLog::file(&path, NetworkPrefix::WHOLE).unwrap().record(&record(reason)).unwrap();
    }
    assert_eq!(reasons(&fs::read_to_string(&path).unwrap()), [some("one"), some("two")]);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_line_that_a_crash_left_unfinished_does_not_swallow_the_next_d_118() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    AuditLog::file(&path, NetworkPrefix::WHOLE).unwrap().record(&record("one")).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
    AuditLog::file(&path, NetworkPrefix::WHOLE).unwrap().record(&record("two")).unwrap();
    assert_eq!(reasons(&fs::read_to_string(&path).unwrap()), [some("one"), None, some("two")]);
}

#[test]
fn after_a_rotation_a_log_opened_anew_begins_a_new_file_and_no_record_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("audit.jsonl"), dir.path().join("audit.jsonl.1"));
    let old = AuditLog::file(&path, NetworkPrefix::WHOLE).unwrap();
    old.record(&record("one")).unwrap();
    fs::rename(&path, &moved).unwrap();
    old.record(&record("two")).unwrap();
    AuditLog::file(&path, NetworkPrefix::WHOLE).unwrap().record(&record("three")).unwrap();
    assert_eq!(reasons(&fs::read_to_string(&moved).unwrap()), [some("one"), some("two")]);
    assert_eq!(reasons(&fs::read_to_string(&path).unwrap()), [some("three")]);
}

#[test]
fn a_file_that_cannot_be_made_is_a_fault_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let fault = AuditLog::file(&dir.path().join("away/audit.jsonl"), NetworkPrefix::WHOLE).err().unwrap();
    assert_eq!(fault.kind, FaultKind::AuditUnavailable);
    assert!(fault.what.contains("away/audit.jsonl: no such file or directory"), "{fault}");
}

#[test]
fn a_full_disk_is_a_fault_and_not_a_record_d_117() {
    let log = AuditLog::file(Path::new("/dev/full"), NetworkPrefix::WHOLE).unwrap();
    for _ in 0..2 {
        let fault = log.record(&record("one")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::AuditUnavailable);
        assert!(
            fault.what.starts_with("audit: cannot write to /dev/full: no space left on device"),
            "{fault}"
        );
    }
}

/// A disk that takes this many bytes of each write; `None` is an interruption.
struct Disk {
    takes: VecDeque<Option<usize>>,
    holds: Arc<Mutex<Vec<u8>>>,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(room) = self.takes.pop_front().unwrap_or(Some(usize::MAX)) else {
            return Err(io::ErrorKind::Interrupted.into());
        };
        let taken = room.min(bytes.len());
        if taken == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.holds.lock().unwrap().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_line_damages_that_line_alone() {
    let holds = Arc::new(Mutex::new(Vec::new()));
    let takes =
        VecDeque::from([None, Some(usize::MAX), Some(30), Some(0), Some(1), Some(40), Some(usize::MAX)]);
    let log = AuditLog::over(Disk { takes, holds: Arc::clone(&holds) }, NetworkPrefix::WHOLE);
    assert!(log.record(&record("one")).is_ok(), "an interruption is no failure");
    for lost in ["two", "three", "four", "five"] {
        assert!(log.record(&record(lost)).is_err(), "{lost}");
    }
    log.record(&record("six")).unwrap();
    let text = String::from_utf8(holds.lock().unwrap().clone()).unwrap();
    assert_eq!(reasons(&text), [some("one"), None, None, some("six")], "{text}");
}

#[test]
fn lines_of_many_threads_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let log = AuditLog::file(&path, NetworkPrefix::WHOLE).unwrap();
    std::thread::scope(|scope| {
        for reason in ["one", "two", "three"] {
            let log = &log;
            scope.spawn(move || (0..100).for_each(|_| log.record(&record(reason)).unwrap()));
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    for reason in ["one", "two", "three"] {
        assert_eq!(reasons(&text).iter().filter(|found| **found == some(reason)).count(), 100);
    }
}
