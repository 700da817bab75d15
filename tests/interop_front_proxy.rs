//! The finished program behind a proxy: FreeRADIUS takes the requests of devices, adds its Proxy-State, and asks.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

#[path = "support/lab.rs"]
mod lab;
mod support;

use lab::{Lab, PASSWORD, SEED, quiet_step, totp};
use support::freeradius::{FreeRadius, SECRET};
use support::radclient::Radclient;

/// The program, where alice has a generator of codes, the proxy before it, and a device that asks the proxy.
fn behind_a_proxy(client: &str) -> Option<(Lab, FreeRadius, Radclient)> {
    let radclient = Radclient::find(SECRET)?;
    support::peer("freeradius")?;
    let lab = Lab::start(client, "");
    lab.enrol_totp("alice");
    let proxy = FreeRadius::in_front_of(lab.radius, lab::SECRET)?;
    Some((lab, proxy, radclient))
}

/// The Proxy-State lines between what the proxy said of this packet and the next one.
fn proxy_states(said: &[String], packet: &str) -> Vec<String> {
    let told = said.iter().skip_while(|line| !line.contains(packet)).skip(1);
    let attributes = told.take_while(|line| line.contains(" = "));
    attributes.filter_map(|line| Some(line.split_once("Proxy-State = ")?.1.to_owned())).collect()
}

#[test]
fn a_question_and_its_answer_pass_through_a_proxy() {
    let Some((lab, proxy, radclient)) = behind_a_proxy("") else { return };
    let code = totp(SEED, quiet_step(15));

    let heard = radclient.log_in(proxy.address, "alice", "wrong", "");
    assert!(heard.is("Access-Reject"), "{}", heard.0);

    let question = radclient.log_in(proxy.address, "alice", PASSWORD, "");
    assert!(question.is("Access-Challenge"), "{}", question.0);
    assert!(question.value("Reply-Message").contains("code"), "{}", question.0);
    let answer = radclient.log_in(proxy.address, "alice", &code, &question.state());
    assert!(answer.is("Access-Accept"), "{}", answer.0);
    let again = radclient.log_in(proxy.address, "alice", &code, &question.state());
    assert!(again.is("Access-Reject"), "a State is good once: {}", again.0);
    let reasons: Vec<_> = lab.logins().iter().map(|login| login["reason"].clone()).collect();
    assert_eq!(reasons, ["wrong-password", "confirmed", "unknown-challenge"]);
}

#[test]
fn every_proxy_state_comes_back_in_its_order_and_the_proxy_takes_its_own_away_a_061() {
    let Some((_lab, proxy, radclient)) = behind_a_proxy("") else { return };
    let code = totp(SEED, quiet_step(15));
    // What proxies before this one would have put there.
    let earlier = ["0x01ff", "0x00"];
    let marks: String = earlier.iter().map(|mark| format!("Proxy-State = {mark}\n")).collect();
    let question = radclient.log_in(proxy.address, "alice", PASSWORD, &marks);
    let answers = [
        ("Access-Challenge", &question),
        ("Access-Accept", &radclient.log_in(proxy.address, "alice", &code, &(question.state() + &marks))),
        ("Access-Reject", &radclient.log_in(proxy.address, "alice", "wrong", &marks)),
    ];
    let said = proxy.wait_for(0, "Sent Access-Reject");
    for (code, heard) in answers {
        assert!(heard.is(code), "{code}: {}", heard.0);
        let back: Vec<_> =
            heard.attributes().into_iter().filter_map(|line| line.strip_prefix("Proxy-State = ")).collect();
        assert_eq!(back, earlier, "{code}: {}", heard.0);
        let heard_by_the_proxy = proxy_states(&said, &format!("Received {code} Id "));
        assert_eq!(heard_by_the_proxy.len(), 3, "{code}: {}", proxy.log());
        assert_eq!(heard_by_the_proxy[..2], earlier, "{code}");
    }
}

#[test]
fn what_a_proxy_passes_on_unsigned_is_dropped_unless_that_is_switched_off_a_039() {
    let Some(radclient) = Radclient::find(SECRET) else { return };
    let off = "message-authenticator = \"off\"";
    for limited in [true, false] {
        let lab = Lab::start(&format!("{off}\nlimit-proxy-state = {limited}"), "");
        lab.enrol_totp("alice");
        let Some(proxy) = FreeRadius::unsigned_in_front_of(lab.radius, lab::SECRET) else { return };
        if limited {
            let request = "User-Name = \"alice\"\nUser-Password = \"correct horse\"\n";
            let heard = radclient.send(proxy.address, "auth", request, 1);
            assert!(heard.nothing(), "{}", heard.0);
            lab.wait_for(|line| line.contains("proxy-state-unsigned"));
            assert!(lab.logins().is_empty());
        } else {
            let heard = radclient.log_in(proxy.address, "alice", PASSWORD, "");
            assert!(heard.is("Access-Challenge"), "{}", heard.0);
        }
    }
}
