//! Bodies of the LDAP fuzz targets. The targets in `fuzz/` and the property tests in `tests/ldap_codec.rs`
//! call the same functions, so what the fuzzer looks for is looked for in every run.

use doorward::wire::ldap::dn::{Dn, escape, prepared};
use doorward::wire::ldap::frame::Inbox;
use doorward::wire::ldap::message::{
    Entry, ExtendedResponse, LdapResult, Message, PAGED_RESULTS, page_cookie,
};
use doorward::wire::ldap::result::bind_data;

const LIMIT: usize = 4096;

/// A directory sends anything, in pieces of any size: no panic, a bounded buffer, and every reader survives.
pub(crate) fn stream(piece: u8, stream: &[u8]) {
    let mut inbox = Inbox::new(LIMIT);
    for chunk in stream.chunks(usize::from(piece).max(1)) {
        if inbox.push(chunk).is_err() {
            return;
        }
        loop {
            match inbox.take() {
                Ok(Some(whole)) => message(whole),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(inbox.waiting() < LIMIT, "what waits is less than one message");
    }
}

/// Every reader over one message.
pub(crate) fn message(whole: &[u8]) {
    let Ok(message) = Message::read(whole) else { return };
    if let Ok(result) = LdapResult::read(&message.operation) {
        let _ = bind_data(result.diagnostic);
    }
    let _ = ExtendedResponse::read(&message.operation);
    if let Ok(Some(control)) = message.control(PAGED_RESULTS) {
        let _ = control.value.map(page_cookie);
    }
    if let Ok(entry) = Entry::read(&message.operation) {
        for attribute in entry.attributes().flatten() {
            let _ = (attribute.range(), attribute.values().count());
        }
    }
}

/// Any text as a name: no panic; an escaped value stays one value.
pub(crate) fn name(text: &str) {
    if let Ok(name) = text.parse::<Dn>() {
        assert!(name.is_under(&name));
    }
    if text.len() < 1000 {
        let name: Dn = format!("cn={},dc=org", escape(text)).parse().unwrap();
        assert_eq!(name.depth(), 2);
        assert_eq!(name.leaf(), Some(prepared(text).as_str()));
    }
}
