use super::*;
use crate::frontend::ldap::lab;
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::message::op;

const ALL: Rights =
    Rights { has_upstream: true, read_only: false, encrypted: true, remembered: false, exempt: None };

fn judged(whole: &[u8], rights: Rights) -> Result<Pass, Refusal> {
    let message = Message::read(whole).unwrap();
    judge(&message, Request::of(message.operation.tag), rights).map_err(|no| {
        assert!(!no.text.is_empty() && !no.code.is_success());
        no.why
    })
}

fn why(whole: &[u8], rights: Rights) -> Option<Refusal> {
    judged(whole, rights).err()
}

fn by(filter: &Filter<'_>) -> Vec<u8> {
    lab::search_for(2, "dc=x", 2, &lab::filter(filter), &["cn"])
}

#[test]
fn secret_attributes_are_neither_searched_nor_compared_b_049() {
    let secret = Some(Refusal::SecretAttribute);
    for name in
        ["userPassword", "USERPASSWORD;x", "2.5.4.35", "unicodePwd", "ms-Mcs-AdmPwd", "msLAPS-Password"]
    {
        assert_eq!(why(&lab::compare(2, name), ALL), secret, "{name}");
        let hidden = Filter::And(vec![
            Filter::Present("cn"),
            Filter::Or(vec![Filter::Not(Box::new(Filter::Equal(name, b"x")))]),
        ]);
        for filter in [Filter::Present(name), Filter::Equal(name, b"x"), hidden] {
            assert_eq!(why(&by(&filter), ALL), secret, "{name}");
        }
        let rule = Filter::Extensible { rule: "1.2.3", attribute: name, value: b"x" };
        assert_eq!(why(&by(&rule), ALL), secret, "{name}");
    }
    assert_eq!(why(&lab::search(2), ALL), None);
    assert_eq!(why(&lab::compare(2, "memberOf"), ALL), None);
}

#[test]
fn secret_attributes_that_are_asked_for_are_struck_out_and_nothing_else_is_b_049() {
    let strike = |names: &[&str]| {
        let whole = lab::controlled(
            &lab::search_for(2, "cn=userPassword,dc=x", 2, &lab::any_object(), names),
            "1.2.3",
            true,
            Some(b"cn"),
        );
        assert_eq!(why(&whole, ALL), None, "{names:?}");
        let struck = {
            let message = Message::read(&whole).unwrap();
            without_secrets(&whole, &Asked::read(&message.operation).unwrap()).unwrap()
        };
        (whole, struck)
    };
    for name in [
        "userPassword",
        "USERPASSWORD;x",
        "OID.2.5.4.35",
        "2.5.4.35",
        "unicodePwd",
        "ms-Mcs-AdmPwd",
        "oathSecret",
    ] {
        let (whole, struck) = strike(&["cn", name, "*", "1.1", "mail", name]);
        let struck = struck.unwrap_or_else(|| panic!("{name} passes"));
        let message = Message::read(&struck).unwrap();
        let asked = Asked::read(&message.operation).unwrap();
        let left: Vec<_> = asked.attributes().map(Result::unwrap).collect();
        let gone = "x".repeat(name.len()).into_bytes();
        assert_eq!(left, [&b"cn"[..], &gone, b"*", b"1.1", b"mail", &gone], "{name}");
        let changed = whole.iter().zip(struck.iter()).filter(|(before, after)| before != after).count();
        assert!(whole.len() == struck.len() && changed <= 2 * name.len(), "every other octet is as it was");
    }
    assert!(strike(&["cn", "memberOf", "pwdLastSet", "xuserPassword"]).1.is_none());
    assert!(strike(&[]).1.is_none());
    let (whole, _) = strike(&["userPassword"]);
    let message = Message::read(&whole).unwrap();
    let elsewhere = without_secrets(&[], &Asked::read(&message.operation).unwrap());
    assert_eq!(
        elsewhere.unwrap_err().why,
        Refusal::SecretAttribute,
        "what cannot be struck out does not pass"
    );
}

#[test]
fn no_control_gets_at_a_secret_attribute_either_b_049() {
    let secret = Some(Refusal::SecretAttribute);
    let assertion = lab::filter(&Filter::Equal("userPassword", b"guess"));
    let cases = [
        ("1.3.6.1.1.12", assertion),
        ("1.3.6.1.1.13.1", b"\x30\x0e\x04\x0cuserPassword".to_vec()),
        ("1.2.840.113556.1.4.473", b"\x30\x10\x30\x0e\x04\x0cUserPassword".to_vec()),
        ("1.2.3.4.5", b"anything about 2.5.4.35".to_vec()),
    ];
    for (oid, value) in cases {
        for request in [lab::search(2), lab::compare(2, "cn"), lab::modify(2, "mail")] {
            let whole = lab::controlled(&request, oid, false, Some(&value));
            assert_eq!(why(&whole, ALL), secret, "{oid}");
        }
    }
}

#[test]
fn nobody_acts_as_somebody_else_b_009() {
    for oid in OTHER_IDENTITIES {
        for critical in [false, true] {
            let whole = lab::controlled(&lab::search(2), oid, critical, Some(b"u:admin"));
            let message = Message::read(&whole).unwrap();
            let no = judge(&message, Request::Search, ALL).unwrap_err();
            assert_eq!((no.code, no.why), (ResultCode::AUTHORIZATION_DENIED, Refusal::OtherIdentity));
        }
    }
}

#[test]
fn a_filter_is_as_deep_as_allowed_or_refused_b_004() {
    let nested = |depth: usize| {
        let mut filter = Filter::Present("cn");
        for _ in 0..depth {
            filter = Filter::Not(Box::new(filter));
        }
        by(&filter)
    };
    assert_eq!(why(&nested(FILTER_DEPTH), ALL), None);
    assert_eq!(why(&nested(FILTER_DEPTH + 1), ALL), Some(Refusal::FilterTooDeep));
    let unnamed = Filter::Extensible { rule: "1.2.3", attribute: "", value: b"x" };
    assert_eq!(why(&by(&unnamed), ALL), Some(Refusal::FilterNamesNone));
}

#[test]
fn a_filter_nested_a_hundred_thousand_deep_costs_nothing_but_itself_b_004() {
    let mut inner = lab::any_object();
    inner.reverse();
    // From the inside out and backwards, so that the length of each level is known when it is written.
    for _ in 0..100_000 {
        let length = u32::try_from(inner.len()).unwrap().to_be_bytes();
        inner.extend(length.iter().rev());
        inner.extend([0x84, 0xa2]);
    }
    inner.reverse();
    let whole = lab::search_for(2, "dc=x", 2, &inner, &[]);
    assert_eq!(why(&whole, ALL), Some(Refusal::FilterTooDeep));
}

#[test]
fn a_client_that_may_only_read_changes_nothing_b_012() {
    let rights = Rights { read_only: true, ..ALL };
    let read_only = Some(Refusal::ReadOnly);
    let add = lab::message(2, |m| m.bytes(0x68, b""));
    let rename = lab::message(2, |m| m.bytes(0x6c, b""));
    let change = lab::extended(2, PASSWORD_MODIFY, None);
    for whole in [lab::modify(2, "mail"), lab::delete(2), add, rename, change, lab::unknown(2)] {
        assert_eq!(why(&whole, rights), read_only);
        assert_eq!(why(&whole, ALL), None);
    }
    assert_eq!(why(&lab::extended(2, "1.2.3", None), rights), Some(Refusal::NotOffered));
    for whole in
        [lab::search(2), lab::compare(2, "cn"), lab::extended(2, CANCEL, Some(b"\x30\x03\x02\x01\x01"))]
    {
        assert_eq!(why(&whole, rights), None);
    }
}

#[test]
fn a_password_is_changed_under_tls_and_after_a_code_of_its_own_b_031() {
    let changes = [
        lab::extended(2, PASSWORD_MODIFY, Some(b"\x30\x00")),
        lab::modify(2, "userPassword"),
        lab::modify(2, "unicodePwd;x"),
        lab::modify(2, "OID.2.5.4.35"),
    ];
    for whole in &changes {
        assert_eq!(why(whole, ALL), None);
        for rights in [Rights { encrypted: false, ..ALL }, Rights { remembered: true, ..ALL }] {
            assert_eq!(why(whole, rights), Some(Refusal::PasswordChange));
            assert!(!rights.may_change_password());
        }
    }
    let remembered = Rights { remembered: true, encrypted: false, ..ALL };
    assert_eq!(why(&lab::modify(2, "mail"), remembered), None, "anything else may be changed");
    assert!(ALL.may_change_password());
    assert!(!Rights { read_only: true, ..ALL }.may_change_password());
    assert!(!Rights { exempt: Some(Allowed { search: true }), ..ALL }.may_change_password());
}

#[test]
fn operations_that_would_bind_or_act_unseen_are_not_offered_b_033_b_088() {
    for name in NEVER {
        assert_eq!(why(&lab::extended(2, name, None), ALL), Some(Refusal::NotOffered), "{name}");
    }
    let read_password = "2.16.840.1.113719.1.39.42.100.13";
    assert_eq!(why(&lab::extended(2, read_password, None), ALL), Some(Refusal::NotOffered));
    assert_eq!(why(&lab::extended(2, "not an oid", None), ALL), Some(Refusal::Malformed));
}

/// Takes one value of an attribute of `entry` away and adds another, as people change passwords in Active Directory.
fn delete_and_add(entry: &str, attribute: &str, kinds: [i64; 2]) -> Vec<u8> {
    lab::message(2, |message| {
        message.nested(op::MODIFY_REQUEST, |modify| {
            modify.bytes(4, entry.as_bytes());
            modify.nested(0x30, |changes| {
                for kind in kinds {
                    changes.nested(0x30, |change| {
                        change.integer(10, kind);
                        change.nested(0x30, |values| {
                            values.bytes(4, attribute.as_bytes());
                            values.nested(0x31, |set| set.bytes(4, b"x"));
                        });
                    });
                }
            });
        });
    })
}

#[test]
fn nobody_tries_the_password_of_somebody_else_by_changing_it_b_049_b_087() {
    let own = format!("dn:{}", lab::ANNA);
    let why = |whole: &[u8]| {
        let message = Message::read(whole).unwrap();
        let kind = Request::of(message.operation.tag);
        shows_own_password(&message, kind, &own).err().map(|no| no.why)
    };
    let guess = Some(Refusal::PasswordChange);
    let bob = "uid=bob,ou=people,dc=example,dc=org";
    for attribute in ["unicodePwd", "userPassword;x", "oid.2.5.4.35"] {
        assert_eq!(why(&delete_and_add(bob, attribute, [1, 0])), guess, "{attribute}");
        assert_eq!(why(&delete_and_add(bob, attribute, [0, 1])), guess, "{attribute}");
        assert_eq!(why(&delete_and_add(bob, attribute, [2, 2])), None, "set anew, as help desks do");
        assert_eq!(why(&delete_and_add("UID=Anna, OU=people,dc=example,DC=org", attribute, [1, 0])), None);
    }
    assert_eq!(why(&delete_and_add(bob, "mail", [1, 0])), None, "no password");

    let change = |parts: &[&[u8]]| {
        let mut value = vec![0x30, u8::try_from(parts.concat().len()).unwrap()];
        value.extend(parts.concat());
        lab::extended(2, PASSWORD_MODIFY, Some(&value))
    };
    let user = |name: &str| [&[0x80, u8::try_from(name.len()).unwrap()][..], name.as_bytes()].concat();
    let (old, new) = (b"\x81\x01o", b"\x82\x01n");
    for other in [bob, "u:bob", "dn:uid=bob,ou=people,dc=example,dc=org", "u:anna", ""] {
        assert_eq!(why(&change(&[&user(other), old, new])), guess, "{other}");
        assert_eq!(why(&change(&[&user(other), new])), None, "set anew");
    }
    for mine in [lab::ANNA, &own] {
        assert_eq!(why(&change(&[&user(mine), old, new])), None, "{mine}");
    }
    assert_eq!(why(&change(&[old, new])), None, "of whoever is bound");
    assert_eq!(why(&change(&[new, old])), Some(Refusal::Malformed));
}

#[test]
fn an_exemption_allows_searching_and_comparing_or_nothing_b_047() {
    let none = Rights { exempt: Some(Allowed { search: false }), ..ALL };
    let some = Rights { exempt: Some(Allowed { search: true }), ..ALL };
    let beyond = Some(Refusal::BeyondExemption);
    for whole in [lab::search(2), lab::compare(2, "cn")] {
        assert_eq!((why(&whole, none), why(&whole, some)), (beyond, None));
    }
    for whole in [lab::modify(2, "cn"), lab::delete(2), lab::unknown(2), lab::extended(2, CANCEL, None)] {
        assert_eq!((why(&whole, none), why(&whole, some)), (beyond, beyond));
    }
    assert_eq!(why(&lab::compare(2, "userPassword"), some), Some(Refusal::SecretAttribute));
}

#[test]
fn a_refusal_has_the_form_of_the_answer_to_its_request_b_012() {
    for (kind, tag) in [
        (Request::Search, 0x65),
        (Request::Modify, 0x67),
        (Request::Add, 0x69),
        (Request::Delete, 0x6b),
        (Request::ModifyDn, 0x6d),
        (Request::Compare, 0x6f),
        (Request::Extended, 0x78),
    ] {
        assert_eq!(lab::result(&refusal(9, kind, &NOT_BOUND).unwrap()), (9, tag, 50));
    }
    for kind in [Request::Unbind, Request::Abandon, Request::Unknown] {
        assert_eq!(refusal(9, kind, &NOT_BOUND), None);
    }
}

#[test]
fn malformed_controls_are_the_end_of_their_request() {
    let whole = lab::message(2, |m| {
        m.raw(Message::read(&lab::search(2)).unwrap().operation.whole);
        m.bytes(0xa0, b"\x30\x02\x04\x00");
    });
    assert_eq!(why(&whole, ALL), Some(Refusal::Malformed));
}
