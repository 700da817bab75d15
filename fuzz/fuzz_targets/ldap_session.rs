//! An LDAP connection driven by a script: messages, ends of logins, answers of the directory, jumps in time.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_ldap_session.rs"]
mod fuzz_ldap_session;

fuzz_target!(|script: &[u8]| {
    let _reached = fuzz_ldap_session::session(script);
});
