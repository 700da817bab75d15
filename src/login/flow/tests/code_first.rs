//! The code before the password.

use super::*;
use crate::login::client::Order;
use crate::login::factor::Proof;
use crate::login::identity::group_key;

fn code_first() -> Case {
    let mut case = case();
    case.client.order = Order::FactorFirst;
    case
}

/// Codes stand behind the password.
fn appended() -> Case {
    Case { credential: password("hunter2123456"), client: typed(code_first().client), ..code_first() }
}

fn typed(client: Client) -> Client {
    Client { entry: CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } }, ..client }
}

fn recalled(case: &Case, known: Record) -> (Flow, Step) {
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, Outcome::known(known));
    (flow, step)
}

fn having(enrolments: Vec<Enrolment>) -> Record {
    Record { enrolments, ..Record::default() }
}

fn confirmed() -> Outcome {
    Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp)))
}

fn proof(step: &Step) -> Option<Proof> {
    match step {
        Step::Do(Work::Check(_, _, _, proof)) => Some(*proof),
        Step::Do(_) | Step::Ask(_) | Step::Done(_) => None,
    }
}

#[test]
fn the_password_leaves_only_after_the_code_was_right_d_108() {
    let case = code_first();
    let (mut flow, step) = recalled(&case, having(vec![totp()]));
    assert!(matches!(step, Step::Ask(_)), "{step:?}");
    let _ = case.answer(&mut flow, "123456");
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, record(vec![totp()]));
    assert_eq!(proof(&step), Some(Proof::Unproven), "{step:?}");
    let step = case.worked(&mut flow, confirmed());
    let Step::Do(Work::VerifyPrimary(Some(_), sent)) = step else { panic!("{step:?}") };
    assert_eq!(sent, Secret::copied(b"hunter2"));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert_eq!(basis(&step), Some(Basis::Confirmed(FactorKind::Totp)));
}

#[test]
fn a_wrong_code_ends_it_and_a_wrong_password_behind_a_right_code_counts() {
    let case = appended();
    let (mut flow, step) = recalled(&case, having(vec![totp()]));
    assert_eq!(proof(&step), Some(Proof::Unproven));
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Wrong)));
    assert_eq!(rejected(&step), Some(Reason::WrongCode));
    let (mut flow, _) = recalled(&case, having(vec![totp()]));
    let Step::Do(Work::VerifyPrimary(_, sent)) = case.worked(&mut flow, confirmed()) else { panic!() };
    assert_eq!(sent, Secret::copied(b"hunter2"));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Wrong));
    assert!(matches!(step, Step::Do(Work::CountWrongPassword(_))), "{step:?}");
}

#[test]
fn at_a_familiar_place_a_wrong_code_counts_against_the_factor_c_004() {
    let mut known = having(vec![totp()]);
    known.history.familiar = true;
    assert_eq!(
        proof(&recalled(&appended(), known).1),
        Some(Proof::Familiar),
        "his neighbours are there, too"
    );
    let (_, step) = up_to_second(&typed_case(), vec![totp()]);
    assert_eq!(proof(&step), Some(Proof::Proven), "after the password it always does");
}

#[test]
fn strangers_wait_by_a_row_of_their_own_and_only_a_lock_of_the_factor_stops_them_besides() {
    let waiting = Failures { row: 9, wait_until: T0.plus(Duration::from_secs(60)), ..Failures::NONE };
    let locked = Failures { locked: true, ..Failures::NONE };
    let of_kind = |failures| Record { codes: vec![(FactorKind::Totp, failures)], ..having(vec![totp()]) };
    let strange = Record { unproven: Some(waiting), ..having(vec![totp()]) };
    assert_eq!(proof(&recalled(&appended(), of_kind(waiting)).1), Some(Proof::Unproven));
    assert_eq!(rejected(&recalled(&appended(), of_kind(locked)).1), Some(Reason::FactorLocked));
    assert_eq!(rejected(&recalled(&appended(), strange.clone()).1), Some(Reason::FactorLocked));
    let mut owner = strange;
    owner.history.familiar = true;
    assert_eq!(proof(&recalled(&appended(), owner).1), Some(Proof::Familiar), "they do not keep him out");
}

#[test]
fn whoever_cannot_get_in_is_asked_the_same_question_and_nobody_hears_the_password_d_100() {
    let case = code_first();
    let locked = vec![(FactorKind::Totp, Failures { locked: true, ..Failures::NONE })];
    let over_rate = Record { over_rate: true, ..having(vec![totp()]) };
    let locked = Record { codes: locked, ..having(vec![totp()]) };
    let ways = [
        (having(vec![]), Reason::NotEnrolled),
        (over_rate, Reason::TooManyLogins),
        (locked, Reason::FactorLocked),
    ];
    for (known, reason) in ways {
        let (mut flow, step) = recalled(&case, known);
        let Step::Ask(prompt) = step else { panic!("{reason:?}: {step:?}") };
        assert_eq!(&*prompt.text, "Code:");
        assert_eq!(rejected(&case.answer(&mut flow, "123456")), Some(reason));
    }
    let (mut flow, _) = case.begin();
    let step = case.worked(&mut flow, Outcome::Subject(Ok(None)));
    let Step::Ask(prompt) = step else { panic!("{step:?}") };
    assert_eq!(&*prompt.text, "Code:");
    assert_eq!(rejected(&case.answer(&mut flow, "123456")), Some(Reason::UnknownSubject));
}

#[test]
fn a_refusal_of_somebody_is_not_seen_before_the_answer_and_one_of_everybody_at_once() {
    let mut case = code_first();
    let of_group = Condition::Group(vec![group_key("vpn")]);
    let refused = Rule { when: Condition::Not(Box::new(of_group)), ..rule(Requirement::Refuse) };
    case.policy = Policy::new(vec![refused]);
    let (mut flow, step) = recalled(&case, having(vec![totp()]));
    assert!(matches!(step, Step::Ask(_)), "{step:?}");
    assert_eq!(rejected(&case.answer(&mut flow, "123456")), Some(Reason::RefusedByRule));
    case.policy = Policy::new(vec![rule(Requirement::Refuse)]);
    assert_eq!(rejected(&case.begin().1), Some(Reason::RefusedByRule));
}

#[test]
fn a_code_in_the_field_of_an_unknown_name_makes_nobody_hear_the_password() {
    let case = appended();
    let (mut flow, _) = case.begin();
    let step = case.worked(&mut flow, Outcome::Subject(Ok(None)));
    assert_eq!(rejected(&step), Some(Reason::UnknownSubject));
    let none = Case { credential: password("hunter2"), ..appended() };
    assert_eq!(rejected(&recalled(&none, having(vec![totp()])).1), Some(Reason::CodeMissing));
    let alone = Case { credential: password("123456"), ..appended() };
    assert_eq!(rejected(&recalled(&alone, having(vec![totp()])).1), Some(Reason::EmptyPassword));
}

#[test]
fn where_nothing_is_asked_for_the_password_comes_as_elsewhere() {
    let verified = |case: &Case, known: Record| {
        matches!(recalled(case, known).1, Step::Do(Work::VerifyPrimary(Some(_), _)))
    };
    let mut case = code_first();
    case.policy = Policy::new(vec![rule(Requirement::None)]);
    assert!(verified(&case, having(vec![])));
    let (mut flow, _) = case.begin();
    let step = case.worked(&mut flow, Outcome::Subject(Ok(None)));
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(None, _))), "and of nobody: {step:?}");
    let grace_until = Some(T0.plus(Duration::from_secs(60)));
    let options = Options { grace_until, ..Options::default() };
    case.policy = Policy::new(vec![Rule { options, ..rule(Requirement::OneOf(FactorKinds::ALL)) }]);
    assert!(verified(&case, having(vec![])), "there is no code that could come first");
    let mut exempt = exempt_case();
    exempt.client.order = Order::FactorFirst;
    assert!(verified(&exempt, having(vec![])));
}

#[test]
fn a_throttled_password_is_not_sent_and_that_shows_only_to_who_has_the_factor() {
    let case = code_first();
    let known = || Record { password: Some(failures(4)), ..having(vec![totp()]) };
    let (mut flow, step) = recalled(&case, known());
    assert!(matches!(step, Step::Ask(_)), "{step:?}");
    let _ = case.answer(&mut flow, "123456");
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, Outcome::known(known()));
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
    assert_eq!(rejected(&case.worked(&mut flow, confirmed())), Some(Reason::PasswordThrottled));
}

#[test]
fn a_remembered_field_sends_its_password_without_a_new_code_b_046() {
    let (mut flow, step) = recalled(&appended(), remembering(vec![totp()], FactorKind::Totp));
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(Some(_), _))), "{step:?}");
    let step = appended().worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert_eq!(basis(&step), Some(Basis::Remembered(FactorKind::Totp)));
}

#[test]
fn an_upstream_hears_the_password_after_the_code_with_what_the_device_sent_first() {
    let mut case = upstream_case();
    case.client.order = Order::FactorFirst;
    let (mut flow, step) = recalled(&case, having(vec![totp()]));
    assert!(matches!(step, Step::Ask(_)), "{step:?}");
    let _ = case.answer(&mut flow, "123456");
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![totp()]));
    let step = case.worked(&mut flow, confirmed());
    assert!(matches!(&step, Step::Do(Work::AskUpstream(Some(sent))) if *sent == Secret::copied(b"hunter2")));
    let passage = flow.attempt().passage.as_ref().and_then(|passage| passage.get::<&str>());
    assert_eq!(passage, Some(&FIRST));
    assert_eq!(basis(&case.worked(&mut flow, yes())), Some(Basis::Confirmed(FactorKind::Totp)));
}
