//! What must hold of every decision, whatever the rules and the login are. The rules use every condition and are nested;
//! `support/fuzz_policy.rs` makes them, and the fuzz target `policy` looks for more.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    reason = "test code"
)]

#[path = "support/fuzz_policy.rs"]
mod fuzz_policy;

use fuzz_policy::{Case, Reached};
use proptest::prelude::*;

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn compiled_rules_say_what_the_rules_say_one_after_the_other(bytes in bytes()) {
        fuzz_policy::compiled_equals_plain(&Case::new(&bytes));
    }

    #[test]
    fn of_rules_that_may_hold_the_narrowest_counts(bytes in bytes()) {
        fuzz_policy::what_may_hold_narrows(&Case::new(&bytes));
    }

    #[test]
    fn the_order_of_conditions_within_a_rule_never_matters(bytes in bytes()) {
        fuzz_policy::order_within_a_rule_does_not_matter(&mut Case::new(&bytes));
    }

    #[test]
    fn one_more_rule_that_refuses_never_widens_access(bytes in bytes()) {
        fuzz_policy::a_refuse_rule_never_widens(&mut Case::new(&bytes));
    }

    #[test]
    fn an_input_that_is_unknown_never_widens_access(bytes in bytes()) {
        fuzz_policy::unknown_never_widens(&Case::new(&bytes));
    }

    #[test]
    fn rules_that_are_only_tried_out_change_nothing(bytes in bytes()) {
        fuzz_policy::shadows_change_nothing(&Case::new(&bytes));
    }

    #[test]
    fn a_decision_before_everything_is_known_is_the_one_that_will_be(bytes in bytes()) {
        fuzz_policy::early_is_nothing_or_what_it_will_be(&Case::new(&bytes));
    }
}

#[test]
fn the_rules_that_are_made_decide_in_every_way() {
    let mut reached = Reached::new();
    let mut bytes = vec![0u8; 400];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..1500 {
        for byte in &mut bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = state.to_le_bytes()[3];
        }
        reached.extend(fuzz_policy::policy(&bytes));
    }
    let all = [
        "default",
        "early",
        "ends",
        "exempt",
        "exempt later",
        "held by a rule that asks nothing",
        "no reply in common",
        "nothing",
        "perhaps",
        "refused",
        "ruled",
        "shadow",
        "stricter in the dark",
        "the same",
        "too early",
        "undecided",
    ];
    assert_eq!(reached, all.into());
}
