//! Any octets from a balancer, before the first octet of the connection.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../tests/support/fuzz_proxy.rs"]
mod fuzz_proxy;

fuzz_target!(|bytes: &[u8]| fuzz_proxy::header(bytes));
