//! The session of an accounting socket driven by a script: records, copies, forgeries, probes, jumps in time.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_accounting.rs"]
mod fuzz_accounting;

fuzz_target!(|script: &[u8]| fuzz_accounting::session(script));
