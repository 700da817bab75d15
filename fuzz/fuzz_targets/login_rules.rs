//! Logins under rules that demand several things. Nobody gets in without each of them, and whoever has all of them does.
#![no_main]

use doorward::login::flow::fuzz::rules;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _end = rules::drive(bytes);
    let _obliged = rules::oblige(bytes);
});
