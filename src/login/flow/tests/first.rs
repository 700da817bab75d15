//! Whose login it is, what the rules say of it, and the password.

use super::*;

#[test]
fn only_a_code_in_the_field_never_reaches_the_directory_b_041() {
    let mut case = case();
    case.client.entry.typed = Typed::Appended { digits: 6 };
    case.credential = password("123456");
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    assert_eq!(rejected(&case.worked(&mut flow, record(vec![totp()]))), Some(Reason::EmptyPassword));
}

#[test]
fn what_the_directory_must_not_see_is_rejected_before_it_is_asked() {
    for (field, reason) in [("", Reason::EmptyPassword), ("hunter2\0x", Reason::BadPassword)] {
        let case = Case { credential: password(field), ..case() };
        assert_eq!(rejected(&case.begin().1), Some(reason));
    }
}

#[test]
fn where_no_code_is_asked_for_none_is_cut_off_the_password() {
    let mut case = case();
    case.client.entry.typed = Typed::Appended { digits: 6 };
    case.credential = password("hunter123456");
    case.policy.rules.push(Rule {
        name: "lab".into(),
        when: Condition::ALWAYS,
        then: Requirement::None,
        options: Options::default(),
    });
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let Step::Do(Work::VerifyPrimary(Some(_), sent)) = case.worked(&mut flow, record(vec![])) else {
        panic!("the password goes to the directory")
    };
    assert_eq!(sent, Secret::copied(b"hunter123456"));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert_eq!(basis(&step), Some(Basis::RuleAsksNone));
}

#[test]
fn an_unknown_name_takes_the_same_way_against_nobody_d_100() {
    let case = case();
    let (mut flow, _) = case.begin();
    let step = case.worked(&mut flow, Outcome::Subject(Ok(None)));
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(None, _))), "{step:?}");
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    assert_eq!(rejected(&step), Some(Reason::UnknownSubject), "whatever a confused directory says");
}

#[test]
fn a_wrong_password_is_counted_before_the_answer() {
    let case = case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![totp()]));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Wrong));
    assert!(matches!(step, Step::Do(Work::CountWrongPassword(_))), "{step:?}");
    assert_eq!(rejected(&case.worked(&mut flow, Outcome::Counted(Ok(())))), Some(Reason::WrongPassword));
}

#[test]
fn after_too_many_wrong_passwords_the_directory_is_left_alone_b_087() {
    let case = case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let wait_until = T0.plus(Duration::from_secs(60));
    let failures = Failures { row: 4, wait_until, ..Failures::NONE };
    let known = Record { enrolments: vec![totp()], password: Some(failures), ..Record::default() };
    assert_eq!(rejected(&case.worked(&mut flow, Outcome::known(known))), Some(Reason::PasswordThrottled));
}

#[test]
fn a_refusal_by_network_asks_nobody() {
    let mut case = case();
    let network = Network::new("", vec!["203.0.113.0/24".parse().unwrap()]);
    case.policy.rules.push(Rule {
        name: "abroad".into(),
        when: Condition::Network(vec![Arc::new(network)]),
        then: Requirement::Refuse,
        options: Options::default(),
    });
    case.user = Some(IpAddr::from([203, 0, 113, 7]));
    let (flow, step) = case.begin();
    assert_eq!(rejected(&step), Some(Reason::RefusedByRule));
    assert_eq!(flow.trail().rule.as_deref(), Some("abroad"));
}

#[test]
fn a_name_that_several_accounts_have_is_rejected_like_one_that_nobody_has_b_052() {
    let case = case();
    let (mut flow, _) = case.begin();
    let fault = Fault::new(FaultKind::UnclearAccount, "two of one name");
    let step = case.worked(&mut flow, Outcome::Subject(Err(fault)));
    assert!(
        matches!(step, Step::Do(Work::VerifyPrimary(None, _))),
        "the same work, against nobody: {step:?}"
    );
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Wrong));
    assert_eq!(rejected(&step), Some(Reason::AccountUnclear));
}

#[test]
fn where_too_many_logins_of_a_name_wait_already_one_more_is_rejected_and_not_met_with_silence() {
    let case = case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let full = Outcome::Record(Err(Fault::new(FaultKind::Overloaded, "they wait for each other")));
    assert_eq!(rejected(&case.worked(&mut flow, full)), Some(Reason::TooManyLogins));
}

#[test]
fn a_fault_is_never_a_no_and_never_a_yes() {
    let fault = || Fault::new(FaultKind::DirectoryUnreachable, "nobody there");
    let case = case();
    let (mut flow, _) = case.begin();
    let step = case.worked(&mut flow, Outcome::Subject(Err(fault())));
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::DirectoryUnreachable))), "{step:?}");
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![totp()]));
    let step = case.worked(&mut flow, Outcome::Primary(Err(fault())));
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::DirectoryUnreachable))), "{step:?}");
}

#[test]
fn after_the_end_nothing_helps() {
    let case = case();
    let (mut flow, _) = up_to_second(&case, vec![]);
    flow.end();
    let step = case.worked(&mut flow, Outcome::Factor(Ok(FactorOutcome::Confirmed(FactorKind::Totp))));
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::Internal))), "{step:?}");
}

#[test]
fn a_password_that_was_sent_and_not_answered_counts_once_and_is_neither_right_nor_wrong_b_087() {
    let asked = || Fault::new(FaultKind::DirectoryUnreachable, "the line went dead").after_asking();
    let unanswered = |row: u32, event: Event| {
        let case = case();
        let (mut flow, _) = case.begin();
        let _ = case.worked(&mut flow, found());
        let known = Record { password: Some(failures(row)), ..Record::default() };
        let _ = case.worked(&mut flow, Outcome::known(known));
        let step = flow.advance(event, case.clock.now());
        (case, flow, step)
    };
    for row in 0..=3 {
        for timed_out in [false, true] {
            let (event, kind) = if timed_out {
                (Event::TimedOut, FaultKind::TimedOut)
            } else {
                (Event::Worked(Outcome::Primary(Err(asked()))), FaultKind::DirectoryUnreachable)
            };
            let (case, mut flow, mut step) = unanswered(row, event);
            let counts = matches!(step, Step::Do(Work::CountWrongPassword(_)));
            assert_eq!(counts, row < 3, "never as the one that makes its owner wait: {step:?}");
            if counts {
                assert!(flow.deadline() > case.clock.now().steady, "there is time left for it");
                step = case.worked(&mut flow, Outcome::Counted(Ok(())));
            }
            assert!(matches!(step, Step::Done(Verdict::Unable(found)) if found == kind), "{step:?}");
        }
    }
    let not_asked = Fault::new(FaultKind::DirectoryUnreachable, "nobody there");
    let (_, _, step) = unanswered(0, Event::Worked(Outcome::Primary(Err(not_asked))));
    assert!(matches!(step, Step::Done(Verdict::Unable(_))), "nobody has seen it: {step:?}");
}

#[test]
fn an_answer_that_comes_at_the_last_moment_is_counted_all_the_same_b_087() {
    let case = case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![]));
    case.clock.advance(case.client.login_timeout);
    assert!(flow.deadline() <= case.clock.now().steady);
    let _ = case.worked(&mut flow, primary(PrimaryOutcome::Wrong));
    assert!(flow.deadline() > case.clock.now().steady);
}

#[test]
fn whoever_tries_many_names_is_rejected_and_nothing_is_counted_whoever_it_is_d_109() {
    let case = case();
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(vec![totp()]));
    assert_eq!(rejected(&case.worked(&mut flow, Outcome::Slowed)), Some(Reason::Slowed));
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, Outcome::Subject(Ok(None)));
    assert_eq!(rejected(&case.worked(&mut flow, Outcome::Slowed)), Some(Reason::Slowed), "nobody");
    let (mut flow, _) = case.begin();
    let step = case.worked(&mut flow, Outcome::Slowed);
    assert!(
        matches!(step, Step::Done(Verdict::Unable(FaultKind::Internal))),
        "not at any other time: {step:?}"
    );
}
