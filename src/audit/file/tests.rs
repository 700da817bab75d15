use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::audit::record::write;
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
    let takes = VecDeque::from([
        None,
        Some(usize::MAX),
        Some(30),
        Some(0),
        Some(0),
        Some(1),
        Some(0),
        Some(40),
        Some(0),
    ]);
    let log = AuditLog::over(Disk { takes, holds: Arc::clone(&holds) }, NetworkPrefix::WHOLE);
    assert!(log.record(&record("one")).is_ok(), "an interruption is no failure");
    for lost in ["two", "three", "four", "five"] {
        assert!(log.record(&record(lost)).is_err(), "{lost}");
    }
    log.record(&record("six")).unwrap();
    let text = String::from_utf8(holds.lock().unwrap().clone()).unwrap();
    assert_eq!(reasons(&text), [some("one"), None, None, some("six")], "{text}");
}

/// A disk whose writes are counted.
#[derive(Clone, Default)]
struct Counted(Arc<Mutex<(usize, Vec<u8>)>>);

impl Counted {
    fn writes(&self) -> usize {
        self.0.lock().unwrap().0
    }

    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().1.clone()).unwrap()
    }
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut disk = self.0.lock().unwrap();
        disk.0 += 1;
        disk.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Polls once, with nobody to be woken.
fn look(kept: &mut (impl Future<Output = Result<(), Fault>> + Unpin)) -> Poll<Result<(), Fault>> {
    Pin::new(kept).poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn those_who_wait_at_the_same_time_are_written_with_one_call_and_none_is_done_before_d_117() {
    let disk = Counted::default();
    let log = AuditLog::over(disk.clone(), NetworkPrefix::WHOLE);
    let mut waiting: Vec<_> =
        ["one", "two", "three"].into_iter().map(|reason| log.record_soon(&record(reason))).collect();
    assert!(waiting.iter_mut().all(|kept| look(kept).is_pending()));
    assert_eq!(disk.writes(), 0);
    assert!(waiting.iter_mut().all(|kept| look(kept) == Poll::Ready(Ok(()))));
    assert_eq!(disk.writes(), 1);
    assert_eq!(reasons(&disk.text()), ["one", "two", "three"].map(some));
}

#[test]
fn whoever_has_to_be_written_at_once_takes_those_along_who_wait() {
    let disk = Counted::default();
    let log = AuditLog::over(disk.clone(), NetworkPrefix::WHOLE);
    let mut waiting = log.record_soon(&record("one"));
    log.record(&record("two")).unwrap();
    assert_eq!((disk.writes(), reasons(&disk.text())), (1, vec![some("one"), some("two")]));
    assert!(look(&mut waiting).is_pending() && look(&mut waiting).is_ready());
    assert_eq!(disk.writes(), 1);
}

#[test]
fn the_line_of_a_login_that_is_dropped_while_it_waits_is_written_d_117() {
    let disk = Counted::default();
    let log = AuditLog::over(disk.clone(), NetworkPrefix::WHOLE);
    drop(log.record_soon(&record("never looked")));
    let mut waiting = log.record_soon(&record("looked once"));
    assert!(look(&mut waiting).is_pending());
    drop(waiting);
    assert_eq!(reasons(&disk.text()), [some("never looked"), some("looked once")]);
}

#[test]
fn of_a_group_only_those_have_a_fault_whose_line_is_not_whole_d_117() {
    let holds = Arc::new(Mutex::new(Vec::new()));
    let mut line = Vec::new();
    write(&mut line, &record("one"), NetworkPrefix::WHOLE);
    let takes = VecDeque::from([Some(line.len() + 10), Some(0)]);
    let log = AuditLog::over(Disk { takes, holds: Arc::clone(&holds) }, NetworkPrefix::WHOLE);
    let mut waiting = ["one", "two", "three"].map(|reason| log.record_soon(&record(reason)));
    assert!(waiting.iter_mut().all(|kept| look(kept).is_pending()));
    let ended = waiting.each_mut().map(|kept| matches!(look(kept), Poll::Ready(Ok(()))));
    assert_eq!(ended, [true, false, false]);
    log.record(&record("four")).unwrap();
    let text = String::from_utf8(holds.lock().unwrap().clone()).unwrap();
    assert_eq!(reasons(&text), [some("one"), None, some("four")], "{text}");
}

#[test]
fn a_group_does_not_grow_beyond_its_bound_however_long_nobody_looks() {
    let disk = Counted::default();
    let log = AuditLog::over(disk.clone(), NetworkPrefix::WHOLE);
    let waiting: Vec<_> = (0..2000).map(|_| log.record_soon(&record("one"))).collect();
    assert!(disk.writes() >= 2);
    assert!(log.gathering().take().lines.len() <= group::FULL);
    drop(waiting);
}

#[test]
fn whoever_looks_while_another_thread_writes_is_woken_when_that_is_done() {
    struct Slow(Arc<std::sync::Barrier>);
    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.wait();
            self.0.wait();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    struct Flag(std::sync::atomic::AtomicBool);
    impl std::task::Wake for Flag {
        fn wake(self: Arc<Self>) {
            self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        }
    }
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let log = AuditLog::over(Slow(Arc::clone(&barrier)), NetworkPrefix::WHOLE);
    let mut mine = log.record_soon(&record("mine"));
    assert!(look(&mut mine).is_pending());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| log.record(&record("theirs")));
        barrier.wait();
        let flag = Arc::new(Flag(false.into()));
        let waker = Waker::from(Arc::clone(&flag));
        assert!(Pin::new(&mut mine).poll(&mut Context::from_waker(&waker)).is_pending());
        barrier.wait();
        writer.join().unwrap().unwrap();
        assert!(flag.0.load(std::sync::atomic::Ordering::SeqCst));
    });
    assert_eq!(look(&mut mine), Poll::Ready(Ok(())));
}

#[test]
fn lines_of_many_threads_do_not_mix() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let log = AuditLog::file(&path, NetworkPrefix::WHOLE).unwrap();
    std::thread::scope(|scope| {
        for reason in ["one", "two", "three"] {
            let log = &log;
            scope.spawn(move || (0..50).for_each(|_| log.record(&record(reason)).unwrap()));
            scope.spawn(move || {
                for _ in 0..25 {
                    let mut both = [(); 2].map(|()| log.record_soon(&record(reason)));
                    while !both.iter_mut().all(|kept| look(kept) == Poll::Ready(Ok(()))) {}
                }
            });
        }
    });
    let text = fs::read_to_string(&path).unwrap();
    for reason in ["one", "two", "three"] {
        assert_eq!(reasons(&text).iter().filter(|found| **found == some(reason)).count(), 100);
    }
}
