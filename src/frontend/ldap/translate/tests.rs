use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::base::clock::Clock;
use crate::frontend::ldap::lab::{self, ANNA, PEER, accepted};
use crate::login::client::Client;
use crate::login::identity::NameForm;
use crate::login::rename::{Change, Renaming};
use crate::wire::ldap::message::{LdapResult, Message};

/// Under TLS, with these names in the certificate.
fn reads_with(
    whole: &[u8],
    client: &LdapClient,
    certificate: &[Box<str>],
    encrypted: bool,
) -> Result<Attempt, NoLogin> {
    let message = Message::read(whole).unwrap();
    let arrival = Arrival {
        now: lab::clock().now(),
        id: AttemptId([9; 8]),
        peer: PEER.into(),
        listener: &Arc::from("inner"),
        certificate,
        encrypted,
        plain_binds: false,
    };
    read(&Bind::read(&message.operation).unwrap(), client, &arrival)
}

fn reads(whole: &[u8]) -> Result<Attempt, NoLogin> {
    reads_with(whole, &lab::client(), &[], true)
}

#[track_caller]
fn refused(whole: &[u8]) -> (u32, Refusal) {
    let no = reads(whole).unwrap_err();
    assert!(!no.exposed && !no.text.is_empty());
    (no.code.0, no.why)
}

fn password(attempt: &Attempt) -> &[u8] {
    match &attempt.credential {
        PrimaryCredential::Password(password) => password.expose(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_name_is_read_in_the_form_in_which_it_was_written_b_081() {
    let form = |name: &str| {
        let attempt = reads(&lab::bind(1, name, b"pw")).unwrap();
        match attempt.name.form() {
            NameForm::Plain(user) => format!("plain {user}"),
            NameForm::Principal(user, suffix) => format!("principal {user} at {suffix}"),
            NameForm::Domain(domain, user) => format!("{user} of domain {domain}"),
            NameForm::Distinguished(dn) => format!("dn {dn}"),
        }
    };
    assert_eq!(form("Anna"), "plain anna");
    assert_eq!(form("anna@Example.org"), "principal anna at example.org");
    assert_eq!(form("EXAMPLE\\anna"), "anna of domain example");
    assert_eq!(form(ANNA), format!("dn {ANNA}"));
    assert_eq!(form("CN=Müller\\, Anna,DC=example"), "dn CN=Müller\\, Anna,DC=example");
    assert_eq!(form("no=dn="), "dn no=dn=", "whatever reads as one");
    assert_eq!(form("a=b=c,d"), "plain a=b=c,d", "and what only looks like one is a name");
    assert_eq!(form("<SID=S-1-5-21>"), "plain <sid=s-1-5-21>");
}

#[test]
fn an_empty_password_never_becomes_a_login_b_041() {
    assert_eq!(refused(&lab::bind(1, ANNA, b"")), (53, Refusal::EmptyPassword));
    assert_eq!(refused(&lab::bind(1, "", b"")), (48, Refusal::Anonymous));
    assert_eq!(refused(&lab::sasl(1, PLAIN, Some(b"\0anna\0"))), (53, Refusal::EmptyPassword));
}

#[test]
fn what_cannot_be_a_name_or_a_password_is_refused_at_once() {
    assert_eq!(refused(&lab::bind(1, "", b"pw")), (49, Refusal::BadName));
    assert_eq!(refused(&lab::bind(1, "an\0na", b"pw")), (49, Refusal::BadName));
    assert_eq!(refused(&lab::bind(1, &"x".repeat(257), b"pw")), (49, Refusal::BadName));
    let long = format!("cn={}", "x".repeat(MAX_DISTINGUISHED));
    assert_eq!(refused(&lab::bind(1, &long, b"pw")), (49, Refusal::BadName));
    let not_text = lab::bind_of(1, 3, b"\xff\xfe", |bind| bind.bytes(0x80, b"pw"));
    assert_eq!(refused(&not_text), (49, Refusal::BadName));
    assert_eq!(refused(&lab::bind(1, "anna", &[b'x'; MAX_PASSWORD + 1])), (53, Refusal::PasswordTooLong));
    assert_eq!(password(&reads(&lab::bind(1, "anna", &[b'x'; MAX_PASSWORD])).unwrap()).len(), MAX_PASSWORD);
}

#[test]
fn only_version_3_is_spoken_b_023() {
    for version in [2, 1, 4, 127] {
        let whole = lab::bind_of(1, version, b"anna", |bind| bind.bytes(0x80, b"pw"));
        assert_eq!(refused(&whole), (2, Refusal::Version));
    }
}

#[test]
fn kerberos_and_ntlm_are_refused_with_the_reason_b_065() {
    for mechanism in ["GSSAPI", "GSS-SPNEGO", "NTLM"] {
        let no = reads(&lab::sasl(1, mechanism, Some(b"token"))).unwrap_err();
        assert_eq!((no.code, no.why), (ResultCode::AUTH_METHOD_NOT_SUPPORTED, Refusal::Mechanism));
        assert!(no.text.contains("second factor") && no.text.contains("TLS certificate"), "{}", no.text);
    }
    for tag in [0x89, 0x8a, 0x8b] {
        let no = reads(&lab::bind_of(1, 3, b"", |bind| bind.bytes(tag, b"NTLM"))).unwrap_err();
        assert!(no.code == ResultCode::AUTH_METHOD_NOT_SUPPORTED && no.text.contains("NTLM"));
    }
}

#[test]
fn mechanisms_that_are_not_offered_are_refused_b_060_b_067() {
    for mechanism in ["", "plain", "DIGEST-MD5", "SCRAM-SHA-256", "EXTERNAL", "ANONYMOUS", "X"] {
        assert_eq!(refused(&lab::sasl(1, mechanism, Some(b"x"))), (7, Refusal::Mechanism), "{mechanism}");
    }
    assert_eq!(refused(&lab::bind_of(1, 3, b"anna", |bind| bind.bytes(0x84, b"x"))), (7, Refusal::Mechanism));
}

#[test]
fn plain_is_a_bind_with_a_name_of_its_own_b_062() {
    let attempt = reads(&lab::sasl(1, PLAIN, Some(b"\0anna\0hunter2123456"))).unwrap();
    assert_eq!((attempt.name.typed(), password(&attempt)), ("anna", &b"hunter2123456"[..]));
    for same in ["anna", "ANNA", "u:anna", " anna"] {
        let said = format!("{same}\0anna\0pw");
        assert!(reads(&lab::sasl(1, PLAIN, Some(said.as_bytes()))).is_ok(), "{same}");
    }
    let said = format!("dn:UID=Anna, ou=people,dc=example,dc=org\0{ANNA}\0pw");
    assert!(reads(&lab::sasl(1, PLAIN, Some(said.as_bytes()))).is_ok(), "the same name in another spelling");
    for other in ["bob", "u:bob", "dn:cn=anna", "u:", "dn:"] {
        let said = format!("{other}\0anna\0pw");
        let no = refused(&lab::sasl(1, PLAIN, Some(said.as_bytes())));
        assert_eq!(no, (49, Refusal::OtherIdentity), "{other}");
    }
    for malformed in [None, Some(&b""[..]), Some(b"anna\0pw"), Some(b"\0anna\0pw\0"), Some(b"\0\0\0")] {
        assert_eq!(refused(&lab::sasl(1, PLAIN, malformed)), (2, Refusal::Malformed), "{malformed:?}");
    }
    assert_eq!(refused(&lab::sasl(1, PLAIN, Some(b"\0\0pw"))), (49, Refusal::BadName));
    let open = reads_with(&lab::sasl(1, PLAIN, Some(b"\0anna\0pw")), &lab::client(), &[], false).unwrap_err();
    assert_eq!((open.code, open.exposed), (ResultCode::CONFIDENTIALITY_REQUIRED, true));
}

#[test]
fn a_certificate_stands_for_the_password_of_the_one_person_it_names_b_063() {
    let with = |which, names: &[&str], authzid: Option<&[u8]>, encrypted| {
        let client = LdapClient { external: Some(which), ..lab::client() };
        let names: Vec<Box<str>> = names.iter().map(|name| Box::from(*name)).collect();
        reads_with(&lab::sasl(1, EXTERNAL, authzid), &client, &names, encrypted)
    };
    let email = ["dns:laptop.example.org", "email:anna@example.org", "subject:cn=anna,dc=example"];
    for absent_or_empty in [None, Some(&b""[..])] {
        let attempt = with(ExternalName::Email, &email, absent_or_empty, true).unwrap();
        assert!(matches!(attempt.credential, PrimaryCredential::Proven));
        assert_eq!(attempt.name.typed(), "anna@example.org");
    }
    let subject = with(ExternalName::Subject, &email, Some(b"dn:CN=Anna,DC=example"), true).unwrap();
    assert!(matches!(subject.name.form(), NameForm::Distinguished("cn=anna,dc=example")));
    let other = with(ExternalName::Email, &email, Some(b"u:bob@example.org"), true).unwrap_err();
    assert_eq!((other.code, other.why), (ResultCode::INVALID_CREDENTIALS, Refusal::OtherIdentity));
    let none = [
        with(ExternalName::Principal, &email, None, true),
        with(ExternalName::Email, &["email:a@example.org", "email:b@example.org"], None, true),
        with(ExternalName::Email, &[], None, true),
        with(ExternalName::Email, &email, None, false),
        with(ExternalName::Subject, &["subject:"], None, true),
    ];
    for no in none.map(Result::unwrap_err) {
        assert_eq!((no.code, no.why), (ResultCode::INAPPROPRIATE_AUTHENTICATION, Refusal::NoCertificate));
    }
}

#[test]
fn only_mechanisms_that_work_now_are_told_b_032() {
    let told = |external, encrypted, certificate: &[&str]| {
        let client = Arc::new(LdapClient { external, ..lab::client() });
        let names: Vec<Box<str>> = certificate.iter().map(|name| Box::from(*name)).collect();
        mechanisms(Some(&client), encrypted, &names)
    };
    assert!(told(Some(ExternalName::Email), false, &["email:a@example.org"]).is_empty());
    assert_eq!(told(None, true, &["email:a@example.org"]), [PLAIN]);
    assert_eq!(told(Some(ExternalName::Email), true, &[]), [PLAIN]);
    assert_eq!(told(Some(ExternalName::Email), true, &["email:a@example.org"]), [PLAIN, EXTERNAL]);
    assert!(mechanisms(None, true, &[]).is_empty());
}

#[test]
fn the_address_is_the_persons_only_where_the_settings_say_so() {
    let attempt = reads(&lab::bind(1, "anna", b"pw")).unwrap();
    assert_eq!(attempt.origin, Origin { peer: PEER.into(), user: None });
    let own = LdapClient { connection_is: ConnectionIs::Person, ..lab::client() };
    let attempt = reads_with(&lab::bind(1, "anna", b"pw"), &own, &[], true).unwrap();
    assert_eq!(attempt.origin, Origin { peer: PEER.into(), user: Some(PEER.into()) });
}

#[test]
fn a_device_is_told_from_another_by_listener_and_certificate_a_071() {
    let device = |names: &[&str]| {
        let names: Vec<Box<str>> = names.iter().map(|name| Box::from(*name)).collect();
        reads_with(&lab::bind(1, "anna", b"pw"), &lab::client(), &names, true).unwrap().device
    };
    assert_eq!(*device(&[]), *b"inner");
    assert_ne!(device(&["dns:a"]), device(&["dns:b"]));
    assert_ne!(device(&["dns:a", "dns:b"]), device(&["dns:adns:b"]));
}

#[test]
fn every_outcome_has_its_code_and_none_of_them_tells_why_b_043_d_100() {
    let answer = |reply: &Reply| {
        let (code, bytes) = write(7, reply);
        let message = Message::read(&bytes).unwrap();
        let result = LdapResult::read(&message.operation).unwrap();
        assert_eq!((message.id, result.code), (7, code));
        (code.0, bytes)
    };
    assert_eq!(answer(&accepted()).0, 0);
    let (_, first) = answer(&Reply::Reject(Reason::WrongPassword));
    for reason in Reason::ALL {
        let (code, bytes) = answer(&Reply::Reject(reason));
        assert_eq!(code, 49, "{reason:?}");
        // Certain before anybody is looked up: it says nothing of a name.
        let may_say_so = matches!(reason, Reason::RefusedNow | Reason::RefusedHere);
        assert_eq!(bytes == first, !may_say_so, "{reason:?}");
    }
    for kind in FaultKind::ALL {
        let expected = if kind == FaultKind::Overloaded { 51 } else { 52 };
        assert_eq!(answer(&Reply::Unable(kind)).0, expected, "{kind:?}");
    }
    let prompt = crate::login::step::Prompt { text: "Code?".into(), relay: None };
    let asked = Reply::Ask(crate::login::attempt::ChallengeId([1; 16]), prompt);
    assert_eq!(answer(&asked).0, 52, "a question has no place here, and is no wrong password");
}

#[test]
fn a_login_has_the_time_of_its_bind() {
    let attempt = reads(&lab::bind(1, "anna", b"pw")).unwrap();
    assert_eq!(attempt.client.login_timeout, Duration::from_secs(20));
    assert_eq!(attempt.id, AttemptId([9; 8]));
}

#[test]
fn a_client_may_change_the_names_that_it_sends_but_not_distinguished_ones_e_009() {
    let renaming = Renaming::new(vec![Change::strip_suffix("@example.org")]);
    let known = Client { renaming, ..(*lab::client().client).clone() };
    let client = LdapClient { client: known.into(), ..lab::client() };
    let reads = |name: &str| reads_with(&lab::bind(1, name, b"pw"), &client, &[], true);
    assert_eq!(reads("Anna@Example.org").unwrap().name.prepared(), "anna");
    assert_eq!(reads(ANNA).unwrap().name.prepared(), ANNA);
    assert_eq!(reads("@example.org").unwrap().name.prepared(), "@example.org");
}
