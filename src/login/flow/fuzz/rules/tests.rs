use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::base::random::{Random, SeededRandom};

#[test]
fn random_logins_end_in_every_way_in_both_orders() {
    let random = SeededRandom::new(7);
    let mut ends = BTreeSet::new();
    for _ in 0..20_000 {
        let mut bytes = [0; 160];
        random.fill(&mut bytes).unwrap();
        ends.extend(drive(&bytes).map(|end| (end.basis, end.code_first)));
        ends.extend(drive(&bytes).filter(|end| end.shown > 1).map(|_| (Some("several"), false)));
        ends.extend(oblige(&bytes).map(|end| (end.basis, end.code_first)));
    }
    let bases = [None, Some("confirmed"), Some("grace"), Some("remembered"), Some("rule-asks-none")];
    let both = bases.into_iter().flat_map(|basis| [(basis, false), (basis, true)]);
    assert_eq!(ends, both.chain([(Some("several"), false)]).collect());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_in_without_each_of_the_factors_that_the_rules_demand(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        drive(&bytes);
    }

    #[test]
    fn whoever_has_all_that_is_demanded_and_does_as_he_should_is_let_in(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
        oblige(&bytes);
    }
}
