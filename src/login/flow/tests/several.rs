//! Demands of several factors.

use super::*;
use crate::login::policy::{Clause, Demand};

fn recovery() -> Enrolment {
    enrolment(Parameters::Recovery)
}

fn both() -> Vec<Enrolment> {
    vec![totp(), recovery()]
}

fn kinds(list: &[FactorKind]) -> FactorKinds {
    list.iter().copied().collect()
}

/// A case that demands a generator and a printed code.
fn two() -> Case {
    let mut case = case();
    case.policy.rules =
        vec![rule(Requirement::AllOf(kinds(&[FactorKind::Totp, FactorKind::Recovery])))].into();
    case
}

/// Up to where the answer is held against these kinds.
fn answered(case: &Case, flow: &mut Flow, text: &str, known: Vec<Enrolment>) -> Vec<FactorKind> {
    let _ = case.answer(flow, text);
    let _ = case.worked(flow, found());
    match case.worked(flow, record(known)) {
        Step::Do(Work::Check(_, _, against, _)) => against.iter().collect(),
        step @ (Step::Do(_) | Step::Ask(_) | Step::Done(_)) => panic!("{step:?}"),
    }
}

fn confirmed(kind: FactorKind) -> Outcome {
    Outcome::Factor(Ok(FactorOutcome::Confirmed(kind)))
}

fn text(step: &Step) -> Option<String> {
    match step {
        Step::Ask(prompt) => Some(prompt.text.to_string()),
        Step::Do(_) | Step::Done(_) => None,
    }
}

#[test]
fn each_factor_is_asked_for_and_the_grant_names_the_last() {
    let case = two();
    let (mut flow, step) = up_to_second(&case, both());
    assert_eq!(text(&step).as_deref(), Some("Code:"));
    assert_eq!(answered(&case, &mut flow, "123456", both()), [FactorKind::Totp]);
    let step = case.worked(&mut flow, confirmed(FactorKind::Totp));
    assert_eq!(text(&step).as_deref(), Some("2. Code:"), "he must not think that the first was wrong");
    assert_eq!(answered(&case, &mut flow, "abcd-efgh-ijkl-mnop", both()), [FactorKind::Recovery]);
    let step = case.worked(&mut flow, confirmed(FactorKind::Recovery));
    assert_eq!(basis(&step), Some(Basis::Confirmed(FactorKind::Recovery)));
    assert_eq!(flow.trail().shown, kinds(&[FactorKind::Totp, FactorKind::Recovery]));
}

#[test]
fn a_kind_that_was_shown_is_not_taken_once_more() {
    let case = two();
    let (mut flow, _) = up_to_second(&case, both());
    let _ = answered(&case, &mut flow, "123456", both());
    let _ = case.worked(&mut flow, confirmed(FactorKind::Totp));
    assert_eq!(answered(&case, &mut flow, "654321", both()), [], "six digits are no printed code");
}

#[test]
fn one_factor_meets_every_clause_that_names_its_kind() {
    let mut case = case();
    let clause = |list: &[FactorKind]| Clause { kinds: kinds(list), grace_until: None };
    let (totp_or_hotp, any) = (clause(&[FactorKind::Totp, FactorKind::Hotp]), clause(&FactorKind::ALL));
    for (clauses, enough) in [
        (vec![totp_or_hotp, any], true),
        (vec![totp_or_hotp, clause(&[FactorKind::Recovery])], false),
        (vec![any, clause(&[FactorKind::Totp]), totp_or_hotp], true),
    ] {
        case.policy.rules = vec![rule(Requirement::OneOf(FactorKinds::ALL))].into();
        let (mut flow, _) = up_to_second(&case, both());
        flow.decision.as_mut().unwrap().demand = Demand::show(clauses.clone());
        flow.typed = Some(Secret::copied(b"123456"));
        assert!(matches!(flow.second(case.clock.now()), Step::Do(Work::Check(..))));
        let step = case.worked(&mut flow, confirmed(FactorKind::Totp));
        assert_eq!(basis(&step).is_some(), enough, "{clauses:?}: {step:?}");
        assert_eq!(text(&step).is_some(), !enough, "{clauses:?}: {step:?}");
    }
}

#[test]
fn where_nothing_can_be_asked_a_second_code_is_missing() {
    let mut case = two();
    case.client.can.prompts = false;
    case.client.entry.typed = Typed::Appended { digits: 6 };
    case.credential = password("hunter2123456");
    let (mut flow, step) = up_to_second(&case, both());
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
    let step = case.worked(&mut flow, confirmed(FactorKind::Totp));
    assert_eq!(rejected(&step), Some(Reason::CodeMissing));
}

#[test]
fn whoever_lacks_one_of_them_is_asked_for_none_and_grace_is_for_who_has_nothing() {
    let mut case = two();
    assert_eq!(rejected(&up_to_second(&case, vec![totp()]).1), Some(Reason::NotEnrolled));
    edit(&mut case, |rule| rule.options.grace_until = Some(T0.plus(Duration::from_secs(1))));
    assert_eq!(basis(&up_to_second(&case, vec![]).1), Some(Basis::Grace));
    assert_eq!(rejected(&up_to_second(&case, vec![totp()]).1), Some(Reason::NotEnrolled));
}

#[test]
fn one_kind_that_is_locked_is_enough_where_all_are_demanded() {
    let case = two();
    let codes = vec![(FactorKind::Recovery, Failures { locked: true, ..Failures::NONE })];
    let (_, step) = with_record(&case, Record { enrolments: both(), codes, ..Record::default() });
    assert_eq!(rejected(&step), Some(Reason::FactorLocked));
}

#[test]
fn a_factor_that_is_taken_away_between_two_questions_does_not_count_a_073() {
    let case = two();
    let (mut flow, _) = up_to_second(&case, both());
    let _ = answered(&case, &mut flow, "123456", both());
    let _ = case.worked(&mut flow, confirmed(FactorKind::Totp));
    let _ = case.answer(&mut flow, "abcd-efgh-ijkl-mnop");
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, record(vec![recovery()]));
    assert_eq!(rejected(&step), Some(Reason::NotEnrolled));
}

#[test]
fn a_remembered_factor_counts_only_where_it_is_all_that_is_demanded_b_046() {
    let mut case = typed_case();
    case.policy.rules =
        vec![rule(Requirement::AllOf(kinds(&[FactorKind::Totp, FactorKind::Recovery])))].into();
    let (_, step) = with_record(&case, remembering(both(), FactorKind::Totp));
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
}

#[test]
fn after_three_questions_nothing_more_is_asked() {
    let mut case = case();
    case.policy.rules = vec![rule(Requirement::AllOf(FactorKinds::ALL))].into();
    let all = || vec![totp(), enrolment(Parameters::Hotp { digits: 6 }), recovery()];
    let (mut flow, mut step) = up_to_second(&case, all());
    for kind in FactorKind::ALL {
        assert!(text(&step).is_some(), "{step:?}");
        let _ = answered(&case, &mut flow, "123456", all());
        step = case.worked(&mut flow, confirmed(kind));
    }
    assert_eq!(basis(&step), Some(Basis::Confirmed(FactorKind::Recovery)));
    flow.shown = FactorKinds::NONE;
    assert_eq!(rejected(&flow.ask(case.clock.now())), Some(Reason::CodeMissing));
}
