//! Rules and a login made of bytes, and what must hold of every decision.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_policy.rs"]
mod fuzz_policy;

fuzz_target!(|bytes: &[u8]| {
    let _reached = fuzz_policy::policy(bytes);
});
