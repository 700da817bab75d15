//! What is told of a login that did not happen.

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::base::clock::UnixTime;
use crate::login::client::{Capabilities, CodeEntry, WhenUnable};
use crate::login::identity::{Groups, Pseudonym};
use crate::login::policy::{Condition, Exemption, Rule};
use crate::login::policy::{Input, Options, Requirement};

fn client() -> Client {
    Client {
        name: "wiki".into(),
        directory: "staff".into(),
        primary: PrimaryKind::Directory,
        entry: CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } },
        prompt: "".into(),
        can: Capabilities { prompts: false, prompts_relayed: false, tells_address: false },
        login_timeout: Duration::from_secs(20),
        challenge_life: Duration::ZERO,
        reject_delay: Duration::ZERO,
        when_unable: WhenUnable::Reject,
        remember: Some(Duration::from_secs(300)),
        ..Client::new("", "")
    }
}

fn told(then: Requirement, alias: &str, source: Option<&str>) -> Explanation {
    let exemption = Exemption {
        name: "wiki-service".into(),
        account: "cn=svc".into(),
        clients: vec!["wiki".into()],
        sources: vec!["192.0.2.0/28".parse().unwrap()],
        ..Exemption::new("", "")
    };
    let rule = Rule { name: "all".into(), when: Condition::ALWAYS, then, options: Options::default() };
    let policy = Policy { rules: vec![rule].into(), exemptions: vec![exemption], ..Policy::default() };
    let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::new());
    let wiki = Client::new("wiki", "staff");
    let facts = Facts {
        source: source.map(|address| address.parse::<IpAddr>().unwrap()),
        subject: Input::Known((&who, &groups)),
        aliases: &[alias.into()],
        ..Facts::of(&wiki, UnixTime(0))
    };
    let known = Known { standing: Some(Standing::Active), enrolled: FactorKinds::ALL, method: None };
    explain(&policy, &client(), &facts, known)
}

#[test]
fn an_exemption_is_told_with_the_part_that_does_not_fit_and_only_to_whom_it_names() {
    let any = Requirement::OneOf(FactorKinds::ALL);
    let word = |then, alias, source| {
        told(then, alias, source).exemptions.first().map(|(name, word)| format!("{name}: {word}"))
    };
    assert_eq!(word(any, "cn=svc", Some("192.0.2.7")).as_deref(), Some("wiki-service: fits"));
    let elsewhere = word(any, "cn=svc", Some("203.0.113.7")).unwrap();
    assert!(elsewhere.ends_with("the client's connection comes from elsewhere"), "{elsewhere}");
    let unknown = word(any, "cn=svc", None).unwrap();
    assert!(unknown.ends_with("the address of the client's connection is not known"), "{unknown}");
    let refused = word(Requirement::Refuse, "cn=svc", Some("192.0.2.7")).unwrap();
    assert!(refused.ends_with("fits, but opens nothing that a rule refuses"), "{refused}");
    assert_eq!(word(any, "cn=alice", Some("192.0.2.7")), None);
}

#[test]
fn the_path_of_an_exempt_account_ends_at_its_password_and_that_of_others_says_what_counts_again() {
    let any = Requirement::OneOf(FactorKinds::ALL);
    let exempt = told(any, "cn=svc", Some("192.0.2.7"));
    assert_eq!(exempt.decision.exemption.as_deref(), Some("wiki-service"));
    assert_eq!(
        exempt.path.last().map(String::as_str),
        Some("accepted with the password alone: exemption \"wiki-service\"")
    );
    let other = told(any, "cn=alice", Some("192.0.2.7")).path;
    let last = other.last().unwrap();
    assert!(last.contains("counts again for 300 s"), "{last}");
}

/// The last steps of a login by `method` of an account that is `standing`, with every factor or none.
fn last(client: &Client, then: Requirement, method: Option<Method>, standing: Standing) -> Vec<String> {
    let rule = Rule { name: "all".into(), when: Condition::ALWAYS, then, options: Options::default() };
    let policy = Policy::new(vec![rule]);
    let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::new());
    let facts = Facts { subject: Input::Known((&who, &groups)), ..Facts::of(client, UnixTime(0)) };
    let known = Known { standing: Some(standing), enrolled: FactorKinds::ALL, method };
    explain(&policy, client, &facts, known).path
}

const ANY: Requirement = Requirement::OneOf(FactorKinds::ALL);

#[test]
fn a_code_that_has_no_place_is_told_before_it_happens_a_160() {
    let mut upstream = client();
    upstream.primary = PrimaryKind::Upstream;
    upstream.upstream = Some("nps".into());
    upstream.entry.challenge = true;
    upstream.can = Capabilities { prompts: true, ..upstream.can };
    let told = |client: &Client, method| last(client, ANY, method, Standing::Active).join("; ");
    for method in [Method::Chap, Method::MsChap, Method::MsChap2] {
        let path = told(&upstream, Some(method));
        assert!(path.contains(&format!("the proof by {} is checked by upstream \"nps\"", method.code())));
        assert!(path.contains("has no place for one") && !path.contains("accepted"), "{path}");
        let mut asking = upstream.clone();
        asking.can.prompts_relayed = true;
        let path = told(&asking, Some(method));
        assert!(path.contains("; the code is asked for; accepted with a code"), "{path}");
        let open = last(&upstream, Requirement::None, Some(method), Standing::Active);
        assert!(open.last().unwrap().starts_with("accepted"), "{open:?}");
    }
    upstream.can.prompts_relayed = true;
    let path = told(&upstream, Some(Method::Eap));
    assert!(path.ends_with("rejected: a code is needed, and nothing can be asked after eap"), "{path}");
    assert!(path.contains("nobody where it confirms none"), "{path}");
    upstream.trusts_outer_name = true;
    assert!(told(&upstream, Some(Method::Eap)).contains("the name outside of the tunnel says"));
    let path = told(&upstream, None);
    assert!(path.contains("the last 6 digits") && path.contains("accepted with a code"), "{path}");
}

#[test]
fn an_expired_password_is_told_with_the_dialogue_that_a_code_opens_or_as_a_rejection() {
    let mut asks = client();
    asks.entry.challenge = true;
    asks.can.prompts = true;
    let told = |client: &Client, then| last(client, then, None, Standing::PasswordExpired).join("; ");
    assert!(told(&asks, ANY).ends_with("rejected: the account is with a password that has expired"));
    asks.new_password = Some(crate::login::client::NewPasswordPrompts {
        new: "".into(),
        again: "".into(),
        refused: "".into(),
    });
    let path = told(&asks, ANY);
    assert!(path.contains("after the code a new one is asked for twice; accepted with a code"), "{path}");
    let path = told(&asks, Requirement::None);
    assert!(path.ends_with("a new one can be chosen only after a code"), "{path}");
}

#[test]
fn every_rule_is_told_in_order_with_what_it_does_to_the_decision() {
    let client = client();
    let is = |name: &str| Condition::Client(vec![name.into()]);
    let unknown = || Condition::Asn(vec![64496]);
    let mut tried = Rule::new("tried", is("wiki"), Requirement::Refuse);
    tried.options.shadow = true;
    let open = Rule::new("open for a minute", unknown(), Requirement::None);
    let policy = Policy::new(vec![
        tried,
        Rule::new("other", is("vpn"), Requirement::Refuse),
        Rule::new("open abroad", unknown(), Requirement::None),
        Rule { options: Options { session: Some(Duration::from_secs(60)), ..Options::default() }, ..open },
        Rule::new("abroad", unknown(), ANY),
        Rule::new("here", is("wiki"), Requirement::None),
        Rule::new("rest", Condition::ALWAYS, Requirement::Refuse),
    ]);
    let roles = |policy: &Policy| {
        let told = rules(policy, &Facts::of(&client, UnixTime(0)));
        told.iter().map(|rule| rule.role).collect::<Vec<_>>()
    };
    let expected = [
        Role::Shadow,
        Role::Passes,
        Role::OpensNothing,
        Role::Limits,
        Role::Adds,
        Role::Decides,
        Role::NotReached,
    ];
    assert_eq!(roles(&policy), expected);
    let needs = Policy::new(vec![Rule::new("group", Condition::Group(vec!["x".into()]), ANY)]);
    assert_eq!(roles(&needs), [Role::Needs]);
    let refuses = Policy::new(vec![Rule::new("asn", unknown(), Requirement::Refuse)]);
    assert_eq!(roles(&refuses), [Role::RefusesUnknown]);
}

#[test]
fn a_fault_mode_is_told_while_it_holds() {
    let client = client();
    let mut policy = Policy::new(Vec::new());
    policy.faults.push(crate::login::policy::fault::FaultRule {
        name: "store away".into(),
        owner: "ops".into(),
        reason: "move".into(),
        when: Condition::ALWAYS,
        valid: crate::login::policy::Validity { from: None, until: Some(UnixTime(1000)) },
        then: FaultMode::FirstFactorOnly,
    });
    let known = Known { standing: None, enrolled: FactorKinds::ALL, method: None };
    let at = |at| explain(&policy, &client, &Facts::of(&client, UnixTime(at)), known).fault;
    assert_eq!(at(0), Some(("store away".into(), "the first credential is enough".into())));
    assert_eq!(at(1000), None, "it has ended");
}

/// The last step of a login of somebody who has `enrolled` these.
fn ends(client: &Client, then: Requirement, grace: bool, enrolled: &[FactorKind]) -> String {
    let options = Options { grace_until: grace.then_some(UnixTime(1)), ..Options::default() };
    let rule = Rule { name: "all".into(), when: Condition::ALWAYS, then, options };
    let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::new());
    let facts = Facts { subject: Input::Known((&who, &groups)), ..Facts::of(client, UnixTime(0)) };
    let enrolled = enrolled.iter().copied().collect();
    let known = Known { standing: Some(Standing::Active), enrolled, method: None };
    explain(&Policy::new(vec![rule]), client, &facts, known).path.pop().unwrap()
}

#[test]
fn where_several_factors_are_required_each_is_told_and_who_lacks_one_is_rejected() {
    use FactorKind::{Hotp, Recovery, Totp};
    let both = Requirement::AllOf([Totp, Recovery].into_iter().collect());
    let mut asks = client();
    asks.entry = CodeEntry { challenge: true, typed: Typed::Nothing };
    asks.can.prompts = true;
    asks.remember = None;
    assert_eq!(
        ends(&asks, both, false, &[Totp, Hotp, Recovery]),
        "accepted with a code of: totp, and one of: recovery"
    );
    assert_eq!(ends(&asks, both, false, &[Totp]), "rejected: no recovery is enrolled");
    assert_eq!(
        ends(&client(), both, false, &[Totp, Recovery]),
        "rejected: codes of several kinds are needed, and client \"wiki\" cannot ask for the second"
    );
    let either = Requirement::OneOf([Totp, Recovery].into_iter().collect());
    assert_eq!(ends(&asks, either, false, &[Hotp]), "rejected: none of totp, recovery is enrolled");
}

#[test]
fn grace_is_told_only_of_those_who_have_enrolled_nothing_as_it_is_granted() {
    let one = Requirement::OneOf([FactorKind::Totp].into_iter().collect());
    assert!(ends(&client(), one, true, &[]).ends_with("nothing is enrolled and the rule grants time"));
    let other = ends(&client(), one, true, &[FactorKind::Hotp]);
    assert!(other.starts_with("rejected: no totp is enrolled; the time that the rule grants"), "{other}");
}
