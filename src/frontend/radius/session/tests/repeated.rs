//! Copies of requests, and answers that come too late.

use super::*;
use crate::frontend::radius::duplicates::ANSWER_LIFE;

#[test]
fn a_110_a_111_a_112_one_login_for_three_copies_and_copies_get_the_first_answer() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    assert_eq!(bench.dropped(&sent), Dropped::InWork);
    bench.clock.advance(Duration::from_secs(3));
    assert_eq!(bench.dropped(&sent), Dropped::InWork);
    let out = bench.reply(&ticket, Reply::Reject(Reason::WrongCode)).unwrap();
    let Action::Send(again) = bench.send(&sent) else { panic!() };
    assert_eq!(again, out.bytes);
    bench.clock.advance(ANSWER_LIFE);
    let _ticket = bench.begun(&sent);
    assert_eq!((bench.count(Dropped::InWork), bench.sent(Sent::Repeated)), (2, 1));
}

#[test]
fn a_113_a_new_request_under_the_old_identifier_silences_the_old_login() {
    let mut bench = Bench::new(radius_client("vpn"));
    let (old, _) = bench.begun(&request(1, 1, &[]));
    let new_bytes = request(1, 2, &[]);
    let (new, _) = bench.begun(&new_bytes);
    assert_eq!(bench.reply(&old, accepted()), None);
    assert_eq!(bench.count(Dropped::Superseded), 1);
    let out = bench.reply(&new, Reply::Reject(Reason::ReplayedCode)).unwrap();
    authentic(&out.bytes, &new_bytes, "s3cret");
}

#[test]
fn a_114_a_forged_packet_neither_ends_a_login_nor_fetches_its_answer() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    let forged = signed_with(&secret("guess"), Code::AccessRequest, 1, 2, Some(b"x"), &[]);
    assert_eq!(bench.dropped(&forged), Dropped::WrongSignature);
    let out = bench.reply(&ticket, accepted()).unwrap();
    let mut touched = sent.clone();
    *touched.last_mut().unwrap() ^= 1;
    assert_eq!(bench.dropped(&touched), Dropped::WrongSignature);
    let Action::Send(again) = bench.send(&sent) else { panic!() };
    assert_eq!(again, out.bytes);
}

#[test]
fn copies_of_a_refused_request_are_refused_with_the_same_bytes() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = signed_with(&secret("s3cret"), Code::AccessRequest, 1, 1, None, &[(USER_NAME, b"anna")]);
    let Action::Refuse(_, first) = bench.send(&sent) else { panic!() };
    let Action::Send(again) = bench.send(&sent) else { panic!() };
    assert_eq!(first, again);
    assert_eq!(bench.session.waiting(), 0);
}

#[test]
fn a_forgotten_request_may_come_again() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(1, 1, &[]);
    let (ticket, _) = bench.begun(&sent);
    bench.session.forget(&ticket, Dropped::AdmissionFull);
    let _ticket = bench.begun(&sent);
    assert_eq!(bench.count(Dropped::AdmissionFull), 1);
}

#[test]
fn an_accept_or_a_question_that_comes_too_late_is_not_sent() {
    for (reply, heard) in [(accepted(), false), (ask(1), false), (Reply::Reject(Reason::WrongCode), true)] {
        let mut bench = Bench::new(radius_client("vpn"));
        let (ticket, _) = bench.begun(&request(1, 1, &[]));
        bench.clock.advance(Duration::from_secs(11));
        assert_eq!(bench.reply(&ticket, reply).is_some(), heard);
        assert_eq!(bench.count(Dropped::Late), u64::from(!heard));
        assert_eq!(bench.session.waiting(), 0);
    }
}
