//! The bodies of the fuzz targets on inputs that are nearly right, and on every seed. Those of the RADIUS
//! targets are also in `radius_codec.rs`, those of LDAP in `ldap_codec.rs`, that of the rules in `policy_rules.rs`, that of
//! the login in `login::flow`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    reason = "test code"
)]

#[path = "support/fuzz_accounting.rs"]
mod fuzz_accounting;
#[path = "support/fuzz_configuration.rs"]
mod fuzz_configuration;
#[path = "support/fuzz_data.rs"]
mod fuzz_data;
#[path = "support/fuzz_ldap.rs"]
mod fuzz_ldap;
#[path = "support/fuzz_ldap_session.rs"]
mod fuzz_ldap_session;
#[path = "support/fuzz_ldap_upstream.rs"]
mod fuzz_ldap_upstream;
#[path = "support/fuzz_policy.rs"]
mod fuzz_policy;
#[path = "support/fuzz_proxy.rs"]
mod fuzz_proxy;
#[path = "support/fuzz_radius.rs"]
mod fuzz_radius;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use fuzz_configuration::Site;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_target_is_built_and_has_seeds() {
    let targets = names(&root().join("fuzz/fuzz_targets"));
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    for target in &targets {
        let path = format!("path = \"fuzz_targets/{target}.rs\"");
        assert!(manifest.contains(&path), "{target} is not in fuzz/Cargo.toml");
        assert!(!names(&root().join("fuzz/seeds").join(target)).is_empty(), "{target} has no seeds");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), targets.len());
}

#[test]
fn every_seed_keeps_the_promises_of_its_target() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(folder.path());
    for target in names(&root().join("fuzz/seeds")) {
        for seed in fs::read_dir(root().join("fuzz/seeds").join(&target)).unwrap() {
            let bytes = fs::read(seed.unwrap().path()).unwrap();
            match target.as_str() {
                "configuration" => site.file(&bytes),
                "configuration_rules" => drop(site.rules(&bytes)),
                "configuration_structured" => site.mutated(&bytes),
                "icalendar" => drop(fuzz_data::calendar(&bytes)),
                "ldap_dn" => fuzz_ldap::name(std::str::from_utf8(&bytes).unwrap()),
                "ldap_message" => {
                    fuzz_ldap::message(&bytes);
                    fuzz_ldap::request(&bytes);
                }
                "ldap_session" => drop(fuzz_ldap_session::session(&bytes)),
                "ldap_stream" => fuzz_ldap::stream(bytes[0], &bytes[1..]),
                "ldap_upstream" => drop(fuzz_ldap_upstream::upstream(&bytes)),
                // Their bodies are in the library and are built for its own tests alone.
                "lockout_guard" | "login_flow" | "login_rules" => {}
                "policy" => drop(fuzz_policy::policy(&bytes)),
                "prefixes" => drop(fuzz_data::prefixes(std::str::from_utf8(&bytes).unwrap())),
                "proxy_header" => fuzz_proxy::header(&bytes),
                "radius_accounting" => fuzz_accounting::session(&bytes),
                "radius_packet" => fuzz_radius::packet(&bytes),
                "radius_session" => fuzz_radius::session(&bytes),
                other => panic!("{other} has seeds and no body"),
            }
        }
    }
}

#[test]
fn the_sample_is_accepted_before_anything_is_changed() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Site::new(folder.path()).accepts_the_sample());
}

/// A target whose tables are all refused at the first line finds nothing.
#[test]
fn tables_of_rules_that_are_made_of_bytes_are_accepted_and_refused() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(folder.path());
    assert!(site.rules(&[]), "the sets without a rule");
    let mut outcomes = [0; 2];
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    let bytes = prop::collection::vec(any::<u8>(), 0..120);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        config,
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    for _ in 0..200 {
        let bytes = bytes.new_tree(&mut runner).unwrap().current();
        outcomes[usize::from(site.rules(&bytes))] += 1;
    }
    assert!(outcomes.iter().all(|count| *count > 20), "{outcomes:?}");
}

#[test]
fn calendars_and_prefixes_that_are_made_of_bytes_are_read_and_refused() {
    let seeds = |target: &str| {
        let folder = root().join("fuzz/seeds").join(target);
        fs::read_dir(folder).unwrap().map(|seed| fs::read(seed.unwrap().path()).unwrap()).collect::<Vec<_>>()
    };
    let calendars: BTreeSet<_> =
        seeds("icalendar").iter().flat_map(|seed| fuzz_data::calendar(seed)).collect();
    assert_eq!(calendars, ["accepted", "refused", "several", "times", "warned"].into());
    let texts = seeds("prefixes").into_iter().map(|seed| String::from_utf8(seed).unwrap());
    let prefixes: BTreeSet<_> = texts.flat_map(|text| fuzz_data::prefixes(&text)).collect();
    assert_eq!(prefixes, ["accepted", "empty", "refused"].into());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn scripts_against_a_session_keep_its_promises(script in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_radius::session(&script);
    }

    #[test]
    fn scripts_against_a_session_of_accounting_keep_its_promises(script in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_accounting::session(&script);
    }

    #[test]
    fn scripts_against_an_ldap_connection_keep_its_promises(script in prop::collection::vec(any::<u8>(), 0..600)) {
        let _reached = fuzz_ldap_session::session(&script);
    }

    #[test]
    fn whatever_a_directory_says_a_client_gets_what_it_asked_for_and_nothing_else(
        script in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        fuzz_ldap_upstream::upstream(&script);
    }

    #[test]
    fn events_of_a_calendar_are_read_whole_or_refused_whatever_stands_beside_them(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let _reached = fuzz_data::calendar(&[&[1], &bytes[..]].concat());
    }

    #[test]
    fn lines_that_are_nearly_a_prefix_are_read_or_complained_about(
        lines in prop::collection::vec(r"[ \t\u{feff}]?([0-9]{1,3}\.[0-9]{1,3}\.0\.0|(::ffff:)?10\.0\.0\.0|2001:db8::|::)?(/[0-9]{1,3})?( ?#.{0,4})?\r?", 0..6),
    ) {
        let _reached = fuzz_data::prefixes(&format!("{}\n", lines.join("\n")));
    }

    #[test]
    fn octets_that_are_nearly_a_proxy_header_keep_its_promises(
        start in prop::sample::select(vec![
            &b""[..],
            b"PROXY TCP4 192.0.2.1 198.51.100.2 1",
            b"PROXY UNKNOWN",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
            b"\r\n\r\n\0\r\nQUIT\n\x20\x21\0",
        ]),
        rest in prop_oneof![prop::collection::vec(any::<u8>(), 0..40), "[0-9 \r\n]{0,12}".prop_map(String::into_bytes)],
    ) {
        fuzz_proxy::header(&[start, &rest].concat());
    }
}

#[test]
fn configurations_that_are_nearly_right_are_accepted_or_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new(folder.path());
    let config = ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(script in prop::collection::vec(any::<u8>(), 0..30), bytes in "[#\\[\\]{}=\"a-z0-9 .\n]{0,80}")| {
        site.mutated(&script);
        site.file(bytes.as_bytes());
    });
}

/// A target that never gets past the first refusal finds nothing.
#[test]
fn the_seeds_of_an_ldap_connection_reach_everything_that_it_can_do() {
    let mut reached = fuzz_ldap_session::Reached::new();
    for seed in fs::read_dir(root().join("fuzz/seeds/ldap_session")).unwrap() {
        reached.extend(fuzz_ldap_session::session(&fs::read(seed.unwrap().path()).unwrap()));
    }
    let all = [
        "abandoned",
        "called-off",
        "exposed",
        "external",
        "forwarded",
        "granted",
        "late",
        "passed",
        "queued",
        "recorded",
        "reused",
        "tls",
    ];
    assert_eq!(reached, BTreeSet::from(all));
}

#[test]
fn the_hostile_directory_gets_somewhere_before_it_is_caught() {
    let seed = |name: &str| fs::read(root().join("fuzz/seeds/ldap_upstream").join(name)).unwrap();
    let honest = fuzz_ldap_upstream::upstream(&seed("honest"));
    assert!(honest.passed >= 3 && honest.reusable && honest.left_out == 0, "{honest:?}");
    let odd = fuzz_ldap_upstream::upstream(&seed("odd"));
    assert!(odd.left_out >= 3 && odd.passed >= 1 && !odd.reusable && !odd.broken, "{odd:?}");
    let notice = fuzz_ldap_upstream::upstream(&seed("notice"));
    assert!(notice.broken && notice.passed == 1, "{notice:?}");
}
