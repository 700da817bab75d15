//! Any text as a distinguished name: no panic; an escaped value stays one value; equality is not fooled.
#![no_main]

use doorward::wire::ldap::dn::{Dn, escape, prepared};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<Dn>() {
        assert!(name.is_under(&name));
    }
    if text.len() < 1000 {
        let name: Dn = format!("cn={},dc=org", escape(text)).parse().expect("an escaped value is a value");
        assert_eq!(name.depth(), 2);
        assert_eq!(name.leaf(), Some(prepared(text).as_str()));
    }
});
