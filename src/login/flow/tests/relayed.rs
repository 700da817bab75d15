//! Passwords, CHAP and MS-CHAP at an upstream.

use super::*;
use crate::login::rename::{Change, Renaming};

const CHAPS: [Method; 3] = [Method::Chap, Method::MsChap, Method::MsChap2];

/// Logs in by `method` at a client that can be asked afterwards, or cannot.
fn chap_case(method: Method, can_be_asked: bool) -> Case {
    let mut case = upstream_case();
    case.client.can.prompts_relayed = can_be_asked;
    case.credential = PrimaryCredential::Relayed(method);
    case
}

/// Up to the moment where the upstream is asked.
fn up_to_upstream(case: &Case, known: Record) -> (Flow, Step) {
    let (mut flow, _) = case.begin();
    assert!(matches!(case.worked(&mut flow, found()), Step::Do(Work::Recall { .. })));
    let step = case.worked(&mut flow, Outcome::known(known));
    (flow, step)
}

fn with(enrolments: Vec<Enrolment>) -> Record {
    Record { enrolments, ..Record::default() }
}

/// The password that the upstream is asked about; `None` where it is asked about the request as it came.
fn asked(step: &Step) -> Option<&[u8]> {
    let Step::Do(Work::AskUpstream(password)) = step else { panic!("the upstream is asked: {step:?}") };
    password.as_ref().map(Secret::expose)
}

#[test]
fn a_password_with_a_code_behind_it_reaches_the_upstream_without_the_code() {
    let mut case = upstream_case();
    case.client.entry.typed = Typed::Appended { digits: 6 };
    case.credential = password("hunter2123456");
    let (mut flow, step) = up_to_upstream(&case, with(vec![totp()]));
    assert_eq!(asked(&step), Some(&b"hunter2"[..]));
    let step = case.worked(&mut flow, yes());
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))));
    assert_eq!(basis(&step), Some(Basis::Confirmed(FactorKind::Totp)));
    assert_eq!(kept(&flow), Some("accept"));
}

#[test]
fn what_the_upstream_answered_is_kept_over_our_own_question_and_the_upstream_is_not_asked_again_a_101() {
    let methods = CHAPS.map(|method| chap_case(method, true));
    for case in methods.into_iter().chain([upstream_case()]) {
        let (mut flow, step) = up_to_upstream(&case, with(vec![totp()]));
        let is_password = matches!(case.credential, PrimaryCredential::Password(_));
        assert_eq!(asked(&step), is_password.then_some(&b"hunter2"[..]));
        let Step::Ask(prompt) = case.worked(&mut flow, yes()) else { panic!("a code is asked for") };
        assert!(prompt.relay.is_none() && &*prompt.text == "Code:", "nothing of the upstream's goes into it");
        assert!(matches!(case.answer(&mut flow, "123456"), Step::Do(Work::FindSubject)));
        assert!(flow.attempt().passage.is_none(), "nothing is left with which it could be asked");
        let _ = case.worked(&mut flow, found());
        let step = case.worked(&mut flow, record(vec![totp()]));
        assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
        let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))));
        assert_eq!(basis(&step), Some(Basis::Confirmed(FactorKind::Totp)));
        assert_eq!(flow.take_held().and_then(|held| held.get::<&str>().copied()), Some("accept"));
    }
}

#[test]
fn where_chap_leaves_no_place_for_a_code_the_login_ends_with_that_reason_and_only_after_a_right_proof() {
    for method in CHAPS {
        let case = chap_case(method, false);
        let (mut flow, step) = up_to_upstream(&case, with(vec![totp()]));
        assert_eq!(asked(&step), None);
        assert_eq!(rejected(&case.worked(&mut flow, yes())), Some(Reason::CannotBeAsked), "{method:?}");
        assert_eq!(kept(&flow), None, "what the upstream answered is gone");
    }
}

#[test]
fn chap_lets_in_where_no_code_is_needed() {
    for method in CHAPS {
        let mut case = chap_case(method, false);
        case.policy.rules = vec![rule(Requirement::None)].into();
        let (mut flow, _) = up_to_upstream(&case, with(vec![]));
        assert_eq!(basis(&case.worked(&mut flow, yes())), Some(Basis::RuleAsksNone));
        assert_eq!(kept(&flow), Some("accept"));
    }
}

#[test]
fn a_proof_for_an_upstream_at_a_client_without_one_asks_nobody() {
    for method in [Method::Chap, Method::Eap] {
        for primary in [PrimaryKind::Directory, PrimaryKind::CheckedByClient] {
            let mut case = case();
            case.client.primary = primary;
            case.credential = PrimaryCredential::Relayed(method);
            let (_, step) = case.begin();
            assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::Internal))), "{step:?}");
        }
    }
}

#[test]
fn the_upstream_is_not_asked_about_a_name_that_nobody_has_here() {
    for case in [upstream_case(), chap_case(Method::MsChap2, true)] {
        let (mut flow, _) = case.begin();
        let step = case.worked(&mut flow, Outcome::Subject(Ok(None)));
        assert_eq!(rejected(&step), Some(Reason::UnknownSubject));
    }
}

#[test]
fn a_wrong_password_at_the_upstream_is_counted_and_a_right_one_ends_the_row() {
    for case in [upstream_case(), chap_case(Method::MsChap2, true)] {
        let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
        let step = case.worked(&mut flow, no(PrimaryOutcome::Wrong));
        assert!(matches!(step, Step::Do(Work::CountWrongPassword(_))), "{step:?}");
        let step = case.worked(&mut flow, Outcome::Counted(Ok(())));
        assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::WrongPassword), None));

        let known = Record { password: Some(failures(3)), ..with(vec![totp()]) };
        let (mut flow, _) = up_to_upstream(&case, known);
        let step = case.worked(&mut flow, yes());
        assert!(matches!(step, Step::Do(Work::ForgetWrongPasswords(_))), "{step:?}");
        assert!(matches!(case.worked(&mut flow, Outcome::Counted(Ok(()))), Step::Ask(_)));
    }
}

#[test]
fn whoever_must_wait_never_reaches_the_upstream_not_with_an_answer_either_b_087() {
    let waiting = || Record { password: Some(failures(4)), ..with(vec![totp()]) };
    for case in [upstream_case(), chap_case(Method::Chap, true), chap_case(Method::MsChap2, true)] {
        let (_, step) = up_to_upstream(&case, waiting());
        assert_eq!(rejected(&step), Some(Reason::PasswordThrottled));

        let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
        assert!(matches!(case.worked(&mut flow, more()), Step::Ask(_)));
        let _ = case.answer(&mut flow, "next code");
        let _ = case.worked(&mut flow, found());
        let step = case.worked(&mut flow, Outcome::known(waiting()));
        assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::PasswordThrottled), None));
    }
}

#[test]
fn the_upstreams_own_question_is_put_and_the_answer_goes_to_it_after_the_account_was_looked_at_again_a_073() {
    for case in [upstream_case(), chap_case(Method::MsChap2, true)] {
        let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
        let Step::Ask(prompt) = case.worked(&mut flow, more()) else { panic!("the question is put") };
        assert_eq!(prompt.relay.as_ref().and_then(|held| held.get::<&str>()), Some(&"challenge"));
        assert_eq!(kept(&flow), Some("challenge"), "for the answer, which belongs to it");
        assert!(matches!(case.answer(&mut flow, "next code"), Step::Do(Work::FindSubject)));
        let passage = flow.attempt().passage.as_ref().unwrap().get::<String>();
        assert_eq!(passage.map(String::as_str), Some("next code"), "the device's last request goes on");
        let _ = case.worked(&mut flow, found());
        // However often others type the name meanwhile.
        let known = Record { over_rate: true, ..with(vec![totp()]) };
        let step = case.worked(&mut flow, Outcome::known(known));
        assert_eq!(asked(&step), Some(&b"next code"[..]));
        let step = case.worked(&mut flow, yes());
        let Step::Ask(prompt) = step else { panic!("our own question comes after it: {step:?}") };
        assert!(prompt.relay.is_none());
    }
}

#[test]
fn a_code_that_stood_behind_the_password_is_held_while_the_upstream_asks_and_then_checked() {
    let mut case = upstream_case();
    case.client.entry.typed = Typed::Appended { digits: 6 };
    case.credential = password("hunter2123456");
    let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
    let _ = case.worked(&mut flow, more());
    let _ = case.answer(&mut flow, "token 654321");
    let _ = case.worked(&mut flow, found());
    let known = Record { remembered: Some(FactorKind::Totp), ..with(vec![totp()]) };
    let step = case.worked(&mut flow, Outcome::known(known));
    assert_eq!(asked(&step), Some(&b"token 654321"[..]), "an answer is not cut");
    let Step::Do(Work::Check(_, code, _, _)) = case.worked(&mut flow, yes()) else {
        panic!("the code is checked")
    };
    assert_eq!(code.secret(), &Secret::copied(b"123456"));
}

#[test]
fn an_upstream_that_asks_where_nobody_can_be_asked_ends_the_login() {
    let mut silent = upstream_case();
    silent.client.can.prompts = false;
    for (case, reason) in
        [(silent, Reason::CodeMissing), (chap_case(Method::MsChap, false), Reason::CannotBeAsked)]
    {
        let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
        let step = case.worked(&mut flow, more());
        assert_eq!((rejected(&step), kept(&flow)), (Some(reason), None));
    }
}

#[test]
fn an_answer_that_no_server_may_be_given_or_that_comes_late_does_not_reach_the_upstream() {
    let case = upstream_case();
    for (answer, late, reason) in [
        ("", false, Reason::EmptyPassword),
        ("a\0b", false, Reason::BadPassword),
        ("654321", true, Reason::AnswerLate),
    ] {
        let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
        let _ = case.worked(&mut flow, more());
        if late {
            case.clock.advance(Duration::from_secs(120));
        }
        let step = case.answer(&mut flow, answer);
        assert_eq!((rejected(&step), kept(&flow)), (Some(reason), None), "{answer:?}");
    }
}

#[test]
fn an_upstream_that_asks_without_end_is_refused_after_eight_typed_answers_b_087() {
    let case = upstream_case();
    let (mut flow, mut step) = up_to_upstream(&case, with(vec![totp()]));
    let mut rounds = 0;
    while matches!(step, Step::Do(Work::AskUpstream(_))) {
        step = case.worked(&mut flow, more());
        if matches!(step, Step::Ask(_)) {
            rounds += 1;
            let _ = case.answer(&mut flow, "again");
            let _ = case.worked(&mut flow, found());
            step = case.worked(&mut flow, record(vec![totp()]));
        }
    }
    assert_eq!((rejected(&step), rounds, kept(&flow)), (Some(Reason::UpstreamRefused), 8, None));
}

#[test]
fn a_yes_to_a_name_that_leads_to_somebody_else_here_lets_nobody_in() {
    for mut case in [upstream_case(), chap_case(Method::MsChap2, true)] {
        for other in [Some(subject_with(Standing::Active, "p2")), None] {
            case.policy.rules = vec![rule(Requirement::None)].into();
            let (mut flow, _) = up_to_upstream(&case, with(vec![]));
            let step = case.worked(&mut flow, yes_to("bob"));
            assert!(matches!(step, Step::Do(Work::FindSubject)), "{step:?}");
            assert_eq!(flow.name().prepared(), "bob");
            let step = case.worked(&mut flow, Outcome::Subject(Ok(other)));
            assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::AnotherName), None));
        }
    }
}

#[test]
fn a_yes_to_another_name_of_the_same_account_goes_on_and_the_same_name_is_not_looked_up_again() {
    let case = upstream_case();
    let known = || Record { password: Some(failures(2)), over_rate: false, ..with(vec![totp()]) };
    let (mut flow, _) = up_to_upstream(&case, known());
    let _ = case.worked(&mut flow, yes_to("CORP\\alice"));
    assert!(matches!(case.worked(&mut flow, found()), Step::Do(Work::Recall { .. })));
    let step = case.worked(&mut flow, Outcome::known(Record { over_rate: true, ..known() }));
    assert!(matches!(step, Step::Do(Work::ForgetWrongPasswords(_))), "{step:?}");
    assert!(matches!(case.worked(&mut flow, Outcome::Counted(Ok(()))), Step::Ask(_)));

    let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
    assert!(matches!(case.worked(&mut flow, yes_to("ALICE")), Step::Ask(_)));
}

#[test]
fn the_name_that_the_upstream_confirms_is_rewritten_like_one_that_was_typed() {
    let mut case = upstream_case();
    case.client.renaming = Renaming::new(vec![Change::strip_prefix("CORP\\")]);
    let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
    let step = case.worked(&mut flow, yes_to("CORP\\Alice"));
    assert!(matches!(step, Step::Ask(_)), "the same name: {step:?}");
    let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
    assert!(matches!(case.worked(&mut flow, yes_to("CORP\\bob")), Step::Do(Work::FindSubject)));
    assert_eq!(flow.name().prepared(), "bob");

    case.credential = PrimaryCredential::Relayed(Method::Eap);
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, yes_to("CORP\\bob"));
    assert_eq!(flow.name().prepared(), "bob");
}

#[test]
fn a_confirmed_name_is_rewritten_once_so_that_it_is_nobody_elses_d_102() {
    let mut case = upstream_case();
    case.client.renaming = Renaming::new(vec![Change::strip_suffix("1")]);
    let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
    let step = case.worked(&mut flow, yes_to("alice11"));
    assert!(matches!(step, Step::Do(Work::FindSubject)), "somebody else's yes: {step:?}");
    assert_eq!(flow.name().prepared(), "alice1");

    case.credential = PrimaryCredential::Relayed(Method::Eap);
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, yes_to("bob11"));
    assert_eq!(flow.name().prepared(), "bob1");
}

#[test]
fn an_account_that_was_disabled_here_stays_out_whatever_the_upstream_says() {
    for (standing, reason) in [
        (Standing::Disabled, Reason::AccountDisabled),
        (Standing::Expired, Reason::AccountExpired),
        (Standing::Locked, Reason::AccountLocked),
        (Standing::MustChange, Reason::MustChangePassword),
        (Standing::PasswordExpired, Reason::PasswordExpired),
        (Standing::OutsideHours, Reason::OutsideHours),
    ] {
        let mut case = chap_case(Method::MsChap2, true);
        case.policy.rules = vec![rule(Requirement::None)].into();
        let (mut flow, _) = case.begin();
        let _ = case.worked(&mut flow, Outcome::Subject(Ok(Some(subject_with(standing, "p1")))));
        let step = case.worked(&mut flow, record(vec![]));
        assert_eq!(asked(&step), None);
        let step = case.worked(&mut flow, yes());
        assert_eq!((rejected(&step), kept(&flow)), (Some(reason), None), "{standing:?}");
    }
}

#[test]
fn each_no_of_the_upstream_has_its_reason_and_no_dialogue_for_a_new_password() {
    for (outcome, reason) in [
        (PrimaryOutcome::MustChange, Reason::MustChangePassword),
        (PrimaryOutcome::PasswordExpired, Reason::PasswordExpired),
        (PrimaryOutcome::OutsideHours, Reason::OutsideHours),
        (PrimaryOutcome::WrongWorkstation, Reason::WrongWorkstation),
        (PrimaryOutcome::Disabled, Reason::AccountDisabled),
        (PrimaryOutcome::Expired, Reason::AccountExpired),
        (PrimaryOutcome::Locked, Reason::AccountLocked),
        (PrimaryOutcome::Restricted, Reason::AccountRestricted),
    ] {
        let mut case = upstream_case();
        case.client.new_password = Some(change::prompts());
        let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
        let step = case.worked(&mut flow, no(outcome));
        assert_eq!((rejected(&step), kept(&flow)), (Some(reason), None));
    }
    let case = upstream_case();
    let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
    let step = case.worked(&mut flow, no(PrimaryOutcome::Correct));
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::Internal))), "no is no: {step:?}");
}

#[test]
fn an_upstream_that_cannot_be_asked_is_neither_a_yes_nor_a_no() {
    let case = upstream_case();
    let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
    let fault = Fault::new(FaultKind::UpstreamUnreachable, "nobody there");
    let step = case.worked(&mut flow, Outcome::Upstream(Err(fault)));
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::UpstreamUnreachable))), "{step:?}");

    let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
    let fault = Fault::new(FaultKind::UpstreamUnreachable, "no answer").after_asking();
    let step = case.worked(&mut flow, Outcome::Upstream(Err(fault)));
    assert!(matches!(step, Step::Do(Work::CountWrongPassword(_))), "it may have counted there: {step:?}");
    let step = case.worked(&mut flow, Outcome::Counted(Ok(())));
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::UpstreamUnreachable))), "{step:?}");
}

#[test]
fn what_the_upstream_answered_is_gone_after_a_wrong_code_a_late_one_and_a_hang_up_a_101() {
    let case = upstream_case();
    let asked = || {
        let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
        let _ = case.worked(&mut flow, yes());
        assert_eq!(kept(&flow), Some("accept"));
        flow
    };
    let mut wrong = asked();
    let _ = case.answer(&mut wrong, "123456");
    let _ = case.worked(&mut wrong, found());
    let _ = case.worked(&mut wrong, record(vec![totp()]));
    let step = case.worked(&mut wrong, Outcome::Factor(Ok(FactorOutcome::Wrong)));
    assert_eq!((rejected(&step), kept(&wrong)), (Some(Reason::WrongCode), None));
    let mut late = asked();
    let step = late.advance(Event::TimedOut, case.clock.now());
    assert_eq!((rejected(&step), kept(&late)), (Some(Reason::AnswerLate), None));
    let mut gone = asked();
    let step = gone.advance(Event::CalledOff, case.clock.now());
    assert_eq!((rejected(&step), kept(&gone)), (Some(Reason::CalledOff), None));
}

#[test]
fn the_request_of_the_device_is_not_kept_while_somebody_is_asked() {
    let case = upstream_case();
    for said in [yes(), more()] {
        let (mut flow, _) = up_to_upstream(&case, with(vec![totp()]));
        assert!(flow.attempt().passage.is_some());
        assert!(matches!(case.worked(&mut flow, said), Step::Ask(_)));
        assert!(flow.attempt().passage.is_none());
    }
}

#[test]
fn a_wrong_answer_of_the_upstream_is_counted_though_nobody_waits_and_its_yes_lets_nobody_in_b_087() {
    let case = upstream_case();
    for (said, step_wanted) in [(no(PrimaryOutcome::Wrong), true), (yes(), false), (more(), false)] {
        let (mut flow, step) = up_to_upstream(&case, with(vec![]));
        assert!(matches!(&step, Step::Do(work) if !work.may_stop()));
        flow.call_off();
        let step = case.worked(&mut flow, said);
        assert_eq!(matches!(step, Step::Do(Work::CountWrongPassword(_))), step_wanted, "{step:?}");
        assert!(step_wanted || (rejected(&step).is_some() && kept(&flow).is_none()), "{step:?}");
    }
}
