use std::collections::VecDeque;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, OnceLock, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::*;
use crate::audit::record::write;
use crate::base::clock::{Clock, SystemClock, UnixTime};

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
    assert!(log.gathering().octets() <= FULL);
    drop(waiting);
}

#[test]
fn whoever_looks_while_another_thread_writes_is_woken_when_that_is_done() {
    struct Slow(Arc<Barrier>);
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
    let barrier = Arc::new(Barrier::new(2));
    let log = AuditLog::over(Slow(Arc::clone(&barrier)), NetworkPrefix::WHOLE);
    let mut mine = log.record_soon(&record("mine"));
    assert!(look(&mut mine).is_pending());
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| log.record(&record("theirs")));
        barrier.wait();
        let flag = Arc::new(Flag::default());
        assert!(!ask(&mut mine, &flag));
        barrier.wait();
        writer.join().unwrap().unwrap();
        assert!(flag.0.load(Ordering::SeqCst));
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

/// Somebody who is told that it is his turn.
#[derive(Default)]
struct Flag(AtomicBool);

impl std::task::Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls once, with `flag` to be told.
fn ask(kept: &mut (impl Future<Output = Result<(), Fault>> + Unpin), flag: &Arc<Flag>) -> bool {
    let waker = Waker::from(Arc::clone(flag));
    Pin::new(kept).poll(&mut Context::from_waker(&waker)).is_ready()
}

/// While each of its first writes lasts, somebody else takes a record down.
struct Busy {
    log: Arc<OnceLock<Arc<AuditLog>>>,
    more: u32,
    does: Box<dyn FnMut(Arc<AuditLog>) + Send>,
    writes: Arc<Mutex<Vec<usize>>>,
}

impl Busy {
    /// The log, and how many lines each write had.
    fn log(
        more: u32,
        does: impl FnMut(Arc<AuditLog>) + Send + 'static,
    ) -> (Arc<AuditLog>, Arc<Mutex<Vec<usize>>>) {
        let (cell, writes) = (Arc::new(OnceLock::new()), Arc::default());
        let busy = Self { log: Arc::clone(&cell), more, does: Box::new(does), writes: Arc::clone(&writes) };
        let log = Arc::new(AuditLog::over(busy, NetworkPrefix::WHOLE));
        assert!(cell.set(Arc::clone(&log)).is_ok());
        (log, writes)
    }
}

impl Write for Busy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes.lock().unwrap().push(bytes.iter().filter(|byte| **byte == b'\n').count());
        if self.more > 0 {
            self.more -= 1;
            (self.does)(Arc::clone(self.log.get().unwrap()));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn whoever_finds_somebody_writing_leaves_its_line_and_the_one_who_writes_hands_over_after_some_rounds() {
    let (tell, told) = mpsc::channel();
    let (log, writes) = Busy::log(ROUNDS + 1, move |log| {
        let mut kept = Box::pin(log.keep_soon(&record("more")));
        let flag = Arc::new(Flag::default());
        for _ in 0..3 {
            assert!(!ask(&mut kept, &flag), "it is not held up, and not done either");
        }
        flag.0.store(false, Ordering::SeqCst);
        tell.send((kept, flag)).unwrap();
    });
    log.record(&record("mine")).unwrap();
    assert_eq!(writes.lock().unwrap().len(), ROUNDS as usize);
    let mut waiting: Vec<_> = told.try_iter().collect();
    assert_eq!(waiting.len(), ROUNDS as usize);
    assert!(
        waiting.iter().all(|(_, flag)| flag.0.load(Ordering::SeqCst)),
        "the last one, too: it is his turn"
    );
    let (last, before) = waiting.split_last_mut().unwrap();
    assert!(before.iter_mut().all(|(kept, _)| look(kept) == Poll::Ready(Ok(()))));
    assert!(look(&mut last.0) == Poll::Ready(Ok(())));
    let (mut came, _) = told.try_recv().unwrap();
    assert!(look(&mut came) == Poll::Ready(Ok(())));
    assert_eq!(writes.lock().unwrap().len(), ROUNDS as usize + 2, "his own line, and the one that came then");
}

#[test]
fn lines_of_logins_that_end_while_somebody_else_writes_are_never_left_behind_d_117() {
    let (log, writes) = Busy::log(20, |log| {
        let mut kept = Box::pin(log.keep_soon(&record("gone")));
        assert!(!ask(&mut kept, &Arc::default()) && !ask(&mut kept, &Arc::default()));
    });
    log.record(&record("mine")).unwrap();
    assert_eq!(*writes.lock().unwrap(), vec![1; 21]);
    assert!(log.gathering().octets() == 0);
}

#[test]
fn a_disk_that_hangs_keeps_everybody_waiting_and_does_not_fill_the_memory() {
    const EACH: usize = 10_000;
    struct Hangs(Arc<Barrier>, bool, Counted);
    impl Write for Hangs {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !std::mem::replace(&mut self.1, true) {
                self.0.wait();
                self.0.wait();
            }
            self.2.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (barrier, disk) = (Arc::new(Barrier::new(2)), Counted::default());
    let log = AuditLog::over(Hangs(Arc::clone(&barrier), false, disk.clone()), NetworkPrefix::WHOLE);
    std::thread::scope(|scope| {
        scope.spawn(|| log.record(&record("first")).unwrap());
        barrier.wait();
        let more = [(); 3].map(|()| {
            scope.spawn(|| {
                let kept: Vec<_> = (0..EACH).map(|_| log.record_soon(&record("more"))).collect();
                drop(kept);
            })
        });
        let done = scope.spawn(|| log.record(&record("urgent")));
        until(|| log.gathering().blocked == 4);
        assert!(!done.is_finished() && more.iter().all(|thread| !thread.is_finished()));
        let most = MOST + 1000;
        assert!(log.gathering().octets() < most, "{} octets", log.gathering().octets());
        assert_eq!(disk.writes(), 0);
        barrier.wait();
        assert!(done.join().unwrap().is_ok());
    });
    assert_eq!(disk.text().lines().count(), 3 * EACH + 2);
}

/// Waits for something that another thread does.
fn until(holds: impl Fn() -> bool) {
    let end = SystemClock.now().steady + Duration::from_secs(60);
    while !holds() {
        assert!(SystemClock.now().steady < end, "it never comes");
        std::thread::yield_now();
    }
}

/// A log of which `disk` brings to the disk what it wrote, after so long.
fn synced(out: Counted, every: Duration, disk: impl FnMut() -> io::Result<()> + Send + 'static) -> AuditLog {
    let describe = |error: &io::Error| fault(None, "cannot bring to the disk", error);
    let sync = Syncer::start(Box::new(disk), Box::new(describe), every).unwrap();
    AuditLog { sync: Some(sync), ..AuditLog::over(out, NetworkPrefix::WHOLE) }
}

/// Writes a record and waits until it is on the disk.
async fn prove(log: &AuditLog, reason: &'static str) -> Result<(), Fault> {
    log.reached(log.write_proof(&record(reason))?).await
}

/// Longer than any test.
const LONG: Duration = Duration::from_secs(36_000);

#[test]
fn what_was_written_is_brought_to_the_disk_without_anybody_asking_and_only_then() {
    let (tell, told) = mpsc::channel();
    let disk = Counted::default();
    let seen = disk.clone();
    let log = synced(disk, Duration::ZERO, move || {
        tell.send(seen.text().lines().count()).unwrap();
        Ok(())
    });
    for lines in 1..4 {
        log.record(&record("one")).unwrap();
        assert_eq!(told.recv_timeout(LONG).unwrap(), lines, "what was written before is there");
    }
    assert_eq!(log.end(), Ok(()));
    assert_eq!(told.try_iter().count(), 0, "there was nothing to bring there");
}

#[test]
fn what_is_written_within_a_second_is_brought_to_the_disk_together_and_at_the_latest_at_the_end() {
    let syncs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&syncs);
    let log = synced(Counted::default(), LONG, move || {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    (0..50).for_each(|_| log.record(&record("one")).unwrap());
    assert_eq!(syncs.load(Ordering::SeqCst), 0);
    drop(log);
    assert_eq!(syncs.load(Ordering::SeqCst), 1);
    drop(synced(Counted::default(), LONG, || panic!("nothing was written")));
}

#[test]
fn as_long_as_the_disk_works_nobody_waits_for_it() {
    let (begun, has_begun) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let log = synced(Counted::default(), Duration::ZERO, move || {
        begun.send(()).unwrap();
        may_go.recv().map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))
    });
    log.record(&record("one")).unwrap();
    has_begun.recv_timeout(LONG).unwrap();
    log.record(&record("two")).unwrap();
    let mut waiting = log.record_soon(&record("three"));
    assert!(look(&mut waiting).is_pending() && look(&mut waiting) == Poll::Ready(Ok(())));
    assert!(!log.is_lost());
    drop(waiting);
    go.send(()).unwrap();
    has_begun.recv_timeout(LONG).unwrap();
    go.send(()).unwrap();
    assert_eq!(log.end(), Ok(()));
}

/// A disk that is full until it is told otherwise.
fn full() -> (Arc<AtomicBool>, impl FnMut() -> io::Result<()> + Send + 'static) {
    let is_full = Arc::new(AtomicBool::new(true));
    let ours = Arc::clone(&is_full);
    let disk = move || match ours.load(Ordering::SeqCst) {
        true => Err(io::ErrorKind::StorageFull.into()),
        false => Ok(()),
    };
    (is_full, disk)
}

#[tokio::test]
async fn what_the_disk_did_not_take_is_a_fault_until_it_has_taken_a_record_that_says_so_d_117() {
    let (is_full, disk) = full();
    let out = Counted::default();
    let log = synced(out.clone(), LONG, disk);
    log.record(&record("lost")).unwrap();
    let mut waiting = log.record_soon(&record("waits"));
    assert!(log.sync.as_ref().unwrap().reached(0).await.is_err());
    assert!(log.is_lost());
    let refused = log.record(&record("refused")).unwrap_err();
    assert_eq!(refused.kind, FaultKind::AuditUnavailable);
    assert!(
        refused.what.starts_with("audit: cannot bring to the disk standard output: no storage space"),
        "{refused}"
    );
    assert!(look(&mut waiting).is_pending(), "it looks away");
    assert_eq!(look(&mut waiting), Poll::Ready(Err(refused)));
    assert!(prove(&log, "gap").await.is_err());
    assert!(log.record(&record("refused")).is_err(), "what was written and not brought there proves nothing");
    is_full.store(false, Ordering::SeqCst);
    prove(&log, "gap").await.unwrap();
    assert!(!log.is_lost());
    log.record(&record("good")).unwrap();
    let expected = [some("lost"), None, some("gap"), None, some("gap"), some("good")];
    assert_eq!(reasons(&out.text()), expected, "what may be torn is ended before the next line");
}

#[tokio::test]
async fn a_record_of_before_a_loss_was_found_does_not_make_good_for_it_d_117() {
    let (begun, has_begun) = mpsc::channel();
    let (end, may_end) = mpsc::channel();
    let log = synced(Counted::default(), Duration::ZERO, move || {
        begun.send(()).unwrap();
        may_end.recv().unwrap_or(Ok(()))
    });
    log.record(&record("one")).unwrap();
    has_begun.recv_timeout(LONG).unwrap();
    let mut proving = Box::pin(prove(&log, "gap"));
    assert!(look(&mut proving).is_pending(), "it is written, and the disk is at work on what was before it");
    end.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    has_begun.recv_timeout(LONG).unwrap();
    // The system tells of a loss once; the next time all is well.
    end.send(Ok(())).unwrap();
    let fault = proving.await.unwrap_err();
    assert!(fault.what.starts_with("audit: cannot bring to the disk"), "{fault}");
    assert!(log.is_lost());
    drop(end);
    prove(&log, "gap").await.unwrap();
    assert!(!log.is_lost());
}

#[test]
fn a_mistake_of_ours_while_lines_are_written_is_a_fault_of_those_lines_and_of_no_others_d_117() {
    struct Breaks(bool, Counted);
    impl Write for Breaks {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert!(std::mem::replace(&mut self.0, true), "a mistake");
            self.1.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let disk = Counted::default();
    let log = AuditLog::over(Breaks(false, disk.clone()), NetworkPrefix::WHOLE);
    let mut waiting = log.record_soon(&record("waits"));
    assert!(look(&mut waiting).is_pending());
    assert_eq!(log.record(&record("broken")).unwrap_err().kind, FaultKind::AuditUnavailable);
    assert!(matches!(look(&mut waiting), Poll::Ready(Err(_))));
    log.record(&record("good")).unwrap();
    assert_eq!(reasons(&disk.text()), [None, some("good")]);
}

#[tokio::test]
async fn what_the_disk_does_not_take_at_the_end_is_told_d_117() {
    let (_full, disk) = full();
    let log = synced(Counted::default(), LONG, disk);
    log.record(&record("one")).unwrap();
    assert_eq!(log.end().unwrap_err().kind, FaultKind::AuditUnavailable);
}

#[tokio::test]
async fn where_no_disk_is_behind_the_file_nothing_is_lost() {
    for kind in [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported] {
        let log = synced(Counted::default(), LONG, move || Err(kind.into()));
        prove(&log, "one").await.unwrap();
        assert_eq!(log.end(), Ok(()));
    }
    for device in ["/dev/null", "/dev/zero"] {
        let log = AuditLog::file(Path::new(device), NetworkPrefix::WHOLE).unwrap();
        assert!(log.sync.is_none());
        prove(&log, "one").await.unwrap();
    }
}

#[tokio::test]
async fn a_record_in_a_file_can_be_waited_for_until_it_is_on_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("audit.jsonl");
    let log = AuditLog::file(&path, NetworkPrefix::WHOLE).unwrap();
    prove(&log, "one").await.unwrap();
    assert_eq!(reasons(&fs::read_to_string(&path).unwrap()), [some("one")]);
}
