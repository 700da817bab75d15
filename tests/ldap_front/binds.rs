//! What a bind costs, whom it lets in, and what those may see who are in (B.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use doorward::wire::ldap::ber::Writer;
use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::message::op;
use doorward::wire::ldap::request::{Scope, Search, Selection, search};

use crate::gateway::{Gateway, Wish};
use crate::puppet::Puppet;
use crate::raw_ldap::{message, simple_bind};
use crate::support::fake_directory::{Act, Request, entry, result};
use crate::support::samba::{self, Samba};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::{ANNA, BASE};

#[test]
fn a_login_is_one_bind_at_the_directory_and_its_searches_run_there_as_the_person_b_045_b_048() {
    let answer = |request: &Request| Act::Send(result(request.id, op::SEARCH_DONE, 0, ""));
    let gateway = Gateway::in_front_of(
        Puppet::start_with(|bind| Some(if bind.holds(PASSWORD) { 0 } else { 49 }), answer),
        &Wish::default(),
    );
    let (mut raw, puppet) = (gateway.connect(), &gateway.slapd);
    for logins in 1..=3 {
        assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
        assert_eq!(puppet.binds(), logins, "one each");
        assert_eq!(raw.sees(BASE), (0, 0));
        let (bind, search) = (puppet.bind(logins - 1), puppet.next());
        assert_eq!((bind.name().as_str(), bind.connection), (ANNA, search.connection));
        assert!(bind.holds(PASSWORD) && !bind.holds("correct horse0"), "the code is cut off");
    }
    assert_eq!(raw.bind(ANNA, &format!("wrong{}", gateway.code("anna"))), 49);
    assert_eq!(raw.bind(ANNA, &format!("{PASSWORD}{}", gateway.wrong_code("anna"))), 49);
    assert_eq!(puppet.binds(), 5, "a login that fails is one bind as well");
    assert_eq!(raw.bind(ANNA, ""), 53);
    assert_eq!(raw.bind(ANNA, &gateway.code("anna")), 49);
    assert_eq!(puppet.binds(), 5, "and without a password it is none (B-041)");
}

#[test]
fn each_person_sees_what_the_directory_shows_to_that_person_b_048() {
    let selves = "access to attrs=userPassword by anonymous auth by * none\n\
                  access to * by dn.exact=\"cn=service,dc=lab,dc=test\" read by self read by * none";
    let Some(slapd) = Slapd::start_as("", selves) else { return };
    let gateway = Gateway::in_front_of(slapd, &Wish::default());
    let mut raw = gateway.connect();
    let all = Filter::Present("objectClass");
    for (user, cn) in
        [("anna", "Anna (Ops) * \\28x\\29"), ("müller", "Müller, Ben"), ("anna", "Anna (Ops) * \\28x\\29")]
    {
        assert_eq!(raw.bind(user, &gateway.password(user)), 0);
        let mut seen = Vec::new();
        for name in [ANNA, "cn=Müller\\, Ben,ou=people,dc=lab,dc=test", "ou=people,dc=lab,dc=test"] {
            let answers = raw.search(name, Scope::Base, &all, &["cn"]);
            seen.extend(answers.iter().filter(|answer| answer.tag == op::SEARCH_ENTRY).cloned());
        }
        let seen: Vec<_> = seen.iter().flat_map(crate::raw_ldap::Answer::attributes).collect();
        assert_eq!(seen, [("cn".to_owned(), vec![cn.to_owned()])]);
    }
}

#[test]
fn a_separated_code_may_stand_behind_any_password() {
    let wish = Wish { client: "code-entry = \"separator\"\ncode-separator = \"|\"", ..Wish::default() };
    let Some(gateway) = Gateway::start_as(&wish) else { return };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 49, "it is not appended");
    assert_eq!(raw.bind(ANNA, &format!("{PASSWORD}|{}", gateway.code("anna"))), 0);
    assert_eq!(raw.bind(ANNA, &format!("|{}", gateway.code("anna"))), 49, "an empty password");
    assert_eq!(raw.bind(ANNA, PASSWORD), 49);
    assert_eq!(gateway.reasons().last().unwrap(), "code-missing");
}

#[test]
fn a_name_of_two_accounts_lets_neither_in_and_a_whole_name_means_one_b_052() {
    let Some(gateway) = Gateway::start() else { return };
    gateway.enrol("uid=twin,ou=people,dc=lab,dc=test");
    let mut raw = gateway.connect();
    assert_eq!(raw.bind("twin", &gateway.password("uid=twin")), 49, "nobody is guessed");
    assert_eq!(raw.bind("uid=twin,ou=people,dc=lab,dc=test", &gateway.password("uid=twin")), 0);
    assert_eq!(raw.bind("cn=other twin,ou=people,dc=lab,dc=test", &gateway.password("uid=twin")), 49);
    assert_eq!(gateway.reasons(), ["account-unclear", "confirmed", "not-enrolled"]);
}

#[test]
fn a_name_that_leads_nowhere_costs_the_directory_what_a_wrong_password_does_b_052_d_100() {
    let gateway = Gateway::in_front_of(Puppet::start(), &Wish::default());
    let (mut raw, puppet) = (gateway.connect(), &gateway.slapd);
    let wrong = raw.ask(|id| simple_bind(id, ANNA, "wrong000000"));
    let spent = puppet.fake.count(op::SEARCH_REQUEST);
    for name in ["nobody", "uid=nobody,ou=people,dc=lab,dc=test", "uid=x,dc=elsewhere,dc=test"] {
        let (binds, searches) = (puppet.binds(), puppet.fake.count(op::SEARCH_REQUEST));
        let answer = raw.ask(|id| simple_bind(id, name, "wrong000000"));
        assert_eq!(answer.whole[5..], wrong.whole[5..], "{name}: the same octets but for the number");
        assert_eq!(puppet.binds(), binds + 1, "{name}");
        assert!(!puppet.bind(binds).holds("nobody"), "it is tried against the name of no entry");
        assert!(puppet.fake.count(op::SEARCH_REQUEST) <= searches + spent, "{name}");
    }
    let reasons = gateway.reasons();
    assert_eq!(reasons, ["wrong-password", "unknown-subject", "unknown-subject", "unknown-subject"]);
}

#[test]
fn secret_attributes_are_neither_searched_nor_compared_b_049() {
    let gateway = Gateway::in_front_of(Puppet::start(), &Wish::default());
    let (mut raw, puppet) = (gateway.connect(), &gateway.slapd);
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let secrets = [
        "userPassword",
        "USERPASSWORD",
        "userpassword;x-1",
        "2.5.4.35",
        "oid.2.5.4.35",
        "unicodePwd",
        "msLAPS-Password",
    ];
    for secret in secrets {
        let deep = Filter::Not(Box::new(Filter::And(vec![
            Filter::Present("cn"),
            Filter::Or(vec![Filter::Equal(secret, b"x")]),
        ])));
        for filter in [Filter::Present(secret), Filter::Equal(secret, PASSWORD.as_bytes()), deep] {
            let answers = raw.search(ANNA, Scope::Base, &filter, &["cn"]);
            assert_eq!(
                (answers.len(), answers[0].tag, answers[0].code),
                (1, op::SEARCH_DONE, Some(50)),
                "{secret}"
            );
        }
        let compare = |writer: &mut Writer| {
            writer.nested(op::COMPARE_REQUEST, |compare| {
                compare.bytes(4, ANNA.as_bytes());
                compare.nested(0x30, |assertion| {
                    assertion.bytes(4, secret.as_bytes());
                    assertion.bytes(4, PASSWORD.as_bytes());
                });
            });
        };
        let answer = raw.ask(|id| message(id, compare));
        assert_eq!((answer.tag, answer.code), (op::COMPARE_RESPONSE, Some(50)), "{secret}");
    }
    assert!(puppet.heard_nothing(), "the directory was asked nothing of it");
    assert_eq!(gateway.count("ldap_operations", "refused", "secret-attribute"), 4 * 7);
}

#[test]
fn secret_attributes_that_are_asked_for_are_struck_out_and_every_other_octet_stays_b_049() {
    let gateway = Gateway::in_front_of(Puppet::start(), &Wish::default());
    let (mut raw, puppet) = (gateway.connect(), &gateway.slapd);
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    for secret in ["userPassword", "USERPASSWORD;x-1", "oid.2.5.4.35", "unixUserPassword"] {
        let id = raw.next_id();
        let request = Search {
            base: BASE,
            scope: Scope::Subtree,
            size_limit: 0,
            time_limit: 0,
            filter: &Filter::Present("uid"),
            attributes: &Selection::of(["cn", secret, "memberOf"]),
            page: None,
        };
        let sent = search(id, &request);
        raw.send(&sent);
        let asked = puppet.next();
        let differ = sent.iter().zip(&asked.whole).filter(|(sent, passed)| sent != passed).count();
        assert_eq!(asked.whole.len(), sent.len());
        assert!((1..=secret.len()).contains(&differ) && !asked.holds(secret), "{secret}: {differ}");
        assert!(asked.holds("cn") && asked.holds("memberOf"), "{secret}");
        puppet.say(&asked, &result(id, op::SEARCH_DONE, 0, ""));
        assert_eq!(raw.rest_of(id).len(), 1);
    }
}

/// Its own referral to a search, and the result of one.
fn referring(request: &Request) -> Act {
    let reference = message(request.id, |writer| {
        writer.nested(op::SEARCH_REFERENCE, |list| list.bytes(4, b"ldap://elsewhere.test/dc=lab"));
    });
    let found = entry(request.id, ANNA, &[("cn", &[b"Anna"])]);
    Act::Send([reference.clone(), found, reference, result(request.id, op::SEARCH_DONE, 10, "")].concat())
}

#[test]
fn references_pass_or_are_dropped_and_never_followed_b_051() {
    for (setting, references) in [("", 2), ("search-references = \"drop\"", 0)] {
        let right = |bind: &Request| Some(if bind.holds(PASSWORD) { 0 } else { 49 });
        let puppet = Puppet::start_with(right, referring);
        let gateway = Gateway::in_front_of(puppet, &Wish { client: setting, ..Wish::default() });
        let mut raw = gateway.connect();
        assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
        let answers = raw.search(BASE, Scope::Subtree, &Filter::Present("cn"), &[]);
        let count = |tag: u8| answers.iter().filter(|answer| answer.tag == tag).count();
        assert_eq!((count(op::SEARCH_REFERENCE), count(op::SEARCH_ENTRY)), (references, 1));
        assert_eq!(answers.last().unwrap().code, Some(10), "the result stays the directory's");
    }
}

#[test]
fn a_bind_that_is_referred_elsewhere_is_no_answer_and_no_wrong_password_b_051() {
    let refers = Arc::new(AtomicBool::new(true));
    let now = refers.clone();
    let bind = move |_: &Request| Some(if now.load(Ordering::SeqCst) { 10 } else { 0 });
    let gateway = Gateway::in_front_of(Puppet::start_with(bind, |_| Act::Hang), &Wish::default());
    let mut raw = gateway.connect();
    let password = gateway.password("anna");
    assert_eq!(raw.bind(ANNA, &password), 52);
    refers.store(false, Ordering::SeqCst);
    assert_eq!(raw.bind(ANNA, &password), 0, "nothing was used up");
}

#[test]
fn a_domain_controller_tells_no_stranger_how_it_is_with_an_account_b_085() {
    let Some(samba) = Samba::start() else { return };
    let gateway = Gateway::in_front_of(samba, &Wish::default());
    let field = |user: &str| format!("{}{}", samba::PASSWORD, gateway.code(user));
    let mut raw = gateway.connect();
    for name in ["anna", "LAB\\anna", "anna.k@mail.test", "CN=anna,CN=Users,DC=lab,DC=test"] {
        assert_eq!(raw.bind(name, &field("anna")), 0, "{name}");
        assert_eq!(raw.who_am_i().to_lowercase(), "dn:cn=anna,cn=users,dc=lab,dc=test");
        assert_eq!(
            raw.search("cn=anna,cn=users,dc=lab,dc=test", Scope::Base, &Filter::Present("cn"), &["cn"]).len(),
            2
        );
    }
    let wrong = raw.ask(|id| simple_bind(id, "carl", "Wrong.horse.1000000"));
    assert_eq!(wrong.code, Some(49));
    for name in ["disabled", "expired", "mustchange", "nobody"] {
        let answer = raw.ask(|id| simple_bind(id, name, &format!("{}000000", samba::PASSWORD)));
        assert_eq!((answer.code, answer.text), (Some(49), wrong.text.clone()), "{name}");
        assert_eq!(answer.whole.len(), wrong.whole.len(), "{name}");
    }
    // The domain locks after three; one wrong password reaches it once, however often it comes.
    for _ in 0..3 {
        assert_eq!(raw.bind("locked", "Wrong.horse.1000000"), 49);
    }
    let not_enrolled = raw.ask(|id| simple_bind(id, "locked", &format!("{}000000", samba::PASSWORD)));
    assert_eq!((not_enrolled.code, not_enrolled.text), (Some(49), wrong.text));
    let reasons = gateway.reasons();
    let but = ["account-disabled", "account-expired", "must-change-password", "unknown-subject"];
    assert_eq!(reasons[5..9], but, "the record knows it: {reasons:?}");
    assert_eq!(reasons.last().unwrap(), "not-enrolled", "nobody was locked: {reasons:?}");
}
