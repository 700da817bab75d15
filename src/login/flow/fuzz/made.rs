//! What random logins are made of.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::cidr::Prefix;
use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::base::secret::Secret;
use crate::login::attempt::{Attempt, AttemptId, Origin};
use crate::login::client::{
    Capabilities, Client, CodeEntry, NewPasswordPrompts, PrimaryKind, Typed, WhenUnable,
};
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorKinds, OtpAlgorithm, Parameters, Progress, Sealed,
};
use crate::login::flow::fuzz::dice::Dice;
use crate::login::flow::fuzz::seen::Seen;
use crate::login::identity::{Account, Groups, LoginName, Pseudonym, Standing, Subject};
use crate::login::policy::fault::{FaultMode, FaultRule};
use crate::login::policy::{Condition, Exemption, Options, Place, Policy, Requirement, Rule, Validity};
use crate::login::relay::{Heard, Held, Method, Passage, Said};
use crate::login::step::{Before, History, Outcome, PrimaryOutcome, Record};
use crate::login::telling::{Tell, Telling, Told, Untold};
use crate::login::throttle::{Failures, Lockout};

/// What a client is told about everybody but those of whom it cannot be.
pub(super) const TOLD: &[u8] = b"told";
/// A group about whose members the client cannot be told.
const UNTOLD: &str = "untold";

struct Rules;

impl Tell for Rules {
    fn tell(&self, account: &Account, _: Option<&[Arc<str>]>) -> Result<Told, Untold> {
        if account.groups.contains(UNTOLD) { Err(Untold) } else { Ok(Told::new(TOLD)) }
    }
}

pub(super) fn policy(dice: &mut Dice<'_>) -> (Requirement, Policy, bool) {
    let kinds: FactorKinds = FactorKind::ALL.into_iter().filter(|_| dice.below(4) > 0).collect();
    let then = match dice.below(8) {
        0 | 1 => Requirement::None,
        2 => Requirement::Refuse,
        _ => Requirement::OneOf(kinds),
    };
    let grace_until = dice.coin().then(|| UnixTime::from_seconds(1_800_000_000 + i64::from(dice.roll())));
    let options = Options { grace_until, ..Options::default() };
    let rule = Rule { name: "only".into(), when: Condition::ALWAYS, then, options };
    let (client_fits, source_fits) = (dice.coin(), dice.coin());
    let source = if source_fits { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([127, 0, 0, 2]) };
    let exemption = Exemption {
        name: "service".into(),
        account: "named".into(),
        clients: vec![if client_fits { "client" } else { "other" }.into()],
        sources: vec![Prefix::around(source, 32, 128)],
        ..Exemption::new("", "")
    };
    let exemptions = if dice.coin() { vec![exemption] } else { Vec::new() };
    let here = client_fits && source_fits && !exemptions.is_empty();
    (then, Policy { rules: vec![rule].into(), exemptions, ..Policy::default() }, here)
}

/// Up to two fault modes, of which the second is for everybody.
pub(super) fn faults(dice: &mut Dice<'_>) -> Vec<FaultRule> {
    let mut all = Vec::new();
    for when in [Condition::FirstLogin(true), Condition::ALWAYS] {
        let then = match dice.below(6) {
            0 => FaultMode::FirstFactorOnly,
            1 => FaultMode::RecentConfirmation(Duration::from_secs(u64::from(dice.roll()))),
            2 => FaultMode::Use {
                kinds: FactorKind::ALL.into_iter().filter(|_| dice.coin()).collect(),
                prompt: dice.coin().then(|| "another?".into()),
            },
            _ => continue,
        };
        let until = UnixTime::from_seconds(1_800_000_000 + i64::from(dice.roll()));
        all.push(mode(when, then, until));
    }
    all
}

/// One for everybody of each kind, in the order of what they open.
#[cfg(test)]
pub(super) fn every_mode() -> Vec<FaultRule> {
    let use_any = FaultMode::Use { kinds: FactorKinds::ALL, prompt: None };
    let modes =
        [FaultMode::FirstFactorOnly, FaultMode::RecentConfirmation(Duration::from_secs(86_400)), use_any];
    modes.into_iter().map(|then| mode(Condition::ALWAYS, then, UnixTime(i64::MAX))).collect()
}

fn mode(when: Condition, then: FaultMode, until: UnixTime) -> FaultRule {
    FaultRule {
        name: "mode".into(),
        owner: "".into(),
        reason: "".into(),
        when,
        valid: Validity { from: None, until: Some(until) },
        then,
    }
}

pub(super) fn client(dice: &mut Dice<'_>) -> Client {
    let typed = match dice.below(3) {
        0 => Typed::Nothing,
        1 => Typed::Appended { digits: 6 },
        _ => Typed::Separated { separator: b',' },
    };
    let primary = match dice.below(5) {
        0 => PrimaryKind::CheckedByClient,
        1 | 2 => PrimaryKind::Directory,
        _ => PrimaryKind::Upstream,
    };
    let (prompts, prompts_relayed) = (dice.below(4) > 0, dice.coin());
    let questions = NewPasswordPrompts { new: "new?".into(), again: "again?".into(), refused: "no.".into() };
    Client {
        primary,
        entry: CodeEntry { challenge: dice.below(4) > 0, typed },
        prompt: "?".into(),
        can: Capabilities { prompts, prompts_relayed, tells_address: dice.coin() },
        login_timeout: Duration::from_secs(20),
        challenge_life: Duration::from_secs(120),
        reject_delay: Duration::ZERO,
        when_unable: WhenUnable::Silence,
        upstream: (primary == PrimaryKind::Upstream).then(|| "upstream".into()),
        trusts_outer_name: dice.coin(),
        new_password: (dice.below(4) > 0).then_some(questions),
        telling: dice.coin().then(|| Telling::new(Rules)),
        ..Client::new("client", "directory")
    }
}

fn method(dice: &mut Dice<'_>) -> Method {
    match dice.below(6) {
        0 => Method::Chap,
        1 => Method::MsChap,
        2 => Method::MsChap2,
        _ => Method::Eap,
    }
}

pub(super) fn attempt(dice: &mut Dice<'_>, clock: &ManualClock) -> Attempt {
    let client = client(dice);
    let any = dice.below(16) == 0;
    let credential = match client.primary {
        _ if dice.below(16) == 0 => PrimaryCredential::Proven,
        PrimaryKind::CheckedByClient if !any => {
            PrimaryCredential::CheckedByClient(dice.coin().then(|| dice.text()))
        }
        PrimaryKind::Upstream if !any && dice.coin() => PrimaryCredential::Relayed(method(dice)),
        PrimaryKind::Directory | PrimaryKind::Upstream if any && dice.coin() => {
            PrimaryCredential::Relayed(method(dice))
        }
        PrimaryKind::CheckedByClient | PrimaryKind::Directory | PrimaryKind::Upstream => {
            PrimaryCredential::Password(dice.text())
        }
    };
    let passage = (client.primary == PrimaryKind::Upstream).then(|| Passage::new(()));
    Attempt {
        id: AttemptId([0; 8]),
        client: Arc::new(client),
        name: name("alice"),
        credential,
        origin: Origin { peer: IpAddr::from([127, 0, 0, 1]), user: None },
        device: Box::default(),
        listener: None,
        hint: None,
        place: Place::NOWHERE,
        passage,
        began: clock.now(),
    }
}

#[allow(clippy::unwrap_used, reason = "constants")]
pub(super) fn name(text: &str) -> LoginName {
    LoginName::parse(text.as_bytes()).unwrap()
}

#[allow(clippy::unwrap_used, reason = "constants")]
pub(super) fn subject(dice: &mut Dice<'_>, mut seen: Option<&mut Seen>) -> Outcome {
    let standing = match dice.below(24) {
        0 => Standing::Disabled,
        1 => Standing::Locked,
        2 => Standing::Expired,
        3 => Standing::MustChange,
        4 => Standing::PasswordExpired,
        5 => Standing::OutsideHours,
        _ => Standing::Active,
    };
    let pseudonym = Pseudonym::new(if dice.below(16) == 0 { "p2" } else { "p1" }).unwrap();
    let (named, untold, found) = (dice.coin(), dice.below(8) == 7, dice.below(16) < 15);
    if let Some(seen) = seen.as_deref_mut().filter(|_| found) {
        seen.named = named;
        seen.untold = untold;
        seen.standing = Some(standing);
        seen.unlooked = false;
        seen.found.push(pseudonym.clone());
    }
    let lockout = (dice.below(16) == 15).then(|| Lockout {
        threshold: 1 + u32::from(dice.below(6)),
        window: Duration::from_secs(60 * u64::from(dice.below(60))),
        counted: u32::from(dice.below(4)),
    });
    if let Some(seen) = seen.filter(|_| found) {
        seen.lockout = lockout;
    }
    let account = Account {
        directory: "directory".into(),
        id: Box::from(&b"1"[..]),
        display: "Alice".into(),
        handle: "alice".into(),
        groups: Arc::new(if untold { Groups::from([UNTOLD.into()]) } else { Groups::new() }),
        standing,
        number: None,
        aliases: if named { vec!["named".into()] } else { vec!["nam".into(), "NAMED".into()] },
        stamp: Box::default(),
        lockout,
        attributes: Default::default(),
    };
    Outcome::Subject(Ok(found.then(|| Subject { pseudonym, account: Arc::new(account) })))
}

pub(super) fn record(dice: &mut Dice<'_>, seen: Option<&mut Seen>) -> Outcome {
    let kinds = [
        Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        Parameters::Hotp { digits: 6 },
        Parameters::Recovery,
    ];
    let chosen = kinds.into_iter().filter(|_| dice.below(4) > 0);
    let enrolments = chosen.map(|parameters| Enrolment {
        id: EnrolmentId([1; 16]),
        parameters,
        sealed: Sealed { key_id: 1, bytes: Box::default() },
        progress: Progress::UNUSED,
        created: UnixTime(0),
    });
    let enrolments: Vec<_> = enrolments.collect();
    let row = u32::from(dice.below(6));
    let waits = if dice.below(8) == 0 { i64::from(dice.roll()) } else { 0 };
    let failures =
        Failures { row, wait_until: UnixTime::from_seconds(1_800_000_000 + waits), ..Failures::NONE };
    let now = UnixTime::from_seconds(1_800_000_000);
    let familiar = dice.below(8) == 7;
    let history = History { familiar, has_networks: familiar || dice.coin(), ..History::default() };
    let record = Record {
        enrolments,
        password: dice.coin().then_some(failures),
        familiar_password: (dice.below(16) == 15).then_some(failures),
        directory: (dice.below(16) == 15).then_some(Failures { last: now, ..failures }),
        history,
        codes: if dice.below(4) == 0 { vec![(FactorKind::Totp, failures)] } else { vec![] },
        over_rate: dice.below(12) == 0,
        remembered: FactorKind::ALL.into_iter().find(|_| dice.below(4) == 0),
        spent: dice.below(8) == 7,
        familiar: dice.coin(),
        recent: dice.coin().then(|| Before {
            kinds: FactorKind::ALL.into_iter().filter(|_| dice.coin()).collect(),
            age: Duration::from_secs(u64::from(dice.roll())),
        }),
        ..Record::default()
    };
    if let Some(seen) = seen {
        seen.record = record.clone();
    }
    Outcome::known(record)
}

/// What a directory or an upstream says about a password.
pub(super) fn outcome(dice: &mut Dice<'_>) -> PrimaryOutcome {
    match dice.below(16) {
        0 | 1 => PrimaryOutcome::Wrong,
        2 | 3 => PrimaryOutcome::MustChange,
        4 => PrimaryOutcome::PasswordExpired,
        5 => PrimaryOutcome::Disabled,
        6 => PrimaryOutcome::Locked,
        7 => PrimaryOutcome::Restricted,
        8 => PrimaryOutcome::OutsideHours,
        9 => PrimaryOutcome::WrongAgain,
        _ => PrimaryOutcome::Correct,
    }
}

/// What an upstream answers: a yes without a name, or to one of three names; a no; or a question.
pub(super) fn heard(dice: &mut Dice<'_>) -> Heard {
    let said = match dice.below(8) {
        0 => Said::No(outcome(dice)),
        1 | 2 => Said::Yes { name: None },
        3 => Said::Yes { name: Some(name("alice")) },
        4 => Said::Yes { name: Some(name("CORP\\alice")) },
        5 => Said::Yes { name: Some(name("bob")) },
        _ => Said::More,
    };
    let held = match said {
        Said::Yes { .. } => "accept",
        Said::No(_) => "reject",
        Said::More => "challenge",
    };
    Heard { said, held: Held::new(held) }
}

/// What is typed: often the same as before, as it must be to choose a new password.
pub(super) fn typed(dice: &mut Dice<'_>, before: Option<&Secret>) -> Secret {
    match before {
        Some(before) if dice.coin() => before.clone(),
        Some(_) | None if dice.coin() => Secret::copied(b"123456"),
        Some(_) | None => dice.text(),
    }
}
