//! The second factor.

use super::*;

#[test]
fn password_question_code_accept() {
    let case = case();
    let (mut flow, step) = up_to_second(&case, vec![totp()]);
    assert!(matches!(step, Step::Ask(_)), "{step:?}");
    assert!(matches!(case.answer(&mut flow, "123456"), Step::Do(Work::FindSubject)));
    assert!(matches!(case.worked(&mut flow, found()), Step::Do(Work::Recall { .. })));
    let step = case.worked(&mut flow, record(vec![totp()]));
    assert!(matches!(step, Step::Do(Work::Check(..))), "the password is not checked again: {step:?}");
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))));
    assert_eq!(basis(&step), Some(Basis::Confirmed(FactorKind::Totp)));
    assert_eq!(flow.trail().factor, Some(FactorKind::Totp));
}

#[test]
fn a_typed_code_is_checked_without_a_question() {
    let mut case = case();
    case.client.entry.typed = Typed::Appended { digits: 6 };
    case.credential = password("hunter2123456");
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let Step::Do(Work::VerifyPrimary(Some(_), sent)) = case.worked(&mut flow, record(vec![totp()])) else {
        panic!("the password goes to the directory")
    };
    assert_eq!(sent, Secret::copied(b"hunter2"));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
}

#[test]
fn without_an_enrolment_only_grace_helps_and_only_until_its_date_c_011() {
    let mut case = case();
    let (_, step) = up_to_second(&case, vec![]);
    assert_eq!(rejected(&step), Some(Reason::NotEnrolled));
    let grace = |until| Rule {
        name: "new".into(),
        when: Condition::ALWAYS,
        then: Requirement::OneOf(FactorKinds::ALL),
        options: Options { grace_until: Some(until), ..Options::default() },
    };
    case.policy.rules = vec![grace(T0.plus(Duration::from_secs(1)))].into();
    assert_eq!(basis(&up_to_second(&case, vec![]).1), Some(Basis::Grace));
    assert!(
        matches!(up_to_second(&case, vec![totp()]).1, Step::Ask(_)),
        "grace is for those without a factor"
    );
    case.policy.rules = vec![grace(T0)].into();
    assert_eq!(rejected(&up_to_second(&case, vec![]).1), Some(Reason::NotEnrolled));
}

#[test]
fn an_account_that_was_disabled_during_the_question_stays_out_a_073() {
    let case = case();
    let (mut flow, _) = up_to_second(&case, vec![totp()]);
    let _ = case.answer(&mut flow, "123456");
    let _ = case.worked(&mut flow, Outcome::Subject(Ok(Some(subject_with(Standing::Disabled, "p1")))));
    assert_eq!(rejected(&case.worked(&mut flow, record(vec![totp()]))), Some(Reason::AccountDisabled));
}

#[test]
fn a_name_that_leads_elsewhere_after_the_question_stays_out() {
    for next in [Some(subject_with(Standing::Active, "p2")), None] {
        let case = case();
        let (mut flow, _) = up_to_second(&case, vec![totp()]);
        let _ = case.answer(&mut flow, "123456");
        let step = case.worked(&mut flow, Outcome::Subject(Ok(next)));
        assert_eq!(rejected(&step), Some(Reason::SubjectChanged));
    }
}

#[test]
fn a_stranger_who_types_the_name_too_often_does_not_stop_an_answer_a_122() {
    let over_rate =
        || Outcome::known(Record { enrolments: vec![totp()], over_rate: true, ..Record::default() });
    let case = case();
    let (mut flow, _step) = case.begin();
    let _step = case.worked(&mut flow, found());
    assert_eq!(rejected(&case.worked(&mut flow, over_rate())), Some(Reason::TooManyLogins));

    let (mut flow, _step) = case.begin();
    let _step = case.worked(&mut flow, found());
    let _step = case.worked(&mut flow, record(vec![totp()]));
    assert!(matches!(case.worked(&mut flow, primary(PrimaryOutcome::Correct)), Step::Ask(_)));
    let _step = case.answer(&mut flow, "123456");
    let _step = case.worked(&mut flow, found());
    assert!(matches!(case.worked(&mut flow, over_rate()), Step::Do(Work::Check(..))));
}

#[test]
fn an_empty_reply_is_a_wrong_reply_d_027() {
    let case = case();
    let (mut flow, _) = up_to_second(&case, vec![totp()]);
    let _ = case.answer(&mut flow, "");
    let _ = case.worked(&mut flow, found());
    assert_eq!(rejected(&case.worked(&mut flow, record(vec![totp()]))), Some(Reason::NotACode));
}

#[test]
fn a_reply_after_its_time_is_late_even_if_nobody_swept() {
    let case = case();
    let (mut flow, _) = up_to_second(&case, vec![totp()]);
    case.clock.advance(Duration::from_secs(120));
    assert_eq!(rejected(&case.answer(&mut flow, "123456")), Some(Reason::AnswerLate));
}

#[test]
fn a_client_that_cannot_ask_rejects_a_missing_code() {
    let mut case = case();
    case.client.can.prompts = false;
    assert_eq!(rejected(&up_to_second(&case, vec![totp()]).1), Some(Reason::CodeMissing));
}

#[test]
fn a_client_that_checked_the_password_sends_the_code_or_is_asked() {
    let mut case = case();
    case.client.primary = PrimaryKind::CheckedByClient;
    for (sent, asked) in [(None, true), (Some(""), true), (Some("123456"), false)] {
        case.credential = PrimaryCredential::CheckedByClient(sent.map(|s| Secret::copied(s.as_bytes())));
        let (mut flow, _) = case.begin();
        let _ = case.worked(&mut flow, found());
        let step = case.worked(&mut flow, record(vec![totp()]));
        assert_eq!(matches!(step, Step::Ask(_)), asked, "{sent:?}: {step:?}");
        assert_eq!(matches!(step, Step::Do(Work::Check(..))), !asked, "{sent:?}: {step:?}");
    }
}

#[test]
fn a_recovery_code_is_held_against_recovery_codes_only() {
    let mut case = case();
    case.client.primary = PrimaryKind::CheckedByClient;
    case.credential = PrimaryCredential::CheckedByClient(Some(Secret::copied(b"abcd-efgh-ijkl-mnop")));
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, record(vec![totp(), enrolment(Parameters::Recovery)]));
    let Step::Do(Work::Check(_, _, against, _)) = step else { panic!("{step:?}") };
    assert_eq!(against.only(), Some(FactorKind::Recovery));
}

#[test]
fn grace_is_not_for_those_who_have_another_factor_than_the_rule_asks_for() {
    let mut case = case();
    case.policy.rules.push(Rule {
        name: "devices".into(),
        when: Condition::ALWAYS,
        then: Requirement::OneOf([FactorKind::Hotp].into_iter().collect()),
        options: Options { grace_until: Some(T0.plus(Duration::from_secs(60))), ..Options::default() },
    });
    assert_eq!(basis(&up_to_second(&case, vec![]).1), Some(Basis::Grace));
    assert_eq!(rejected(&up_to_second(&case, vec![totp()]).1), Some(Reason::NotEnrolled));
}

#[test]
fn a_remembered_factor_counts_again_after_the_password_was_verified_b_046() {
    let known = remembering(vec![totp()], FactorKind::Totp);
    let (flow, step) = with_record(&typed_case(), Record { over_rate: true, ..known });
    assert_eq!(basis(&step), Some(Basis::Remembered(FactorKind::Totp)), "also when others log in too often");
    assert_eq!(flow.trail().factor, Some(FactorKind::Totp));
}

#[test]
fn a_remembered_factor_that_the_rule_does_not_ask_for_or_that_is_gone_or_locked_does_not_count_b_046() {
    let checked = |step: &Step| matches!(step, Step::Do(Work::Check(..)));
    let mut hotp = typed_case();
    let only = Requirement::OneOf([FactorKind::Hotp].into_iter().collect());
    let when = Condition::ALWAYS;
    hotp.policy.rules.push(Rule { name: "hotp".into(), when, then: only, options: Options::default() });
    let both = vec![totp(), enrolment(Parameters::Hotp { digits: 6 })];
    assert!(checked(&with_record(&hotp, remembering(both.clone(), FactorKind::Totp)).1));
    assert!(checked(&with_record(&typed_case(), remembering(vec![totp()], FactorKind::Hotp)).1));
    let codes = vec![(FactorKind::Totp, Failures { locked: true, ..Failures::NONE })];
    let locked = Record { codes, ..remembering(both, FactorKind::Totp) };
    assert!(checked(&with_record(&typed_case(), locked).1), "the other kind may still be shown");
}

#[test]
fn a_remembered_factor_stands_for_no_reply_to_a_question_and_for_no_code_that_was_not_typed() {
    let known = || remembering(vec![totp()], FactorKind::Totp);
    let (mut flow, step) = with_record(&case(), known());
    assert!(matches!(step, Step::Ask(_)), "no code stands in the field: {step:?}");
    let _ = case().answer(&mut flow, "123456");
    let _ = case().worked(&mut flow, found());
    let step = case().worked(&mut flow, Outcome::known(known()));
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
}

#[test]
fn a_code_that_was_not_compared_for_too_many_is_neither_right_nor_wrong() {
    let case = typed_case();
    let (mut flow, step) = up_to_second(&case, vec![totp()]);
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::TooOften)));
    assert_eq!(rejected(&step), Some(Reason::TooManyCodes));
}
