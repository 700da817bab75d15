use super::*;
use crate::base::clock::UnixTime;
use crate::base::secret::Secret;
use crate::gateway::ports::Naming;
use crate::gateway::ports::provision::{Label, Shown};
use crate::gateway::ports::sessions::{OpenSession, SessionKey};
use crate::login::attempt::AttemptId;
use crate::login::factor::Parameters;
use crate::store::seal::KeyRing;
use crate::subjects::tests::{Lab, account, wait};

const SUBJECTS: u8 = 7;

/// Seven subjects with one generator and one set of codes each.
fn filled() -> Lab {
    let lab = Lab::new();
    let (names, enrolling) = (lab.names(&[]), lab.enrolling());
    for n in 0..SUBJECTS {
        let who = wait(names.subject(account("corp", &[n], "Anna"))).unwrap().pseudonym;
        let seed = Secret::copied(b"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let label = Label { issuer: "Example", account: "anna" };
        wait(enrolling.import(&who, Parameters::Hotp { digits: 6 }, &seed, 0, &label)).unwrap();
        wait(enrolling.recovery_codes(&who)).unwrap();
    }
    lab
}

fn run(lab: &Lab, after: Option<Pseudonym>, page: usize) -> (Report, Vec<u64>) {
    let mut pages = Vec::new();
    let report = wait(lab.rekeying().run(after, page, |report| pages.push(report.subjects))).unwrap();
    (report, pages)
}

#[test]
fn afterwards_the_newest_key_alone_finds_and_opens_everything_f_018() {
    let mut lab = filled();
    lab.ring = lab.ring.with_new_key().unwrap();
    let (report, pages) = run(&lab, None, 3);
    assert_eq!((report.subjects, report.renewed, report.is_complete()), (7, 21, true));
    assert_eq!(pages, [3, 6, 7]);

    lab.ring = lab.ring.newest_only();
    for n in 0..SUBJECTS {
        let who = wait(lab.names(&[]).known(&account("corp", &[n], ""))).unwrap().unwrap();
        let record = wait(lab.store().recall(&who)).unwrap();
        assert_eq!(record.enrolments.len(), 2);
        for enrolment in record.enrolments {
            assert!(lab.vault().open(Place::Seed(enrolment.id), &enrolment.sealed).is_ok());
        }
    }
    assert_eq!(run(&lab, None, 100).0.renewed, 0, "a second run has nothing to do");
}

#[test]
fn it_goes_on_where_it_was_stopped() {
    let mut lab = filled();
    lab.ring = lab.ring.with_new_key().unwrap();
    let all = wait(lab.store().subjects(None, 100)).unwrap();
    let (report, _) = run(&lab, Some(all[3].pseudonym.clone()), 2);
    assert_eq!((report.subjects, report.renewed), (3, 9));
    assert_eq!(report.reached.as_ref(), Some(&all[6].pseudonym));
    let (report, _) = run(&lab, None, 2);
    assert_eq!((report.subjects, report.renewed), (7, 12), "what was done is passed over");
}

#[test]
fn what_no_key_opens_is_counted_and_keeps_nothing_else_back() {
    let mut lab = filled();
    let second = lab.ring.with_new_key().unwrap();
    lab.ring = second.newest_only();
    let late = wait(lab.names(&[]).subject(account("corp", b"late", "Late"))).unwrap().pseudonym;
    let codes = wait(lab.enrolling().recovery_codes(&late)).unwrap();
    assert_eq!(codes.len(), 10);
    lab.ring = second.with_new_key().unwrap();
    let without_the_first: String = lab
        .ring
        .text()
        .expose_str()
        .unwrap()
        .lines()
        .filter(|line| !line.starts_with("1 "))
        .map(|line| format!("{line}\n"))
        .collect();
    lab.ring = KeyRing::parse(&Secret::copied(without_the_first.as_bytes()), lab.random.clone()).unwrap();
    let (report, _) = run(&lab, None, 4);
    assert_eq!((report.subjects, report.renewed, report.lost), (8, 2, 21));
    assert!(!report.is_complete());
    assert_eq!(lab.recorded().last().unwrap(), "admin.rekey ended done incomplete -");
    assert!(matches!(
        wait(lab.enrolling().begin(
            &late,
            Parameters::Hotp { digits: 6 },
            &Label { issuer: "E", account: "a" }
        ))
        .unwrap()
        .shown(),
        Shown::Generator { .. }
    ));
}

#[test]
fn what_open_sessions_are_known_by_opens_with_the_newest_key_alone_f_018() {
    let mut lab = filled();
    let who = wait(lab.names(&[]).known(&account("corp", &[3], ""))).unwrap().unwrap();
    let key = SessionKey { client: "vpn".into(), device: [1; 16], session: [2; 16] };
    let (place, marks) = (key.place(), Secret::copied(b"what the device knows it by"));
    let (since, heard) = (UnixTime(1000), UnixTime(2000));
    let sealed = lab.vault().seal(Place::Session(&place), &marks).unwrap();
    let open =
        OpenSession { key, pseudonym: who.clone(), attempt: AttemptId([7; 8]), marks: sealed, since, heard };
    wait(lab.store.note_session(open.clone(), 9)).unwrap();

    lab.ring = lab.ring.with_new_key().unwrap();
    let (report, _) = run(&lab, None, 3);
    assert_eq!((report.renewed, report.is_complete()), (22, true));
    lab.ring = lab.ring.newest_only();
    let found = wait(lab.store.sessions_of(&who)).unwrap();
    assert_eq!(lab.vault().open(Place::Session(&place), &found[0].marks).unwrap(), marks);
    let before = OpenSession { marks: open.marks.clone(), ..found[0].clone() };
    assert_eq!(before, open, "nothing else has changed");
}

#[test]
fn a_key_comes_and_goes_under_record_and_not_without_d_117() {
    let lab = Lab::new();
    let done = std::cell::Cell::new(0);
    let deed = async || {
        done.set(done.get() + 1);
        Ok(())
    };
    assert_eq!(wait(lab.rekeying().change(KeyChange::Added, deed())), Ok(()));
    let full = async { Err(Fault::new(FaultKind::Internal, "the disk is full")) };
    assert!(wait(lab.rekeying().change(KeyChange::Dropped, full)).is_err());
    let expected = [
        "admin.key-add asked done asked -",
        "admin.key-add ended done added -",
        "admin.key-drop asked done asked -",
        "admin.key-drop ended unable internal -",
    ];
    assert_eq!(lab.recorded(), expected);
    lab.acts.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    assert!(wait(lab.rekeying().change(KeyChange::Dropped, deed())).is_err());
    assert_eq!(done.get(), 1, "what cannot be recorded does not happen");
}

#[test]
fn no_network_of_an_old_key_stays_when_everything_is_sealed_anew_f_018() {
    let mut lab = filled();
    let (home, office) = ("203.0.113.0/24".parse().unwrap(), "192.0.2.0/24".parse().unwrap());
    let known = |lab: &Lab, n: u8| wait(lab.names(&[]).known(&account("corp", &[n], ""))).unwrap().unwrap();
    let note = |lab: &Lab, who: &Pseudonym, network| {
        let digest = lab.vault().network_digests(who, network)[0];
        wait(lab.store().note_login(who, 20_833, Some(digest), 30)).unwrap();
    };
    let networks = |lab: &Lab, who: &Pseudonym| wait(lab.store().recall(who)).unwrap().history.networks;
    for n in 0..SUBJECTS {
        note(&lab, &known(&lab, n), home);
    }
    lab.ring = lab.ring.with_new_key().unwrap();
    let first = known(&lab, 0);
    let digests = lab.vault().network_digests(&first, home);
    assert_eq!(digests.len(), 2);
    assert!(
        digests.iter().any(|digest| digest.digest == networks(&lab, &first)[0].digest),
        "known till then"
    );
    note(&lab, &first, office);
    assert!(run(&lab, None, 3).0.is_complete());
    for n in 0..SUBJECTS {
        let left = networks(&lab, &known(&lab, n));
        assert_eq!(left.len(), usize::from(n == 0), "subject {n}");
        assert!(left.iter().all(|network| network.key_id == lab.vault().newest_key()));
    }
}
