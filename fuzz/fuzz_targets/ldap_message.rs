//! Any octets as a message of a directory, and as the values in messages of ours.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_ldap.rs"]
#[allow(dead_code, reason = "the other targets use the rest")]
mod fuzz_ldap;

fuzz_target!(|bytes: &[u8]| {
    fuzz_ldap::message(bytes);
    fuzz_ldap::request(bytes);
});
