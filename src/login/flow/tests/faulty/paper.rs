//! Another factor in place of one that cannot be checked.

use super::*;

#[test]
fn a_code_on_paper_is_asked_for_and_stands_in_for_the_factor_whose_key_is_away() {
    let mut case = case_with(paper());
    case.policy.rules = vec![rule(Requirement::OneOf([FactorKind::Totp].into_iter().collect()))].into();
    let (mut flow, step) = outcome_of(&case, Away::Code, &known(), PrimaryOutcome::Correct);
    let Step::Ask(prompt) = &step else { panic!("{step:?}") };
    assert_eq!(&*prompt.text, "Paper:");
    let _ = case.answer(&mut flow, "abcd-efgh-ijkl-mnop");
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, Outcome::known(known()));
    let Step::Do(Work::Check(_, _, against, _)) = &step else { panic!("{step:?}") };
    assert_eq!(against.only(), Some(FactorKind::Recovery));
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Recovery))));
    assert_eq!(basis(&step), Some(Basis::FaultFactor(FactorKind::Recovery)));
    assert_eq!(flow.trail().factor, Some(FactorKind::Recovery));
    assert_eq!(flow.trail().on_fault.as_deref(), Some("store-move"));
}

#[test]
fn a_wrong_code_on_paper_is_wrong_and_another_code_that_cannot_be_checked_is_not_tried_again() {
    let mut case = case_with(paper());
    case.policy.rules = vec![rule(Requirement::OneOf([FactorKind::Totp].into_iter().collect()))].into();
    let asked = || outcome_of(&case, Away::Code, &known(), PrimaryOutcome::Correct).0;
    let answer = |flow: &mut Flow, text: &str| {
        let _ = case.answer(flow, text);
        let _ = case.worked(flow, found());
        case.worked(flow, Outcome::known(known()))
    };
    let mut flow = asked();
    assert!(matches!(answer(&mut flow, "abcd-efgh-ijkl-mnop"), Step::Do(Work::Check(..))));
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Wrong)));
    assert_eq!(rejected(&step), Some(Reason::WrongCode));
    assert_eq!(rejected(&answer(&mut asked(), "123456")), Some(Reason::WrongCode));
    let mut flow = asked();
    case.clock.advance(Duration::from_secs(60));
    assert!(matches!(answer(&mut flow, "abcd-efgh-ijkl-mnop"), Step::Do(Work::Check(..))));
    let step = case.worked(&mut flow, Outcome::Factor(Err(fault(FaultKind::KeyMissing))));
    assert_eq!(unable_by(&step), Some(FaultKind::KeyMissing), "this one cannot be checked either");
}

#[test]
fn a_mode_that_ends_while_the_question_is_open_ends_with_it() {
    let mut case = case_with(paper());
    case.policy.rules = vec![rule(Requirement::OneOf([FactorKind::Totp].into_iter().collect()))].into();
    case.policy.faults[0].valid.until = Some(T0.plus(Duration::from_secs(30)));
    let (mut flow, _) = outcome_of(&case, Away::Code, &known(), PrimaryOutcome::Correct);
    case.clock.advance(Duration::from_secs(30));
    let _ = case.answer(&mut flow, "abcd-efgh-ijkl-mnop");
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, Outcome::known(known()));
    assert_eq!(unable_by(&step), Some(FaultKind::KeyMissing));
}

#[test]
fn two_things_that_must_be_shown_stay_two() {
    let mut case = case_with(paper());
    let both = [FactorKind::Totp, FactorKind::Recovery].into_iter().collect();
    case.policy.rules = vec![rule(Requirement::AllOf(both))].into();
    let step = end(&case, Away::Code, known());
    assert_eq!(unable_by(&step), Some(FaultKind::KeyMissing), "one code on paper is not both");
}

#[test]
fn who_cannot_be_asked_or_has_nothing_on_paper_is_not_let_in() {
    let mut case = case_with(paper());
    case.policy.rules = vec![rule(Requirement::OneOf([FactorKind::Totp].into_iter().collect()))].into();
    let without = Record { enrolments: vec![totp()], ..known() };
    assert_eq!(unable_by(&end(&case, Away::Code, without)), Some(FaultKind::KeyMissing));
    case.client.can.prompts = false;
    assert_eq!(unable_by(&end(&case, Away::Code, known())), Some(FaultKind::KeyMissing));
}

#[test]
fn whoever_types_a_code_for_a_factor_that_cannot_be_checked_where_another_could_gains_nothing() {
    for then in [FaultMode::FirstFactorOnly, recent()] {
        let case = case_with(then);
        let (mut flow, step) = up_to_second(&case, vec![totp(), enrolment(Parameters::Recovery)]);
        assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
        let others = fault(FaultKind::KeyMissing).after_asking();
        let step = case.worked(&mut flow, Outcome::Factor(Err(others)));
        assert_eq!(unable_by(&step), Some(FaultKind::KeyMissing));
    }
}

#[test]
fn where_a_rule_asks_for_nothing_a_mode_stands_in_for_the_record_alone() {
    let mut case = case_with(FaultMode::FirstFactorOnly);
    case.policy.rules = vec![rule(Requirement::None)].into();
    assert_eq!(basis(&end(&case, Away::Record, known())), Some(Basis::RuleAsksNone));
    case.policy.faults = vec![mode(recent())];
    assert_eq!(
        basis(&end(&case, Away::Record, Record { recent: None, ..known() })),
        Some(Basis::RuleAsksNone)
    );
    case.policy.faults = vec![mode(paper())];
    assert_eq!(unable_by(&end(&case, Away::Record, known())), Some(FaultKind::StoreUnavailable));
}
