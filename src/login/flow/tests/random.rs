//! Random logins.

use proptest::prelude::*;

use super::*;

#[test]
fn random_logins_reach_every_way_in() {
    use crate::base::random::{Random, SeededRandom};
    let random = SeededRandom::new(3);
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..50_000 {
        let mut bytes = [0; 320];
        random.fill(&mut bytes).unwrap();
        reached.extend(fuzz::drive(&bytes));
    }
    let reached: Vec<_> = reached.into_iter().collect();
    let is_reached = |basis, primary, asked| {
        reached.iter().any(|way| (way.basis, way.primary, way.asked) == (basis, primary, asked))
    };
    for basis in ["fault-first-factor", "fault-recent", "fault-factor"] {
        assert!(reached.iter().any(|way| way.basis == basis), "{basis}");
    }
    for basis in ["confirmed", "exempt", "grace", "remembered", "rule-asks-none"] {
        for primary in ["directory", "client", "proof", "password", "chap", "eap"] {
            let possible = match basis {
                "confirmed" => primary != "eap",
                // Only all of a password field counts again.
                "remembered" => ["directory", "password"].contains(&primary),
                _ => true,
            };
            assert_eq!(is_reached(basis, primary, false), possible, "{basis} by {primary}");
        }
    }
    for primary in ["password", "chap", "eap"] {
        let basis = if primary == "eap" { "rule-asks-none" } else { "confirmed" };
        assert!(is_reached(basis, primary, true), "{primary} after a question of the upstream");
        assert!(!is_reached("remembered", primary, true), "an answer counts once");
    }
    let changed: Vec<_> = reached.iter().filter(|way| way.changed).collect();
    let with_a_code = fuzz::Way { basis: "confirmed", primary: "directory", changed: true, asked: false };
    assert_eq!(changed, [&with_a_code], "a new password only after a factor");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random events in random order, time that jumps both ways: no panic, and all that [`fuzz::drive`] looks at.
    #[test]
    fn no_accept_without_a_confirmed_factor_or_a_rule_that_asks_for_none(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        fuzz::drive(&bytes);
    }

    /// Where nothing is away, a fault mode changes nothing.
    #[test]
    fn as_long_as_everything_can_be_checked_fault_modes_change_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
        prop_assert_eq!(fuzz::undisturbed(&bytes, true), fuzz::undisturbed(&bytes, false));
    }
}
