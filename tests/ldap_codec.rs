//! What a hostile directory, or someone in its place, may send: clean errors, flat memory, no deep stack
//! (B-001 to B-005).
#![allow(clippy::unwrap_used, reason = "test code")]

use doorward::wire::ldap::ber::{Flaw, MAX_DEPTH, Reader};
use doorward::wire::ldap::frame::{BadFrame, CHUNK, Inbox, MAX_MESSAGE};
use doorward::wire::ldap::message::Message;
use proptest::prelude::*;

#[path = "support/fuzz_ldap.rs"]
mod fuzz_ldap;

/// Most memory this process has ever used, in KiB.
fn peak_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// An element around `inside` with a length of four octets, as Active Directory writes it.
fn around(tag: u8, inside: &[u8]) -> Vec<u8> {
    let length = u32::try_from(inside.len()).unwrap().to_be_bytes();
    [&[tag, 0x84][..], &length, inside].concat()
}

/// Pushes `stream` as a socket would and reads every message with every reader there is.
fn feed(stream: &[u8]) -> Result<usize, BadFrame> {
    let mut inbox = Inbox::new(MAX_MESSAGE);
    let mut messages = 0;
    for chunk in stream.chunks(CHUNK) {
        inbox.push(chunk)?;
        while let Some(whole) = inbox.take()? {
            messages += 1;
            fuzz_ldap::message(whole);
        }
    }
    Ok(messages)
}

#[test]
fn forty_eight_kilobytes_of_nested_tags_cost_neither_stack_nor_memory() {
    // The reply that overflows the stack of a client that recurses.
    let mut nested = Vec::new();
    for _ in 0..8_000 {
        nested = around(0x30, &nested);
    }
    assert_eq!(nested.len(), 48_000);
    let replies: Vec<Vec<u8>> = [0x61_u8, 0x64, 0x65, 0x78, 0xa0, 0x30]
        .iter()
        .map(|tag| around(0x30, &[&[2, 1, 1][..], &around(*tag, &nested)].concat()))
        .chain([nested.clone()])
        .collect();
    let small_stack = std::thread::Builder::new().stack_size(128 * 1024);
    let read =
        small_stack.spawn(move || replies.iter().map(|reply| feed(reply)).collect::<Vec<_>>()).unwrap();
    assert!(read.join().unwrap().iter().all(|read| *read == Ok(1)), "each is one whole message");
}

#[test]
fn opening_nested_tags_one_by_one_ends_at_the_limit() {
    let mut nested = Vec::new();
    for _ in 0..8_000 {
        nested = around(0x30, &nested);
    }
    let mut reader = Reader::new(&nested);
    for _ in 0..MAX_DEPTH {
        reader = reader.enter(0x30).unwrap();
    }
    assert_eq!(reader.enter(0x30).unwrap_err().flaw, Flaw::TooDeep);
}

#[test]
fn an_announced_length_of_three_gibibytes_is_refused_before_its_first_octet() {
    let before = peak_memory();
    let header = [0x30, 0x84, 0xc0, 0, 0, 0];
    let stream = [&header[..], &[0; 100]].concat();
    assert_eq!(feed(&stream), Err(BadFrame::TooLong { announced: 0xc000_0006, limit: MAX_MESSAGE }));
    assert!(peak_memory() - before < 16 * 1024, "more than 16 MiB were used");
}

#[test]
fn a_length_of_nine_octets_and_an_indefinite_one_are_refused() {
    assert_eq!(feed(&[0x30, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]), Err(BadFrame::NotLdap(Flaw::LengthRange)));
    assert_eq!(feed(&[0x30, 0x80, 2, 1, 1, 0, 0]), Err(BadFrame::NotLdap(Flaw::Indefinite)));
    let inside = around(0x30, &[2, 1, 1, 0x61, 0x80, 10, 1, 0, 4, 0, 4, 0, 0, 0]);
    assert_eq!(Message::read(&inside).unwrap_err().flaw, Flaw::Indefinite);
}

#[test]
fn small_messages_without_end_use_the_memory_of_one() {
    let before = peak_memory();
    let message = around(0x30, &[2, 1, 1, 0x73, 2, 4, 0]);
    let stream = message.repeat(CHUNK / message.len());
    for _ in 0..1_000 {
        assert_eq!(feed(&stream), Ok(CHUNK / message.len()));
    }
    assert!(peak_memory() - before < 16 * 1024, "more than 16 MiB were used");
}

#[test]
fn an_entry_of_many_empty_attributes_is_read_in_its_own_memory() {
    let attribute = around(0x30, &[4, 0, 0x31, 0]);
    let attributes = around(0x30, &attribute.repeat(300_000));
    let entry = around(0x64, &[&[4, 0][..], &attributes].concat());
    let message = around(0x30, &[&[2, 1, 1][..], &entry].concat());
    assert!(message.len() < MAX_MESSAGE);
    let before = peak_memory();
    assert_eq!(feed(&message), Ok(1));
    assert!(peak_memory() - before < 32 * 1024, "more than 32 MiB were used");
}

/// Elements inside elements with tags that LDAP has, and lengths that are sometimes wrong.
fn nearly_ldap() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![
        Just(0x30_u8),
        Just(0x31),
        Just(4),
        Just(2),
        Just(10),
        Just(0x61),
        Just(0x64),
        Just(0x78),
        any::<u8>()
    ];
    let leaf = (tag.clone(), proptest::collection::vec(any::<u8>(), 0..12))
        .prop_map(|(tag, body)| around(tag, &body));
    leaf.prop_recursive(6, 64, 5, move |inner| {
        (tag.clone(), proptest::collection::vec(inner, 0..5), prop_oneof![9 => Just(0_u8), 1 => any::<u8>()])
            .prop_map(|(tag, parts, skew)| {
                let mut element = around(tag, &parts.concat());
                if let Some(length) = element.get_mut(5) {
                    *length ^= skew;
                }
                element
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_stream_of_a_directory_harms_a_reader(piece: u8, parts in proptest::collection::vec(nearly_ldap(), 1..4)) {
        let whole: Vec<Vec<u8>> = parts.iter().map(|part| around(0x30, &[&[2, 1, 1][..], part].concat())).collect();
        fuzz_ldap::stream(piece, &whole.concat());
        fuzz_ldap::stream(piece, &parts.concat());
    }

    #[test]
    fn no_text_harms_the_reader_of_names(text in "[a-z=,+;#\"\\\\ 0-9ü]{0,60}|\\PC{0,60}|[^a]{0,30}") {
        fuzz_ldap::name(&text);
    }

    #[test]
    fn what_we_send_carries_every_value_as_it_is_b_100(value in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz_ldap::request(&value);
    }
}
