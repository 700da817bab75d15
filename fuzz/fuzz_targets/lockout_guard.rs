//! Many logins of one account against a directory that locks it: it never does, and its owner gets in.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _asked = doorward::login::flow::fuzz::guard::drive(bytes);
});
