//! The path a login would take, in words, for `explain`. Decides nothing: it asks the rules and reads the
//! client's settings.

use std::sync::Arc;

use crate::login::client::{Client, PrimaryKind, Typed};
use crate::login::factor::FactorKinds;
use crate::login::identity::Standing;
use crate::login::policy::exempt::Fit;
use crate::login::policy::{Condition, Decision, Facts, Looked, Policy, Requirement};

/// What would happen.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Each rule looked at, in order, up to the one that matched.
    pub rules: Vec<(Arc<str>, &'static str)>,
    /// Each exemption that names the account.
    pub exemptions: Vec<(Arc<str>, &'static str)>,
    /// What is demanded.
    pub decision: Decision,
    /// The login step by step, as sentences.
    pub path: Vec<String>,
}

/// What is known about the account.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// What the directory says; `None` when it knows no such account.
    pub standing: Option<Standing>,
    /// Kinds of factors that are enrolled.
    pub enrolled: FactorKinds,
}

/// Follows a login of `client` through `policy`. `facts` must have a subject if one was found.
#[must_use]
pub fn explain(policy: &Policy, client: &Client, facts: &Facts<'_>, known: Known) -> Explanation {
    let mut rules = Vec::new();
    for rule in &policy.rules {
        let looked = rule.look(facts);
        rules.push((rule.name.clone(), word(looked)));
        if looked == Looked::Matches {
            break;
        }
    }
    let decision = policy.decide(facts).unwrap_or(Decision::DEFAULT);
    let refused = decision.requirement == Requirement::Refuse;
    let fits = policy.exemptions.iter().map(|exemption| (&exemption.name, exemption.look(facts)));
    let exemptions: Vec<_> =
        fits.filter_map(|(name, fit)| Some((name.clone(), fitting(fit, refused)?))).collect();
    let path = path(client, facts, known, &decision);
    Explanation { rules, exemptions, decision, path }
}

/// How an exemption fared; `None` when it is about somebody else.
const fn fitting(fit: Fit, refused: bool) -> Option<&'static str> {
    match fit {
        Fit::NobodyKnown | Fit::Account => None,
        Fit::Fits if refused => Some("fits, but opens nothing that a rule refuses"),
        Fit::Fits => Some("fits"),
        Fit::Client => Some("no: it is for this account, but for another client"),
        Fit::Source => Some("no: it is for this account, but the client's connection comes from elsewhere"),
        Fit::SourceUnknown => {
            Some("no: it is for this account, but the address of the client's connection is not known")
        }
    }
}

const fn word(looked: Looked) -> &'static str {
    match looked {
        Looked::Matches => "matches",
        Looked::NeedsSubject => "no: there is no such account",
        Looked::Fails(Condition::Client) => "no: another client",
        Looked::Fails(Condition::Group) => "no: not in one of the groups",
        Looked::Fails(Condition::Subject) => "no: another subject",
        Looked::Fails(Condition::Network) => "no: outside the networks",
        Looked::Fails(Condition::AddressUnknown) => {
            "no: the user's address is unknown and the rule does not name that"
        }
        Looked::Fails(Condition::Time) => "no: outside the hours",
    }
}

fn path(client: &Client, facts: &Facts<'_>, known: Known, decision: &Decision) -> Vec<String> {
    let mut path = Vec::new();
    if decision.requirement == Requirement::Refuse {
        path.push("rejected: a rule refuses".into());
        return path;
    }
    path.push(match client.primary {
        PrimaryKind::Directory => format!("the password is checked by directory \"{}\"", client.directory),
        PrimaryKind::Upstream => {
            format!(
                "the password is checked by upstream \"{}\"",
                client.upstream.as_deref().unwrap_or_default()
            )
        }
        PrimaryKind::CheckedByClient => {
            format!("the password is not checked: client \"{}\" has done it", client.name)
        }
    });
    match known.standing {
        None => path.push("rejected: the directory knows no such account".into()),
        Some(Standing::Active) => second(client, facts, known, decision, &mut path),
        Some(standing) => path.push(format!("rejected: the account is {}", condition(standing))),
    }
    path
}

fn second(client: &Client, facts: &Facts<'_>, known: Known, decision: &Decision, path: &mut Vec<String>) {
    let Requirement::OneOf(kinds) = decision.requirement else {
        path.push(match &decision.exemption {
            Some(name) => format!("accepted with the password alone: exemption \"{name}\""),
            None => "accepted: the rule asks for no second factor".into(),
        });
        return;
    };
    let fitting: FactorKinds = kinds.iter().filter(|kind| known.enrolled.contains(*kind)).collect();
    if fitting.is_empty() {
        let grace = decision.grace_until.is_some_and(|until| facts.at < until);
        path.push(if grace {
            "accepted with the password alone: nothing is enrolled and the rule grants time".into()
        } else {
            format!("rejected: none of {} is enrolled", words(kinds))
        });
        return;
    }
    path.push(entry(client));
    path.push(format!("accepted with a code of: {}", words(fitting)));
    if let Some(life) = client.remember.filter(|_| client.entry.typed != Typed::Nothing) {
        path.push(format!(
            "the same password field from the same place counts again for {} s, without a new code",
            life.as_secs()
        ));
    }
}

fn entry(client: &Client) -> String {
    let typed = match (client.primary, client.entry.typed) {
        (PrimaryKind::CheckedByClient, _) => Some("the password field is the code".to_owned()),
        (PrimaryKind::Directory | PrimaryKind::Upstream, Typed::Nothing) => None,
        (PrimaryKind::Directory | PrimaryKind::Upstream, Typed::Appended { digits }) => {
            Some(format!("the last {digits} digits of the password field are the code"))
        }
        (PrimaryKind::Directory | PrimaryKind::Upstream, Typed::Separated { separator }) => Some(format!(
            "what follows the last '{}' of the password field is the code",
            char::from(separator)
        )),
    };
    let asked = client.entry.challenge && client.can.prompts;
    match (typed, asked) {
        (Some(typed), true) => format!("{typed}; if there is none, it is asked for"),
        (Some(typed), false) => format!("{typed}; if there is none, the login is rejected"),
        (None, true) => "the code is asked for".into(),
        (None, false) => "there is no way to give a code: the login is rejected".into(),
    }
}

fn words(kinds: FactorKinds) -> String {
    let words: Vec<_> = kinds.iter().map(crate::login::factor::FactorKind::word).collect();
    words.join(", ")
}

const fn condition(standing: Standing) -> &'static str {
    match standing {
        Standing::Active => "active",
        Standing::Disabled => "disabled",
        Standing::Expired => "expired",
        Standing::Locked => "locked in the directory",
        Standing::MustChange => "waiting for a new password",
        Standing::PasswordExpired => "with a password that has expired",
        Standing::OutsideHours => "outside its hours in the directory",
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::time::Duration;

    use super::*;
    use crate::base::clock::UnixTime;
    use crate::login::client::{Capabilities, CodeEntry, WhenUnable};
    use crate::login::identity::{Groups, Pseudonym};
    use crate::login::policy::{Conditions, Exemption, Rule};

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
        };
        let rule = Rule { name: "all".into(), when: Conditions::default(), then, grace_until: None };
        let policy = Policy { rules: vec![rule], exemptions: vec![exemption] };
        let (who, groups) = (Pseudonym::new("p1").unwrap(), Groups::new());
        let facts = Facts {
            client: "wiki",
            source: source.map(|address| address.parse::<IpAddr>().unwrap()),
            user: None,
            at: UnixTime(0),
            subject: Some((&who, &groups)),
            aliases: &[alias.into()],
        };
        let known = Known { standing: Some(Standing::Active), enrolled: FactorKinds::ALL };
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
}
