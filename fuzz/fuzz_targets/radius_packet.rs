//! Any bytes as a RADIUS packet: read, described, written anew, answered.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_radius.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod fuzz_radius;

fuzz_target!(|bytes: &[u8]| fuzz_radius::packet(bytes));
