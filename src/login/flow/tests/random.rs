//! Random logins.

use proptest::prelude::*;

use super::*;

#[test]
fn random_logins_reach_every_way_in() {
    use crate::base::random::{Random, SeededRandom};
    let random = SeededRandom::new(3);
    let mut reached = std::collections::BTreeSet::new();
    for _ in 0..20_000 {
        let mut bytes = [0; 96];
        random.fill(&mut bytes).unwrap();
        reached.extend(fuzz::drive(&bytes).map(Basis::code));
    }
    let all = ["confirmed", "exempt", "grace", "remembered", "rule-asks-none"];
    assert_eq!(reached.into_iter().collect::<Vec<_>>(), all, "or the invariants guard nothing");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random events in random order, time that jumps both ways: no panic, and nobody gets in without a
    /// confirmed factor or a rule that asks for none.
    #[test]
    fn no_accept_without_a_confirmed_factor_or_a_rule_that_asks_for_none(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
        fuzz::drive(&bytes);
    }
}
