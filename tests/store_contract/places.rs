//! Failures by the place that they came from, codes from strangers, and the history of a subject.

use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::UnixTime;
use doorward::gateway::ports::{Counted, MOST_NETWORKS, NewSubject, Store, SubjectDigest, WrongPassword};
use doorward::login::factor::{FactorKind, FactorOutcome, Mark, Proof, Sealed, Try};
use doorward::login::step::{History, KnownNetwork};
use doorward::login::throttle::{Allowed, Failures, Limits, allowed};
use doorward::login::verdict::FaultKind;
use tokio::task::JoinSet;

use crate::support::{CREATED, WINDOW, good, pseudonym, step, stranger, subject, wrong};
use crate::{Counts, Lab, NOW, Open, PATIENT, open_again};

/// A day in the life of the store's subjects.
const TODAY: i64 = 20_833;
/// How long a network is remembered here, in days.
const KEEP: u32 = 30;

/// A wrong password from a place where the subject was let in before.
fn at_home(limits: Limits) -> WrongPassword {
    WrongPassword { familiar: true, ..stranger(limits) }
}

/// A network whose digest starts with `n`, made with key 1.
fn network(n: u8) -> SubjectDigest {
    SubjectDigest { key_id: 1, digest: [n; 32] }
}

fn rows(failures: [Option<Failures>; 3]) -> [u32; 3] {
    failures.map(|failures| failures.map_or(0, |failures| failures.row))
}

impl Lab {
    /// Failures in a row: of strangers, from familiar places, and of the directory.
    async fn passwords(&self) -> [u32; 3] {
        let record = self.store.recall(&self.who).await.unwrap();
        rows([record.password, record.familiar_password, record.directory])
    }

    async fn history(&self) -> History {
        self.store.recall(&self.who).await.unwrap().history
    }

    /// Days of the networks that are remembered, by the first byte of their digests.
    async fn networks(&self) -> Vec<(u8, i64)> {
        let mut known: Vec<_> =
            self.history().await.networks.iter().map(|known| (known.digest[0], known.day)).collect();
        known.sort_unstable();
        known
    }

    async fn noted(&self, day: i64, network: Option<SubjectDigest>) {
        self.store.note_login(&self.who, day, network, KEEP).await.unwrap();
    }

    async fn unproven(&self, tries: &[Try], now: UnixTime, limits: &Limits) -> FactorOutcome {
        self.store.settle(&self.who, tries, now, limits, Proof::Unproven).await.unwrap()
    }
}

pub(super) async fn wrong_passwords_count_by_place_and_all_of_them_for_the_directory_b_087(open: Open) {
    let lab = Lab::new(open).await;
    let stores = [lab.store.clone(), open(lab.folder.path())];
    let mut users = JoinSet::new();
    for (n, store) in stores.iter().cycle().take(50).enumerate() {
        let (store, who) = (store.clone(), lab.who.clone());
        let how = if n % 5 == 0 { at_home(Limits::PASSWORD) } else { stranger(Limits::PASSWORD) };
        users.spawn(async move { store.count_wrong_password(&who, NOW, &how).await.unwrap() });
    }
    users.join_all().await;
    assert_eq!(lab.passwords().await, [40, 10, 50], "fifty at once in two processes");
    let record = lab.store.recall(&lab.who).await.unwrap();
    for own in [record.password.unwrap(), record.familiar_password.unwrap()] {
        assert!(matches!(allowed(&own, NOW, &Limits::PASSWORD), Allowed::NotBefore(_)));
        assert_eq!(own.last, NOW);
    }
    let directory = record.directory.unwrap();
    assert_eq!(allowed(&directory, NOW, &Limits::PASSWORD), Allowed::Yes, "the guard judges it, not a wait");
    assert!(record.codes.is_empty() && record.unproven.is_none());
}

pub(super) async fn the_directorys_row_begins_anew_when_its_window_has_passed(open: Open) {
    let lab = Lab::new(open).await;
    let mut now = NOW;
    for (pause, row) in [(WINDOW, 1), (WINDOW, 2), (WINDOW + Duration::from_millis(1), 3), (WINDOW, 1)] {
        lab.store.count_wrong_password(&lab.who, now, &at_home(PATIENT)).await.unwrap();
        assert_eq!(lab.passwords().await[2], row);
        now = now.plus(pause);
    }
    assert_eq!(lab.passwords().await[1], 4, "the row of the place goes on");
    let directory = lab.store.recall(&lab.who).await.unwrap().directory.unwrap();
    assert_eq!(directory.directory_row(now, WINDOW), 1);
    assert_eq!(directory.directory_row(now.plus(Duration::from_millis(1)), WINDOW), 0);
}

pub(super) async fn a_right_password_ends_the_rows_that_it_is_told_to_and_no_other(open: Open) {
    let lab = Lab::new(open).await;
    for how in [stranger(PATIENT), stranger(PATIENT), at_home(PATIENT)] {
        lab.store.count_wrong_password(&lab.who, NOW, &how).await.unwrap();
    }
    assert_eq!(lab.store.forget_failures(&lab.who, Counted::FamiliarPassword, false).await, Ok(true));
    assert_eq!(lab.passwords().await, [2, 0, 3]);
    assert_eq!(lab.store.forget_failures(&lab.who, Counted::Directory, false).await, Ok(true));
    assert_eq!(lab.passwords().await, [2, 0, 0], "the strangers' row stays");
    assert_eq!(lab.store.forget_failures(&lab.who, Counted::Directory, false).await, Ok(false));
}

pub(super) async fn every_row_can_be_released(open: Open) {
    let lab = Lab::new(open).await;
    lab.store.count_wrong_password(&lab.who, NOW, &stranger(PATIENT)).await.unwrap();
    lab.store.count_wrong_password(&lab.who, NOW, &at_home(PATIENT)).await.unwrap();
    lab.unproven(&[wrong(0, FactorKind::Totp)], NOW, &PATIENT).await;
    let kinds = [wrong(0, FactorKind::Totp), wrong(1, FactorKind::Hotp), wrong(2, FactorKind::Recovery)];
    lab.settle(&kinds, NOW, &PATIENT).await;
    for what in Counted::ALL {
        assert_eq!(lab.store.forget_failures(&lab.who, what, true).await, Ok(true), "{what}");
        assert_eq!(lab.store.forget_failures(&lab.who, what, true).await, Ok(false), "{what}");
    }
    let record = lab.store.recall(&lab.who).await.unwrap();
    assert_eq!(lab.passwords().await, [0, 0, 0]);
    assert!(record.codes.is_empty() && record.unproven.is_none());
}

pub(super) async fn codes_of_strangers_wait_in_a_row_of_their_own_and_lock_nothing_c_004(open: Open) {
    let lab = Lab::new(open).await;
    let both = [wrong(0, FactorKind::Totp), wrong(1, FactorKind::Hotp)];
    let mut now = NOW;
    for n in 1..=200 {
        assert_eq!(lab.unproven(&both, now, &Limits::FACTOR).await, FactorOutcome::Wrong, "try {n}");
        let row = lab.store.recall(&lab.who).await.unwrap().unproven.unwrap();
        assert_eq!(
            (row.row, row.locked),
            (n, false),
            "one guess is one, however many kinds it is held against"
        );
        if row.row >= Limits::FACTOR.free {
            let right = [good(0, step(i64::from(n)))];
            let soon = now.plus(Duration::from_secs(60));
            assert_eq!(lab.unproven(&right, soon, &Limits::FACTOR).await, FactorOutcome::Locked, "try {n}");
        }
        now = row.wait_until.max(now);
    }
    let record = lab.store.recall(&lab.who).await.unwrap();
    assert!(record.codes.is_empty(), "{:?}", record.codes);
    let owner = lab.settle(&[good(0, step(1000))], NOW, &Limits::FACTOR).await;
    assert_eq!(owner, FactorOutcome::Confirmed(FactorKind::Totp), "the owner who shows his password gets in");
    assert_eq!(
        lab.store.recall(&lab.who).await.unwrap().unproven,
        record.unproven,
        "and spares them nothing"
    );
}

pub(super) async fn codes_of_neighbours_without_the_password_make_a_factor_wait_and_never_lock_it_c_004(
    open: Open,
) {
    let lab = Lab::new(open).await;
    let row = async || lab.store.recall(&lab.who).await.unwrap().codes[0].1;
    let one = [wrong(0, FactorKind::Totp)];
    let neighbour = |now| lab.store.settle(&lab.who, &one, now, &Limits::FACTOR, Proof::Familiar);
    let mut now = NOW;
    for n in 1..=150 {
        assert_eq!(neighbour(now).await, Ok(FactorOutcome::Wrong), "try {n}");
        let row = row().await;
        assert_eq!((row.row, row.locked), (n, false));
        if n >= Limits::FACTOR.free {
            assert!(row.wait_until > now);
            assert_eq!(neighbour(now).await, Ok(FactorOutcome::Locked), "the limit on guesses holds");
        }
        now = row.wait_until.max(now);
    }
    assert!(lab.store.recall(&lab.who).await.unwrap().unproven.is_none());
    let right = [good(0, step(1000))];
    let owner = lab.store.settle(&lab.who, &right, now, &Limits::FACTOR, Proof::Familiar).await;
    assert_eq!(owner, Ok(FactorOutcome::Confirmed(FactorKind::Totp)));
    assert_eq!(row().await.row, 0);
    for n in 0..20 {
        let outcome = lab.settle(&one, now, &Limits { free: 100, ..Limits::FACTOR }).await;
        assert_eq!(outcome, FactorOutcome::Wrong, "{n}");
    }
    assert!(row().await.locked, "who has the password still locks it");
    assert_eq!(neighbour(now).await, Ok(FactorOutcome::Locked), "and then it is locked for all");
}

pub(super) async fn parallel_strangers_do_not_multiply_their_allowance_c_002(open: Open) {
    let lab = Lab::new(open).await;
    let stores = [lab.store.clone(), open(lab.folder.path())];
    let mut users = JoinSet::new();
    for store in stores.iter().cycle().take(50) {
        let (store, who) = (store.clone(), lab.who.clone());
        users.spawn(async move {
            let one = [wrong(0, FactorKind::Totp)];
            store.settle(&who, &one, NOW, &Limits::FACTOR, Proof::Unproven).await.unwrap()
        });
    }
    let counts = Counts::of(&users.join_all().await);
    assert_eq!(counts, Counts { wrong: 5, locked: 45, ..Counts::default() });
}

pub(super) async fn a_lock_of_a_kind_and_a_code_that_was_used_hold_for_strangers_too_c_001(open: Open) {
    let lab = Lab::new(open).await;
    let strict = Limits { per_day: 2, ..PATIENT };
    for _ in 0..2 {
        lab.settle(&[wrong(0, FactorKind::Totp)], NOW, &strict).await;
    }
    let right = good(0, step(5));
    assert_eq!(lab.unproven(&[right], NOW, &strict).await, FactorOutcome::Locked);
    let other = good(1, Mark::Counter(0));
    let hotp = FactorOutcome::Confirmed(FactorKind::Hotp);
    assert_eq!(lab.unproven(&[right, other], NOW, &strict).await, hotp);
    let replayed = FactorOutcome::Replayed(FactorKind::Hotp);
    assert_eq!(lab.unproven(&[other], NOW, &strict).await, replayed);
    assert_eq!(lab.settle(&[other], NOW, &strict).await, replayed);
    assert_eq!(lab.unproven(&[], NOW, &strict).await, FactorOutcome::Wrong);
    assert!(lab.store.recall(&lab.who).await.unwrap().unproven.is_none(), "nothing was compared");
}

pub(super) async fn a_right_code_ends_the_row_that_its_failure_would_have_lengthened_c_005(open: Open) {
    let lab = Lab::new(open).await;
    for _ in 0..3 {
        lab.settle(&[wrong(0, FactorKind::Totp)], NOW, &Limits::FACTOR).await;
        lab.unproven(&[wrong(0, FactorKind::Totp)], NOW, &Limits::FACTOR).await;
    }
    let both = async || {
        let record = lab.store.recall(&lab.who).await.unwrap();
        (record.codes[0].1.row, record.unproven.unwrap().row)
    };
    assert_eq!(both().await, (3, 3));
    lab.unproven(&[good(0, step(5))], NOW, &Limits::FACTOR).await;
    assert_eq!(both().await, (3, 0));
    lab.unproven(&[wrong(0, FactorKind::Totp)], NOW, &Limits::FACTOR).await;
    lab.settle(&[good(0, step(6))], NOW, &Limits::FACTOR).await;
    assert_eq!(both().await, (0, 1));
}

pub(super) async fn a_lock_opens_by_itself_when_it_may_and_not_before(open: Open) {
    let lab = Lab::new(open).await;
    let strict = Limits { per_day: 3, release_after: Some(Duration::from_secs(86_400)), ..PATIENT };
    for _ in 0..3 {
        lab.settle(&[wrong(0, FactorKind::Totp)], NOW, &strict).await;
    }
    let after = |by: u64| NOW.plus(Duration::from_millis(by));
    let last = after(86_399_999);
    assert_eq!(lab.settle(&[good(0, step(5))], last, &strict).await, FactorOutcome::Locked);
    let never = Limits { release_after: None, ..strict };
    let then = after(86_400_000);
    assert_eq!(lab.settle(&[good(0, step(5))], then, &never).await, FactorOutcome::Locked);
    assert_eq!(
        lab.settle(&[good(0, step(5))], then, &strict).await,
        FactorOutcome::Confirmed(FactorKind::Totp),
        "nothing was used up while it was locked"
    );
    let row = lab.store.recall(&lab.who).await.unwrap().codes[0].1;
    assert_eq!(
        allowed(&row, then, &never),
        Allowed::Locked,
        "who has no such time is still asked for a release"
    );
    for n in 1..=3 {
        assert_eq!(
            lab.settle(&[wrong(0, FactorKind::Totp)], then, &strict).await,
            FactorOutcome::Wrong,
            "{n}"
        );
    }
    assert_eq!(lab.settle(&[good(0, step(6))], then, &strict).await, FactorOutcome::Locked, "it locks anew");
}

pub(super) async fn validity_is_kept_until_it_is_taken_back(open: Open) {
    let mut lab = Lab::new(open).await;
    let (from, until) = (Some(UnixTime(5_000)), Some(UnixTime::from_seconds(2_000_000_000)));
    let unset = History { first_seen: Some(CREATED), ..History::default() };
    assert_eq!(lab.history().await, unset);
    assert_eq!(lab.store.set_validity(&lab.who, from, until).await, Ok(true));
    lab.store = open_again(lab.open, &lab.folder, lab.store);
    assert_eq!(lab.history().await, History { valid_from: from, valid_until: until, ..unset.clone() });
    assert_eq!(lab.store.set_validity(&lab.who, None, until).await, Ok(true));
    assert_eq!(lab.history().await, History { valid_until: until, ..unset.clone() });
    assert_eq!(lab.store.set_validity(&lab.who, None, None).await, Ok(true));
    assert_eq!(lab.history().await, unset);
    assert_eq!(lab.store.set_validity(&pseudonym(9), from, until).await, Ok(false));
    assert_eq!(lab.store.recall(&pseudonym(9)).await.unwrap().history, History::default());
}

pub(super) async fn the_day_of_the_last_login_never_goes_back(open: Open) {
    let mut lab = Lab::new(open).await;
    for (day, last) in [(TODAY, TODAY), (TODAY - 1, TODAY), (TODAY + 1, TODAY + 1), (-5, TODAY + 1)] {
        lab.noted(day, None).await;
        assert_eq!(lab.history().await.last_day, Some(last), "after {day}");
    }
    lab.store = open_again(lab.open, &lab.folder, lab.store);
    assert_eq!(lab.history().await.last_day, Some(TODAY + 1));
    let nobody = lab.store.note_login(&pseudonym(9), TODAY, Some(network(1)), KEEP).await;
    assert_eq!(nobody.unwrap_err().kind, FaultKind::Internal);
}

pub(super) async fn networks_are_remembered_for_their_days_and_no_longer(open: Open) {
    let mut lab = Lab::new(open).await;
    lab.noted(TODAY, Some(network(1))).await;
    lab.noted(TODAY, Some(network(1))).await;
    lab.noted(TODAY + 10, Some(network(2))).await;
    lab.noted(TODAY + 20, Some(network(1))).await;
    assert_eq!(lab.networks().await, [(1, TODAY + 20), (2, TODAY + 10)]);
    lab.noted(TODAY + 40, None).await;
    assert_eq!(lab.networks().await, [(1, TODAY + 20), (2, TODAY + 10)], "thirty days ago to the day");
    lab.noted(TODAY + 41, None).await;
    assert_eq!(lab.networks().await, [(1, TODAY + 20)]);
    lab.store = open_again(lab.open, &lab.folder, lab.store);
    let history = lab.history().await;
    assert!(history.has_networks && !history.familiar);
    assert_eq!(history.networks, [KnownNetwork { key_id: 1, digest: [1; 32], day: TODAY + 20 }]);
    assert!(
        history.networks[0].is_fresh(TODAY + 50, KEEP) && !history.networks[0].is_fresh(TODAY + 51, KEEP)
    );
    lab.store.note_login(&lab.who, TODAY + 41, Some(network(3)), 0).await.unwrap();
    assert_eq!(lab.networks().await, [], "nothing is to be remembered");
    assert!(!lab.history().await.has_networks);
}

pub(super) async fn a_network_that_was_noted_by_a_clock_years_ahead_goes_d_116(open: Open) {
    let lab = Lab::new(open).await;
    lab.noted(TODAY + 4000, Some(network(1))).await;
    assert!(!lab.history().await.networks[0].is_fresh(TODAY, KEEP));
    lab.noted(TODAY, Some(network(2))).await;
    assert_eq!(lab.networks().await, [(2, TODAY)]);
}

pub(super) async fn the_network_unseen_for_longest_makes_room(open: Open) {
    let lab = Lab::new(open).await;
    let most = u8::try_from(MOST_NETWORKS).unwrap();
    for n in 0..most {
        lab.noted(TODAY + i64::from(n / 4), Some(network(n))).await;
    }
    lab.noted(TODAY + 5, Some(network(0))).await;
    assert_eq!(lab.networks().await.len(), usize::from(most), "one that is known takes no place");
    let mut users = JoinSet::new();
    for n in most..most + 5 {
        let (store, who) = (lab.store.clone(), lab.who.clone());
        users.spawn(async move { store.note_login(&who, TODAY + 5, Some(network(n)), KEEP).await.unwrap() });
    }
    users.join_all().await;
    let left = lab.networks().await;
    assert_eq!(left.len(), usize::from(most));
    let gone: Vec<u8> = (0..most).filter(|n| !left.iter().any(|(known, _)| known == n)).collect();
    assert!(gone.len() == 5 && [1, 2, 3].iter().all(|oldest| gone.contains(oldest)), "{gone:?}");
}

pub(super) async fn no_network_of_an_old_key_outlives_its_rotation_f_018(open: Open) {
    let lab = Lab::new(open).await;
    lab.noted(TODAY, Some(network(1))).await;
    let row = lab.store.subject(&lab.who).await.unwrap().unwrap();
    let newer = |n| SubjectDigest { key_id: 2, ..network(n) };
    let identity = Sealed { key_id: 2, ..row.identity.clone() };
    assert_eq!(lab.store.rekey_subject(&row, newer(200), identity).await, Ok(true));
    lab.noted(TODAY, Some(network(2))).await;
    lab.noted(TODAY, Some(newer(3))).await;
    assert_eq!(lab.networks().await, [(1, TODAY), (3, TODAY)], "an old key makes no new ones");
    assert_eq!(lab.store.forget_networks_but(&lab.who, 2).await, Ok(1));
    assert_eq!(lab.networks().await, [(3, TODAY)]);
    assert_eq!(lab.store.forget_networks_but(&lab.who, 2).await, Ok(0));
}

pub(super) async fn history_goes_with_its_subject_and_is_nobody_elses_f_012(open: Open) {
    let lab = Lab::new(open).await;
    lab.store.adopt(subject(1)).await.unwrap();
    lab.noted(TODAY, Some(network(1))).await;
    lab.store.set_validity(&lab.who, None, Some(NOW)).await.unwrap();
    let other = lab.store.recall(&pseudonym(1)).await.unwrap().history;
    assert_eq!(other, History { first_seen: Some(CREATED), ..History::default() });
    assert_eq!(lab.store.forget(&lab.who).await, Ok(true));
    assert_eq!(lab.history().await, History::default());
    let store: &Arc<dyn Store> = &lab.store;
    store.adopt(NewSubject { created: NOW, ..subject(0) }).await.unwrap();
    assert_eq!(lab.history().await, History { first_seen: Some(NOW), ..History::default() });
}
