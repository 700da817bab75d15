//! EAP through the gateway: tunnels that end at the upstream.

use crate::lab::SECRET;
use crate::relayed::{EVERY, PASSED, Relayed};
use crate::support::eapol::{Eapol, End, Way};
use crate::support::freeradius::{FreeRadius, Names, PASSWORD, Wish};

const TUNNELS: [Way; 3] = [Way::TtlsPap, Way::TtlsMsChapV2, Way::PeapMsChapV2];

/// Numbers of attributes.
const USER_NAME: u8 = 1;
const CLASS: u8 = 25;
const VENDOR: u8 = 26;
const EAP_MESSAGE: u8 = 79;

/// What MS-MPPE-Send-Key and MS-MPPE-Recv-Key begin with: vendor 311, types 16 and 17.
const KEYS: [&str; 2] = ["0000013710", "0000013711"];

impl Relayed {
    fn eap(&self, eapol: &Eapol, way: Way, (outer, user): (&str, &str), password: &str) -> End {
        let ca_file = self.server().ca_file();
        eapol.log_in_as(&ca_file, self.lab.radius, SECRET, way, (outer, user), password)
    }

    /// The anonymous id in the last record of a login.
    fn last_subject(&self) -> String {
        self.lab.logins().last().unwrap()["subject"].as_str().unwrap_or_default().to_owned()
    }
}

/// The access point received no key.
fn keyless(end: &End) -> bool {
    ["Access-Challenge", "Access-Reject"].iter().all(|code| {
        let vendors = end.received(code, VENDOR);
        vendors.iter().all(|value| !KEYS.iter().any(|key| value.starts_with(key)))
    })
}

#[test]
fn tunnels_pass_and_the_keys_of_the_computer_are_those_the_access_point_receives_a_102() {
    let Some(eapol) = Eapol::find() else { return };
    let Some(relayed) = Relayed::start(&format!("{EVERY}\n{PASSED}")) else { return };
    for way in TUNNELS {
        let end = relayed.eap(&eapol, way, ("anonymous", "dora"), PASSWORD);
        assert!(end.success && end.keys_match, "{way:?}: {}", end.log);
        assert!(keyless(&end), "{way:?}: {}", end.log);
        assert_eq!(end.received("Access-Accept", CLASS), ["7374616666"], "{way:?}: {}", end.log);
        assert!(end.received("Access-Challenge", CLASS).is_empty(), "A-064, {way:?}: {}", end.log);
        let end = relayed.eap(&eapol, way, ("anonymous", "dora"), "wrong");
        assert!(!end.success && keyless(&end), "{way:?}: {}", end.log);
        let last = end.received("Access-Reject", EAP_MESSAGE);
        assert!(last.iter().all(|eap| eap.starts_with("04")), "EAP-Failure, A-146: {last:?}");
        assert_eq!(last.len(), 1, "{way:?}: {}", end.log);
    }
    assert_eq!(relayed.reasons(), ["rule-asks-none", "upstream-refused"].repeat(3));
}

#[test]
fn the_name_inside_the_tunnel_decides_who_it_is() {
    let Some(eapol) = Eapol::find() else { return };
    let Some(relayed) = Relayed::start(EVERY) else { return };
    assert!(relayed.log_in("dora", PASSWORD).is("Access-Accept"));
    let dora = relayed.last_subject();
    // Outside it says bob, who needs no code either.
    let end = relayed.eap(&eapol, Way::PeapMsChapV2, ("bob", "dora"), PASSWORD);
    assert!(end.success, "{}", end.log);
    assert_eq!(relayed.last_subject(), dora);
    // Outside it says dora, who needs no code; inside alice, who does.
    let end = relayed.eap(&eapol, Way::PeapMsChapV2, ("dora", "alice"), PASSWORD);
    assert!(!end.success, "{}", end.log);
    assert_ne!(relayed.last_subject(), dora);
    assert_eq!(relayed.lab.last_reason(), "cannot-be-asked");
}

#[test]
fn who_needs_a_code_that_must_be_typed_does_not_get_in_by_eap_and_no_key_leaves_a_160() {
    let Some(eapol) = Eapol::find() else { return };
    let Some(relayed) = Relayed::start(&format!("{EVERY}\n{PASSED}\nchallenge-after-ms-chap = true")) else {
        return;
    };
    for way in TUNNELS {
        let end = relayed.eap(&eapol, way, ("anonymous", "alice"), PASSWORD);
        assert!(!end.success, "{way:?}: {}", end.log);
        assert!(keyless(&end) && end.count("Access-Accept") == 0, "{way:?}: {}", end.log);
        assert!(end.received("Access-Reject", CLASS).is_empty(), "{way:?}: {}", end.log);
        assert!(end.received("Access-Reject", USER_NAME).is_empty(), "{way:?}: {}", end.log);
        assert_eq!(relayed.lab.last_reason(), "cannot-be-asked", "{way:?}");
    }
}

#[test]
fn an_upstream_that_names_nobody_lets_nobody_in_unless_the_outer_name_is_trusted() {
    let Some(eapol) = Eapol::find() else { return };
    let silent = Wish { names: Names::None, ..Wish::default() };
    let Some(relayed) = Relayed::start_as(&[silent], EVERY, "", "") else { return };
    let end = relayed.eap(&eapol, Way::PeapMsChapV2, ("dora", "dora"), PASSWORD);
    assert!(!end.success && keyless(&end), "{}", end.log);
    assert_eq!(relayed.lab.last_reason(), "upstream-refused");
    let trusting = EVERY.replace("\"upstream\"", "\"outer\"");
    let Some(relayed) = Relayed::start_as(&[silent], &trusting, "", "") else { return };
    let end = relayed.eap(&eapol, Way::PeapMsChapV2, ("dora", "dora"), PASSWORD);
    assert!(end.success && end.keys_match, "{}", end.log);
}

#[test]
fn eap_passes_through_a_proxy_in_front_and_the_keys_still_match() {
    let Some(eapol) = Eapol::find() else { return };
    let Some(relayed) = Relayed::start(EVERY) else { return };
    let Some(proxy) = FreeRadius::in_front_of(relayed.lab.radius, SECRET) else { return };
    for way in TUNNELS {
        let end = eapol.log_in(
            relayed.server(),
            proxy.address,
            crate::support::freeradius::SECRET,
            way,
            "dora",
            PASSWORD,
        );
        assert!(end.success && end.keys_match, "{way:?}: {}", end.log);
    }
    proxy.wait_for(0, "Proxy-State = 0x");
    let heard = relayed.server().log();
    assert!(!heard.contains("Proxy-State = 0x"), "withheld, A-170: {heard}");
}

#[test]
fn an_upstream_with_small_fragments_needs_many_rounds_and_gets_them() {
    let Some(eapol) = Eapol::find() else { return };
    let small = Wish { fragment: 128, ..Wish::default() };
    let Some(relayed) = Relayed::start_as(&[small], EVERY, "", "") else { return };
    let end = relayed.eap(&eapol, Way::PeapMsChapV2, ("anonymous", "dora"), PASSWORD);
    assert!(end.success && end.keys_match, "{}", end.log);
    assert!(end.count("Access-Challenge") > 10, "{}", end.log);
}
