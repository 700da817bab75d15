//! Any text as a file of prefixes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_data.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod fuzz_data;

fuzz_target!(|text: &str| {
    let _reached = fuzz_data::prefixes(text);
});
