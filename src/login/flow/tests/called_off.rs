//! Nobody waits for the verdict.

use super::*;

#[test]
fn a_wrong_password_is_counted_though_nobody_waits_any_more_b_087() {
    let case = case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![totp()]));
    flow.call_off();
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Wrong));
    assert!(matches!(step, Step::Do(Work::CountWrongPassword(_))), "{step:?}");
    assert_eq!(rejected(&case.worked(&mut flow, Outcome::Counted(Ok(())))), Some(Reason::WrongPassword));
}

#[test]
fn nobody_is_let_in_asked_or_looked_up_when_nobody_waits_any_more() {
    let gone = |outcomes: Vec<Outcome>, case: &Case| {
        let (mut flow, _) = case.begin();
        let last = outcomes.len() - 1;
        let mut step = None;
        for (n, outcome) in outcomes.into_iter().enumerate() {
            if n == last {
                flow.call_off();
            }
            step = Some(case.worked(&mut flow, outcome));
        }
        rejected(&step.unwrap())
    };
    let called_off = Some(Reason::CalledOff);
    let right = || primary(PrimaryOutcome::Correct);
    let confirmed = Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp)));
    assert_eq!(gone(vec![found()], &case()), called_off, "nothing is recalled");
    assert_eq!(gone(vec![found(), record(vec![])], &case()), called_off, "no password is tried");
    assert_eq!(gone(vec![found(), record(vec![totp()]), right()], &case()), called_off, "no question");
    assert_eq!(
        gone(vec![found(), record(vec![totp()]), right()], &typed_case()),
        called_off,
        "no code used up"
    );
    assert_eq!(gone(vec![found(), record(vec![totp()]), right(), confirmed], &typed_case()), called_off);
    assert_eq!(gone(vec![found(), record(vec![]), right()], &exempt_case()), called_off);
}

#[test]
fn a_look_up_or_a_wait_may_be_stopped_and_nothing_that_must_be_counted_may() {
    let case = typed_case();
    let stopped = |flow: &mut Flow| flow.advance(Event::CalledOff, case.clock.now());
    let (mut flow, step) = case.begin();
    assert!(matches!(step, Step::Do(work) if work.may_stop()));
    assert_eq!(rejected(&stopped(&mut flow)), Some(Reason::CalledOff));
    let (mut flow, _) = case.begin();
    assert!(matches!(case.worked(&mut flow, found()), Step::Do(work) if work.may_stop()));
    assert_eq!(rejected(&stopped(&mut flow)), Some(Reason::CalledOff));
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    assert!(matches!(case.worked(&mut flow, record(vec![totp()])), Step::Do(work) if !work.may_stop()));
    assert!(matches!(case.worked(&mut flow, primary(PrimaryOutcome::Correct)), Step::Do(w) if !w.may_stop()));
    assert!(matches!(stopped(&mut flow), Step::Done(Verdict::Unable(FaultKind::Internal))));
}
