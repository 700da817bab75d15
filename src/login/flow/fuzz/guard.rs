//! Many logins of one account against a directory that locks it, from the places that it is known to come from and from
//! others, at any pace: however wrong passwords come, the account is never locked, and whoever it belongs to gets in
//! (B-087, D-108).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::base::secret::Secret;
use crate::login::attempt::{Attempt, AttemptId, Origin};
use crate::login::client::{Client, PrimaryKind};
use crate::login::credential::PrimaryCredential;
use crate::login::flow::Flow;
use crate::login::flow::fuzz::dice::Dice;
use crate::login::flow::fuzz::made::name;
use crate::login::identity::{Account, Pseudonym, Subject};
use crate::login::policy::{Condition, Place, Policy, Requirement, Rule};
use crate::login::step::{Event, History, Outcome, PrimaryOutcome, Record, Step, Work};
use crate::login::throttle::lockout::{Rows, Whence};
use crate::login::throttle::{FlowLimits, Limits, Lockout};
use crate::login::verdict::{Fault, FaultKind, Reason, Verdict};

/// How long a client waits.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(20);
const MINUTE: Duration = Duration::from_secs(60);

/// A directory that counts wrong passwords as Windows does (MS-SAMR section 3.1.1.8.7).
struct Locking {
    threshold: u32,
    window: Duration,
    bad: u32,
    last: UnixTime,
    /// The account says when it is locked, and how near it is; other servers may count less.
    tells: bool,
}

impl Locking {
    fn counted(&self, now: UnixTime) -> u32 {
        if now.since(self.last) > self.window { 0 } else { self.bad }
    }

    fn hears(&mut self, is_right: bool, now: UnixTime) {
        self.bad = if is_right { 0 } else { self.counted(now) + 1 };
        self.last = now;
        assert!(self.bad < self.threshold, "the account is locked");
    }
}

/// What is remembered of the account, as the store does it.
struct Kept {
    rows: Rows,
    has_familiar: bool,
}

/// Runs up to 255 logins made of `bytes`; says how many passwords were asked about, and how many of those were wrong.
///
/// # Panics
///
/// When the directory locks the account; when its owner, who comes from where he is known and has made no mistake, is kept
/// out by others; when more wrong passwords were asked about in a window than may be.
#[allow(clippy::missing_panics_doc, reason = "a failed invariant is what the fuzzer looks for")]
pub fn drive(bytes: &[u8]) -> (u32, u32) {
    let mut dice = Dice(bytes.iter());
    let clock = ManualClock::at(UnixTime::from_seconds(1_800_000_000));
    let tells = dice.below(4) > 0;
    // What a directory that does not tell may be like, if nobody set the limits otherwise.
    let threshold = if tells { 2 + u32::from(dice.below(12)) } else { Limits::PASSWORD.free + 1 };
    let window = if tells { MINUTE * u32::from(dice.roll()) } else { Limits::PASSWORD.first_wait - MINUTE };
    let mut directory = Locking { threshold, window, bad: 0, last: UnixTime(0), tells };
    let mut kept = Kept { rows: Rows::NONE, has_familiar: dice.coin() };
    let (mut asked, mut wrong) = (0, 0);
    let mut policy = Policy::new(vec![Rule::new("nothing", Condition::ALWAYS, Requirement::None)]);
    policy.exemptions.clear();
    let policy = Arc::new(policy);
    for _ in 0..dice.roll() {
        let login = Login {
            familiar: kept.has_familiar && dice.below(4) == 3,
            is_right: dice.below(8) == 7,
            answers: dice.below(12) < 11,
            until_heard: Duration::from_secs(u64::from(dice.below(10))),
            until_answered: Duration::from_secs(u64::from(dice.below(11))),
        };
        let before = kept.rows;
        let reason = login.run(&policy, &clock, &mut directory, &mut kept, (&mut asked, &mut wrong));
        let spotless = before.familiar.row == 0 && directory.most() > 1;
        let kept_out = matches!(reason, Some(Reason::PasswordThrottled | Reason::LockoutGuard));
        assert!(!(login.familiar && spotless && kept_out), "strangers keep the owner out: {before:?}");
        let pause = match dice.below(5) {
            0 => Duration::ZERO,
            1 => Duration::from_secs(u64::from(dice.roll())),
            2 => MINUTE * u32::from(dice.roll()),
            3 => window,
            _ => window.saturating_sub(Duration::from_secs(u64::from(dice.below(24)))),
        };
        clock.advance(pause);
    }
    (asked, wrong)
}

impl Locking {
    /// As many wrong passwords may reach it as leave one.
    fn most(&self) -> u32 {
        Limits::PASSWORD.free.min(self.threshold - 1)
    }
}

/// One login.
struct Login {
    familiar: bool,
    is_right: bool,
    /// The directory can be reached.
    answers: bool,
    until_heard: Duration,
    until_answered: Duration,
}

impl Login {
    /// Why it was rejected.
    #[allow(clippy::panic, reason = "a failed invariant is what the fuzzer looks for")]
    fn run(
        &self,
        policy: &Arc<Policy>,
        clock: &ManualClock,
        directory: &mut Locking,
        kept: &mut Kept,
        (asked, wrong): (&mut u32, &mut u32),
    ) -> Option<Reason> {
        let limits = FlowLimits::default();
        let mut flow = Flow::new(attempt(clock), Arc::clone(policy), limits);
        let mut event = Event::Began;
        loop {
            let now = clock.now();
            event = Event::Worked(match flow.advance(event, now) {
                Step::Ask(_) => return None,
                Step::Done(Verdict::Accept(_)) => {
                    assert!(self.is_right);
                    return None;
                }
                Step::Done(Verdict::Reject(reason)) => return Some(reason),
                Step::Done(Verdict::Unable(_)) => return None,
                Step::Do(work) => match work {
                    Work::FindSubject => {
                        let Locking { threshold, window, .. } = *directory;
                        let counted = directory.counted(now.unix);
                        let lockout = directory.tells.then_some(Lockout { threshold, window, counted });
                        Outcome::Subject(Ok(Some(subject(lockout))))
                    }
                    Work::Recall { .. } => Outcome::known(kept.record(self.familiar)),
                    Work::VerifyPrimary(Some(_), _) if !self.answers => {
                        Outcome::Primary(Err(Fault::new(FaultKind::StoreUnavailable, "made up")))
                    }
                    Work::VerifyPrimary(Some(_), _) => {
                        clock.advance(self.until_heard);
                        directory.hears(self.is_right, clock.now().unix);
                        clock.advance(self.until_answered);
                        (*asked, *wrong) = (*asked + 1, *wrong + u32::from(!self.is_right));
                        let said =
                            if self.is_right { PrimaryOutcome::Correct } else { PrimaryOutcome::Wrong };
                        Outcome::Primary(Ok(said))
                    }
                    Work::CountWrongPassword(_) => {
                        let whence = Whence { familiar: self.familiar, has_familiar: kept.has_familiar };
                        kept.rows = kept.rows.after_wrong(whence, &limits.password, &flow.bounds(), now.unix);
                        Outcome::Counted(Ok(()))
                    }
                    Work::ForgetWrongPasswords(_) => {
                        kept.forgive(flow.forgiven().familiar, flow.forgiven().directory);
                        Outcome::Counted(Ok(()))
                    }
                    Work::NoteLogin(_) => Outcome::Counted(Ok(())),
                    other @ (Work::Remember { .. }
                    | Work::VerifyPrimary(None, _)
                    | Work::AskUpstream(_)
                    | Work::ChangePassword(..)
                    | Work::Check(..)) => panic!("{other:?} where nothing asks for it"),
                },
            });
        }
    }
}

impl Kept {
    fn record(&self, familiar: bool) -> Record {
        let history = History { familiar, has_networks: self.has_familiar, ..History::default() };
        Record {
            password: Some(self.rows.strange),
            familiar_password: Some(self.rows.familiar),
            directory: Some(self.rows.directory),
            history,
            ..Record::default()
        }
    }

    fn forgive(&mut self, familiar: bool, directory: bool) {
        let none = Rows::NONE;
        if familiar {
            self.rows.familiar = none.familiar;
        } else {
            self.rows.strange = none.strange;
        }
        if directory {
            self.rows.directory = none.directory;
        }
    }
}

fn attempt(clock: &ManualClock) -> Attempt {
    let client = Client {
        primary: PrimaryKind::Directory,
        login_timeout: LOGIN_TIMEOUT,
        ..Client::new("client", "directory")
    };
    Attempt {
        id: AttemptId([0; 8]),
        client: Arc::new(client),
        name: name("alice"),
        credential: PrimaryCredential::Password(Secret::copied(b"pw")),
        origin: Origin { peer: IpAddr::from([127, 0, 0, 1]), user: None },
        device: Box::default(),
        listener: None,
        hint: None,
        place: Place::NOWHERE,
        passage: None,
        began: clock.now(),
    }
}

#[allow(clippy::unwrap_used, reason = "constants")]
fn subject(lockout: Option<Lockout>) -> Subject {
    let account = Account { lockout, ..Account::new("directory", b"1", "alice") };
    Subject { pseudonym: Pseudonym::new("p1").unwrap(), account: Arc::new(account) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::random::{Random, SeededRandom};

    #[test]
    fn many_wrong_passwords_are_asked_about_one_after_the_other() {
        let random = SeededRandom::new(11);
        let (mut asked, mut wrong) = (0, 0);
        for _ in 0..200 {
            let mut bytes = [0; 1000];
            random.fill(&mut bytes).unwrap();
            let one = drive(&bytes);
            (asked, wrong) = (asked + one.0, wrong + one.1);
        }
        assert!(wrong > 5000 && asked > wrong + 500, "{wrong} of {asked}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_account_is_locked_by_what_comes_through_us_and_its_owner_gets_in_b_087(bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
            let _asked = drive(&bytes);
        }
    }
}
