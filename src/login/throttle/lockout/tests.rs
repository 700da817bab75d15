use proptest::prelude::*;

use super::*;
use crate::login::throttle::after_success;

const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);
const STRANGER: Whence = Whence { familiar: false, has_familiar: true };
const OWNER: Whence = Whence { familiar: true, has_familiar: true };
const NEWCOMER: Whence = Whence { familiar: false, has_familiar: false };

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// An account as Active Directory counts it (MS-SAMR section 3.1.1.8.7): begins anew when the last wrong password lies
/// longer back than the window, and when the right one comes; once locked it stays so.
struct Account {
    rule: LockoutRule,
    bad: u32,
    last: UnixTime,
}

impl Account {
    fn counted(&self, now: UnixTime) -> u32 {
        if now.since(self.last) > self.rule.window { 0 } else { self.bad }
    }

    fn is_locked(&self) -> bool {
        self.bad >= self.rule.threshold
    }

    fn try_password(&mut self, right: bool, now: UnixTime) {
        if right && !self.is_locked() {
            self.bad = 0;
        } else if !right {
            self.bad = self.counted(now) + 1;
            self.last = now;
        }
    }
}

/// One login.
#[derive(Debug, Clone, Copy)]
struct Login {
    familiar: bool,
    right: bool,
    /// How long after the one before.
    gap: Duration,
    /// How long until the directory looked at the password, and until its answer was counted.
    looked: Duration,
    answered: Duration,
}

/// An account with what we keep of it.
struct World {
    limits: Limits,
    answering: Duration,
    account: Account,
    rows: Rows,
    has_familiar: bool,
    now: UnixTime,
}

impl World {
    fn new(limits: Limits, rule: LockoutRule, answering: Duration, has_familiar: bool) -> Self {
        let account = Account { rule, bad: 0, last: UnixTime(0) };
        Self { limits, answering, account, rows: Rows::NONE, has_familiar, now: T0 }
    }

    fn log_in(&mut self, login: Login) -> Ask {
        self.now = self.now.plus(login.gap);
        let whence =
            Whence { familiar: login.familiar && self.has_familiar, has_familiar: self.has_familiar };
        let lockout = self.account.rule.of_account(self.account.counted(self.now));
        let bounds = Bounds::of(&self.limits, lockout, self.answering);
        let ask = may_ask(&self.rows, &self.limits, &bounds, whence, self.now);
        if ask == Ask::Yes {
            self.account.try_password(login.right, self.now.plus(login.looked.min(login.answered)));
            self.now = self.now.plus(login.answered);
            if login.right {
                let own = if whence.familiar { &mut self.rows.familiar } else { &mut self.rows.strange };
                *own = after_success(own);
                self.rows.directory = after_success(&self.rows.directory);
                self.has_familiar |= login.familiar;
            } else {
                self.rows = self.rows.after_wrong(whence, &self.limits, &bounds, self.now);
            }
        }
        ask
    }

    /// All that must hold after `ask` was said to `login`.
    fn judge(&self, login: Login, ask: Ask, careful: bool, owned: bool) {
        assert!(!self.account.is_locked(), "{login:?}: {} wrong passwords", self.account.bad);
        let most = Bounds::of(&self.limits, self.account.rule.of_account(0), self.answering).most;
        if careful && owned && login.familiar && login.right && most > 1 {
            assert_eq!(ask, Ask::Yes, "the owner is kept out: {:?}", self.rows);
        }
    }
}

fn login() -> impl Strategy<Value = Login> {
    let second = |range: std::ops::Range<u64>| range.prop_map(Duration::from_secs);
    // Around every edge there is: at once, the window and what may lie between question and answer, the wait, days.
    let gap = prop_oneof![
        second(0..3),
        second(0..120),
        second(540..605),
        second(1740..1805),
        second(1850..1870),
        second(3540..3610),
        second(0..90_000)
    ];
    let between = || prop_oneof![Just(Duration::ZERO), second(0..60)];
    (any::<bool>(), prop::bool::weighted(0.25), gap, between(), between())
        .prop_map(|(familiar, right, gap, looked, answered)| Login { familiar, right, gap, looked, answered })
}

fn limits() -> impl Strategy<Value = Limits> {
    (1..9_u32, prop::sample::select(vec![1, 600, 1800, 3600]), 1..4_u32).prop_map(|(free, wait, growth)| {
        let first_wait = Duration::from_secs(wait);
        Limits { free, first_wait, longest_wait: first_wait * growth, ..Limits::PASSWORD }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_account_is_locked_through_us_and_its_careful_owner_always_gets_in_b_087_d_108(
        limits in limits(),
        threshold in 2..12_u32,
        window in prop::sample::select(vec![60, 600, 1800, 3600]),
        has_familiar in any::<bool>(),
        careful in any::<bool>(),
        logins in prop::collection::vec(login(), 1..80),
    ) {
        let rule = LockoutRule { threshold, window: Duration::from_secs(window), lasts: None };
        let mut world = World::new(limits, rule, Duration::from_secs(60), has_familiar);
        for mut login in logins {
            login.right |= careful && login.familiar;
            let owned = world.has_familiar;
            let ask = world.log_in(login);
            world.judge(login, ask, careful, owned);
        }
    }
}

#[test]
fn of_all_short_histories_none_locks_an_account_and_none_keeps_its_careful_owner_out() {
    const LENGTH: u32 = 5;
    for threshold in 2..=5 {
        for has_familiar in [false, true] {
            for history in 0..8_u32.pow(LENGTH) {
                let rule = LockoutRule { threshold, window: minutes(30), lasts: None };
                let mut world = World::new(Limits::PASSWORD, rule, minutes(1), has_familiar);
                let bits = |n: u32| history >> (3 * n) & 7;
                let careful = (0..LENGTH).all(|n| bits(n) & 3 != 1);
                for n in 0..LENGTH {
                    let (familiar, right) = (bits(n) & 1 == 1, bits(n) & 2 == 2);
                    let gap = if bits(n) & 4 == 4 { minutes(31) } else { Duration::ZERO };
                    let login =
                        Login { familiar, right, gap, looked: Duration::ZERO, answered: Duration::ZERO };
                    let owned = world.has_familiar;
                    let ask = world.log_in(login);
                    world.judge(login, ask, careful, owned);
                }
            }
        }
    }
}

fn bounds(threshold: u32, counted: u32) -> Bounds {
    let rule = LockoutRule { threshold, window: minutes(30), lasts: None };
    Bounds::of(&Limits::PASSWORD, rule.of_account(counted), minutes(1))
}

fn wrong(n: u32, whence: Whence, bounds: &Bounds) -> Rows {
    (0..n).fold(Rows::NONE, |rows, _| rows.after_wrong(whence, &Limits::PASSWORD, bounds, T0))
}

fn asked(rows: &Rows, bounds: &Bounds, whence: Whence, after: Duration) -> Ask {
    may_ask(rows, &Limits::PASSWORD, bounds, whence, T0.plus(after))
}

#[test]
fn the_stricter_of_both_limits_holds() {
    let most = |threshold| bounds(threshold, 0).most;
    assert_eq!([2, 3, 4, 5, 50].map(most), [1, 2, 3, 4, 4]);
    assert_eq!(most(1), 1, "nothing helps there");
    assert_eq!(bounds(5, 0).window, minutes(31));
    let day = Limits { first_wait: minutes(24 * 60), ..Limits::PASSWORD };
    let rule = LockoutRule { threshold: 5, window: minutes(30), lasts: None };
    assert_eq!(Bounds::of(&day, rule.of_account(0), minutes(1)).window, minutes(24 * 60));
    let silent = Bounds::of(&Limits::PASSWORD, None, minutes(1));
    assert_eq!(silent, Bounds { most: 4, window: minutes(30), left: None });
}

#[test]
fn the_last_try_belongs_to_the_owner_from_where_he_is_known() {
    let bounds = bounds(4, 0);
    let two = wrong(2, STRANGER, &bounds);
    assert_eq!(asked(&two, &bounds, STRANGER, minutes(0)), Ask::Guarded);
    assert_eq!(asked(&two, &bounds, OWNER, minutes(0)), Ask::Yes);
    let three = two.after_wrong(OWNER, &Limits::PASSWORD, &bounds, T0);
    for whence in [STRANGER, OWNER, NEWCOMER] {
        assert_eq!(asked(&three, &bounds, whence, minutes(31)), Ask::Guarded, "{whence:?}");
        let later = minutes(31) + Duration::from_millis(1);
        assert_eq!(asked(&three, &bounds, whence, later), Ask::Yes, "{whence:?}");
    }
    // Who is known nowhere has all of them, and where there is one alone nothing can be kept back.
    let two = wrong(2, NEWCOMER, &bounds);
    assert_eq!(asked(&two, &bounds, NEWCOMER, minutes(0)), Ask::Yes);
    let one = self::bounds(2, 0);
    assert_eq!(asked(&Rows::NONE, &one, STRANGER, minutes(0)), Ask::Yes);
    assert_eq!(asked(&wrong(1, STRANGER, &one), &one, OWNER, minutes(0)), Ask::Guarded);
}

#[test]
fn strangers_wait_while_the_owner_does_not() {
    let bounds = bounds(50, 0);
    let four = wrong(4, NEWCOMER, &bounds);
    assert_eq!(asked(&four, &bounds, NEWCOMER, minutes(0)), Ask::Wait);
    let rows = Rows { directory: after_success(&four.directory), ..four };
    assert_eq!(asked(&rows, &bounds, STRANGER, minutes(29)), Ask::Wait);
    assert_eq!(asked(&rows, &bounds, OWNER, minutes(0)), Ask::Yes);
}

#[test]
fn what_the_directory_has_counted_without_us_keeps_strangers_from_it_and_not_the_owner() {
    for (counted, stranger, newcomer) in [
        (2, Ask::Yes, Ask::Yes),
        (3, Ask::Guarded, Ask::Yes),
        (4, Ask::Guarded, Ask::Guarded),
        (9, Ask::Guarded, Ask::Guarded),
    ] {
        let bounds = bounds(5, counted);
        let said = |whence| asked(&Rows::NONE, &bounds, whence, minutes(0));
        assert_eq!((said(STRANGER), said(NEWCOMER)), (stranger, newcomer), "{counted}");
        assert_eq!(said(OWNER), Ask::Yes, "{counted}");
    }
    // Far from its threshold what others did does not matter.
    assert_eq!(asked(&Rows::NONE, &bounds(50, 20), STRANGER, minutes(0)), Ask::Yes);
}
