//! A RADIUS session driven by a script: packets, copies, forgeries, answers in any order, jumps in time.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_radius.rs"]
#[allow(dead_code, reason = "the other target uses the rest")]
mod fuzz_radius;

fuzz_target!(|script: &[u8]| fuzz_radius::session(script));
