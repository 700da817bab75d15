//! TLS, and what may be said without it.

use super::*;

const NOT_UNDER_TLS: u32 = 13;

#[test]
fn a_password_in_the_open_is_refused_and_reported_as_exposed_b_028() {
    let mut lab = Lab::of(open(), Some(client()));
    let out = lab.send(&bind(1, ANNA, b"hunter2123456"));
    let [Action::Send(bytes), Action::PasswordExposed] = &out[..] else { panic!("{out:?}") };
    assert_eq!(result(bytes), (1, op::BIND_RESPONSE, NOT_UNDER_TLS));
    let out = lab.send(&sasl(2, "PLAIN", Some(b"\0anna\0hunter2123456")));
    let [Action::Send(bytes), Action::PasswordExposed] = &out[..] else { panic!("{out:?}") };
    assert_eq!(result(bytes), (2, op::BIND_RESPONSE, NOT_UNDER_TLS));
    assert_eq!(lab.refused(Refusal::NotEncrypted), 2);

    let mut marked = Lab::of(Conduct { plain_binds: true, ..open() }, Some(client()));
    let _ticket = marked.begin(1);
}

#[test]
fn tls_begins_after_its_consent_and_everything_before_is_forgotten_b_027() {
    let mut lab = Lab::of(Conduct { plain_binds: true, ..open() }, Some(client()));
    lab.let_in(1, &accepted());
    let out = lab.send(&extended(2, START_TLS, None));
    let [Action::Release { reusable: true }, Action::Send(bytes), Action::StartTls] = &out[..] else {
        panic!("{out:?}")
    };
    assert_eq!(result(bytes), (2, op::EXTENDED_RESPONSE, 0));
    assert_eq!(extended_parts(bytes), (Some(START_TLS.as_bytes().to_vec()), None));
    assert!(!lab.session.wants_messages() && !lab.session.is_bound());
    let conduct = Conduct { counters: lab.counters.clone(), ..tls() };
    lab.session.on_tls(conduct, Some(Arc::new(client())));
    assert!(lab.session.wants_messages());
    lab.refuses(&search(3), 50, Refusal::NotBound);
    lab.refuses(&extended(4, START_TLS, None), 1, Refusal::StartTls);
    lab.let_in(5, &accepted());
}

#[test]
fn octets_in_the_open_behind_a_request_for_tls_end_the_connection_without_a_word_b_026() {
    for message in [false, true] {
        let mut lab = Lab::of(open(), Some(client()));
        let _out = lab.send(&extended(1, START_TLS, None));
        let mut out = Vec::new();
        if message {
            out = lab.send(&bind(2, ANNA, b"injected"));
        } else {
            lab.session.on_closing(Closed::PlaintextBehindStartTls, &mut out);
        }
        lab.ends(&out, Closed::PlaintextBehindStartTls, None);
        lab.session.on_tls(tls(), Some(Arc::new(client())));
        assert!(!lab.session.wants_messages(), "it does not come back");
    }
}

#[test]
fn no_notice_goes_out_in_the_open_once_tls_is_agreed_on() {
    let mut lab = Lab::of(open(), Some(client()));
    let _out = lab.send(&extended(1, START_TLS, None));
    let out = lab.close(Closed::Shutdown);
    lab.ends(&out, Closed::Shutdown, None);
}

#[test]
fn tls_does_not_begin_where_something_runs_or_waits_or_where_it_is_not_offered_b_026() {
    let mut running = Lab::of(Conduct { plain_binds: true, ..open() }, Some(client()));
    running.let_in(1, &accepted());
    running.forwards(&search(2));
    running.refuses(&extended(3, START_TLS, None), 1, Refusal::StartTls);
    assert!(running.session.is_bound(), "a refusal changes nothing");

    let mut waiting = Lab::of(Conduct { plain_binds: true, ..open() }, Some(client()));
    let ticket = waiting.begin(1);
    assert!(waiting.send(&extended(2, START_TLS, None)).is_empty());
    let out = waiting.end(ticket, &WRONG, None);
    let [Action::Send(_), Action::Send(refusal)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(result(refusal), (2, op::EXTENDED_RESPONSE, 1));

    let mut without = Lab::of(Conduct { start_tls: false, ..open() }, Some(client()));
    without.refuses(&extended(1, START_TLS, None), 2, Refusal::NotOffered);
    let mut valued = Lab::of(open(), Some(client()));
    valued.refuses(&extended(1, START_TLS, Some(b"")), 2, Refusal::Malformed);
    let critical = controlled(&extended(2, START_TLS, None), "1.2.3", true, None);
    valued.refuses(&critical, 12, Refusal::CriticalControl);
}

#[test]
fn where_only_a_certificate_can_tell_the_client_nobody_binds_without_it() {
    let mut plain = Lab::of(open(), None);
    let out = plain.send(&bind(1, ANNA, b"hunter2123456"));
    let [Action::Send(bytes), Action::PasswordExposed] = &out[..] else { panic!("{out:?}") };
    assert_eq!(result(bytes), (1, op::BIND_RESPONSE, NOT_UNDER_TLS));
    let mut encrypted = Lab::of(tls(), None);
    encrypted.refuses(&bind(1, ANNA, b"hunter2123456"), 48, Refusal::NoCertificate);
    encrypted.refuses(&search(2), 50, Refusal::NotBound);
    let out =
        encrypted.send(&root_dse(3, &["supportedSASLMechanisms", "namingContexts", "supportedLDAPVersion"]));
    let [Action::Send(entry), Action::Send(_)] = &out[..] else { panic!("{out:?}") };
    let text = String::from_utf8_lossy(entry);
    assert!(text.contains("supportedLDAPVersion"));
    assert!(
        !text.contains("PLAIN") && !text.contains("dc=example"),
        "strangers learn nothing of the directory"
    );
}

#[test]
fn a_critical_control_at_a_bind_is_refused_and_another_one_ignored_b_009() {
    let mut lab = Lab::new();
    let bound = bind(1, ANNA, b"hunter2123456");
    lab.refuses(&controlled(&bound, "1.2.3", true, None), 12, Refusal::CriticalControl);
    let out = lab.send(&controlled(&bound, "1.3.6.1.4.1.42.2.27.8.5.1", false, None));
    let _ticket = begun(&out);
}
