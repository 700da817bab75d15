use super::*;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::login::attempt::{Answer, AttemptId, Origin};
use crate::login::client::{Capabilities, Client, CodeEntry, PrimaryKind, Typed, WhenUnable};
use crate::login::factor::{
    EnrolmentId, FactorKinds, FactorOutcome, OtpAlgorithm, Parameters, Progress, Sealed,
};
use crate::login::identity::{Account, Groups, LoginName, Pseudonym, Standing};
use crate::login::policy::{Conditions, Exemption, NetworkCondition, Requirement, Rule};
use crate::login::step::PrimaryOutcome;
use crate::login::throttle::Failures;
use crate::login::verdict::Fault;

const ALIAS: &str = "cn=svc-wiki,ou=services,dc=example,dc=org";
const T0: UnixTime = UnixTime::from_seconds(1_800_000_000);

struct Case {
    clock: ManualClock,
    client: Client,
    policy: Policy,
    credential: PrimaryCredential,
    user: Option<IpAddr>,
}

fn case() -> Case {
    Case {
        clock: ManualClock::at(T0),
        client: Client {
            name: "vpn-1".into(),
            directory: "staff".into(),
            primary: PrimaryKind::Directory,
            entry: CodeEntry { challenge: true, typed: Typed::Nothing },
            prompt: "Code:".into(),
            can: Capabilities { prompts: true, prompts_relayed: false, tells_address: true },
            login_timeout: Duration::from_secs(20),
            challenge_life: Duration::from_secs(120),
            reject_delay: Duration::ZERO,
            when_unable: WhenUnable::Silence,
            remember: None,
            ..Client::new("", "")
        },
        policy: Policy::default(),
        credential: password("hunter2"),
        user: None,
    }
}

fn password(text: &str) -> PrimaryCredential {
    PrimaryCredential::Password(Secret::copied(text.as_bytes()))
}

fn name() -> LoginName {
    LoginName::parse(b"alice").unwrap()
}

impl Case {
    fn begin(&self) -> (Flow, Step) {
        let attempt = Attempt {
            id: AttemptId([1; 8]),
            client: Arc::new(self.client.clone()),
            name: name(),
            credential: self.credential.clone(),
            origin: Origin { peer: IpAddr::from([192, 0, 2, 1]), user: self.user },
            device: Box::default(),
            passage: None,
            began: self.clock.now(),
        };
        let mut flow = Flow::new(attempt, Arc::new(self.policy.clone()), FlowLimits::default());
        let step = flow.advance(Event::Began, self.clock.now());
        (flow, step)
    }

    fn worked(&self, flow: &mut Flow, outcome: Outcome) -> Step {
        flow.advance(Event::Worked(outcome), self.clock.now())
    }

    fn answer(&self, flow: &mut Flow, text: &str) -> Step {
        let answer = Answer {
            client: Arc::new(self.client.clone()),
            name: name(),
            device: Box::default(),
            text: Secret::copied(text.as_bytes()),
            passage: None,
        };
        flow.advance(Event::Answered(answer), self.clock.now())
    }
}

fn subject_with(standing: Standing, id: &str) -> Subject {
    Subject {
        pseudonym: Pseudonym::new(id).unwrap(),
        account: Arc::new(Account {
            directory: "staff".into(),
            id: Box::from(&b"1"[..]),
            display: "Alice".into(),
            handle: "alice".into(),
            groups: Groups::new(),
            standing,
            number: None,
            aliases: vec![ALIAS.into()],
            stamp: Box::default(),
            attributes: Default::default(),
        }),
    }
}

fn found() -> Outcome {
    Outcome::Subject(Ok(Some(subject_with(Standing::Active, "p1"))))
}

fn enrolment(parameters: Parameters) -> Enrolment {
    Enrolment {
        id: EnrolmentId([7; 16]),
        parameters,
        sealed: Sealed { key_id: 1, bytes: Box::default() },
        progress: Progress::UNUSED,
        created: T0,
    }
}

fn totp() -> Enrolment {
    enrolment(Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 })
}

fn record(enrolments: Vec<Enrolment>) -> Outcome {
    Outcome::Record(Ok(Record { enrolments, ..Record::default() }))
}

fn primary(outcome: PrimaryOutcome) -> Outcome {
    Outcome::Primary(Ok(outcome))
}

fn rejected(step: &Step) -> Option<Reason> {
    match step {
        Step::Done(Verdict::Reject(reason)) => Some(*reason),
        Step::Do(_) | Step::Ask(_) | Step::Done(_) => None,
    }
}

fn basis(step: &Step) -> Option<Basis> {
    match step {
        Step::Done(Verdict::Accept(grant)) => Some(grant.basis()),
        Step::Do(_) | Step::Ask(_) | Step::Done(_) => None,
    }
}

/// Up to the moment where the password is right.
fn up_to_second(case: &Case, enrolments: Vec<Enrolment>) -> (Flow, Step) {
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let _ = case.worked(&mut flow, record(enrolments));
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    (flow, step)
}

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
        when: Conditions::default(),
        then: Requirement::None,
        grace_until: None,
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
    assert_eq!(
        rejected(&case.worked(&mut flow, Outcome::Record(Ok(known)))),
        Some(Reason::PasswordThrottled)
    );
}

#[test]
fn a_refusal_by_network_asks_nobody() {
    let mut case = case();
    let network = NetworkCondition { prefixes: vec!["203.0.113.0/24".parse().unwrap()], unknown: false };
    case.policy.rules.push(Rule {
        name: "abroad".into(),
        when: Conditions { network: Some(network), ..Conditions::default() },
        then: Requirement::Refuse,
        grace_until: None,
    });
    case.user = Some(IpAddr::from([203, 0, 113, 7]));
    let (flow, step) = case.begin();
    assert_eq!(rejected(&step), Some(Reason::RefusedByRule));
    assert_eq!(flow.trail().rule.as_deref(), Some("abroad"));
}

#[test]
fn without_an_enrolment_only_grace_helps_and_only_until_its_date_c_011() {
    let mut case = case();
    let (_, step) = up_to_second(&case, vec![]);
    assert_eq!(rejected(&step), Some(Reason::NotEnrolled));
    let grace = |until| Rule {
        name: "new".into(),
        when: Conditions::default(),
        then: Requirement::OneOf(FactorKinds::ALL),
        grace_until: Some(until),
    };
    case.policy.rules = vec![grace(T0.plus(Duration::from_secs(1)))];
    assert_eq!(basis(&up_to_second(&case, vec![]).1), Some(Basis::Grace));
    assert!(
        matches!(up_to_second(&case, vec![totp()]).1, Step::Ask(_)),
        "grace is for those without a factor"
    );
    case.policy.rules = vec![grace(T0)];
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
        || Outcome::Record(Ok(Record { enrolments: vec![totp()], over_rate: true, ..Record::default() }));
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
    let Step::Do(Work::Check(_, _, against)) = step else { panic!("{step:?}") };
    assert_eq!(against.iter().map(Enrolment::kind).collect::<Vec<_>>(), [FactorKind::Recovery]);
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
fn grace_is_not_for_those_who_have_another_factor_than_the_rule_asks_for() {
    let mut case = case();
    case.policy.rules.push(Rule {
        name: "devices".into(),
        when: Conditions::default(),
        then: Requirement::OneOf([FactorKind::Hotp].into_iter().collect()),
        grace_until: Some(T0.plus(Duration::from_secs(60))),
    });
    assert_eq!(basis(&up_to_second(&case, vec![]).1), Some(Basis::Grace));
    assert_eq!(rejected(&up_to_second(&case, vec![totp()]).1), Some(Reason::NotEnrolled));
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

/// A case whose account is exempt at its client, from the network that it comes from.
fn exempt_case() -> Case {
    let mut case = case();
    case.policy.exemptions.push(Exemption {
        name: "wiki-service".into(),
        account: ALIAS.into(),
        clients: vec!["vpn-1".into()],
        sources: vec!["192.0.2.0/24".parse().unwrap()],
    });
    case
}

fn failures(row: u32) -> Failures {
    let wait_until = if row < 4 { UnixTime(0) } else { T0.plus(Duration::from_secs(60)) };
    Failures { row, wait_until, ..Failures::NONE }
}

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
    let step = case.worked(&mut flow, Outcome::Record(Ok(known)));
    assert_eq!(rejected(&step), Some(Reason::PasswordThrottled));
}

#[test]
fn guesses_of_a_stranger_do_not_keep_an_exempt_account_out_whose_password_is_known_and_go_on_to_count() {
    let known = || {
        let record = Record { password: Some(failures(4)), familiar: true, ..Record::default() };
        Outcome::Record(Ok(record))
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
    let step = case.worked(&mut flow, Outcome::Record(Ok(known)));
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(..))), "{step:?}");
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let full = Outcome::Record(Err(Fault::new(FaultKind::Overloaded, "they wait for each other")));
    let step = case.worked(&mut flow, full);
    assert!(matches!(step, Step::Done(Verdict::Unable(FaultKind::Overloaded))), "{step:?}");
}

/// A case whose users type their codes behind the password.
fn typed_case() -> Case {
    let mut case = case();
    case.client.entry = CodeEntry { challenge: true, typed: Typed::Appended { digits: 6 } };
    case.credential = password("hunter2123456");
    case
}

fn remembering(enrolments: Vec<Enrolment>, kind: FactorKind) -> Record {
    Record { enrolments, remembered: Some(kind), ..Record::default() }
}

fn with_record(case: &Case, known: Record) -> (Flow, Step) {
    let (mut flow, _) = case.begin();
    let _ = case.worked(&mut flow, found());
    let step = case.worked(&mut flow, Outcome::Record(Ok(known)));
    assert!(matches!(step, Step::Do(Work::VerifyPrimary(Some(_), _))), "the password is asked for: {step:?}");
    let step = case.worked(&mut flow, primary(PrimaryOutcome::Correct));
    (flow, step)
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
    let when = Conditions::default();
    hotp.policy.rules.push(Rule { name: "hotp".into(), when, then: only, grace_until: None });
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
    let step = case().worked(&mut flow, Outcome::Record(Ok(known())));
    assert!(matches!(step, Step::Do(Work::Check(..))), "{step:?}");
}

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

#[test]
fn random_logins_reach_every_way_in() {
    use crate::base::random::{Random, SeededRandom};
    let random = SeededRandom::new(3);
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        let mut bytes = [0; 96];
        random.fill(&mut bytes).unwrap();
        reached.extend(fuzz::drive(&bytes).map(Basis::code));
    }
    let all = ["confirmed", "exempt", "grace", "remembered", "rule-asks-none"];
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), all, "or the invariants guard nothing");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random events in random order, time that jumps both ways: no panic, and nobody gets in without a
    /// confirmed factor or a rule that asks for none.
    #[test]
    fn no_accept_without_a_confirmed_factor_or_a_rule_that_asks_for_none(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
        fuzz::drive(&bytes);
    }
}
