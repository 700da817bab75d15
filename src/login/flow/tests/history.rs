//! When somebody may log in, and what is known of the time before.

use super::*;
use crate::login::step::History;
use crate::login::throttle::day_of;

fn knowing(history: History) -> Record {
    Record { enrolments: vec![totp()], history, ..Record::default() }
}

/// What comes of a login whose subject has this history, up to what follows the right password.
fn with_history(case: &Case, history: History) -> (Flow, Step) {
    let (mut flow, _) = case.begin();
    let now = || case.clock.now();
    let _ = flow.advance(Event::Worked(found()), now());
    let step = flow.advance(Event::Worked(Outcome::known(knowing(history))), now());
    if !matches!(step, Step::Do(Work::VerifyPrimary(..))) {
        return (flow, step);
    }
    let step = flow.advance(Event::Worked(primary(PrimaryOutcome::Correct)), now());
    (flow, step)
}

fn open_to_all() -> Case {
    let mut case = case();
    case.policy = Policy::new(vec![rule(Requirement::None)]);
    case
}

fn today() -> History {
    History { last_day: Some(day_of(T0)), ..History::default() }
}

#[test]
fn nobody_is_let_in_before_his_time_or_after_it_whatever_the_rules_say() {
    let case = open_to_all();
    let at = |seconds: i64| Some(UnixTime::from_seconds(T0.seconds() + seconds));
    for (from, until, valid) in [
        (None, None, true),
        (at(0), at(1), true),
        (at(1), None, false),
        (None, at(0), false),
        (at(-9), at(-5), false),
    ] {
        let history = History { valid_from: from, valid_until: until, ..today() };
        let step = with_history(&case, history).1;
        let expected = (!valid).then_some(Reason::OutsideValidity);
        assert_eq!(rejected(&step), expected, "{from:?} {until:?}: {step:?}");
    }
}

#[test]
fn a_login_is_noted_before_it_is_granted_once_a_day_and_network() {
    let mut case = open_to_all();
    let noted =
        |case: &Case, history: History| matches!(with_history(case, history).1, Step::Do(Work::NoteLogin(_)));
    let yesterday = || History { last_day: Some(day_of(T0) - 1), ..History::default() };
    assert!(noted(&case, History::default()) && noted(&case, yesterday()));
    assert!(!noted(&case, today()), "it is known already");
    case.user = Some(IpAddr::from([203, 0, 113, 7]));
    assert!(noted(&case, today()), "another network");
    assert!(noted(&case, History { familiar: true, ..today() }), "that was known yesterday");
    assert!(!noted(&case, History { familiar: true, noted: true, ..today() }));
}

#[test]
fn what_cannot_be_noted_is_not_granted_and_who_has_gone_is_not_noted() {
    let case = open_to_all();
    let (mut flow, _) = with_history(&case, History::default());
    let fault = Outcome::Counted(Err(Fault::new(FaultKind::StoreUnavailable, "no disk")));
    let step = case.worked(&mut flow, fault);
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::StoreUnavailable))), "{step:?}");
    let (mut flow, _) = with_history(&case, History::default());
    assert_eq!(basis(&case.worked(&mut flow, Outcome::Counted(Ok(())))), Some(Basis::RuleAsksNone));
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, Outcome::known(knowing(History::default())));
    flow.call_off();
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert_eq!(rejected(&step), Some(Reason::CalledOff));
}

#[test]
fn rules_see_the_first_login_the_new_network_and_the_days_since_the_last() {
    let fits = |when: Condition, user: Option<IpAddr>, history: History| {
        let mut case = case();
        case.user = user;
        case.policy = Policy::new(vec![Rule { when, ..rule(Requirement::None) }]);
        let (flow, _) = with_history(&case, history);
        flow.trail().rule.is_some()
    };
    let home = Some(IpAddr::from([203, 0, 113, 7]));
    let familiar = || History { familiar: true, ..today() };
    let weeks = || History { last_day: Some(day_of(T0) - 21), ..History::default() };
    assert!(fits(Condition::FirstLogin(true), None, History::default()));
    assert!(!fits(Condition::FirstLogin(true), None, today()));
    assert!(fits(Condition::NewNetwork(true), home, today()));
    assert!(fits(Condition::NewNetwork(false), home, familiar()));
    assert!(!fits(Condition::NewNetwork(true), None, today()), "it is not known where he is");
    assert!(!fits(Condition::NewNetwork(false), None, today()));
    assert!(fits(Condition::LastLoginBefore(21), None, weeks()));
    assert!(!fits(Condition::LastLoginBefore(22), None, weeks()));
    assert!(!fits(Condition::LastLoginBefore(1), None, History::default()), "there was none");
}
