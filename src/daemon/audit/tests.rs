use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc;
use std::task::{Context, Waker};

use super::*;

#[tokio::test]
async fn an_audit_that_failed_is_tried_again_without_a_login_and_says_that_records_are_missing_d_117() {
    let settings = |path: &str| AuditSettings { to: AuditTarget::File(path.into()), v4: 32, v6: 128 };
    let audit = AuditSwitch::open(&settings("/dev/full")).unwrap();
    audit.try_again(UnixTime(0)).await;
    assert!(!audit.is_failing(), "nothing is written while all is well");
    audit.failing.store(true, Ordering::Relaxed);
    audit.try_again(UnixTime(0)).await;
    assert!(audit.is_failing());

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    audit.exchange(open(&settings(path.to_str().unwrap())).unwrap());
    audit.try_again(UnixTime(0)).await;
    assert!(!audit.is_failing());
    assert!(std::fs::read_to_string(path).unwrap().contains("\"reason\":\"records-were-lost\""));
}

#[tokio::test]
async fn records_of_logins_that_end_together_are_written_together_through_the_switch_d_117() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let settings = AuditSettings { to: AuditTarget::File(path.clone()), v4: 32, v6: 128 };
    let audit = AuditSwitch::open(&settings).unwrap();
    let record = AuditRecord::bare(UnixTime(0), "login", "factor", "accept", "confirmed");
    let (first, second) = (audit.record_soon(&record), audit.record_soon(&record));
    let lines = || std::fs::read_to_string(&path).unwrap().lines().count();
    assert_eq!(lines(), 0, "they wait for each other");
    first.await.unwrap();
    assert_eq!(lines(), 2, "whoever goes on first writes for both");
    second.await.unwrap();
    assert!(!audit.is_failing());
}

#[tokio::test]
async fn a_target_that_was_exchanged_ends_with_the_last_login_that_writes_there() {
    let folder = tempfile::tempdir().unwrap();
    let target = |name| AuditSettings { to: AuditTarget::File(folder.path().join(name)), v4: 32, v6: 128 };
    let text = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let audit = Arc::new(AuditSwitch::open(&target("old")).unwrap());
    let record = AuditRecord::bare(UnixTime(0), "login", "factor", "accept", "confirmed");
    let waits = audit.record_soon(&record);
    audit.exchange(open(&target("new")).unwrap());
    audit.tidy();
    assert_eq!(audit.retired().len(), 1, "somebody writes there");
    waits.await.unwrap();
    audit.tidy();
    assert_eq!((audit.retired().len(), text("old").lines().count()), (0, 1));
}

/// A target whose disk took nothing of what was written.
async fn lost(folder: &Path) -> AuditLog {
    let log = AuditLog::over_disk(folder, || Err(io::ErrorKind::StorageFull.into()));
    let record = AuditRecord::bare(UnixTime(0), "login", "factor", "accept", "confirmed");
    let written = log.write_proof(&record).unwrap();
    log.reached(written).await.unwrap_err();
    log
}

#[tokio::test]
async fn a_reload_does_not_make_an_audit_trusted_whose_disk_failed_before_that_is_on_record_d_117() {
    let folder = tempfile::tempdir().unwrap();
    let target = |name| AuditSettings { to: AuditTarget::File(folder.path().join(name)), v4: 32, v6: 128 };
    let audit = AuditSwitch::open(&target("first")).unwrap();
    audit.exchange(lost(&folder.path().join("old")).await);
    audit.exchange(open(&target("new")).unwrap());
    let record = AuditRecord::bare(UnixTime(0), "login", "factor", "accept", "confirmed");
    assert!(audit.is_failing());
    assert_eq!(audit.record(&record).unwrap_err().kind, FaultKind::AuditUnavailable);
    assert_eq!(audit.record_soon(&record).await.unwrap_err().kind, FaultKind::AuditUnavailable);
    assert!(audit.is_failing(), "what is refused proves nothing");
    audit.try_again(UnixTime(0)).await;
    assert!(!audit.is_failing());
    audit.record(&record).unwrap();
    let text = std::fs::read_to_string(folder.path().join("new")).unwrap();
    assert!(text.lines().next().unwrap().contains("\"reason\":\"records-were-lost\""), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[tokio::test]
async fn what_a_target_lost_at_its_end_is_told_by_the_one_in_its_place_however_many_there_were_d_117() {
    let folder = tempfile::tempdir().unwrap();
    let target = |name| AuditSettings { to: AuditTarget::File(folder.path().join(name)), v4: 32, v6: 128 };
    let audit = Arc::new(AuditSwitch::open(&target("first")).unwrap());
    let (fail, may_fail) = mpsc::channel::<()>();
    let late = AuditLog::over_disk(&folder.path().join("late"), move || {
        let _gone = may_fail.recv();
        Err(io::ErrorKind::StorageFull.into())
    });
    audit.exchange(late);
    let record = AuditRecord::bare(UnixTime(0), "login", "factor", "accept", "confirmed");
    audit.record(&record).unwrap();
    (0..40).for_each(|_| audit.exchange(open(&target("new")).unwrap()));
    audit.record(&record).unwrap();
    assert!(!audit.is_failing(), "nobody knows yet");
    drop(fail);
    audit.tidy();
    while !audit.is_failing() {
        tokio::task::yield_now().await;
    }
    assert!(audit.record(&record).is_err());
    let noted = audit.missing.times();
    audit.missing.end(noted - 1);
    assert!(audit.is_failing(), "what was on record before tells nothing of it");
    audit.try_again(UnixTime(0)).await;
    assert!(!audit.is_failing());
}

/// A file whose writes do not come back before somebody lets them.
struct Hangs(Arc<AtomicUsize>, mpsc::Receiver<()>);

impl io::Write for Hangs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let _gone = self.1.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_disk_that_hangs_while_a_record_is_proven_keeps_nobody_else_and_one_thread_alone() {
    let (go, may_go) = mpsc::channel::<()>();
    let writes = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&writes);
    let hangs = AuditLog::over_writer(Hangs(count, may_go));
    let folder = tempfile::tempdir().unwrap();
    let settings = AuditSettings { to: AuditTarget::File(folder.path().join("one")), v4: 32, v6: 128 };
    let audit = AuditSwitch::open(&settings).unwrap();
    audit.exchange(hangs);
    audit.failing.store(true, Ordering::Relaxed);
    let mut first = Box::pin(audit.try_again(UnixTime(0)));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it keeps nobody");
    drop(first);
    while writes.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    audit.try_again(UnixTime(0)).await;
    assert_eq!(
        (writes.load(Ordering::SeqCst), audit.is_failing()),
        (1, true),
        "one thread waits, and no more"
    );
    drop(go);
    while audit.is_failing() {
        audit.try_again(UnixTime(0)).await;
        tokio::task::yield_now().await;
    }
}
