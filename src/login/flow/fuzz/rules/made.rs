//! What those logins are made of, and what the rules demand of them, worked out by hand.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::{Now, UnixTime};
use crate::base::secret::Secret;
use crate::login::attempt::{Attempt, AttemptId, Origin};
use crate::login::client::{Capabilities, Client, CodeEntry, Order, PrimaryKind, Typed};
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorKinds, OtpAlgorithm, Parameters, Progress, Sealed,
};
use crate::login::flow::fuzz::dice::Dice;
use crate::login::flow::fuzz::made::name;
use crate::login::flow::fuzz::rules::T0;
use crate::login::identity::{Account, Pseudonym, Subject};
use crate::login::policy::{Condition, Country, Options, Place, Policy, Requirement, Rule};
use crate::login::relay::Passage;
use crate::login::step::{Before, History, Record};

/// What the rules demand and say, worked out by hand.
#[derive(Default)]
pub(super) struct Demanded {
    pub(super) refused: bool,
    /// One factor of each of these, and until when somebody without any is let in all the same.
    pub(super) clauses: Vec<(FactorKinds, Option<UnixTime>)>,
    pub(super) remember: Option<Duration>,
    pub(super) session: Option<Duration>,
}

/// Up to two rules, the first of which may hold or not; and what they demand together.
pub(super) fn rules(dice: &mut Dice<'_>) -> (Demanded, Policy) {
    let mut demanded = Demanded::default();
    let mut rules = Vec::new();
    let (first, second) = (dice.below(3) == 2, requirement(dice));
    if first {
        let mut then = requirement(dice);
        while then == Requirement::Refuse {
            then = Requirement::None;
        }
        let options = options(dice);
        if then != Requirement::None {
            demanded.add(then, &options);
        }
        let country = Country::new("TR").map(|country| Condition::Country(vec![country]));
        rules.extend(country.map(|when| Rule { options, ..Rule::new("perhaps", when, then) }));
    }
    let sure = options(dice);
    demanded.refused = second == Requirement::Refuse;
    demanded.session = [demanded.session, sure.session].into_iter().flatten().min();
    demanded.remember = match (demanded.clauses.is_empty(), demanded.remember, sure.remember) {
        (true, _, sure) => sure,
        (false, Some(perhaps), Some(sure)) => Some(perhaps.min(sure)),
        (false, ..) => None,
    };
    let session = demanded.session;
    demanded.add(second, &sure);
    demanded.session = session;
    rules.push(Rule { options: sure, ..Rule::new("sure", Condition::ALWAYS, second) });
    (demanded, Policy::new(rules))
}

impl Demanded {
    /// Adds what a rule demands, and what it says where nothing was said before.
    fn add(&mut self, then: Requirement, options: &Options) {
        let until = options.grace_until;
        match then {
            Requirement::OneOf(kinds) => self.clauses.push((kinds, until)),
            Requirement::AllOf(kinds) => {
                self.clauses.extend(kinds.iter().map(|kind| (FactorKinds::NONE.with(kind), until)));
            }
            Requirement::None | Requirement::Refuse => {}
        }
        self.remember = self.remember.or(options.remember);
        self.session = self.session.or(options.session);
    }
}

fn requirement(dice: &mut Dice<'_>) -> Requirement {
    let kinds: FactorKinds = FactorKind::ALL.into_iter().filter(|_| dice.below(3) > 0).collect();
    match dice.below(10) {
        0 => Requirement::None,
        1 => Requirement::Refuse,
        2..=5 => Requirement::OneOf(kinds),
        _ => Requirement::AllOf(kinds),
    }
}

fn options(dice: &mut Dice<'_>) -> Options {
    let seconds = |dice: &mut Dice<'_>| Duration::from_secs(u64::from(dice.roll()));
    Options {
        grace_until: dice.coin().then(|| T0.plus(seconds(dice))),
        remember: dice.coin().then(|| seconds(dice)),
        session: dice.coin().then(|| seconds(dice)),
        ..Options::default()
    }
}

pub(super) fn attempt(dice: &mut Dice<'_>, obliging: bool, began: Now) -> Attempt {
    let primary = match dice.below(5) {
        0 => PrimaryKind::CheckedByClient,
        1 | 2 => PrimaryKind::Upstream,
        _ => PrimaryKind::Directory,
    };
    let typed = if dice.coin() && !obliging { Typed::Appended { digits: 6 } } else { Typed::Nothing };
    let challenge = obliging || dice.below(6) > 0;
    let client = Client {
        primary,
        order: if dice.coin() { Order::FactorFirst } else { Order::PasswordFirst },
        entry: CodeEntry { challenge, typed },
        can: Capabilities {
            prompts: obliging || dice.below(6) > 0,
            prompts_relayed: true,
            tells_address: true,
        },
        login_timeout: Duration::from_secs(20),
        challenge_life: Duration::from_secs(120),
        upstream: (primary == PrimaryKind::Upstream).then(|| "upstream".into()),
        ..Client::new("client", "directory")
    };
    let code = if dice.coin() && !obliging { "123456" } else { "" };
    let credential = if primary == PrimaryKind::CheckedByClient {
        PrimaryCredential::CheckedByClient((!code.is_empty()).then(|| Secret::copied(code.as_bytes())))
    } else if dice.below(16) == 15 && !obliging {
        PrimaryCredential::Password(Secret::copied(b"123456"))
    } else {
        PrimaryCredential::Password(Secret::copied(format!("pw{code}").as_bytes()))
    };
    Attempt {
        id: AttemptId([0; 8]),
        passage: (primary == PrimaryKind::Upstream).then(|| Passage::new(())),
        client: Arc::new(client),
        name: name("alice"),
        credential,
        origin: Origin { peer: IpAddr::from([127, 0, 0, 1]), user: Some(IpAddr::from([192, 0, 2, 7])) },
        device: Box::default(),
        listener: None,
        hint: None,
        place: Place::NOWHERE,
        began,
    }
}

#[allow(clippy::unwrap_used, reason = "constants")]
pub(super) fn subject() -> Subject {
    let account = Account::new("directory", b"1", "alice");
    Subject { pseudonym: Pseudonym::new("p1").unwrap(), account: Arc::new(account) }
}

/// What is known of the subject; it may be something else each time that it is looked up.
pub(super) fn record(dice: &mut Dice<'_>, obliging: bool) -> Record {
    let all = [
        Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
        Parameters::Hotp { digits: 6 },
        Parameters::Recovery,
    ];
    let nothing = dice.below(4) == 3;
    let has = |dice: &mut Dice<'_>| obliging || (!nothing && dice.below(4) > 0);
    let enrolments = all.into_iter().filter(|_| has(dice)).map(|parameters| Enrolment {
        id: EnrolmentId([1; 16]),
        parameters,
        sealed: Sealed { key_id: 1, bytes: Box::default() },
        progress: Progress::UNUSED,
        created: UnixTime(0),
    });
    let enrolments = enrolments.collect();
    if obliging {
        return Record { enrolments, ..Record::default() };
    }
    let edge = |dice: &mut Dice<'_>| {
        let seconds = i64::from(dice.roll()) - 64;
        (dice.below(4) == 3).then(|| UnixTime::from_seconds(1_800_000_000 + seconds))
    };
    let history = History {
        valid_from: edge(dice),
        valid_until: edge(dice),
        last_day: None,
        has_networks: dice.coin(),
        familiar: dice.below(4) == 3,
        ..History::default()
    };
    let before = dice.below(4) == 3;
    let kinds: FactorKinds = FactorKind::ALL.into_iter().filter(|_| dice.below(3) > 0).collect();
    let age = Duration::from_secs(u64::from(dice.roll()));
    Record {
        enrolments,
        history,
        remembered: FactorKind::ALL.into_iter().find(|_| dice.below(6) == 5),
        before: before.then_some(Before { kinds, age }),
        over_rate: dice.below(12) == 11,
        spent: dice.below(12) == 11,
        ..Record::default()
    }
}
