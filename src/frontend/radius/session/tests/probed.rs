//! Status-Server.

use super::*;

#[test]
fn a_130_status_server_must_be_signed_whatever_the_client_is_excused_from() {
    let secret_word = secret("s3cret");
    let probe = signed_with(&secret_word, Code::StatusServer, 9, 1, None, &[]);
    let mut bench = Bench::new(off());
    assert_eq!(bench.dropped(&unsigned(&probe)), Dropped::Unsigned);
    let wrong = signed_with(&secret("other"), Code::StatusServer, 9, 1, None, &[]);
    assert_eq!(bench.dropped(&wrong), Dropped::WrongSignature);
    let stranger = SocketAddr::from(([192, 0, 2, 1], 40_000));
    assert!(matches!(bench.send_from(stranger, &probe), Action::Drop(Dropped::UnknownClient)));
}

#[test]
fn a_131_status_server_gets_a_bare_accept_that_is_no_longer_than_itself() {
    let mut bench = Bench::new(radius_client("vpn"));
    let extra: [(u8, &[u8]); 2] = [(USER_NAME, b"anna"), (PROXY_STATE, b"p")];
    let probe = signed_with(&secret("s3cret"), Code::StatusServer, 9, 1, None, &extra);
    let Action::Send(bytes) = bench.send(&probe) else { panic!() };
    let reply = authentic(&bytes, &probe, "s3cret");
    assert_eq!(reply.code(), Code::AccessAccept);
    assert_eq!(kinds(&reply), [MESSAGE_AUTHENTICATOR, PROXY_STATE]);
    assert!(bytes.len() <= probe.len(), "D-124");
    assert_eq!((bench.session.waiting(), bench.sent(Sent::Status)), (0, 1));
}

#[test]
fn a_132_status_server_is_answered_so_often_in_a_second_and_no_more() {
    let mut bench = Bench::new(radius_client("vpn"));
    let probe = signed_with(&secret("s3cret"), Code::StatusServer, 9, 1, None, &[]);
    for _ in 0..PROBES_PER_SECOND {
        assert!(matches!(bench.send(&probe), Action::Send(_)));
    }
    assert_eq!(bench.dropped(&probe), Dropped::ProbedTooOften);
    bench.clock.advance(Duration::from_secs(1));
    assert!(matches!(bench.send(&probe), Action::Send(_)));
}
