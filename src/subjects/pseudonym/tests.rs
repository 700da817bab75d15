use proptest::prelude::*;

use super::*;
use crate::gateway::ports::Totals;
use crate::login::factor::Sealed;
use crate::store::seal::KeyRing;
use crate::subjects::tests::{Lab, account, wait};

fn subject(names: &Names, account: Account) -> Result<Pseudonym, Fault> {
    wait(names.subject(account)).map(|subject| subject.pseudonym)
}

fn numbered(id: &[u8], number: Option<&str>) -> Account {
    Account { number: number.map(Box::from), ..account("hr", id, "Anna Example") }
}

#[test]
fn an_account_keeps_its_id_whatever_its_name_becomes_c_008() {
    let lab = Lab::new();
    let names = lab.names(&[]);
    let id = subject(&names, account("corp", b"guid-1", "Anna Example")).unwrap();
    assert_eq!(subject(&names, account("corp", b"guid-1", "Anna Married")).unwrap(), id);
    assert_ne!(subject(&names, account("corp", b"guid-2", "Anna Example")).unwrap(), id);
    assert_ne!(subject(&names, account("other", b"guid-1", "Anna Example")).unwrap(), id);
    assert_eq!(wait(names.known(&account("corp", b"guid-1", ""))), Ok(Some(id)));
    assert_eq!(wait(names.known(&account("corp", b"guid-9", ""))), Ok(None), "asking gives out no id");
    assert_eq!(wait(lab.store().totals()), Ok(Totals { subjects: 3, enrolments: 0 }));
}

#[test]
fn an_account_that_was_looked_up_is_known_for_a_week_while_the_store_is_away_and_no_other_d_117() {
    let lab = Lab::new();
    let names = lab.names(&[]);
    let anna = || account("corp", b"guid-1", "Anna");
    let id = subject(&names, anna()).unwrap();
    lab.break_store();
    assert_eq!(subject(&names, anna()), Ok(id));
    let away = |names: &Names, account| subject(names, account).unwrap_err().kind;
    assert_eq!(away(&names, account("corp", b"guid-2", "Anna")), FaultKind::StoreUnavailable);
    assert_eq!(away(&lab.names(&[]), anna()), FaultKind::StoreUnavailable, "after a restart");
    lab.clock.advance(SEEN);
    assert_eq!(away(&names, anna()), FaultKind::StoreUnavailable);
}

#[test]
fn a_random_id_is_p_and_nineteen_letters_and_digits() {
    let lab = Lab::new();
    let id = subject(&lab.names(&[]), account("corp", b"guid-1", "Anna")).unwrap();
    let (first, rest) = id.as_str().split_at(1);
    assert_eq!((first, rest.len()), ("p", 19));
    assert!(rest.bytes().all(|b| b.is_ascii_lowercase() || matches!(b, b'2'..=b'7')), "{id}");
}

#[test]
fn the_sites_own_number_is_the_id_where_the_site_keeps_one() {
    let lab = Lab::new();
    let names = lab.names(&["hr"]);
    assert_eq!(subject(&names, numbered(b"1", Some("A-4711"))).unwrap().as_str(), "A-4711");
    assert_eq!(subject(&names, numbered(b"1", Some("A-9999"))).unwrap().as_str(), "A-4711", "it stays");
    let elsewhere = Account { directory: "corp".into(), ..numbered(b"2", Some("A-1")) };
    assert_ne!(subject(&names, elsewhere).unwrap().as_str(), "A-1", "this directory keeps none");
}

#[test]
fn a_number_that_is_missing_or_unusable_or_somebody_elses_is_a_fault_that_names_the_directory() {
    let lab = Lab::new();
    let names = lab.names(&["hr"]);
    subject(&names, numbered(b"1", Some("A-4711"))).unwrap();
    for (number, word) in [
        (None, "missing"),
        (Some(""), "1 to 64"),
        (Some("A 4712"), "1 to 64"),
        (Some("A-4711"), "another account"),
    ] {
        let fault = subject(&names, numbered(b"2", number)).unwrap_err();
        assert_eq!(fault.kind, FaultKind::UnclearAccount);
        assert!(fault.what.contains(word) && fault.what.contains("\"hr\""), "{fault}");
        assert!(!fault.what.contains("4711") && !fault.what.contains("4712"), "{fault}");
    }
}

#[test]
fn many_first_logins_of_one_account_at_once_give_it_one_id() {
    let lab = Lab::new();
    let names = Arc::new(lab.names(&[]));
    let ids: BTreeSet<Pseudonym> = wait(async {
        let mut logins = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let names = names.clone();
            logins.spawn(async move { names.subject(account("corp", b"guid-1", "Anna")).await });
        }
        logins.join_all().await.into_iter().map(|subject| subject.unwrap().pseudonym).collect()
    });
    assert_eq!(ids.len(), 1);
    assert_eq!(wait(lab.store().totals()), Ok(Totals { subjects: 1, enrolments: 0 }));
}

#[test]
fn an_account_found_under_an_old_key_moves_to_the_newest_with_its_next_login_f_004() {
    let mut lab = Lab::new();
    let id = subject(&lab.names(&[]), account("corp", b"guid-1", "Anna")).unwrap();
    lab.ring = lab.ring.with_new_key().unwrap();
    assert_eq!(subject(&lab.names(&[]), account("corp", b"guid-1", "Anna")).unwrap(), id);
    lab.ring = lab.ring.newest_only();
    assert_eq!(
        subject(&lab.names(&[]), account("corp", b"guid-1", "Anna")).unwrap(),
        id,
        "no old key needed"
    );
    let audit: Arc<dyn Audit> = lab.acts.clone();
    let person = wait(lab.names(&[]).name_of(&id, &audit)).unwrap().unwrap();
    assert_eq!(&*person.display, "Anna");
}

#[test]
fn whoever_has_an_older_key_file_than_the_store_gives_out_no_second_id_c_008() {
    let mut lab = Lab::new();
    let id = subject(&lab.names(&[]), account("corp", b"guid-1", "Anna")).unwrap();
    let old = lab.ring.clone();
    lab.ring = lab.ring.with_new_key().unwrap();
    assert!(wait(lab.rekeying().run(None, 10, |_| ())).unwrap().is_complete());

    let new = std::mem::replace(&mut lab.ring, old);
    for guid in [b"guid-1", b"guid-2"] {
        let fault = subject(&lab.names(&[]), account("corp", guid, "Anna")).unwrap_err();
        assert_eq!(fault.kind, FaultKind::KeyMissing);
        assert!(fault.what.contains("key 2") && fault.what.contains("reload"), "{fault}");
    }
    lab.ring = new;
    assert_eq!(subject(&lab.names(&[]), account("corp", b"guid-1", "Anna")).unwrap(), id);
    assert_eq!(wait(lab.store().totals()), Ok(Totals { subjects: 1, enrolments: 0 }));
}

#[test]
fn the_way_back_to_a_name_is_a_recorded_act_and_nothing_happens_when_it_cannot_be_recorded_f_008() {
    let lab = Lab::new();
    let names = lab.names(&[]);
    let id = subject(&names, account("corp", b"guid-1", "Anna Example")).unwrap();
    let audit: Arc<dyn Audit> = lab.acts.clone();
    let person = wait(names.name_of(&id, &audit)).unwrap().unwrap();
    assert_eq!((&*person.directory, &*person.id, &*person.display), ("corp", &b"guid-1"[..], "Anna Example"));
    assert_eq!(wait(names.name_of(&Pseudonym::new("nobody").unwrap(), &audit)), Ok(None));
    assert_eq!(
        lab.recorded(),
        [
            "admin.name asked done asked -",
            "admin.name ended done named -",
            "admin.name asked done asked -",
            "admin.name ended done unknown -",
        ]
    );
    lab.acts.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(wait(names.name_of(&id, &audit)).unwrap_err().kind, FaultKind::AuditUnavailable);
}

#[test]
fn whoever_is_shown_the_id_of_a_name_is_recorded_and_is_not_shown_it_otherwise_f_008() {
    let lab = Lab::new();
    let names = lab.names(&[]);
    let anna = account("corp", b"guid-1", "Anna Example");
    let id = subject(&names, anna.clone()).unwrap();
    let audit: Arc<dyn Audit> = lab.acts.clone();
    assert_eq!(wait(names.shown(&anna, &audit)), Ok(Some(id)));
    assert_eq!(wait(names.shown(&account("corp", b"guid-2", "Nobody"), &audit)), Ok(None));
    assert_eq!(lab.recorded(), ["admin.show asked done asked -", "admin.show ended done shown -"]);
    lab.acts.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(wait(names.shown(&anna, &audit)).unwrap_err().kind, FaultKind::AuditUnavailable);
}

#[test]
fn a_question_about_many_is_recorded_once_and_leaves_out_who_is_not_known_f_008() {
    let lab = Lab::new();
    let names = lab.names(&[]);
    let ids = [b"guid-1", b"guid-2"].map(|id| subject(&names, account("corp", id, "Anna")).unwrap());
    let audit: Arc<dyn Audit> = lab.acts.clone();
    let asked = ids.iter().cloned().chain(Pseudonym::new("nobody"));
    let found = wait(names.people(asked, &audit)).unwrap();
    let found: Vec<_> = found.iter().map(|(id, person)| (id, &*person.id)).collect();
    assert_eq!(found, [(&ids[0], &b"guid-1"[..]), (&ids[1], &b"guid-2"[..])]);
    assert_eq!(lab.recorded(), ["admin.replay asked done asked -", "admin.replay ended done looked-up -"]);
    lab.acts.broken.store(true, std::sync::atomic::Ordering::SeqCst);
    let refused = wait(names.people(ids, &audit)).map(|found| found.len()).map_err(|fault| fault.kind);
    assert_eq!(refused, Err(FaultKind::AuditUnavailable));
}

#[test]
fn the_files_of_the_store_hold_no_name_and_no_directory_id_f_003() {
    let lab = Lab::new();
    let (id, display): (&[u8], _) = (b"f81d4fae-7dec-11d0", "Anna Karenina");
    subject(&lab.names(&[]), account("corporate-directory", id, display)).unwrap();
    let dump = lab.dump();
    let holds = |text: &[u8]| dump.windows(text.len()).any(|part| part == text);
    assert!(holds(b"pseudonym"), "the dump is of the right files");
    for personal in [id, display.as_bytes(), b"corporate-directory"] {
        assert!(!holds(personal));
    }
}

proptest! {
    #[test]
    fn an_identity_comes_back_as_it_went_in(
        directory in "\\PC{0,20}", id in proptest::collection::vec(any::<u8>(), 0..40), display in "\\PC{0,40}",
    ) {
        let person = read_identity(&write_identity(&account(&directory, &id, &display))).unwrap();
        prop_assert_eq!((&*person.directory, &*person.id, &*person.display), (&*directory, &id[..], &*display));
    }

    #[test]
    fn other_bytes_are_a_fault_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Ok(person) = read_identity(&Secret::copied(&bytes)) {
            let again = write_identity(&account(&person.directory, &person.id, &person.display));
            prop_assert_eq!(again.expose(), &bytes[..]);
        }
    }
}

#[test]
fn keys_of_another_store_open_nothing_and_one_damaged_record_is_no_proof_of_that() {
    let lab = Lab::new();
    let store = lab.store();
    let others = KeyRing::generate(lab.random.clone()).unwrap();
    assert_eq!(wait(opens(&*store, &others)), Ok(()), "an empty store belongs to any keys");
    let names = lab.names(&[]);
    for id in [b"guid-1", b"guid-2"] {
        subject(&names, account("corp", id, "Anna")).unwrap();
    }
    assert_eq!(wait(opens(&*store, &lab.ring)), Ok(()));
    assert_eq!(wait(opens(&*store, &others)).map_err(|fault| fault.kind), Err(FaultKind::KeyMissing));
    let rows = wait(store.subjects(None, 9)).unwrap();
    let damaged = Sealed { key_id: 1, bytes: vec![1; 40].into() };
    assert_eq!(wait(store.rekey_subject(&rows[0], rows[0].digest, damaged)), Ok(true));
    assert_eq!(wait(opens(&*store, &lab.ring)), Ok(()), "the other record opens");
}
