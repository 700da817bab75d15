use std::time::Duration;

use super::*;
use crate::base::clock::Clock;
use crate::frontend::ldap::counters::{Bound as Code, Operation};
use crate::frontend::ldap::lab::*;
use crate::frontend::ldap::limits::LdapLimits;
use crate::frontend::ldap::operations::ExemptOperation;
use crate::frontend::ldap::session::queue::{MOST_MESSAGES, MOST_OCTETS};
use crate::login::verdict::{FaultKind, Reason};
use crate::wire::ldap::message::{
    CANCEL, FAST_BIND, Message, NOTICE_OF_DISCONNECTION, PAGED_RESULTS, PASSWORD_MODIFY, START_TLS, WHO_AM_I,
};

mod bound;
mod corpus;
mod encryption;

const WRONG: Reply = Reply::Reject(Reason::WrongPassword);

fn bound_as(lab: &Lab, code: Code) -> u64 {
    lab.counters.all_bound().find(|(word, _)| *word == code).unwrap().1
}

// ---- a bind -----------------------------------------------------------------------------------------

#[test]
fn a_bind_becomes_a_login_of_that_name_with_that_password_field() {
    let mut lab = Lab::new();
    let out = lab.send(&bind(7, ANNA, b"hunter2123456"));
    let [Action::Begin(_, attempt)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(attempt.name.typed(), ANNA);
    assert!(matches!(attempt.name.form(), crate::login::identity::NameForm::Distinguished(dn) if dn == ANNA));
    let crate::login::credential::PrimaryCredential::Password(password) = &attempt.credential else {
        panic!()
    };
    assert_eq!(password.expose(), b"hunter2123456");
    assert_eq!((attempt.origin.peer, attempt.origin.user), (PEER.into(), None));
    assert_eq!((attempt.id, attempt.began), (AttemptId([1; 8]), lab.clock.now()));
    assert!(lab.session.is_binding() && !lab.session.is_bound());
}

#[test]
fn only_a_grant_makes_somebody_of_a_connection() {
    let refusals = [
        (WRONG, 49, Code::InvalidCredentials),
        (Reply::Reject(Reason::WrongCode), 49, Code::InvalidCredentials),
        (Reply::Unable(FaultKind::DirectoryUnreachable), 52, Code::Unavailable),
        (Reply::Unable(FaultKind::Overloaded), 51, Code::Busy),
    ];
    for (reply, code, word) in refusals {
        let mut lab = Lab::new();
        let ticket = lab.begin(1);
        let out = lab.end(ticket, &reply, Some(anna()));
        assert_eq!(only_sent(&out), (1, op::BIND_RESPONSE, code), "{reply:?}");
        assert!(!lab.session.is_bound() && !lab.session.is_binding());
        assert_eq!(bound_as(&lab, word), 1);
        lab.refuses(&search(2), 50, Refusal::NotBound);
    }
    let mut lab = Lab::bound();
    assert_eq!(bound_as(&lab, Code::Success), 1);
    lab.forwards(&search(2));
}

#[test]
fn a_login_that_has_no_place_is_answered_busy() {
    let mut lab = Lab::new();
    let ticket = lab.begin(1);
    let mut out = Vec::new();
    lab.session.on_refused(lab.clock.now(), ticket, Refused::ClientRate, &mut out);
    assert_eq!(only_sent(&out), (1, op::BIND_RESPONSE, 51));
    assert_eq!(lab.refused(Refusal::AdmissionClientRate), 1);
    assert!(!lab.session.is_binding());
}

#[test]
fn nothing_is_done_or_said_while_a_bind_is_pending_and_everything_in_its_order_afterwards_b_022() {
    let mut lab = Lab::new();
    let ticket = lab.begin(1);
    let behind = [search(2), root_dse(3, &["*"]), extended(4, WHO_AM_I, None), delete(5)];
    for message in &behind {
        assert!(lab.send(message).is_empty());
    }
    assert_eq!(lab.session.queued(), (4, behind.iter().map(Vec::len).sum()));
    let out = lab.end(ticket, &accepted(), Some(anna()));
    let [
        Action::Send(first),
        Action::ForwardQueued(forwarded),
        Action::Send(entry),
        Action::Send(done),
        Action::Send(who),
        Action::ForwardQueued(last),
    ] = &out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!(result(first), (1, op::BIND_RESPONSE, 0));
    assert_eq!((&**forwarded, &**last), (&behind[0], &behind[3]), "octet for octet");
    assert_eq!(Message::read(entry).unwrap().operation.tag, op::SEARCH_ENTRY);
    assert_eq!(result(done), (3, op::SEARCH_DONE, 0));
    assert_eq!(extended_parts(who).1.as_deref(), Some(format!("dn:{ANNA}").as_bytes()));
    assert_eq!(lab.session.queued(), (0, 0));
}

#[test]
fn what_waits_behind_a_bind_that_fails_is_refused_afterwards_b_022() {
    let mut lab = Lab::new();
    let ticket = lab.begin(1);
    assert!(lab.send(&search(2)).is_empty());
    let out = lab.end(ticket, &WRONG, None);
    let [Action::Send(first), Action::Send(second)] = &out[..] else { panic!("{out:?}") };
    assert_eq!((result(first), result(second)), ((1, op::BIND_RESPONSE, 49), (2, op::SEARCH_DONE, 50)));
}

#[test]
fn a_bind_behind_a_bind_is_a_login_of_its_own_when_the_first_has_ended() {
    let mut lab = Lab::new();
    let first = lab.begin(1);
    assert!(lab.send(&bind(2, "bob", b"secret")).is_empty());
    assert!(lab.send(&search(3)).is_empty());
    let out = lab.end(first, &accepted(), Some(anna()));
    let [Action::Send(_), Action::Release { reusable: true }, Action::Begin(second, attempt)] = &out[..]
    else {
        panic!("{out:?}")
    };
    assert_eq!((attempt.name.typed(), attempt.id), ("bob", AttemptId([2; 8])));
    assert_ne!(first, *second);
    assert!(!lab.session.is_bound(), "anna is forgotten at once");
    let out = lab.end(*second, &WRONG, None);
    let [Action::Send(_), Action::Send(refusal)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(result(refusal), (3, op::SEARCH_DONE, 50), "and does not come back");
}

#[test]
fn more_than_a_few_messages_behind_a_bind_end_the_connection_and_the_login_b_022() {
    let mut lab = Lab::new();
    let ticket = lab.begin(1);
    let most = i64::try_from(MOST_MESSAGES).unwrap();
    for id in 2..2 + most {
        assert!(lab.send(&search(id)).is_empty());
    }
    let out = lab.send(&search(2 + most));
    assert!(matches!(out[0], Action::CallOff(off) if off == ticket), "{out:?}");
    lab.ends(&out, Closed::QueueFull, Some(51));

    let mut lab = Lab::new();
    let _ticket = lab.begin(1);
    let long = "x".repeat(MOST_OCTETS / 2);
    let big = |id| search_for(id, &long, 2, &any_object(), &[]);
    assert!(lab.send(&big(2)).is_empty());
    let out = lab.send(&big(3));
    lab.ends(&out, Closed::QueueFull, Some(51));
}

#[test]
fn unbind_and_hanging_up_call_the_login_off() {
    for hang_up in [false, true] {
        let mut lab = Lab::new();
        let ticket = lab.begin(1);
        assert!(lab.send(&search(2)).is_empty());
        let (out, why) = if hang_up {
            (lab.close(Closed::HungUp), Closed::HungUp)
        } else {
            (lab.send(&unbind(3)), Closed::Unbind)
        };
        assert!(matches!(out[..], [Action::CallOff(off), Action::Close(_)] if off == ticket), "{out:?}");
        lab.ends(&out, why, None);
        assert!(lab.end(ticket, &accepted(), Some(anna())).is_empty(), "a later yes has no effect, B-044");
        assert!(!lab.session.is_bound());
    }
}

#[test]
fn a_bind_that_is_abandoned_is_called_off_and_answered_as_refused() {
    let mut lab = Lab::new();
    let ticket = lab.begin(1);
    assert!(lab.send(&search(2)).is_empty());
    let out = lab.send(&abandon(3, 1));
    let [Action::CallOff(off), Action::Send(answer), Action::Send(refusal)] = &out[..] else {
        panic!("{out:?}")
    };
    assert_eq!(*off, ticket);
    assert_eq!(result(answer), (1, op::BIND_RESPONSE, 49));
    assert_eq!(result(refusal), (2, op::SEARCH_DONE, 50));
    assert!(lab.end(ticket, &accepted(), Some(anna())).is_empty(), "a later yes has no effect");
    assert!(!lab.session.is_waiting_for(ticket) && !lab.session.is_bound());
}

#[test]
fn a_message_that_waits_behind_a_bind_can_be_abandoned_and_a_bind_that_waits_cannot_b_025() {
    let mut lab = Lab::new();
    let ticket = lab.begin(1);
    for message in [search(2), bind(3, "bob", b"secret"), abandon(4, 2), abandon(5, 3), abandon(6, 77)] {
        assert!(lab.send(&message).is_empty());
    }
    assert_eq!(lab.session.queued().0, 1);
    let out = lab.end(ticket, &WRONG, None);
    let [Action::Send(_), Action::Begin(_, attempt)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(attempt.name.typed(), "bob");
}

// ---- identity ---------------------------------------------------------------------------------------

#[test]
fn a_new_bind_takes_the_earlier_identity_away_at_once_and_for_good_b_021() {
    let mut lab = Lab::bound();
    let out = lab.send(&bind(2, ANNA, b"wrong"));
    let [Action::Release { reusable: true }, Action::Begin(ticket, _)] = &out[..] else { panic!("{out:?}") };
    assert!(!lab.session.is_bound());
    let out = lab.end(*ticket, &WRONG, None);
    assert_eq!(only_sent(&out), (2, op::BIND_RESPONSE, 49));
    lab.refuses(&search(3), 50, Refusal::NotBound);

    let mut lab = Lab::bound();
    let out = lab.send(&bind(2, "", b""));
    assert!(matches!(out[..], [Action::Release { .. }, Action::Send(_)]), "{out:?}");
    lab.refuses(&search(3), 50, Refusal::NotBound);
}

#[test]
fn operations_that_run_when_a_bind_comes_are_given_up_b_021() {
    let mut lab = Lab::bound();
    lab.forwards(&search(2));
    let out = lab.send(&bind(3, ANNA, b"hunter2123456"));
    assert!(matches!(out[0], Action::Release { reusable: false }), "{out:?}");
    assert_eq!(lab.session.on_answer(2, op::SEARCH_DONE), Passing::Skip(Skipped::NotOutstanding));
}

#[test]
fn a_connection_serves_the_next_bind_only_when_nothing_is_left_behind_on_it() {
    let page = controlled(&search(2), PAGED_RESULTS, true, Some(b"\x30\x05\x02\x01\x64\x04\x00"));
    let manage = controlled(&search(2), "2.16.840.1.113730.3.4.2", false, None);
    let cases = [
        (search(2), op::SEARCH_DONE, true),
        (compare(2, "cn"), op::COMPARE_RESPONSE, true),
        (modify(2, "mail"), op::MODIFY_RESPONSE, true),
        (manage, op::SEARCH_DONE, true),
        (page, op::SEARCH_DONE, false),
        (extended(2, "1.3.6.1.1.21.1", None), op::EXTENDED_RESPONSE, false),
        (unknown(2), 0x7e, false),
    ];
    for (request, end, expected) in cases {
        let mut lab = Lab::bound();
        lab.forwards(&request);
        assert_eq!(lab.session.on_answer(2, end), Passing::Pass);
        assert_eq!(lab.session.outstanding(), 0);
        let out = lab.send(&unbind(3));
        assert!(
            matches!(out[..], [Action::Release { reusable }, Action::Close(_)] if reusable == expected),
            "{request:02x?}: {out:?}"
        );
    }
}

#[test]
fn who_am_i_tells_the_name_that_the_directory_gave_and_nothing_of_nobody_b_030() {
    let ask = |lab: &mut Lab, id| {
        let out = lab.send(&extended(id, WHO_AM_I, None));
        let [Action::Send(bytes)] = &out[..] else { panic!("{out:?}") };
        assert_eq!(result(bytes).2, 0);
        extended_parts(bytes)
    };
    assert_eq!(ask(&mut Lab::new(), 1), (None, Some(Vec::new())), "present, and without octets");
    assert_eq!(ask(&mut Lab::bound(), 2).1, Some(format!("dn:{ANNA}").into_bytes()));
    let mut lab = Lab::new();
    let out = lab.send(&bind(1, "Anna", b"pw123456"));
    let person = Person { name: "".into(), has_upstream: false, schema: None, who: None };
    let _out = lab.end(begun(&out), &accepted(), Some(person));
    assert_eq!(ask(&mut lab, 2).1, Some(b"u:Anna".to_vec()), "one without a distinguished name");
    lab.refuses(&extended(3, WHO_AM_I, Some(b"x")), 2, Refusal::Malformed);
    lab.refuses(&controlled(&extended(4, WHO_AM_I, None), "1.2.3", true, None), 12, Refusal::CriticalControl);
}

#[test]
fn a_login_ends_with_the_hours_of_its_rule_a_079() {
    let mut lab = Lab::bound_with(client(), &accepted_for_ten_minutes());
    let end = lab.session.ends().unwrap();
    assert_eq!(end, lab.clock.now().steady + Duration::from_secs(600));
    lab.clock.advance(Duration::from_secs(599));
    lab.forwards(&search(2));
    lab.clock.advance(Duration::from_secs(1));
    let out = lab.send(&search(3));
    lab.ends(&out, Closed::TimeOver, Some(8));
    assert_eq!(Lab::bound().session.ends(), None);
}

// ---- the form of messages ---------------------------------------------------------------------------

#[test]
fn a_message_id_that_is_zero_or_still_in_use_ends_the_connection_b_007() {
    let mut zero = Lab::bound();
    let out = zero.send(&search(0));
    zero.ends(&out, Closed::MessageId, Some(2));

    let mut running = Lab::bound();
    running.forwards(&search(5));
    let out = running.send(&compare(5, "cn"));
    assert!(matches!(out[0], Action::Release { reusable: false }));
    running.ends(&out, Closed::MessageId, Some(2));

    let mut binding = Lab::new();
    let ticket = binding.begin(5);
    let out = binding.send(&search(5));
    assert!(matches!(out[0], Action::CallOff(off) if off == ticket));
    binding.ends(&out, Closed::MessageId, Some(2));

    let mut queued = Lab::new();
    let _ticket = queued.begin(5);
    assert!(queued.send(&search(6)).is_empty());
    let out = queued.send(&search(6));
    queued.ends(&out, Closed::MessageId, Some(2));

    let mut again = Lab::bound();
    again.forwards(&search(5));
    assert_eq!(again.session.on_answer(5, op::SEARCH_DONE), Passing::Pass);
    again.forwards(&search(5));
}

#[test]
fn what_is_no_message_ends_the_connection_with_a_notice_b_006() {
    for bad in [&b"\x30\x00"[..], b"\x30\x03\x02\x01\x01", b"\x30\x05\x02\x05\x01", b"GET / HTTP/1.1", b""] {
        let mut lab = Lab::bound();
        let out = lab.send(bad);
        lab.ends(&out, Closed::Malformed, Some(2));
    }
    let frames = [
        (BadFrame::NotLdap(crate::wire::ldap::ber::Flaw::Indefinite), Closed::Malformed, 2),
        (BadFrame::TooLong { announced: 9, limit: 8 }, Closed::MessageTooLong, 2),
        (BadFrame::Overfull, Closed::Fault, 52),
    ];
    for (bad, why, code) in frames {
        let mut lab = Lab::new();
        let mut out = Vec::new();
        lab.session.on_bad_frame(&bad, &mut out);
        lab.ends(&out, why, Some(code));
    }
}

#[test]
fn a_notice_says_by_its_name_that_it_is_one() {
    let mut lab = Lab::new();
    let out = lab.close(Closed::Shutdown);
    let [Action::Send(notice), Action::Close(Closed::Shutdown)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(result(notice), (0, op::EXTENDED_RESPONSE, 52));
    assert_eq!(extended_parts(notice).0.as_deref(), Some(NOTICE_OF_DISCONNECTION));
}

#[test]
fn a_known_operation_with_a_malformed_inside_is_answered_and_the_connection_stays_b_006() {
    let mut lab = Lab::bound();
    for tag in [op::SEARCH_REQUEST, op::COMPARE_REQUEST, op::MODIFY_REQUEST, op::EXTENDED_REQUEST] {
        lab.refuses(&message(2, |m| m.bytes(tag, b"\x04\x7f")), 2, Refusal::Malformed);
    }
    let out = lab.send(&message(2, |m| m.bytes(op::BIND_REQUEST, b"\x04\x7f")));
    let [Action::Release { .. }, Action::Send(bytes)] = &out[..] else { panic!("{out:?}") };
    assert_eq!(result(bytes), (2, op::BIND_RESPONSE, 2));
    assert!(
        lab.send(&message(3, |m| m.bytes(op::ABANDON_REQUEST, b""))).is_empty(),
        "an abandon has no answer"
    );
    assert!(lab.session.wants_messages());
}

#[test]
fn an_answer_in_place_of_a_request_ends_the_connection_b_006() {
    for tag in
        [0x61, 0x64, 0x65, 0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x73, 0x78, 0x79, 0x58, 0x04, 0x30, 0xa0, 0xe0]
    {
        let mut lab = Lab::bound();
        let out = lab.send(&message(2, |m| m.bytes(tag, b"")));
        lab.ends(&out, Closed::UnknownOperation, Some(2));
    }
}

#[test]
fn requests_are_counted_by_their_kind() {
    let mut lab = Lab::bound();
    let _out = (lab.send(&search(2)), lab.send(&search(3)), lab.send(&unbind(4)));
    let counted: Vec<_> = lab.counters.all_operations().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [(Operation::Bind, 1), (Operation::Unbind, 1), (Operation::Search, 2)]);
}

#[test]
fn messages_may_be_longer_after_a_bind_than_before_b_003() {
    let limits = LdapLimits { size_before_bind: 1000, size: 5000, ..LdapLimits::default() };
    let mut lab = Lab::of(Conduct { limits, ..tls() }, Some(client()));
    assert_eq!(lab.session.most_octets(), 1000);
    let ticket = lab.begin(1);
    assert_eq!(lab.session.most_octets(), 1000);
    let _out = lab.end(ticket, &accepted(), Some(anna()));
    assert_eq!(lab.session.most_octets(), 5000);
}
