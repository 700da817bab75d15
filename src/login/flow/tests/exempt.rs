//! Accounts that need no second factor.

use super::*;

#[test]
fn an_exempt_account_is_let_in_by_its_password_alone_and_the_trail_names_the_exemption_b_047() {
    let mut case = exempt_case();
    case.client.entry.typed = Typed::Appended { digits: 6 };
    case.credential = password("service123456");
    let (mut flow, _) = case.begin();
    let step = case.worked(&mut flow, found());
    assert!(matches!(step, Step::Do(Work::Recall { exempt: true, .. })), "{step:?}");
    let Step::Do(Work::VerifyPrimary(Some(_), sent)) = case.worked(&mut flow, record(vec![totp()])) else {
        panic!("the password goes to the directory")
    };
    assert_eq!(sent, Secret::copied(b"service123456"), "no code is cut off");
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    let Step::Done(Verdict::Accept(grant)) = step else { panic!("{step:?}") };
    assert_eq!((grant.basis(), grant.exemption().map(|name| &**name)), (Basis::Exempt, Some("wiki-service")));
    let trail = flow.trail();
    assert_eq!((trail.exemption.as_deref(), trail.missed), (Some("wiki-service"), None));
}

#[test]
fn an_exempt_account_that_logs_in_elsewhere_meets_the_rules_and_leaves_a_trace_b_047() {
    let mut another_network = exempt_case();
    another_network.policy.exemptions[0].sources = vec!["198.51.100.0/24".parse().unwrap()];
    let mut another_client = exempt_case();
    another_client.client.name = "vpn-2".into();
    for case in [another_network, another_client] {
        let (flow, step) = up_to_second(&case, vec![totp()]);
        assert!(matches!(step, Step::Ask(_)), "a factor is asked for: {step:?}");
        let trail = flow.trail();
        assert_eq!((trail.exemption, trail.missed.as_deref()), (None, Some("wiki-service")));
    }
}

#[test]
fn everybody_else_at_the_client_of_an_exemption_is_asked_as_ever_b_047() {
    let mut case = exempt_case();
    case.policy.exemptions[0].account = "another account".into();
    let (flow, step) = up_to_second(&case, vec![totp()]);
    assert!(matches!(step, Step::Ask(_)), "{step:?}");
    assert_eq!((flow.trail().exemption, flow.trail().missed), (None, None));
}

#[test]
fn a_disabled_account_is_exempt_from_nothing() {
    let case = exempt_case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, Outcome::Subject(Ok(Some(subject_with(Standing::Disabled, "p1")))));
    let _ = case.worked(&mut flow, record(vec![]));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert_eq!(rejected(&step), Some(Reason::AccountDisabled));
}

#[test]
fn a_wrong_password_of_an_exempt_account_is_counted_and_too_many_make_it_wait_b_087() {
    let case = exempt_case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![]));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Wrong));
    assert!(matches!(step, Step::Do(Work::CountWrongPassword(_))), "{step:?}");
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let known = Record { password: Some(failures(4)), ..Record::default() };
    let step = case.worked(&mut flow, Outcome::known(known));
    assert_eq!(rejected(&step), Some(Reason::PasswordThrottled));
}

#[test]
fn guesses_of_a_stranger_do_not_keep_an_exempt_account_out_whose_password_is_known_and_go_on_to_count() {
    let known = || {
        let record = Record { password: Some(failures(4)), familiar: true, ..Record::default() };
        Outcome::known(record)
    };
    let case = exempt_case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, known());
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(Some(_), _))), "the directory is asked: {step:?}");
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert_eq!(basis(&step), Some(Basis::Exempt), "and the row of wrong ones is not ended for the stranger");

    let mut elsewhere = exempt_case();
    elsewhere.client.name = "vpn-2".into();
    let (mut flow, _) = elsewhere.begin();
    let _ = elsewhere.worked(&mut flow, found());
    assert_eq!(rejected(&elsewhere.worked(&mut flow, known())), Some(Reason::PasswordThrottled));
}

#[test]
fn an_exempt_account_has_no_rate_and_hears_of_a_full_queue_that_it_is_full() {
    let case = exempt_case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let known = Record { over_rate: true, ..Record::default() };
    let step = case.worked(&mut flow, Outcome::known(known));
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(..))), "{step:?}");
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let full = Outcome::Record(Err(Fault::new(FaultKind::Overloaded, "they wait for each other")));
    let step = case.worked(&mut flow, full);
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::Overloaded))), "{step:?}");
}

#[test]
fn of_an_exempt_account_whose_logins_run_side_by_side_an_outage_counts_nothing() {
    let case = exempt_case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![]));
    let fault = Fault::new(FaultKind::DirectoryUnreachable, "the line went dead").after_asking();
    let step = case.worked(&mut flow, Outcome::Primary(Err(fault)));
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::DirectoryUnreachable))), "{step:?}");
}
