//! Upstream servers that are down, slow, or share another secret.

use crate::relayed::{Relayed, code};
use crate::support::freeradius::{NEXT_CODE, PASSWORD, Wish};

#[test]
fn the_second_server_takes_over_when_the_first_is_down_and_one_at_a_time_is_asked_a_125() {
    let Some(mut relayed) = Relayed::start_as(&[Wish::default(); 2], "", "", "") else { return };
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    relayed.servers[0].assert_received("Access-Request", 1);
    relayed.servers[1].assert_received("Access-Request", 0);
    relayed.servers[0].stop();
    for _ in 0..2 {
        let heard = relayed.log_in("dora", PASSWORD);
        assert!(heard.is("Access-Accept"), "{}", heard.0);
    }
    relayed.servers[1].assert_received("Access-Request", 2);
    assert!(relayed.servers[0].run());
    // Its answer to a probe brings the first one back.
    relayed.lab.wait_for_event("upstream.server-up");
    assert!(relayed.log_in("dora", PASSWORD).is("Access-Accept"));
    relayed.servers[0].assert_received("Access-Request", 1);
}

#[test]
fn a_server_that_hears_nothing_is_left_for_the_next_one() {
    let Some(relayed) = Relayed::start_as(&[Wish::default(); 2], "", "", "") else { return };
    relayed.servers[0].hold();
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
    relayed.servers[1].assert_received("Access-Request", 1);
    relayed.servers[0].go_on();
}

#[test]
fn a_conversation_stays_with_the_server_that_asked() {
    let Some(relayed) = Relayed::start_as(&[Wish::default(); 2], "", "", "") else { return };
    let code = code();
    let first = relayed.log_in("carol", PASSWORD);
    assert!(first.is("Access-Challenge"), "{}", first.0);
    let second = relayed.answer("carol", NEXT_CODE, &first);
    assert!(relayed.answer("carol", &code, &second).is("Access-Accept"));
    relayed.servers[0].assert_received("Access-Request", 2);

    // A State means nothing to another server, so it is not shown to one.
    let first = relayed.log_in("carol", PASSWORD);
    relayed.servers[0].hold();
    let heard = relayed.radclient.send(
        relayed.lab.radius,
        "auth",
        &format!("User-Name = \"carol\"\nUser-Password = \"{NEXT_CODE}\"\n{}", first.state()),
        4,
    );
    assert!(heard.nothing(), "{}", heard.0);
    relayed.servers[1].assert_received("Access-Request", 0);
    relayed.servers[0].go_on();
}

#[test]
fn without_any_upstream_nobody_gets_in_and_the_log_says_why() {
    let Some(mut relayed) = Relayed::start("when-unable = \"reject\"") else { return };
    relayed.servers[0].stop();
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    assert_eq!(relayed.lab.last_reason(), "upstream-unreachable");
    relayed.lab.wait_for_event("upstream.server-down");
    let servers = |state: &str, number: u8| {
        format!("doorward_upstream_servers{{upstream=\"radius\",state=\"{state}\"}} {number}\n")
    };
    let page = relayed.lab.page("/metrics");
    assert!(page.contains(&servers("up", 0)) && page.contains(&servers("down", 1)), "{page}");
    let health = relayed.lab.page("/health");
    assert!(health.starts_with("HTTP/1.1 200"), "logins elsewhere go on: {health}");
    assert!(health.contains("\"upstreams_down\":[\"radius\"]"), "{health}");
    assert!(relayed.servers[0].run());
    relayed.lab.wait_for_event("upstream.server-up");
    let page = relayed.lab.page("/metrics");
    assert!(page.contains(&servers("up", 1)) && page.contains(&servers("down", 0)), "{page}");
    assert!(relayed.lab.page("/health").contains("\"upstreams_down\":[]"));
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Accept"), "{}", heard.0);
}

#[test]
fn a_server_that_never_answers_status_server_is_judged_by_logins() {
    let mute = Wish { status_server: false, ..Wish::default() };
    let Some(mut relayed) = Relayed::start_as(&[mute, Wish::default()], "", "", "") else { return };
    for _ in 0..2 {
        assert!(relayed.log_in("dora", PASSWORD).is("Access-Accept"));
    }
    relayed.servers[0].assert_received("Access-Request", 2);
    relayed.servers[0].stop();
    assert!(relayed.log_in("dora", PASSWORD).is("Access-Accept"));
    relayed.servers[1].assert_received("Access-Request", 1);
}

#[test]
fn another_secret_is_among_what_the_log_tells_to_look_at() {
    let Some(relayed) = Relayed::start("when-unable = \"reject\"") else { return };
    crate::lab::private_file(&relayed.lab.path("upstream.secret"), "a secret that it does not have, 1234");
    relayed.lab.signal("HUP");
    relayed.lab.wait_for_event("daemon.reloaded");
    let heard = relayed.log_in("dora", PASSWORD);
    assert!(heard.is("Access-Reject"), "{}", heard.0);
    assert_eq!(relayed.lab.last_reason(), "upstream-unreachable");
    // FreeRADIUS says nothing to what is signed with another secret.
    let told = relayed.lab.wait_for_event("login.fault");
    assert!(told.contains("have the same secret"), "{told}");
    relayed.server().wait_for(0, "Shared secret is incorrect");
}
