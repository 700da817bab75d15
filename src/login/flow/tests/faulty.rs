//! Fault modes: what becomes of a login whose factor nobody can check.

use super::*;
use crate::login::client::Order;
use crate::login::policy::Validity;
use crate::login::policy::fault::{FaultMode, FaultRule};
use crate::login::step::{Before, History};

mod paper;

const DAY: Duration = Duration::from_secs(86_400);

/// What cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Away {
    Record,
    Code,
}

fn recent() -> FaultMode {
    FaultMode::RecentConfirmation(Duration::from_secs(3600))
}

fn paper() -> FaultMode {
    FaultMode::Use { kinds: [FactorKind::Recovery].into_iter().collect(), prompt: Some("Paper:".into()) }
}

fn mode(then: FaultMode) -> FaultRule {
    FaultRule {
        name: "store-move".into(),
        owner: "network team".into(),
        reason: "the store moves".into(),
        when: Condition::ALWAYS,
        valid: Validity { from: None, until: Some(T0.plus(DAY)) },
        then,
    }
}

fn case_with(then: FaultMode) -> Case {
    let mut case = typed_case();
    case.policy.faults.push(mode(then));
    case
}

fn fault(kind: FaultKind) -> Fault {
    Fault::new(kind, "away")
}

/// Somebody with both factors who has confirmed a time-based code 20 minutes ago.
fn known() -> Record {
    let kinds = [FactorKind::Totp].into_iter().collect();
    Record {
        enrolments: vec![totp(), enrolment(Parameters::Recovery)],
        recent: Some(Before { kinds, age: Duration::from_secs(1200) }),
        ..Record::default()
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "no other work may be asked for")]
/// A login up to its end or its first question. What may be counted is, and nothing may be written.
fn outcome_of(case: &Case, away: Away, record: &Record, password: PrimaryOutcome) -> (Flow, Step) {
    let (mut flow, mut step) = case.begin();
    loop {
        let Step::Do(work) = &step else { return (flow, step) };
        let event = match work {
            Work::FindSubject => found(),
            Work::Recall { .. } if away == Away::Record => {
                Outcome::Record(Err(fault(FaultKind::StoreUnavailable)))
            }
            Work::Recall { .. } => Outcome::known(record.clone()),
            Work::Remember { .. } => Outcome::remembered(record.clone()),
            Work::VerifyPrimary(Some(_), _) => Outcome::Primary(Ok(password)),
            Work::CountWrongPassword(_) => Outcome::Counted(Ok(())),
            Work::Check(..) if away == Away::Code => Outcome::Factor(Err(fault(FaultKind::KeyMissing))),
            other => panic!("{other:?} where {away:?} is away"),
        };
        step = flow.advance(Event::Worked(event), case.clock.now());
    }
}

#[allow(clippy::needless_pass_by_value, reason = "made for the call")]
fn end(case: &Case, away: Away, record: Record) -> Step {
    outcome_of(case, away, &record, PrimaryOutcome::Correct).1
}

fn unable_by(step: &Step) -> Option<FaultKind> {
    match step {
        Step::Done(Verdict::Unable(kind)) => Some(*kind),
        Step::Do(_) | Step::Ask(_) | Step::Done(_) => None,
    }
}

const AWAY: [(Away, FaultKind); 2] =
    [(Away::Record, FaultKind::StoreUnavailable), (Away::Code, FaultKind::KeyMissing)];

#[test]
fn without_a_fault_mode_whatever_is_away_ends_the_login_as_unable_d_117() {
    for (away, kind) in AWAY {
        let step = end(&typed_case(), away, known());
        assert_eq!(unable_by(&step), Some(kind), "{away:?}");
    }
}

#[test]
fn the_first_factor_alone_lets_in_after_the_right_password_and_the_mode_is_on_record() {
    for (away, _) in AWAY {
        let case = case_with(FaultMode::FirstFactorOnly);
        let (flow, step) = outcome_of(&case, away, &known(), PrimaryOutcome::Correct);
        assert_eq!(basis(&step), Some(Basis::FaultFirstFactor), "{away:?}");
        let Step::Done(Verdict::Accept(grant)) = &step else { panic!("{step:?}") };
        assert_eq!(grant.fault().map(|name| &**name), Some("store-move"));
        assert_eq!(flow.trail().on_fault.as_deref(), Some("store-move"));
        assert_eq!(grant.session(), Some(DAY), "at most as long as the mode holds");
    }
}

#[test]
fn a_recent_confirmation_counts_at_its_place_for_as_long_as_the_mode_says() {
    for (away, kind) in AWAY {
        let case = case_with(recent());
        let (flow, step) = outcome_of(&case, away, &known(), PrimaryOutcome::Correct);
        assert_eq!(basis(&step), Some(Basis::FaultRecent(FactorKind::Totp)), "{away:?}");
        assert_eq!(flow.trail().factor, Some(FactorKind::Totp));
        let aged = |seconds| {
            let before = Before { age: Duration::from_secs(seconds), ..known().recent.unwrap() };
            Record { recent: Some(before), ..known() }
        };
        assert!(basis(&end(&case, away, aged(3600))).is_some(), "{away:?}: to the second");
        assert_eq!(unable_by(&end(&case, away, aged(3601))), Some(kind), "{away:?}: too long ago");
        let never = Record { recent: None, ..known() };
        assert_eq!(unable_by(&end(&case, away, never)), Some(kind), "{away:?}: elsewhere, or never");
    }
}

#[test]
fn a_recent_confirmation_must_meet_the_whole_demand_with_factors_that_are_still_enrolled() {
    for (away, kind) in AWAY {
        let mut case = case_with(recent());
        let both = [FactorKind::Totp, FactorKind::Recovery].into_iter().collect();
        case.policy.rules = vec![rule(Requirement::AllOf(both))].into();
        assert_eq!(unable_by(&end(&case, away, known())), Some(kind), "{away:?}: one of two");
        let two = Before { kinds: both, age: DAY / 48 };
        assert!(basis(&end(&case, away, Record { recent: Some(two), ..known() })).is_some(), "{away:?}");
        case.policy.rules =
            vec![rule(Requirement::OneOf([FactorKind::Hotp, FactorKind::Totp].into_iter().collect()))].into();
        let gone = Record { enrolments: vec![enrolment(Parameters::Hotp { digits: 6 })], ..known() };
        assert_eq!(unable_by(&end(&case, away, gone)), Some(kind), "{away:?}: taken away since");
    }
}

#[test]
fn a_wrong_password_is_counted_and_lets_nobody_in_under_any_mode() {
    for then in [FaultMode::FirstFactorOnly, recent(), paper()] {
        let case = case_with(then.clone());
        let (mut flow, step) = case.begin();
        assert!(matches!(step, Step::Do(Work::FindSubject)));
        let _ = case.worked(&mut flow, found());
        let away = Outcome::Record(Err(fault(FaultKind::StoreUnavailable)));
        assert!(matches!(case.worked(&mut flow, away), Step::Do(Work::Remember { .. })));
        let step = case.worked(&mut flow, Outcome::remembered(known()));
        assert!(matches!(step, Step::Do(Work::VerifyPrimary(Some(_), _))), "{step:?}");
        let step = case.worked(&mut flow, primary(PrimaryOutcome::Wrong));
        assert!(matches!(step, Step::Do(Work::CountWrongPassword(_))), "{step:?}");
        assert!(flow.is_without_store(), "it is counted in memory");
        assert_eq!(rejected(&case.worked(&mut flow, Outcome::Counted(Ok(())))), Some(Reason::WrongPassword));
        let (_, step) = outcome_of(&case, Away::Code, &known(), PrimaryOutcome::Wrong);
        assert_eq!(rejected(&step), Some(Reason::WrongPassword), "{then:?}");
    }
}

#[test]
fn a_failure_that_cannot_be_counted_for_somebody_whose_record_was_read_is_unable_under_any_mode_d_117() {
    let case = case_with(FaultMode::FirstFactorOnly);
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, Outcome::known(known()));
    let _ = case.worked(&mut flow, primary(PrimaryOutcome::Wrong));
    let step = case.worked(&mut flow, Outcome::Counted(Err(fault(FaultKind::StoreUnavailable))));
    assert_eq!(unable_by(&step), Some(FaultKind::StoreUnavailable));
}

#[test]
fn a_directory_that_is_away_and_a_store_too_busy_for_one_subject_are_no_case_for_a_mode() {
    let case = case_with(FaultMode::FirstFactorOnly);
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, Outcome::known(known()));
    let step = case.worked(&mut flow, Outcome::Primary(Err(fault(FaultKind::DirectoryUnreachable))));
    assert_eq!(unable_by(&step), Some(FaultKind::DirectoryUnreachable));
    for (kind, rejects) in [(FaultKind::Overloaded, true), (FaultKind::Internal, false)] {
        let (mut flow, _) = case.begin();
        let _ = case.worked(&mut flow, found());
        let step = case.worked(&mut flow, Outcome::Record(Err(fault(kind))));
        let expected = if rejects { rejected(&step).is_some() } else { unable_by(&step) == Some(kind) };
        assert!(expected, "{step:?}");
    }
    for kind in [FaultKind::Internal, FaultKind::Overloaded] {
        let (mut flow, _) = up_to_second(&case, vec![totp()]);
        let step = case.worked(&mut flow, Outcome::Factor(Err(fault(kind))));
        assert_eq!(unable_by(&step), Some(kind));
    }
}

#[test]
fn what_a_rule_refuses_stays_refused_also_where_only_the_record_could_tell() {
    for (away, _) in AWAY {
        for then in [FaultMode::FirstFactorOnly, recent(), paper()] {
            let mut case = case_with(then);
            case.policy.rules = vec![rule(Requirement::Refuse)].into();
            assert_eq!(rejected(&end(&case, away, known())), Some(Reason::RefusedByRule), "{away:?}");
        }
    }
    let mut case = case_with(FaultMode::FirstFactorOnly);
    edit_in(&mut case, Condition::FirstLogin(true), Requirement::Refuse);
    let before = History { last_day: Some(20_000), ..History::default() };
    let seasoned = Record { history: before, ..known() };
    let step = end(&case, Away::Record, seasoned.clone());
    assert_eq!(rejected(&step), Some(Reason::RefusedByRule), "whether it is the first login is unknown");
    assert!(basis(&end(&case, Away::Code, seasoned)).is_some(), "here it is known");
}

fn edit_in(case: &mut Case, when: Condition, then: Requirement) {
    case.policy.rules = vec![Rule { when, ..rule(then) }].into();
}

#[test]
fn a_mode_that_has_ended_or_not_begun_or_of_which_that_cannot_be_told_holds_for_nobody() {
    for (away, kind) in AWAY {
        let mut rules = vec![
            FaultRule { valid: Validity { from: None, until: Some(T0) }, ..mode(FaultMode::FirstFactorOnly) },
            FaultRule {
                valid: Validity { from: Some(T0.plus(Duration::from_secs(1))), until: Some(T0.plus(DAY)) },
                ..mode(FaultMode::FirstFactorOnly)
            },
            FaultRule { when: Condition::Client(vec!["vpn-2".into()]), ..mode(FaultMode::FirstFactorOnly) },
            FaultRule { when: Condition::Country(Vec::new()), ..mode(FaultMode::FirstFactorOnly) },
        ];
        let mut case = typed_case();
        case.policy.faults = rules.clone();
        assert_eq!(unable_by(&end(&case, away, known())), Some(kind), "{away:?}");
        rules.push(FaultRule { name: "last".into(), ..mode(FaultMode::FirstFactorOnly) });
        rules.push(mode(paper()));
        case.policy.faults = rules;
        let (flow, step) = outcome_of(&case, away, &known(), PrimaryOutcome::Correct);
        assert!(basis(&step).is_some(), "{away:?}: {step:?}");
        assert_eq!(flow.trail().on_fault.as_deref(), Some("last"), "the first that fits");
    }
    let mut case = case_with(FaultMode::FirstFactorOnly);
    case.policy.faults[0].when = Condition::FirstLogin(true);
    assert!(basis(&end(&case, Away::Code, known())).is_some(), "what the record says is known here");
    let step = end(&case, Away::Record, known());
    assert_eq!(unable_by(&step), Some(FaultKind::StoreUnavailable), "and cannot be told here");
}

#[test]
fn a_mode_helps_no_account_that_is_disabled_and_nobody_outside_his_own_time() {
    for (away, _) in AWAY {
        let case = case_with(FaultMode::FirstFactorOnly);
        let (_, step) = outcome_of(&case, away, &known(), PrimaryOutcome::Disabled);
        assert_eq!(rejected(&step), Some(Reason::AccountDisabled), "{away:?}");
        let history = History { valid_until: Some(T0), ..History::default() };
        let step = end(&case, away, Record { history, ..known() });
        assert_eq!(rejected(&step), Some(Reason::OutsideValidity), "{away:?}");
        let history = History { valid_until: Some(T0.plus(DAY / 2)), ..History::default() };
        let step = end(&case, away, Record { history, ..known() });
        let Step::Done(Verdict::Accept(grant)) = step else { panic!("{step:?}") };
        assert_eq!(grant.session(), Some(DAY / 2), "whatever ends first");
    }
}

#[test]
fn a_factor_that_is_locked_or_waits_refuses_under_every_mode_even_where_another_would_do() {
    for (away, _) in AWAY {
        for then in [FaultMode::FirstFactorOnly, recent(), paper()] {
            for stuck in [
                Failures { locked: true, ..Failures::NONE },
                Failures { wait_until: T0.plus(Duration::from_secs(60)), ..Failures::NONE },
            ] {
                for kind in [FactorKind::Totp, FactorKind::Recovery] {
                    let case = case_with(then.clone());
                    let step = end(&case, away, Record { codes: vec![(kind, stuck)], ..known() });
                    let help = matches!(step, Step::Ask(_) | Step::Done(Verdict::Accept(_)));
                    assert!(!help, "{away:?} {then:?} {kind}: {step:?}");
                }
            }
        }
    }
}

#[test]
fn whoever_waits_for_his_password_waits_under_a_mode_too() {
    for (away, _) in AWAY {
        let case = case_with(FaultMode::FirstFactorOnly);
        let step = end(&case, away, Record { password: Some(failures(4)), ..known() });
        assert_eq!(rejected(&step), Some(Reason::PasswordThrottled), "{away:?}");
    }
}

#[test]
fn who_has_nothing_enrolled_gains_nothing_by_a_fault_but_what_grace_gives_c_011() {
    let mut case = case_with(FaultMode::FirstFactorOnly);
    let bare = || Record { enrolments: Vec::new(), ..known() };
    assert_eq!(rejected(&end(&case, Away::Record, bare())), Some(Reason::NotEnrolled));
    case.policy.rules = vec![rule(Requirement::OneOf(FactorKinds::ALL))].into();
    edit(&mut case, |rule| rule.options.grace_until = Some(T0.plus(DAY)));
    assert_eq!(basis(&end(&case, Away::Record, bare())), Some(Basis::FaultFirstFactor));
    case.policy.faults = vec![mode(recent())];
    assert_eq!(unable_by(&end(&case, Away::Record, bare())), Some(FaultKind::StoreUnavailable));
}

#[test]
fn whoever_was_not_seen_since_the_start_is_not_let_in() {
    let case = case_with(FaultMode::FirstFactorOnly);
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, Outcome::Record(Err(fault(FaultKind::StoreUnavailable))));
    let step = case.worked(&mut flow, Outcome::Remembered(None));
    assert_eq!(unable_by(&step), Some(FaultKind::StoreUnavailable));
    assert_eq!(flow.trail().on_fault.as_deref(), Some("store-move"), "and that is on record");
}

#[test]
fn where_the_code_comes_first_the_password_is_verified_all_the_same() {
    for (away, kind) in AWAY {
        let mut case = case_with(FaultMode::FirstFactorOnly);
        case.client.order = Order::FactorFirst;
        assert_eq!(basis(&end(&case, away, known())), Some(Basis::FaultFirstFactor), "{away:?}");
        let (_, step) = outcome_of(&case, away, &known(), PrimaryOutcome::Wrong);
        assert_eq!(rejected(&step), Some(Reason::WrongPassword), "{away:?}");
        case.policy.faults = vec![mode(recent())];
        let (flow, step) =
            outcome_of(&case, away, &Record { recent: None, ..known() }, PrimaryOutcome::Correct);
        assert_eq!(unable_by(&step), Some(kind), "{away:?}");
        assert_eq!(
            flow.stage.word(),
            if away == Away::Record { "rules" } else { "factor" },
            "the directory hears no password without a recent confirmation"
        );
    }
}

#[test]
fn a_password_that_must_be_changed_is_not_changed_under_a_mode() {
    for (away, _) in AWAY {
        let mut case = case_with(FaultMode::FirstFactorOnly);
        case.client.new_password = Some(crate::login::client::NewPasswordPrompts {
            new: "new?".into(),
            again: "again?".into(),
            refused: "no.".into(),
        });
        let (_, step) = outcome_of(&case, away, &known(), PrimaryOutcome::MustChange);
        assert_eq!(rejected(&step), Some(Reason::MustChangePassword), "{away:?}");
    }
}

#[test]
fn a_right_password_ends_the_row_of_wrong_ones_in_memory_and_never_in_a_store_that_may_be_away() {
    let has_failed = || Record { password: Some(Failures { row: 2, ..Failures::NONE }), ..known() };
    let case = case_with(FaultMode::FirstFactorOnly);
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, Outcome::Record(Err(fault(FaultKind::StoreUnavailable))));
    let _ = case.worked(&mut flow, Outcome::remembered(has_failed()));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert!(matches!(step, Step::Do(Work::ForgetWrongPasswords(_))), "{step:?}");
    assert!(flow.is_without_store());
    let mut case = case;
    case.client.order = Order::FactorFirst;
    let step = end(&case, Away::Code, has_failed());
    assert_eq!(basis(&step), Some(Basis::FaultFirstFactor), "and nothing is written");
}

#[test]
fn a_store_that_comes_back_while_a_question_is_open_ends_the_mode() {
    let mut case = upstream_case();
    case.policy.faults.push(mode(FaultMode::FirstFactorOnly));
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, Outcome::Record(Err(fault(FaultKind::StoreUnavailable))));
    let step = case.worked(&mut flow, Outcome::remembered(known()));
    assert!(matches!(step, Step::Do(Work::AskUpstream(_))), "{step:?}");
    assert!(matches!(case.worked(&mut flow, more()), Step::Ask(_)));
    let _ = case.answer(&mut flow, "tomato");
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, Outcome::known(known()));
    assert!(matches!(step, Step::Do(Work::AskUpstream(_))), "{step:?}");
    assert!(matches!(case.worked(&mut flow, yes()), Step::Ask(_)), "a code as ever");
    assert_eq!(flow.trail().on_fault, None);
}
