use super::*;
use std::net::IpAddr;
use std::time::Duration;

use proptest::prelude::*;

use crate::base::clock::{Clock, ManualClock, UnixTime};
use crate::login::attempt::{AttemptId, Origin};
use crate::login::client::{Capabilities, Client, CodeEntry, Typed, WhenUnable};
use crate::login::factor::{EnrolmentId, OtpAlgorithm, Parameters, Progress, Sealed};
use crate::login::identity::{Account, Groups, LoginName, Pseudonym};
use crate::login::policy::{Conditions, NetworkCondition, Rule};

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
            can: Capabilities { prompts: true, tells_address: true },
            login_timeout: Duration::from_secs(20),
            challenge_life: Duration::from_secs(120),
            reject_delay: Duration::ZERO,
            when_unable: WhenUnable::Silence,
            remember: None,
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
            aliases: Vec::new(),
            stamp: Box::default(),
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
    assert!(matches!(case.worked(&mut flow, found()), Step::Do(Work::Recall(_))));
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random events in random order, time that jumps both ways: no panic, and nobody gets in without a
    /// confirmed factor or a rule that asks for none.
    #[test]
    fn no_accept_without_a_confirmed_factor_or_a_rule_that_asks_for_none(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        fuzz::drive(&bytes);
    }
}
