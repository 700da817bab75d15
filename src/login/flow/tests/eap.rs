//! EAP: the upstream knows who it is before we do.

use super::*;

fn eap_case() -> Case {
    let mut case = upstream_case();
    case.credential = PrimaryCredential::Relayed(Method::Eap);
    case.client.can.prompts_relayed = true;
    case.policy.rules = vec![rule(Requirement::None)].into();
    case
}

/// `rounds` questions and answers, up to the point where the upstream is asked once more.
fn after(case: &Case, rounds: usize) -> Flow {
    let (mut flow, step) = case.begin();
    assert!(matches!(step, Step::Do(Work::AskUpstream(None))), "nobody is looked up before: {step:?}");
    for round in 0..rounds {
        let Step::Ask(prompt) = case.worked(&mut flow, more()) else { panic!("round {round}") };
        assert_eq!(prompt.relay.as_ref().and_then(|held| held.get::<&str>()), Some(&"challenge"));
        let packet = format!("packet {round}");
        let step = case.answer(&mut flow, &packet);
        assert!(matches!(step, Step::Do(Work::AskUpstream(None))), "nothing is typed: {step:?}");
        let passage = flow.attempt().passage.as_ref().unwrap().get::<String>();
        assert_eq!(passage, Some(&packet), "the device's last request goes on");
    }
    flow
}

#[test]
fn many_rounds_lead_to_the_account_whose_name_the_upstream_confirms_d_102() {
    let case = eap_case();
    let mut flow = after(&case, 40);
    assert!(flow.subject().is_none());
    let step = case.worked(&mut flow, yes_to("bob@example.org"));
    assert!(matches!(step, Step::Do(Work::FindSubject)), "{step:?}");
    assert_eq!(flow.name().prepared(), "bob@example.org", "and not the name outside the tunnel");
    assert!(matches!(case.worked(&mut flow, found()), Step::Do(Work::Recall { .. })));
    let step = case.worked(&mut flow, record(vec![]));
    assert_eq!((basis(&step), kept(&flow)), (Some(Basis::RuleAsksNone), Some("accept")));
}

#[test]
fn without_a_confirmed_name_nobody_is_let_in_unless_the_outer_one_is_trusted() {
    let mut case = eap_case();
    let mut flow = after(&case, 2);
    let step = case.worked(&mut flow, yes());
    assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::UpstreamRefused), None));

    case.client.trusts_outer_name = true;
    let mut flow = after(&case, 2);
    assert!(matches!(case.worked(&mut flow, yes()), Step::Do(Work::FindSubject)));
    assert_eq!(flow.name().prepared(), "alice");
    let mut flow = after(&case, 2);
    let _ = case.worked(&mut flow, yes_to("bob"));
    assert_eq!(flow.name().prepared(), "bob", "what the upstream confirms goes before");
}

#[test]
fn an_upstream_that_goes_on_asking_is_refused_after_sixty_four_questions() {
    let case = eap_case();
    let mut flow = after(&case, 64);
    let step = case.worked(&mut flow, more());
    assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::UpstreamRefused), None));
}

#[test]
fn a_confirmed_name_that_nobody_has_here_is_kept_out() {
    let case = eap_case();
    let fault = || Fault::new(FaultKind::UnclearAccount, "two of one name");
    for (outcome, reason) in [(Ok(None), Reason::UnknownSubject), (Err(fault()), Reason::AccountUnclear)] {
        let mut flow = after(&case, 1);
        let _ = case.worked(&mut flow, yes_to("bob"));
        let step = case.worked(&mut flow, Outcome::Subject(outcome));
        assert_eq!((rejected(&step), kept(&flow)), (Some(reason), None));
    }
}

#[test]
fn an_account_that_is_disabled_here_is_kept_out_after_eap() {
    let case = eap_case();
    let mut flow = after(&case, 1);
    let _ = case.worked(&mut flow, yes_to("bob"));
    let _ = case.worked(&mut flow, Outcome::Subject(Ok(Some(subject_with(Standing::Disabled, "p1")))));
    let step = case.worked(&mut flow, record(vec![]));
    assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::AccountDisabled), None));
}

#[test]
fn a_rule_that_refuses_the_confirmed_account_keeps_it_out() {
    let mut case = eap_case();
    let when = Condition::Group(vec!["guests".into()]);
    let refusing =
        Rule { name: "guests".into(), when, then: Requirement::Refuse, options: Options::default() };
    case.policy.rules = std::iter::once(refusing).chain(case.policy.rules.to_vec()).collect();
    let mut flow = after(&case, 1);
    let _ = case.worked(&mut flow, yes_to("bob"));
    let mut guest = subject_with(Standing::Active, "p1");
    Arc::make_mut(&mut guest.account).groups = Arc::new(["guests".into()].into());
    let _ = case.worked(&mut flow, Outcome::Subject(Ok(Some(guest))));
    let step = case.worked(&mut flow, record(vec![]));
    assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::RefusedByRule), None));
}

#[test]
fn a_rule_that_refuses_without_knowing_anybody_does_so_before_the_upstream_is_asked() {
    let mut case = eap_case();
    case.policy.rules = vec![rule(Requirement::Refuse)].into();
    assert_eq!(rejected(&case.begin().1), Some(Reason::RefusedByRule));
}

#[test]
fn after_eap_no_code_is_asked_for_whatever_the_device_says_it_can_do_a_160() {
    let mut case = eap_case();
    case.policy.rules = Vec::new().into();
    for (enrolments, reason) in [(vec![totp()], Reason::CannotBeAsked), (vec![], Reason::NotEnrolled)] {
        let mut flow = after(&case, 1);
        let _ = case.worked(&mut flow, yes_to("bob"));
        let _ = case.worked(&mut flow, found());
        let step = case.worked(&mut flow, record(enrolments));
        assert_eq!((rejected(&step), kept(&flow)), (Some(reason), None));
    }
}

#[test]
fn an_exempt_account_is_let_in_after_eap_under_its_confirmed_name() {
    let mut case = exempt_case();
    case.client.primary = PrimaryKind::Upstream;
    case.credential = PrimaryCredential::Relayed(Method::Eap);
    let mut flow = after(&case, 1);
    let _ = case.worked(&mut flow, yes_to("svc-wiki"));
    let step = case.worked(&mut flow, found());
    assert!(matches!(step, Step::Do(Work::Recall { exempt: true, .. })), "{step:?}");
    assert_eq!(basis(&case.worked(&mut flow, record(vec![totp()]))), Some(Basis::Exempt));
}

#[test]
fn whoever_guesses_at_the_password_of_somebody_does_not_keep_him_out_of_eap() {
    let case = eap_case();
    let mut flow = after(&case, 1);
    let _ = case.worked(&mut flow, yes_to("alice"));
    let _ = case.worked(&mut flow, found());
    let known = Record { password: Some(failures(4)), over_rate: true, ..Record::default() };
    let step = case.worked(&mut flow, Outcome::known(known));
    assert_eq!(basis(&step), Some(Basis::RuleAsksNone), "and his success ends no wait of the guesser");
}

#[test]
fn a_no_after_eap_is_the_same_whatever_it_means_and_counts_against_nobody() {
    for outcome in [PrimaryOutcome::Wrong, PrimaryOutcome::PasswordExpired, PrimaryOutcome::Locked] {
        let case = eap_case();
        let mut flow = after(&case, 3);
        let step = case.worked(&mut flow, no(outcome));
        assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::UpstreamRefused), None));
    }
}

#[test]
fn a_conversation_that_stops_is_forgotten_and_a_late_packet_asks_nobody() {
    let case = eap_case();
    let mut flow = after(&case, 1);
    let _ = case.worked(&mut flow, more());
    case.clock.advance(Duration::from_secs(120));
    let step = case.answer(&mut flow, "late");
    assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::AnswerLate), None));
    let mut flow = after(&case, 1);
    let _ = case.worked(&mut flow, more());
    let step = flow.advance(Event::TimedOut, case.clock.now());
    assert_eq!((rejected(&step), kept(&flow)), (Some(Reason::AnswerLate), None));
}
