mod answered;
mod heard;
mod probed;
mod read;
mod relayed;
mod repeated;

use std::net::Ipv4Addr;

use super::*;
use crate::frontend::radius::clients::MessageAuthenticator;
use crate::frontend::radius::lab::{
    Bench, DEVICE, Extra, accepted, bare, client, radius_client, request, secret, signed_with, unsigned,
};
use crate::login::client::{Client, PrimaryKind};
use crate::login::credential::PrimaryCredential;
use crate::login::step::Prompt;
use crate::login::verdict::{REJECTED_TEXT, Reason};
use crate::wire::radius::dictionary::{
    CALLING_STATION_ID, CHAP_PASSWORD, CLASS, NAS_IDENTIFIER, PROMPT, REPLY_MESSAGE, SERVICE_TYPE,
    VENDOR_SPECIFIC,
};
use crate::wire::radius::dictionary::{MESSAGE_AUTHENTICATOR, PROXY_STATE};

fn off() -> RadiusClient {
    RadiusClient { message_authenticator: MessageAuthenticator::Off, ..radius_client("vpn") }
}

fn auto() -> RadiusClient {
    RadiusClient { message_authenticator: MessageAuthenticator::Auto, ..radius_client("vpn") }
}

fn with(change: impl FnOnce(&mut Client)) -> RadiusClient {
    let mut client = client("vpn");
    change(&mut client);
    RadiusClient::new(client.into(), secret("s3cret"))
}

fn ask(id: u8) -> Reply {
    Reply::Ask(ChallengeId([id; 16]), Prompt { text: "Code?".into(), relay: None })
}

fn refused(action: &Action) -> Refusal {
    match action {
        Action::Refuse(why, _) => *why,
        other => panic!("{other:?}"),
    }
}

/// Checks that `reply` answers `request` under `secret` and reads it.
fn authentic<'a>(reply: &'a [u8], request: &[u8], word: &str) -> Packet<'a> {
    let request = Packet::parse(request).unwrap();
    let reply = Packet::parse(reply).unwrap();
    assert_eq!(secret(word).check_reply(&reply, request.authenticator(), true), Ok(()));
    assert_eq!(reply.identifier(), request.identifier());
    assert_eq!(reply.bytes()[20], MESSAGE_AUTHENTICATOR, "A-041");
    reply
}

fn kinds(packet: &Packet<'_>) -> Vec<u8> {
    packet.attributes().map(|a| a.kind).collect()
}

#[test]
fn a_login_becomes_an_attempt_and_its_acceptance_a_signed_accept() {
    let mut bench = Bench::new(radius_client("vpn"));
    let sent = request(5, 1, &[(CALLING_STATION_ID, b"203.0.113.9"), (NAS_IDENTIFIER, b"fw")]);
    let (ticket, attempt) = bench.begun(&sent);
    assert_eq!(&*attempt.client.name, "vpn");
    assert_eq!(attempt.name.prepared(), "anna");
    assert_eq!(attempt.origin.peer, Ipv4Addr::from(DEVICE));
    assert_eq!(attempt.origin.user, Some(Ipv4Addr::new(203, 0, 113, 9).into()));
    assert_eq!(&*attempt.device, [&[NAS_IDENTIFIER, 4][..], b"fw"].concat());
    assert!(matches!(attempt.credential, PrimaryCredential::Password(p) if p.expose() == b"hunter2"));

    let out = bench.reply(&ticket, accepted()).unwrap();
    assert_eq!(out.peer, SocketAddr::from((DEVICE, 40_000)));
    assert_eq!(out.local, Some(Ipv4Addr::new(10, 0, 0, 254).into()), "A-060");
    let reply = authentic(&out.bytes, &sent, "s3cret");
    assert_eq!((reply.code(), kinds(&reply)), (Code::AccessAccept, vec![MESSAGE_AUTHENTICATOR]));
    assert_eq!(bench.sent(Sent::Accept), 1);
}

#[test]
fn nothing_of_a_ticket_or_an_attempt_shows_a_password_or_a_name() {
    let mut bench = Bench::new(radius_client("vpn"));
    let action = bench.send(&request(1, 1, &[]));
    let shown = format!("{action:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("anna") && !shown.contains("s3cret"), "{shown}");
}
