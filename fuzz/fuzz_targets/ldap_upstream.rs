//! A directory that attacks: any octets and spoilt answers, while a client waits for real ones.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_ldap_upstream.rs"]
mod fuzz_ldap_upstream;

fuzz_target!(|script: &[u8]| {
    fuzz_ldap_upstream::upstream(script);
});
