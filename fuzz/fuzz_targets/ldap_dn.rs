//! Any text as a distinguished name, and as a value in one.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_ldap.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod fuzz_ldap;

fuzz_target!(|text: &str| fuzz_ldap::name(text));
