//! A directory sends anything, in pieces of any size: no panic, bounded memory, every reader survives.
#![no_main]

use doorward::wire::ldap::frame::Inbox;
use doorward::wire::ldap::message::{Entry, ExtendedResponse, LdapResult, Message, PAGED_RESULTS, page_cookie};
use doorward::wire::ldap::result::bind_data;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, stream) = input;
    let mut inbox = Inbox::new(4096);
    for chunk in stream.chunks(usize::from(piece).max(1)) {
        if inbox.push(chunk).is_err() {
            return;
        }
        loop {
            match inbox.take() {
                Ok(Some(whole)) => read_all(whole),
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(inbox.waiting() <= 4096 + 255);
    }
});

fn read_all(whole: &[u8]) {
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
