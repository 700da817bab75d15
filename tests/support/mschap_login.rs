//! MS-CHAPv2 played by radclient with what a peer computes. Include with
//! `#[path = "support/mschap_login.rs"] mod mschap_login;` beside `mod mschap` and `mod support`.

#![allow(unreachable_pub, clippy::expect_used, clippy::panic, reason = "test code")]

use std::net::SocketAddr;

use data_encoding::HEXLOWER;

use crate::mschap::Peer;
use crate::support::radclient::{Heard, Radclient};

fn hex(bytes: &[u8]) -> String {
    format!("0x{}", HEXLOWER.encode(bytes))
}

/// A login with MS-CHAPv2 under this name, which may have a domain before it.
pub fn ms_chap_v2(radclient: &Radclient, to: SocketAddr, user: &str, peer: &Peer) -> Heard {
    let attributes = format!(
        "User-Name = \"{}\"\nMS-CHAP-Challenge = {}\nMS-CHAP2-Response = {}\n",
        user.replace('\\', "\\\\"),
        hex(&peer.challenge),
        hex(&peer.response())
    );
    radclient.ask(to, "auth", &attributes)
}

/// The proof and the keys in this accept are those that the peer computed itself. radclient prints keys
/// without their hiding.
#[track_caller]
pub fn assert_proof_and_keys(heard: &Heard, peer: &Peer) {
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    assert_eq!(heard.value("MS-CHAP2-Success"), hex(&peer.success()), "A-099: {}", heard.0);
    assert_eq!(heard.value("MS-MPPE-Send-Key"), hex(&peer.device_sends()), "A-102: {}", heard.0);
    assert_eq!(heard.value("MS-MPPE-Recv-Key"), hex(&peer.device_receives()), "A-102: {}", heard.0);
    assert!(heard.has("MS-MPPE-Encryption-Policy") && heard.has("MS-MPPE-Encryption-Types"), "{}", heard.0);
}
