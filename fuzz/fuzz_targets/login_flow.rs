//! Random events against the state machine of a login. Nobody gets in without a confirmed factor or a rule
//! that asks for none.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _basis = doorward::login::flow::fuzz::drive(bytes);
});
