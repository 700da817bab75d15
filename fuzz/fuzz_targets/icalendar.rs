//! Any bytes as a calendar, and events made of bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_data.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod fuzz_data;

fuzz_target!(|bytes: &[u8]| {
    let _reached = fuzz_data::calendar(bytes);
});
