//! The FreeRADIUS of the lab, asked by radclient and eapol_test alone: what it is known to do well, the tests of
//! the gateway in front of it can build on.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[allow(dead_code, reason = "shared with others")]
#[path = "support/mschap.rs"]
mod mschap;
#[path = "support/mschap_login.rs"]
mod mschap_login;
mod support;

use mschap::Peer;
use mschap_login::{assert_proof_and_keys, ms_chap_v2};
use support::eapol::{Eapol, Way};
use support::freeradius::{
    FreeRadius, NEXT_CODE, NEXT_CODE_PLEASE, NO_SUCH_SESSION, Names, PASSWORD, SECRET, STAFF_GET, Wish,
};
use support::radclient::Radclient;

fn peers() -> Option<(FreeRadius, Radclient)> {
    Some((FreeRadius::start()?, Radclient::find(SECRET)?))
}

#[test]
fn it_takes_the_right_password_by_pap_chap_and_ms_chap_and_no_other() {
    let Some((server, radclient)) = peers() else { return };
    type Ask = fn(&Radclient, std::net::SocketAddr, &str, &str, &str) -> support::radclient::Heard;
    let ways: [(&str, Ask); 3] =
        [("PAP", Radclient::log_in), ("CHAP", Radclient::chap), ("MS-CHAP", Radclient::ms_chap)];
    for (name, ask) in ways {
        let heard = ask(&radclient, server.address, "alice", PASSWORD, "");
        assert!(heard.is("Access-Accept"), "{name}: {}", heard.0);
        for attribute in STAFF_GET {
            assert!(heard.attributes().contains(&attribute), "{name}, {attribute}: {}", heard.0);
        }
        assert_eq!(heard.value("User-Name"), "\"alice\"", "{name}");
        assert!(heard.has("Message-Authenticator"), "{name}: {}", heard.0);
        assert_eq!(heard.has("MS-CHAP-MPPE-Keys"), name == "MS-CHAP", "{}", heard.0);
        for (user, password) in [("alice", "wrong"), ("nobody", PASSWORD)] {
            let heard = ask(&radclient, server.address, user, password, "");
            assert!(heard.is("Access-Reject"), "{name}, {user}: {}", heard.0);
            assert!(!heard.has("Class"), "{name}, {user}: {}", heard.0);
        }
        assert!(ask(&radclient, server.address, "bob", PASSWORD, "").is("Access-Accept"));
    }
}

#[test]
fn it_asks_carol_for_one_more_code() {
    let Some((server, radclient)) = peers() else { return };
    let heard = radclient.log_in(server.address, "carol", "wrong", "");
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    for (code, end) in [("000000", "Access-Reject"), (NEXT_CODE, "Access-Accept")] {
        let question = radclient.log_in(server.address, "carol", PASSWORD, "");
        assert!(question.is("Access-Challenge"), "{}", question.0);
        assert_eq!(question.value("Reply-Message"), format!("\"{NEXT_CODE_PLEASE}\""));
        let heard = radclient.log_in(server.address, "carol", code, &question.state());
        assert!(heard.is(end), "{code}: {}", heard.0);
    }
    let heard = radclient.log_in(server.address, "carol", NEXT_CODE, "");
    assert!(heard.is("Access-Reject"), "a code nobody asked for: {}", heard.0);
}

#[test]
fn it_keeps_what_it_is_told_of_sessions_and_ends_them_as_a_device() {
    let Some((server, radclient)) = peers() else { return };
    let session = "User-Name = \"alice\"\nAcct-Status-Type = Start\nAcct-Session-Id = \"s-1\"\n";
    let heard = radclient.ask(server.accounting, "acct", session);
    assert!(heard.is("Accounting-Response"), "{}", heard.0);
    assert!(server.detail().contains("Acct-Session-Id = \"s-1\""), "{}", server.detail());
    let heard = radclient.ask(server.disconnect, "disconnect", "Acct-Session-Id = \"s-1\"\n");
    assert!(heard.is("Disconnect-ACK"), "{}", heard.0);
    let heard =
        radclient.ask(server.disconnect, "disconnect", &format!("Acct-Session-Id = \"{NO_SUCH_SESSION}\"\n"));
    assert!(heard.is("Disconnect-NAK"), "{}", heard.0);
    assert_eq!(heard.value("Error-Cause"), "Session-Context-Not-Found");
}

#[test]
fn it_says_that_it_lives_unless_that_is_switched_off() {
    let Some((server, radclient)) = peers() else { return };
    let heard = radclient.ask(server.address, "status", "");
    assert!(heard.is("Access-Accept") && heard.has("Message-Authenticator"), "{}", heard.0);
    let Some(server) = FreeRadius::start_as(&Wish { status_server: false, ..Wish::default() }) else {
        return;
    };
    let heard = radclient.send(server.address, "status", "", 1);
    assert!(heard.nothing(), "{}", heard.0);
}

#[test]
fn it_can_be_as_old_as_those_that_do_not_sign() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let Some(server) = FreeRadius::start_as(&Wish { signs: false, ..Wish::default() }) else { return };
    let heard = radclient.log_in(server.address, "bob", PASSWORD, "");
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    assert!(!heard.has("Message-Authenticator"), "{}", heard.0);
}

#[test]
fn it_is_silent_while_it_is_held_or_stopped() {
    let Some((mut server, radclient)) = peers() else { return };
    server.hold();
    assert!(radclient.send(server.address, "status", "", 1).nothing());
    server.go_on();
    assert!(radclient.ask(server.address, "status", "").is("Access-Accept"));
    server.stop();
    assert!(radclient.send(server.address, "status", "", 1).nothing());
    assert!(server.run());
    assert!(radclient.ask(server.address, "status", "").is("Access-Accept"));
}

#[test]
fn it_lets_people_in_through_tunnels_and_tells_the_name_inside() {
    let Some(eapol) = Eapol::find() else { return };
    let Some(server) = FreeRadius::start() else { return };
    for way in [Way::TtlsPap, Way::TtlsMsChapV2, Way::PeapMsChapV2] {
        let end = eapol.log_in(&server, server.address, SECRET, way, "alice", PASSWORD);
        assert!(end.success && end.keys_match, "{way:?}: {}", end.log);
        assert_eq!(end.received("Access-Accept", 1), ["alice"], "{way:?}: {}", end.log);
        assert!(!end.received("Access-Accept", 25).is_empty(), "{way:?}, Class: {}", end.log);
        let end = eapol.log_in(&server, server.address, SECRET, way, "alice", "wrong");
        assert!(!end.success, "{way:?}: {}", end.log);
    }
}

#[test]
fn it_keeps_the_name_inside_a_tunnel_to_itself_when_told_to() {
    let Some(eapol) = Eapol::find() else { return };
    for (names, told) in [(Names::None, &[][..]), (Names::Claimed, &["anonymous"])] {
        let Some(server) = FreeRadius::start_as(&Wish { names, ..Wish::default() }) else { return };
        let end = eapol.log_in(&server, server.address, SECRET, Way::PeapMsChapV2, "bob", PASSWORD);
        assert!(end.success && end.keys_match, "{names:?}: {}", end.log);
        assert_eq!(end.received("Access-Accept", 1), told, "{names:?}: {}", end.log);
    }
}

#[test]
fn it_proves_itself_to_ms_chap_v2_and_gives_the_keys_that_the_peer_has() {
    let Some((server, radclient)) = peers() else { return };
    let peer = Peer::new("alice", PASSWORD);
    for name in ["alice", "LAB\\alice"] {
        assert_proof_and_keys(&ms_chap_v2(&radclient, server.address, name, &peer), &peer);
    }
    let peer = Peer::new("alice", "wrong");
    let heard = ms_chap_v2(&radclient, server.address, "alice", &peer);
    assert!(heard.is("Access-Reject") && heard.has("MS-CHAP-Error"), "{}", heard.0);
}
