//! What every store promises, whichever it is. A new store is one more line at the end of this file.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::UnixTime;
use doorward::base::random::SystemRandom;
use doorward::factor::totp::Totp;
use doorward::gateway::ports::sessions::{Noted, OpenSession, SessionKey, Sessions};
use doorward::gateway::ports::{
    Adopted, Counted, NewEnrolment, NewSubject, SecondFactor, Store, SubjectDigest, Totals, Vault,
};
use doorward::login::attempt::AttemptId;
use doorward::login::credential::Code;
use doorward::login::factor::{FactorKind, FactorOutcome, Mark, Proof, Sealed, Try};
use doorward::login::identity::Pseudonym;
use doorward::login::throttle::{Allowed, Limits, allowed};
use doorward::login::verdict::{Fault, FaultKind};
use doorward::store::seal::KeyRing;
use doorward::store::sqlite::{Size, Sqlite};
use tempfile::TempDir;
use tokio::task::JoinSet;

#[path = "support/store.rs"]
#[allow(dead_code, reason = "shared with other tests and with measurements")]
mod support;

use support::{CREATED, enrolment, enrolment_id, good, pseudonym, step, stranger, subject, wrong};

#[path = "store_contract/places.rs"]
mod places;

use places::{
    a_lock_of_a_kind_and_a_code_that_was_used_hold_for_strangers_too_c_001,
    a_lock_opens_by_itself_when_it_may_and_not_before,
    a_network_that_was_noted_by_a_clock_years_ahead_goes_d_116,
    a_right_code_ends_the_row_that_its_failure_would_have_lengthened_c_005,
    a_right_password_ends_the_rows_that_it_is_told_to_and_no_other,
    codes_of_neighbours_without_the_password_make_a_factor_wait_and_never_lock_it_c_004,
    codes_of_strangers_wait_in_a_row_of_their_own_and_lock_nothing_c_004, every_row_can_be_released,
    history_goes_with_its_subject_and_is_nobody_elses_f_012,
    networks_are_remembered_for_their_days_and_no_longer,
    no_network_of_an_old_key_outlives_its_rotation_f_018,
    parallel_strangers_do_not_multiply_their_allowance_c_002, the_day_of_the_last_login_never_goes_back,
    the_directorys_row_begins_anew_when_its_window_has_passed, the_network_unseen_for_longest_makes_room,
    validity_is_kept_until_it_is_taken_back,
    wrong_passwords_count_by_place_and_all_of_them_for_the_directory_b_087,
};

/// Opens the store that lives in a folder.
type Open = fn(&Path) -> Arc<dyn Store>;

/// A subject with number 0 and one enrolment of each kind: 0 is time-based, 1 counter-based, 2 a set of codes.
struct Lab {
    folder: TempDir,
    open: Open,
    store: Arc<dyn Store>,
    who: Pseudonym,
}

/// Never in the way.
const PATIENT: Limits = Limits {
    free: u32::MAX,
    first_wait: Duration::ZERO,
    longest_wait: Duration::ZERO,
    per_day: 0,
    release_after: None,
};

const NOW: UnixTime = CREATED;

impl Lab {
    async fn new(open: Open) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        store.adopt(subject(0)).await.unwrap();
        for (n, kind) in (0..).zip(FactorKind::ALL) {
            store.enrol(&pseudonym(0), enrolment(n, kind)).await.unwrap();
        }
        Self { folder, open, store, who: pseudonym(0) }
    }

    async fn settle(&self, tries: &[Try], now: UnixTime, limits: &Limits) -> FactorOutcome {
        self.store.settle(&self.who, tries, now, limits, Proof::Proven).await.unwrap()
    }

    /// Settles `one` `times` times at once, taking turns between `stores`.
    async fn at_once(&self, stores: &[Arc<dyn Store>], times: usize, one: Try, limits: Limits) -> Counts {
        let mut users = JoinSet::new();
        for store in stores.iter().cycle().take(times) {
            let (store, who) = (store.clone(), self.who.clone());
            users
                .spawn(async move { store.settle(&who, &[one], NOW, &limits, Proof::Proven).await.unwrap() });
        }
        Counts::of(&users.join_all().await)
    }
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Counts {
    confirmed: usize,
    replayed: usize,
    wrong: usize,
    locked: usize,
}

impl Counts {
    fn of(outcomes: &[FactorOutcome]) -> Self {
        outcomes.iter().fold(Self::default(), |mut counts, outcome| {
            match outcome {
                FactorOutcome::Confirmed(_) => counts.confirmed += 1,
                FactorOutcome::Replayed(_) => counts.replayed += 1,
                FactorOutcome::Wrong => counts.wrong += 1,
                FactorOutcome::Locked => counts.locked += 1,
                FactorOutcome::TooOften => panic!("a store knows no rates"),
            }
            counts
        })
    }
}

async fn fifty_users_of_one_code_are_one_accept_and_forty_nine_replays_c_001(open: Open) {
    for one in [good(0, step(60_000_000)), good(1, Mark::Counter(4)), good(2, Mark::Index(9))] {
        let lab = Lab::new(open).await;
        let counts = lab.at_once(std::slice::from_ref(&lab.store), 50, one, PATIENT).await;
        assert_eq!(counts, Counts { confirmed: 1, replayed: 49, ..Counts::default() }, "{one:?}");
    }
}

async fn a_code_that_fits_two_enrolments_is_good_once_d_016(open: Open) {
    let lab = Lab::new(open).await;
    lab.store.enrol(&lab.who, enrolment(8, FactorKind::Totp)).await.unwrap();
    let both = |number| [good(0, step(number)), good(8, step(number))];
    let confirmed = FactorOutcome::Confirmed(FactorKind::Totp);
    let replayed = FactorOutcome::Replayed(FactorKind::Totp);
    assert_eq!(lab.settle(&both(7), NOW, &PATIENT).await, confirmed);
    assert_eq!(lab.settle(&both(7), NOW, &PATIENT).await, replayed);
    assert_eq!(lab.settle(&[good(8, step(7))], NOW, &PATIENT).await, replayed);
    assert_eq!(lab.settle(&[good(0, step(8))], NOW, &PATIENT).await, confirmed);
    assert_eq!(lab.settle(&both(8), NOW, &PATIENT).await, replayed, "used in one is used in all");
    assert_eq!(lab.settle(&both(9), NOW, &PATIENT).await, confirmed);
    let kinds = [good(0, step(10)), good(1, Mark::Counter(0))];
    assert_eq!(lab.settle(&kinds, NOW, &PATIENT).await, confirmed, "the first one names the factor");
    let other = lab.settle(&[good(1, Mark::Counter(0))], NOW, &PATIENT).await;
    assert_eq!(other, FactorOutcome::Replayed(FactorKind::Hotp));
}

async fn parallel_guesses_do_not_multiply_the_allowance_c_002(open: Open) {
    let lab = Lab::new(open).await;
    let counts =
        lab.at_once(std::slice::from_ref(&lab.store), 50, wrong(0, FactorKind::Totp), Limits::FACTOR).await;
    assert_eq!(counts, Counts { wrong: 5, locked: 45, ..Counts::default() });
    let record = lab.store.recall(&lab.who).await.unwrap();
    let (kind, failures) = record.codes[0];
    assert_eq!((kind, failures.row, failures.today), (FactorKind::Totp, 5, 5));
}

async fn two_processes_share_one_use_and_one_allowance(open: Open) {
    let lab = Lab::new(open).await;
    let stores = [lab.store.clone(), open(lab.folder.path())];
    let counts = lab.at_once(&stores, 50, good(0, step(7)), PATIENT).await;
    assert_eq!(counts, Counts { confirmed: 1, replayed: 49, ..Counts::default() });
    let counts = lab.at_once(&stores, 50, wrong(1, FactorKind::Hotp), Limits::FACTOR).await;
    assert_eq!(counts, Counts { wrong: 5, locked: 45, ..Counts::default() });
}

async fn the_last_used_step_never_goes_back(open: Open) {
    let lab = Lab::new(open).await;
    let mut users = JoinSet::new();
    for n in 0..200i64 {
        let (store, who) = (lab.store.clone(), lab.who.clone());
        let number = n * 73 % 200;
        users.spawn(async move {
            let outcome =
                store.settle(&who, &[good(0, step(number))], NOW, &PATIENT, Proof::Proven).await.unwrap();
            // Whoever was let in leaves at least his own step behind.
            let record = store.recall(&who).await.unwrap();
            let last = record.enrolments.iter().find(|e| e.id == enrolment_id(0)).unwrap().progress.last;
            assert!(last >= number, "{last} after {number}: {outcome:?}");
            outcome
        });
    }
    let counts = Counts::of(&users.join_all().await);
    assert!(counts.confirmed >= 1 && counts.wrong == 0 && counts.locked == 0, "{counts:?}");
    assert_eq!(progress(&lab).await.last, 199);
    for number in [0, 100, 199] {
        let again = lab.settle(&[good(0, step(number))], NOW, &PATIENT).await;
        assert_eq!(again, FactorOutcome::Replayed(FactorKind::Totp), "{number}");
    }
}

async fn progress(lab: &Lab) -> doorward::login::factor::Progress {
    let record = lab.store.recall(&lab.who).await.unwrap();
    record.enrolments.iter().find(|e| e.kind() == FactorKind::Totp).unwrap().progress
}

async fn everything_is_still_there_after_a_restart(open: Open) {
    let mut lab = Lab::new(open).await;
    let used = [
        good(0, Mark::Step { step: 60_000_000, drift: -2 }),
        good(1, Mark::Counter(4)),
        good(2, Mark::Index(3)),
    ];
    for one in used {
        assert_eq!(lab.settle(&[one], NOW, &PATIENT).await, FactorOutcome::Confirmed(one.kind));
    }
    lab.settle(&[wrong(0, FactorKind::Totp)], NOW, &Limits::FACTOR).await;
    lab.store.count_wrong_password(&lab.who, NOW, &stranger(Limits::PASSWORD)).await.unwrap();
    let before = format!("{:?}", lab.store.recall(&lab.who).await.unwrap());

    lab.store = open_again(lab.open, &lab.folder, lab.store);
    assert_eq!(format!("{:?}", lab.store.recall(&lab.who).await.unwrap()), before);
    for one in used {
        assert_eq!(lab.settle(&[one], NOW, &PATIENT).await, FactorOutcome::Replayed(one.kind));
    }
    assert_eq!(lab.store.totals().await, Ok(Totals { subjects: 1, enrolments: 3 }));
    assert_eq!(lab.store.pseudonym(&subject(0).digest).await, Ok(Some(lab.who)));
}

fn open_again(open: Open, folder: &TempDir, store: Arc<dyn Store>) -> Arc<dyn Store> {
    drop(store);
    open(folder.path())
}

async fn a_clock_that_jumps_back_lets_no_old_code_in_c_028(open: Open) {
    let lab = Lab::new(open).await;
    assert_eq!(
        lab.settle(&[good(0, step(100))], NOW, &PATIENT).await,
        FactorOutcome::Confirmed(FactorKind::Totp)
    );
    let earlier = UnixTime::from_seconds(NOW.seconds() - 86_400);
    for old in [100, 99, 1] {
        let outcome = lab.settle(&[good(0, step(old))], earlier, &PATIENT).await;
        assert_eq!(outcome, FactorOutcome::Replayed(FactorKind::Totp), "{old}");
    }
    assert_eq!(
        lab.settle(&[good(0, step(101))], earlier, &PATIENT).await,
        FactorOutcome::Confirmed(FactorKind::Totp)
    );
    assert_eq!(progress(&lab).await.last_used, Some(NOW), "the time of last use does not go back either");
}

async fn every_kind_that_was_looked_at_counts_a_failure_and_a_success_ends_its_own_row(open: Open) {
    let lab = Lab::new(open).await;
    let wrong_both = [wrong(0, FactorKind::Totp), wrong(1, FactorKind::Hotp)];
    for _ in 0..3 {
        assert_eq!(lab.settle(&wrong_both, NOW, &Limits::FACTOR).await, FactorOutcome::Wrong);
    }
    lab.settle(&[good(0, step(5)), wrong(1, FactorKind::Hotp)], NOW, &Limits::FACTOR).await;
    let mut codes = lab.store.recall(&lab.who).await.unwrap().codes;
    codes.sort_by_key(|(kind, _)| *kind);
    let rows: Vec<_> = codes.iter().map(|(kind, f)| (*kind, f.row, f.today)).collect();
    assert_eq!(rows, [(FactorKind::Totp, 0, 3), (FactorKind::Hotp, 3, 3)]);
}

async fn a_kind_that_is_locked_is_left_out_and_the_others_are_not(open: Open) {
    let lab = Lab::new(open).await;
    for _ in 0..5 {
        lab.settle(&[wrong(0, FactorKind::Totp)], NOW, &Limits::FACTOR).await;
    }
    let right = good(0, step(5));
    assert_eq!(
        lab.settle(&[right], NOW, &Limits::FACTOR).await,
        FactorOutcome::Locked,
        "nothing is compared"
    );
    let both = [right, good(1, Mark::Counter(0))];
    assert_eq!(lab.settle(&both, NOW, &Limits::FACTOR).await, FactorOutcome::Confirmed(FactorKind::Hotp));
    let later = NOW.plus(Duration::from_secs(15 * 60));
    assert_eq!(
        lab.settle(&[right], later, &Limits::FACTOR).await,
        FactorOutcome::Confirmed(FactorKind::Totp)
    );
}

async fn a_mark_of_somebody_else_or_of_a_revoked_enrolment_fits_nothing_c_008(open: Open) {
    let lab = Lab::new(open).await;
    lab.store.adopt(subject(1)).await.unwrap();
    lab.store.enrol(&pseudonym(1), enrolment(10, FactorKind::Totp)).await.unwrap();
    assert_eq!(lab.settle(&[good(10, step(5))], NOW, &PATIENT).await, FactorOutcome::Wrong);
    let own = lab.store.settle(&pseudonym(1), &[good(10, step(5))], NOW, &PATIENT, Proof::Proven).await;
    assert_eq!(own, Ok(FactorOutcome::Confirmed(FactorKind::Totp)));
    assert_eq!(lab.store.revoke(&lab.who, enrolment_id(10)).await, Ok(false));
    assert_eq!(lab.store.revoke(&lab.who, enrolment_id(0)).await, Ok(true));
    assert_eq!(lab.store.revoke(&lab.who, enrolment_id(0)).await, Ok(false));
    assert_eq!(lab.settle(&[good(0, step(5))], NOW, &PATIENT).await, FactorOutcome::Wrong);
    assert_eq!(
        lab.settle(&[good(1, step(5))], NOW, &PATIENT).await,
        FactorOutcome::Wrong,
        "a mark of another kind"
    );
    assert_eq!(lab.settle(&[], NOW, &PATIENT).await, FactorOutcome::Wrong, "nothing to compare with");
}

async fn a_forgotten_subject_leaves_nothing_and_comes_back_as_somebody_new_f_012(open: Open) {
    let lab = Lab::new(open).await;
    lab.store.count_wrong_password(&lab.who, NOW, &stranger(Limits::PASSWORD)).await.unwrap();
    let before = lab.store.totals().await.unwrap();
    assert_eq!(lab.store.forget(&lab.who).await, Ok(true));
    assert_eq!(lab.store.forget(&lab.who).await, Ok(false));
    assert!(lab.store.subject(&lab.who).await.unwrap().is_none());
    let record = lab.store.recall(&lab.who).await.unwrap();
    assert!(record.enrolments.is_empty() && record.password.is_none() && record.codes.is_empty());
    let after = lab.store.totals().await.unwrap();
    assert_eq!(after.subjects, before.subjects - 1);
    assert!(after.enrolments < before.enrolments);
    let again = NewSubject { pseudonym: pseudonym(77), ..subject(0) };
    assert_eq!(lab.store.adopt(again).await, Ok(Adopted::New), "the digest is free again");
}

async fn wrong_passwords_are_counted_apart_from_wrong_codes_c_004(open: Open) {
    let lab = Lab::new(open).await;
    let mut users = JoinSet::new();
    for _ in 0..30 {
        let (store, who) = (lab.store.clone(), lab.who.clone());
        users.spawn(async move {
            store.count_wrong_password(&who, NOW, &stranger(Limits::PASSWORD)).await.unwrap()
        });
    }
    users.join_all().await;
    let record = lab.store.recall(&lab.who).await.unwrap();
    assert!(record.codes.is_empty());
    let failures = record.password.unwrap();
    assert_eq!(failures.row, 30);
    assert!(matches!(allowed(&failures, NOW, &Limits::PASSWORD), Allowed::NotBefore(_)));
    assert_eq!(lab.store.forget_failures(&lab.who, Counted::Password, false).await, Ok(true));
    assert_eq!(lab.store.forget_failures(&lab.who, Counted::Password, false).await, Ok(false));
    assert_eq!(lab.store.recall(&lab.who).await.unwrap().password.unwrap().row, 0);
}

async fn only_a_release_opens_a_lock(open: Open) {
    let lab = Lab::new(open).await;
    let strict = Limits { per_day: 3, ..PATIENT };
    let totp = Counted::Factor(FactorKind::Totp);
    for _ in 0..3 {
        assert_eq!(lab.settle(&[wrong(0, FactorKind::Totp)], NOW, &strict).await, FactorOutcome::Wrong);
    }
    assert_eq!(lab.store.forget_failures(&lab.who, totp, false).await, Ok(true));
    let next_year = NOW.plus(Duration::from_secs(365 * 86_400));
    assert_eq!(lab.settle(&[good(0, step(5))], next_year, &strict).await, FactorOutcome::Locked);
    assert_eq!(lab.store.forget_failures(&lab.who, totp, true).await, Ok(true));
    assert_eq!(lab.store.forget_failures(&lab.who, totp, true).await, Ok(false));
    assert_eq!(
        lab.settle(&[good(0, step(5))], NOW, &strict).await,
        FactorOutcome::Confirmed(FactorKind::Totp)
    );
}

async fn a_digest_has_one_pseudonym_and_a_pseudonym_one_digest(open: Open) {
    let lab = Lab::new(open).await;
    let same_digest = NewSubject { pseudonym: pseudonym(5), ..subject(0) };
    assert_eq!(lab.store.adopt(same_digest).await, Ok(Adopted::Known(pseudonym(0))));
    let same_name = NewSubject { pseudonym: pseudonym(0), ..subject(5) };
    assert_eq!(lab.store.adopt(same_name).await, Ok(Adopted::Taken));
    assert_eq!(lab.store.pseudonym(&subject(5).digest).await, Ok(None));
    let other_key = SubjectDigest { key_id: 2, ..subject(0).digest };
    assert_eq!(lab.store.pseudonym(&other_key).await, Ok(None), "a digest counts under its own key alone");
    let newer = NewSubject { digest: other_key, ..subject(6) };
    assert_eq!(lab.store.adopt(newer.clone()).await, Ok(Adopted::New));
    assert_eq!(lab.store.adopt(subject(7)).await, Ok(Adopted::Outdated(2)), "its key is not the newest");
    assert_eq!(
        lab.store.adopt(subject(0)).await,
        Ok(Adopted::Known(pseudonym(0))),
        "who is known stays known"
    );
    assert_eq!(lab.store.totals().await, Ok(Totals { subjects: 2, enrolments: 3 }));
}

async fn replacing_forgets_the_subjects_others_of_the_kind_alone(open: Open) {
    let lab = Lab::new(open).await;
    lab.store.adopt(subject(1)).await.unwrap();
    lab.store.enrol(&pseudonym(1), enrolment(10, FactorKind::Totp)).await.unwrap();
    let new = NewEnrolment { replaces: true, ..enrolment(11, FactorKind::Totp) };
    lab.store.enrol(&lab.who, new).await.unwrap();
    let ids = |record: doorward::login::step::Record| {
        let mut ids: Vec<_> = record.enrolments.iter().map(|e| e.id).collect();
        ids.sort();
        ids
    };
    let mut expected = [enrolment_id(1), enrolment_id(2), enrolment_id(11)];
    expected.sort();
    assert_eq!(ids(lab.store.recall(&lab.who).await.unwrap()), expected);
    assert_eq!(ids(lab.store.recall(&pseudonym(1)).await.unwrap()), [enrolment_id(10)]);
    assert_eq!(lab.store.totals().await, Ok(Totals { subjects: 2, enrolments: 4 }));
    let again = NewEnrolment { replaces: true, ..enrolment(11, FactorKind::Totp) };
    assert!(lab.store.enrol(&pseudonym(1), again).await.is_err(), "an id is given once");
    assert_eq!(
        ids(lab.store.recall(&pseudonym(1)).await.unwrap()),
        [enrolment_id(10)],
        "and nothing was replaced"
    );
}

async fn subjects_are_listed_page_by_page_without_gap_or_repetition(open: Open) {
    let lab = Lab::new(open).await;
    for n in 1..25 {
        lab.store.adopt(subject(n)).await.unwrap();
    }
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let page = lab.store.subjects(after.as_ref(), 7).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 7);
        after = Some(last.pseudonym.clone());
        listed.extend(page.into_iter().map(|row| row.pseudonym));
    }
    let mut expected: Vec<_> = (0..25).map(pseudonym).collect();
    expected.sort();
    assert_eq!(listed, expected);
    assert!(lab.store.subject(&pseudonym(99)).await.unwrap().is_none());
}

async fn a_seal_is_replaced_only_as_long_as_it_is_as_it_was_f_018(open: Open) {
    let lab = Lab::new(open).await;
    let row = lab.store.subject(&lab.who).await.unwrap().unwrap();
    let fresh = Sealed { key_id: 2, bytes: [2; 60].into() };
    let digest = SubjectDigest { key_id: 2, digest: [2; 32] };
    assert_eq!(lab.store.rekey_subject(&row, digest, fresh.clone()).await, Ok(true));
    assert_eq!(lab.store.rekey_subject(&row, digest, fresh.clone()).await, Ok(false));
    assert_eq!(lab.store.pseudonym(&digest).await, Ok(Some(lab.who.clone())));
    assert_eq!(lab.store.pseudonym(&row.digest).await, Ok(None));

    let second = NewSubject { digest: SubjectDigest { key_id: 2, ..subject(1).digest }, ..subject(1) };
    assert_eq!(lab.store.adopt(second).await, Ok(Adopted::New));
    let other = lab.store.subject(&pseudonym(1)).await.unwrap().unwrap();
    assert_eq!(
        lab.store.rekey_subject(&other, digest, fresh.clone()).await,
        Ok(false),
        "it is somebody else's"
    );

    let before = enrolment(0, FactorKind::Totp).sealed;
    let id = enrolment_id(0);
    assert_eq!(lab.store.rekey_enrolment(id, &before, fresh.clone()).await, Ok(true));
    assert_eq!(lab.store.rekey_enrolment(id, &before, fresh.clone()).await, Ok(false));
    let record = lab.store.recall(&lab.who).await.unwrap();
    assert_eq!(record.enrolments.iter().find(|e| e.id == id).unwrap().sealed, fresh);
}

async fn no_mark_is_confirmed_twice_whatever_comes_in_whatever_order(open: Open) {
    use doorward::base::random::{SeededRandom, bytes};
    let random = SeededRandom::new(11);
    let mut lab = Lab::new(open).await;
    let mut highest: HashMap<u64, i64> = HashMap::new();
    let mut used = [false; 10];
    for round in 0..400 {
        let [which, value, jump] = bytes::<3>(&random).unwrap();
        let now = UnixTime::from_seconds(NOW.seconds() + i64::from(jump) * 1000);
        let (n, mark) = match which % 3 {
            0 => (0, step(i64::from(value))),
            1 => (1, Mark::Counter(i64::from(value))),
            _ => (2, Mark::Index(value % 10)),
        };
        let outcome = lab.settle(&[good(n, mark)], now, &PATIENT).await;
        let fresh = match mark {
            Mark::Step { step: number, .. } | Mark::Counter(number) => {
                let last = highest.entry(n).or_insert(-1);
                let fresh = number > *last;
                *last = number.max(*last);
                fresh
            }
            Mark::Index(index) => !std::mem::replace(&mut used[usize::from(index)], true),
        };
        let kind = mark.kind();
        let expected = if fresh { FactorOutcome::Confirmed(kind) } else { FactorOutcome::Replayed(kind) };
        assert_eq!(outcome, expected, "round {round}: {mark:?}");
        if round % 100 == 99 {
            lab.store = open_again(lab.open, &lab.folder, lab.store);
        }
    }
}

async fn a_filled_store_holds_subjects_that_can_be_found_and_can_log_in(open: Open) {
    let ring = KeyRing::generate(Arc::new(SystemRandom)).unwrap();
    let vault: Arc<dyn Vault> = Arc::new(ring);
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    support::fill(&store, &vault, 3000).await.unwrap();
    assert_eq!(store.totals().await, Ok(Totals { subjects: 3000, enrolments: 3000 }));
    let digest = vault.digests(support::DIRECTORY, &support::directory_id(2999))[0];
    let who = store.pseudonym(&digest).await.unwrap().unwrap();
    let record = store.recall(&who).await.unwrap();
    // RFC 6238 appendix B: the six last digits of the code at 1111111109.
    let code = Code::read(b"081804").unwrap();
    let now = UnixTime::from_seconds(1_111_111_109);
    let mark = Totp::new(vault).judge(&record.enrolments[0], &code, now).unwrap();
    let one = Try { enrolment: record.enrolments[0].id, kind: FactorKind::Totp, mark };
    let outcome = store.settle(&who, &[one], now, &Limits::FACTOR, Proof::Proven).await;
    assert_eq!(outcome, Ok(FactorOutcome::Confirmed(FactorKind::Totp)));
}

/// Makes one `#[test]` of each promise for one store.
macro_rules! keeps_the_contract {
    ($store:ident, $open:expr, $($promise:ident)+) => {
        mod $store {
            $(
                #[test]
                fn $promise() {
                    super::wait(super::$promise($open));
                }
            )+
        }
    };
}

macro_rules! contract {
    ($store:ident, $open:expr) => {
        keeps_the_contract! { $store, $open,
            fifty_users_of_one_code_are_one_accept_and_forty_nine_replays_c_001
            a_code_that_fits_two_enrolments_is_good_once_d_016
            parallel_guesses_do_not_multiply_the_allowance_c_002
            two_processes_share_one_use_and_one_allowance
            the_last_used_step_never_goes_back
            everything_is_still_there_after_a_restart
            a_clock_that_jumps_back_lets_no_old_code_in_c_028
            every_kind_that_was_looked_at_counts_a_failure_and_a_success_ends_its_own_row
            a_kind_that_is_locked_is_left_out_and_the_others_are_not
            a_forgotten_subject_leaves_nothing_and_comes_back_as_somebody_new_f_012
            a_mark_of_somebody_else_or_of_a_revoked_enrolment_fits_nothing_c_008
            wrong_passwords_are_counted_apart_from_wrong_codes_c_004
            only_a_release_opens_a_lock
            a_digest_has_one_pseudonym_and_a_pseudonym_one_digest
            replacing_forgets_the_subjects_others_of_the_kind_alone
            subjects_are_listed_page_by_page_without_gap_or_repetition
            a_seal_is_replaced_only_as_long_as_it_is_as_it_was_f_018
            no_mark_is_confirmed_twice_whatever_comes_in_whatever_order
            a_filled_store_holds_subjects_that_can_be_found_and_can_log_in
            wrong_passwords_count_by_place_and_all_of_them_for_the_directory_b_087
            the_directorys_row_begins_anew_when_its_window_has_passed
            a_right_password_ends_the_rows_that_it_is_told_to_and_no_other
            every_row_can_be_released
            codes_of_strangers_wait_in_a_row_of_their_own_and_lock_nothing_c_004
            codes_of_neighbours_without_the_password_make_a_factor_wait_and_never_lock_it_c_004
            parallel_strangers_do_not_multiply_their_allowance_c_002
            a_lock_of_a_kind_and_a_code_that_was_used_hold_for_strangers_too_c_001
            a_right_code_ends_the_row_that_its_failure_would_have_lengthened_c_005
            a_lock_opens_by_itself_when_it_may_and_not_before
            validity_is_kept_until_it_is_taken_back
            the_day_of_the_last_login_never_goes_back
            networks_are_remembered_for_their_days_and_no_longer
            a_network_that_was_noted_by_a_clock_years_ahead_goes_d_116
            the_network_unseen_for_longest_makes_room
            no_network_of_an_old_key_outlives_its_rotation_f_018
            history_goes_with_its_subject_and_is_nobody_elses_f_012
        }
    };
}

fn wait(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), future).await }).unwrap();
}

contract!(sqlite, |folder| std::sync::Arc::new(
    doorward::store::sqlite::Sqlite::open(&folder.join("store.db")).unwrap()
));

// What only a store in a file can be asked.

#[test]
fn a_file_at_its_largest_size_is_a_fault_and_room_is_used_without_a_restart() {
    wait(async {
        let folder = tempfile::tempdir().unwrap();
        let size = Size { max_pages: Some(40), ..Size::default() };
        let store = Sqlite::open_with(&folder.path().join("store.db"), size).unwrap();
        store.adopt(subject(0)).await.unwrap();
        let who = pseudonym(0);
        let enrol = async |n| store.enrol(&who, enrolment(n, FactorKind::Totp)).await;
        let mut kept = 0;
        let fault = loop {
            match enrol(kept).await {
                Ok(()) => kept += 1,
                Err(fault) => break fault,
            }
            assert!(kept < 10_000, "forty pages hold fewer");
        };
        assert_eq!(fault.kind, FaultKind::StoreUnavailable);
        assert!(fault.what.contains("make room"), "{fault}");
        assert_eq!(
            store.totals().await,
            Ok(Totals { subjects: 1, enrolments: kept }),
            "nothing of it stayed"
        );
        for n in 0..kept / 2 {
            assert_eq!(store.revoke(&who, enrolment_id(n)).await, Ok(true));
        }
        enrol(kept).await.unwrap();
        assert_eq!(
            store.settle(&who, &[good(kept, step(5))], NOW, &PATIENT, Proof::Proven).await,
            Ok(FactorOutcome::Confirmed(FactorKind::Totp))
        );
    });
}

#[test]
fn no_table_keeps_a_row_of_a_forgotten_subject_f_012() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    wait(async {
        let store = with_two(folder.path()).await;
        let who = pseudonym(0);
        store.enrol(&who, enrolment(0, FactorKind::Totp)).await.unwrap();
        store.count_wrong_password(&who, NOW, &stranger(PATIENT)).await.unwrap();
        let network = SubjectDigest { key_id: 1, digest: [7; 32] };
        store.note_login(&who, 20_833, Some(network), 30).await.unwrap();
        store.note_session(session("fw", 1, 0, 100), 9).await.unwrap();
    });
    let rows = || -> Vec<(String, i64)> {
        let db = rusqlite::Connection::open(&path).unwrap();
        let mut tables = db
            .prepare(
                "SELECT t.name FROM pragma_table_list AS t, pragma_table_xinfo(t.name) AS c
                 WHERE t.schema = 'main' AND c.name = 'pseudonym' ORDER BY t.name",
            )
            .unwrap();
        let names: Vec<String> =
            tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let count = |name: &String| {
            let count = format!("SELECT count(*) FROM {name} WHERE pseudonym = ?1");
            db.query_row(&count, [pseudonym(0).as_str()], |row| row.get(0)).unwrap()
        };
        names.iter().map(|name| (name.clone(), count(name))).collect()
    };
    let before = rows();
    assert!(before.len() >= 5 && before.iter().all(|(_, count)| *count > 0), "{before:?}");
    wait(async {
        let store = Sqlite::open(&path).unwrap();
        assert_eq!(store.forget(&pseudonym(0)).await, Ok(true));
    });
    assert!(rows().iter().all(|(_, count)| *count == 0), "{:?}", rows());
}

/// A file system of one megabyte, where the system lets us make one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(at: &Path) -> Result<Self, String> {
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m,mode=0700", "doorward-test"])
            .arg(at)
            .output()
            .map_err(|why| why.to_string())?;
        if mount.status.success() {
            Ok(Self(at.to_owned()))
        } else {
            Err(String::from_utf8_lossy(&mount.stderr).into_owned())
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

/// The n-th session of a subject at `client`, heard of at that second.
fn session(client: &str, n: u8, who: u64, heard: i64) -> OpenSession {
    let at = UnixTime::from_seconds(heard);
    OpenSession {
        key: SessionKey { client: client.into(), device: [n % 2; 16], session: [n; 16] },
        pseudonym: pseudonym(who),
        attempt: AttemptId([n; 8]),
        marks: Sealed { key_id: 1, bytes: [n; 40].into() },
        since: at,
        heard: at,
    }
}

/// A store with two subjects.
async fn with_two(folder: &Path) -> Sqlite {
    let store = Sqlite::open(&folder.join("store.db")).unwrap();
    for n in 0..2 {
        store.adopt(subject(n)).await.unwrap();
    }
    store
}

#[test]
fn a_session_is_noted_once_heard_of_again_and_ended_across_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    wait(async {
        let store = with_two(folder.path()).await;
        let first = session("fw", 1, 0, 100);
        assert_eq!(store.note_session(first.clone(), 9).await, Ok(Noted::New));
        let again = OpenSession { attempt: AttemptId([9; 8]), ..session("fw", 1, 0, 160) };
        assert_eq!(store.note_session(again.clone(), 9).await, Ok(Noted::Known));
        let late = session("fw", 1, 0, 130);
        assert_eq!(
            store.note_session(OpenSession { attempt: again.attempt, ..late }, 9).await,
            Ok(Noted::Known)
        );
        drop(store);

        let store = Sqlite::open(&folder.path().join("store.db")).unwrap();
        let expected = OpenSession { since: first.since, ..again };
        assert_eq!(store.sessions_of(&pseudonym(0)).await, Ok(vec![expected.clone()]));
        assert_eq!(store.open_sessions().await, Ok(1));
        assert_eq!(store.end_session(&first.key).await, Ok(Some(expected)));
        assert_eq!(store.end_session(&first.key).await, Ok(None), "it ends once");
        assert_eq!(store.open_sessions().await, Ok(0));
    });
}

#[test]
fn sessions_go_with_their_subject_f_012_and_nobody_has_none() {
    let folder = tempfile::tempdir().unwrap();
    wait(async {
        let store = with_two(folder.path()).await;
        for n in 0..3 {
            store.note_session(session("fw", n, 0, 100), 9).await.unwrap();
        }
        store.note_session(session("fw", 3, 1, 100), 9).await.unwrap();
        assert_eq!(store.note_session(session("fw", 4, 7, 100), 9).await, Ok(Noted::Nobody));
        assert_eq!(store.forget(&pseudonym(0)).await, Ok(true));
        assert_eq!(store.sessions_of(&pseudonym(0)).await, Ok(vec![]));
        assert_eq!(store.open_sessions().await, Ok(1));
    });
}

#[test]
fn when_all_places_are_taken_the_session_that_was_silent_for_longest_makes_room() {
    let folder = tempfile::tempdir().unwrap();
    wait(async {
        let store = with_two(folder.path()).await;
        for (n, heard) in [(1, 300), (2, 100), (3, 200)] {
            assert_eq!(store.note_session(session("fw", n, 0, heard), 3).await, Ok(Noted::New));
        }
        assert_eq!(store.note_session(session("fw", 1, 0, 310), 3).await, Ok(Noted::Known), "takes no place");
        assert_eq!(store.note_session(session("fw", 4, 1, 320), 3).await, Ok(Noted::MadeRoom));
        let left = store.sessions_of(&pseudonym(0)).await.unwrap();
        assert_eq!(left.iter().map(|open| open.key.session[0]).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(store.open_sessions().await, Ok(3));
    });
}

#[test]
fn sessions_end_by_device_and_by_silence_and_only_those() {
    let folder = tempfile::tempdir().unwrap();
    wait(async {
        let store = with_two(folder.path()).await;
        for (n, client) in [(1, "fw"), (2, "fw"), (3, "fw"), (5, "wifi")] {
            store.note_session(session(client, n, 0, 100 * i64::from(n)), 9).await.unwrap();
        }
        assert_eq!(store.end_sessions_at("fw", &[1; 16]).await, Ok(2));
        assert_eq!(store.end_sessions_at("fw", &[1; 16]).await, Ok(0));
        assert_eq!(store.forget_silent_sessions(UnixTime::from_seconds(200)).await, Ok(0), "to the second");
        assert_eq!(store.forget_silent_sessions(UnixTime::from_seconds(201)).await, Ok(1));
        let left = store.sessions_of(&pseudonym(0)).await.unwrap();
        assert_eq!(left, [session("wifi", 5, 0, 500)]);
    });
}

#[test]
fn marks_are_sealed_anew_only_while_they_are_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    wait(async {
        let store = with_two(folder.path()).await;
        let open = session("fw", 1, 0, 100);
        store.note_session(open.clone(), 9).await.unwrap();
        let newer = |fill| Sealed { key_id: 2, bytes: [fill; 40].into() };
        assert_eq!(store.rekey_session(&open.key, &newer(1), newer(2)).await, Ok(false));
        assert_eq!(store.rekey_session(&open.key, &open.marks, newer(2)).await, Ok(true));
        let found = store.sessions_of(&pseudonym(0)).await.unwrap();
        assert_eq!(found, [OpenSession { marks: newer(2), ..open }]);
    });
}

#[test]
fn a_full_disk_is_a_fault_that_uses_up_nothing_and_ends_when_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let disk = match SmallDisk::new(folder.path()) {
        Ok(disk) => disk,
        Err(why) => {
            eprintln!("skipped: a small file system cannot be mounted here: {why}");
            return;
        }
    };
    wait(async {
        let store = Sqlite::open(&disk.0.join("store.db")).unwrap();
        store.adopt(subject(0)).await.unwrap();
        store.enrol(&pseudonym(0), enrolment(0, FactorKind::Totp)).await.unwrap();
        let filler = disk.0.join("filler");
        let full = std::fs::write(&filler, vec![0; 2 << 20]);
        assert!(full.is_err(), "two megabytes do not fit");

        let settle = async |number| {
            store.settle(&pseudonym(0), &[good(0, step(number))], NOW, &PATIENT, Proof::Proven).await
        };
        let (number, fault) = refused(settle).await;
        assert_eq!(fault.kind, FaultKind::StoreUnavailable);
        assert!(fault.what.contains("make room"), "{fault}");
        // A probe takes less room than a login: the last free block may still serve one.
        let mut probes = Vec::new();
        while probes.len() < 100 && !probes.contains(&false) {
            probes.push(store.probe().await.is_ok());
        }
        assert!(probes.contains(&false), "the health page sees it too");
        assert!(store.recall(&pseudonym(0)).await.is_ok(), "reading goes on");

        std::fs::remove_file(&filler).unwrap();
        assert_eq!(store.probe().await, Ok(()));
        assert_eq!(
            settle(number).await,
            Ok(FactorOutcome::Confirmed(FactorKind::Totp)),
            "it was not used up"
        );
        assert_eq!(settle(number).await, Ok(FactorOutcome::Replayed(FactorKind::Totp)));
    });
}

/// Settles step after step until the disk refuses one; that one and its fault.
async fn refused(settle: impl AsyncFn(i64) -> Result<FactorOutcome, Fault>) -> (i64, Fault) {
    for number in 0..10_000 {
        match settle(number).await {
            Ok(outcome) => assert_eq!(outcome, FactorOutcome::Confirmed(FactorKind::Totp)),
            Err(fault) => return (number, fault),
        }
    }
    panic!("a full disk took ten thousand commits");
}
