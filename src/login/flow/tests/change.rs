//! A password that has expired, and a new one in its place.

use super::*;
use crate::login::client::NewPasswordPrompts;

pub(super) fn prompts() -> NewPasswordPrompts {
    NewPasswordPrompts { new: "New:".into(), again: "Again:".into(), refused: "Not taken.".into() }
}

fn change_case() -> Case {
    let mut case = case();
    case.client.new_password = Some(prompts());
    case
}

const MUST: PrimaryOutcome = PrimaryOutcome::MustChange;

/// Up to what follows the directory's word that the password is right and must be changed.
fn after_expired(case: &Case, outcome: PrimaryOutcome, known: Record) -> (Flow, Step) {
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, subject_that(Standing::MustChange));
    let step = case.worked(&mut flow, Outcome::known(known));
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(Some(_), _))), "{step:?}");
    let step = case.worked(&mut flow, primary(outcome));
    (flow, step)
}

fn subject_that(standing: Standing) -> Outcome {
    Outcome::Subject(Ok(Some(subject_with(standing, "p1"))))
}

fn with_totp() -> Record {
    Record { enrolments: vec![totp()], ..Record::default() }
}

fn confirmed() -> Outcome {
    Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp)))
}

/// What is asked.
fn asked(step: &Step) -> Option<&str> {
    match step {
        Step::Ask(prompt) => Some(&prompt.text),
        Step::Do(_) | Step::Done(_) => None,
    }
}

/// Answers the question for a code with one that is right.
fn show_code(case: &Case, flow: &mut Flow) -> Step {
    let _ = case.answer(flow, "123456");
    let _ = case.worked(flow, subject_that(Standing::MustChange));
    let step = case.worked(flow, Outcome::known(with_totp()));
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
    case.worked(flow, confirmed())
}

/// Up to the question for a new password.
fn up_to_new(case: &Case) -> Flow {
    let (mut flow, step) = after_expired(case, MUST, with_totp());
    assert_eq!(asked(&step), Some("Code:"), "the factor first");
    assert_eq!(asked(&show_code(case, &mut flow)), Some("New:"));
    flow
}

/// Types `new` twice.
fn choose(case: &Case, flow: &mut Flow, new: &str) -> Step {
    assert_eq!(asked(&case.answer(flow, new)), Some("Again:"));
    let step = case.answer(flow, new);
    assert!(matches!(step, Step::Do(Work::FindSubject)), "{step:?}");
    let step = case.worked(flow, subject_that(Standing::MustChange));
    assert!(matches!(step, Step::Do(Work::Recall { .. })), "{step:?}");
    case.worked(flow, Outcome::known(with_totp()))
}

fn changing(step: &Step) -> Option<(&[u8], &[u8])> {
    match step {
        Step::Do(Work::ChangePassword(_, old, new)) => Some((old.expose(), new.expose())),
        Step::Do(_) | Step::Ask(_) | Step::Done(_) => None,
    }
}

fn changed(outcome: Changed) -> Outcome {
    Outcome::Changed(Ok(outcome))
}

#[test]
fn the_old_password_then_a_code_then_the_new_one_twice_then_accept_b_093() {
    let case = change_case();
    let mut flow = up_to_new(&case);
    let step = choose(&case, &mut flow, "hunter3");
    assert_eq!(changing(&step), Some((&b"hunter2"[..], &b"hunter3"[..])));
    assert_eq!(flow.trail().stage, "password-change");
    let step = case.worked(&mut flow, changed(Changed::Done));
    assert_eq!(basis(&step), Some(Basis::Confirmed(FactorKind::Totp)));
}

#[test]
fn a_code_typed_behind_the_old_password_is_checked_first_and_is_no_part_of_it() {
    let mut case = change_case();
    case.client.entry.typed = Typed::Appended { digits: 6 };
    case.credential = password("hunter2123456");
    let (mut flow, step) = after_expired(&case, PrimaryOutcome::PasswordExpired, with_totp());
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
    assert_eq!(asked(&case.worked(&mut flow, confirmed())), Some("New:"));
    let step = choose(&case, &mut flow, "hunter3123456");
    assert_eq!(changing(&step), Some((&b"hunter2"[..], &b"hunter3123456"[..])), "a new one is not cut");
}

#[test]
fn whoever_knows_the_old_password_alone_does_not_choose_the_next_one() {
    let mut asks_none = change_case();
    asks_none.policy.rules = vec![rule(Requirement::None)].into();
    let mut grace = change_case();
    grace.policy.rules = vec![Rule {
        options: Options { grace_until: Some(T0.plus(Duration::from_secs(60))), ..Options::default() },
        ..rule(Requirement::OneOf(FactorKinds::ALL))
    }]
    .into();
    let mut exempt = exempt_case();
    exempt.client.new_password = Some(prompts());
    for (case, enrolled) in [(asks_none, vec![totp()]), (grace, vec![]), (exempt, vec![totp()])] {
        let known = Record { enrolments: enrolled, ..Record::default() };
        let (_, step) = after_expired(&case, MUST, known);
        assert_eq!(rejected(&step), Some(Reason::MustChangePassword));
    }
    let mut remembered = typed_case();
    remembered.client.new_password = Some(prompts());
    let known = remembering(vec![totp()], FactorKind::Totp);
    let (_, step) = after_expired(&remembered, PrimaryOutcome::PasswordExpired, known);
    assert_eq!(rejected(&step), Some(Reason::PasswordExpired), "a code that was used before is none");
}

#[test]
fn a_wrong_code_ends_it_before_anything_is_chosen() {
    let case = change_case();
    let (mut flow, _) = after_expired(&case, MUST, with_totp());
    let _ = case.answer(&mut flow, "123456");
    let _ = case.worked(&mut flow, subject_that(Standing::MustChange));
    let _ = case.worked(&mut flow, Outcome::known(with_totp()));
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Wrong)));
    assert_eq!(rejected(&step), Some(Reason::WrongCode));
    let (_, step) = after_expired(&case, MUST, Record::default());
    assert_eq!(rejected(&step), Some(Reason::NotEnrolled), "nor does anybody without a factor");
}

#[test]
fn there_is_no_dialogue_where_it_is_not_configured_nobody_can_be_asked_or_somebody_else_checks() {
    let without = case();
    let mut silent = change_case();
    silent.client.can.prompts = false;
    silent.client.entry.typed = Typed::Appended { digits: 6 };
    for case in [without, silent] {
        for (outcome, reason) in
            [(MUST, Reason::MustChangePassword), (PrimaryOutcome::PasswordExpired, Reason::PasswordExpired)]
        {
            assert_eq!(rejected(&after_expired(&case, outcome, with_totp()).1), Some(reason));
        }
    }
}

#[test]
fn a_standing_alone_opens_no_dialogue_since_only_the_directorys_word_on_the_password_proves_it() {
    let case = change_case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, subject_that(Standing::MustChange));
    let _ = case.worked(&mut flow, Outcome::known(with_totp()));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert_eq!(rejected(&step), Some(Reason::MustChangePassword));
}

#[test]
fn what_cannot_be_a_new_password_or_is_typed_differently_is_asked_for_again_three_times_in_all() {
    let case = change_case();
    let again = "Not taken. New:";
    for useless in ["", "a\0b", "hunter2"] {
        let mut flow = up_to_new(&case);
        assert_eq!(asked(&case.answer(&mut flow, useless)), Some(again), "{useless:?}");
        assert_eq!(asked(&case.answer(&mut flow, useless)), Some(again));
        let step = case.answer(&mut flow, useless);
        assert_eq!(rejected(&step), Some(Reason::PasswordNotChanged));
    }
    let mut flow = up_to_new(&case);
    for other in ["hunter4", ""] {
        assert_eq!(asked(&case.answer(&mut flow, "hunter3")), Some("Again:"));
        assert_eq!(asked(&case.answer(&mut flow, other)), Some(again));
    }
    let step = choose(&case, &mut flow, "hunter5");
    assert_eq!(changing(&step), Some((&b"hunter2"[..], &b"hunter5"[..])), "the third is taken");
}

#[test]
fn a_new_password_that_the_directory_refuses_three_times_ends_the_login() {
    let case = change_case();
    let mut flow = up_to_new(&case);
    for try_no in 1..=3 {
        let step = choose(&case, &mut flow, "short");
        assert!(changing(&step).is_some(), "{step:?}");
        let step = case.worked(&mut flow, changed(Changed::Refused));
        if try_no < 3 {
            assert_eq!(asked(&step), Some("Not taken. New:"));
        } else {
            assert_eq!(rejected(&step), Some(Reason::PasswordNotChanged));
        }
    }
}

#[test]
fn after_a_refusal_another_one_can_be_chosen() {
    let case = change_case();
    let mut flow = up_to_new(&case);
    let _ = choose(&case, &mut flow, "short");
    let _ = case.worked(&mut flow, changed(Changed::Refused));
    let step = choose(&case, &mut flow, "long enough");
    assert_eq!(changing(&step), Some((&b"hunter2"[..], &b"long enough"[..])));
    assert!(basis(&case.worked(&mut flow, changed(Changed::Done))).is_some());
}

#[test]
fn a_change_that_was_not_made_lets_nobody_in() {
    let case = change_case();
    for (outcome, reason) in
        [(Changed::WrongOld, Reason::PasswordNotChanged), (Changed::Unsupported, Reason::MustChangePassword)]
    {
        let mut flow = up_to_new(&case);
        let _ = choose(&case, &mut flow, "hunter3");
        assert_eq!(rejected(&case.worked(&mut flow, changed(outcome))), Some(reason));
    }
    let mut flow = up_to_new(&case);
    let _ = choose(&case, &mut flow, "hunter3");
    let fault = Fault::new(FaultKind::DirectoryUnreachable, "the line is dead");
    let step = case.worked(&mut flow, Outcome::Changed(Err(fault)));
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::DirectoryUnreachable))), "{step:?}");
    let mut flow = up_to_new(&case);
    let _ = choose(&case, &mut flow, "hunter3");
    let step = flow.advance(Event::TimedOut, case.clock.now());
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::TimedOut))), "{step:?}");
}

#[test]
fn each_question_for_a_new_password_has_its_time() {
    let case = change_case();
    for answers in [&[][..], &["hunter3"][..]] {
        for swept in [true, false] {
            let mut flow = up_to_new(&case);
            for answer in answers {
                let _ = case.answer(&mut flow, answer);
            }
            let step = if swept {
                flow.advance(Event::TimedOut, case.clock.now())
            } else {
                case.clock.advance(Duration::from_secs(120));
                case.answer(&mut flow, "hunter3")
            };
            assert_eq!(rejected(&step), Some(Reason::AnswerLate));
        }
    }
}

#[test]
fn nothing_is_changed_once_nobody_waits_any_more() {
    let case = change_case();
    for answers in [&[][..], &["hunter3"][..]] {
        let mut flow = up_to_new(&case);
        for answer in answers {
            let _ = case.answer(&mut flow, answer);
        }
        assert_eq!(rejected(&flow.advance(Event::CalledOff, case.clock.now())), Some(Reason::CalledOff));
    }
    let mut flow = up_to_new(&case);
    let _ = case.answer(&mut flow, "hunter3");
    let _ = case.answer(&mut flow, "hunter3");
    let _ = case.worked(&mut flow, subject_that(Standing::MustChange));
    flow.call_off();
    let step = case.worked(&mut flow, Outcome::known(with_totp()));
    assert_eq!(rejected(&step), Some(Reason::CalledOff));
    let mut flow = up_to_new(&case);
    let step = choose(&case, &mut flow, "hunter3");
    assert!(matches!(step, Step::Do(work) if !work.may_stop()), "a change that has begun runs to its end");
}

#[test]
fn whoever_was_disabled_renamed_or_refused_while_he_chose_changes_nothing_a_073() {
    let case = change_case();
    let chosen = || {
        let mut flow = up_to_new(&case);
        let _ = case.answer(&mut flow, "hunter3");
        let _ = case.answer(&mut flow, "hunter3");
        flow
    };
    for (standing, reason) in
        [(Standing::Disabled, Reason::AccountDisabled), (Standing::Locked, Reason::AccountLocked)]
    {
        let mut flow = chosen();
        let _ = case.worked(&mut flow, subject_that(standing));
        assert_eq!(rejected(&case.worked(&mut flow, Outcome::known(with_totp()))), Some(reason));
    }
    let mut flow = chosen();
    let step = case.worked(&mut flow, Outcome::Subject(Ok(Some(subject_with(Standing::Active, "p2")))));
    assert_eq!(rejected(&step), Some(Reason::SubjectChanged));
}

#[test]
fn a_factor_that_was_taken_away_while_he_chose_no_longer_counts_a_073() {
    let case = change_case();
    let again = |enrolments: Vec<Enrolment>| {
        let mut flow = up_to_new(&case);
        let _ = case.answer(&mut flow, "hunter3");
        let _ = case.answer(&mut flow, "hunter3");
        let _ = case.worked(&mut flow, subject_that(Standing::MustChange));
        let step = case.worked(&mut flow, Outcome::known(Record { enrolments, ..Record::default() }));
        (flow, step)
    };
    assert_eq!(rejected(&again(vec![]).1), Some(Reason::NotEnrolled));
    let hotp = || enrolment(Parameters::Hotp { digits: 6 });
    let (mut flow, step) = again(vec![hotp()]);
    assert_eq!(asked(&step), Some("Code:"), "of the factor that is there now");
    let _ = case.answer(&mut flow, "123456");
    let _ = case.worked(&mut flow, subject_that(Standing::MustChange));
    let known = Record { enrolments: vec![hotp()], ..Record::default() };
    let step = case.worked(&mut flow, Outcome::known(known));
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Hotp))));
    assert_eq!(
        changing(&step),
        Some((&b"hunter2"[..], &b"hunter3"[..])),
        "what was chosen is not asked again"
    );
    let step = case.worked(&mut flow, changed(Changed::Done));
    assert_eq!(basis(&step), Some(Basis::Confirmed(FactorKind::Hotp)));
}

#[test]
fn the_right_old_password_ends_the_row_of_wrong_ones() {
    let case = change_case();
    let known = Record { password: Some(failures(3)), ..with_totp() };
    let (mut flow, step) = after_expired(&case, MUST, known);
    assert!(matches!(step, Step::Do(Work::ForgetWrongPasswords(_))), "{step:?}");
    assert_eq!(asked(&case.worked(&mut flow, Outcome::Counted(Ok(())))), Some("Code:"));
}

#[test]
fn neither_password_is_kept_after_the_end() {
    let case = change_case();
    let mut flow = up_to_new(&case);
    let _ = case.answer(&mut flow, "hunter3");
    let _ = flow.advance(Event::TimedOut, case.clock.now());
    assert!(flow.change.is_none() && flow.sent.is_none());
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![totp()]));
    assert!(flow.sent.is_some());
    let _ = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert!(flow.sent.is_none(), "nor while a code is asked for, where it need not be changed");
}
