//! Any bytes from a directory, in pieces of any size.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_ldap.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod fuzz_ldap;

fuzz_target!(|input: (u8, &[u8])| fuzz_ldap::stream(input.0, input.1));
