//! What a hostile directory, a hostile client, or someone in their place, may send: clean errors, flat memory,
//! no deep stack (B-001 to B-005). And what honest ones send, recorded in `tests/vectors/ldap/`: it is
//! understood, and it passes octet by octet.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::collections::BTreeMap;

use ber_forms::element;
use doorward::wire::ldap::ask::{
    Asked, BadFilter, Bind, Compared, ExtendedRequest, Method, Modified, Request,
};
use doorward::wire::ldap::ber::{Element, Flaw, MAX_DEPTH, Reader};
use doorward::wire::ldap::frame::{BadFrame, CHUNK, Inbox, MAX_MESSAGE, cut};
use doorward::wire::ldap::message::{CANCEL, Message, PASSWORD_MODIFY, PROXIED_AUTHORIZATION_V2, WHO_AM_I};
use doorward::wire::ldap::passage::{Ended, Passage, Piece};
use proptest::prelude::*;

#[path = "support/ber_forms.rs"]
mod ber_forms;
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
    feed_to(stream, fuzz_ldap::message)
}

fn feed_to(stream: &[u8], read: impl Fn(&[u8])) -> Result<usize, BadFrame> {
    let mut inbox = Inbox::new(MAX_MESSAGE);
    let mut messages = 0;
    for chunk in stream.chunks(CHUNK) {
        inbox.push(chunk)?;
        while let Some(whole) = inbox.take()? {
            messages += 1;
            read(whole);
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
        let read = |whole: &[u8]| assert!(Message::read(whole).is_ok());
        assert_eq!(feed_to(&stream, read), Ok(CHUNK / message.len()));
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

/// A file of `tests/vectors/ldap/`: what it says in its comments, and its octets.
struct Vector {
    /// Number and tag of each message, or else which readers refuse it.
    expected: Result<Vec<(u32, u8)>, String>,
    octets: Vec<u8>,
}

impl Vector {
    fn read(text: &str) -> Self {
        let comment = |key: &str| text.lines().find_map(|line| line.strip_prefix(key));
        let message = |word: &str| {
            let (id, tag) = word.split_once(':').unwrap();
            (id.parse().unwrap(), u8::from_str_radix(tag, 16).unwrap())
        };
        let expected = match comment("# messages: ") {
            Some(words) => Ok(words.split(' ').map(message).collect()),
            None => Err(comment("# refused by: ").unwrap().to_owned()),
        };
        let digits: Vec<u8> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(str::bytes)
            .map(|digit| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap())
            .collect();
        Self { expected, octets: digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect() }
    }

    /// All of them, by name.
    fn all() -> BTreeMap<String, Self> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/ldap");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files
            .map(|path| {
                let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
                (name, Self::read(&std::fs::read_to_string(path).unwrap()))
            })
            .collect()
    }

    fn of(name: &str) -> Self {
        Self::all().remove(name).unwrap_or_else(|| panic!("there is no {name}.hex"))
    }

    /// Its messages, as the framer cuts them.
    fn messages(&self) -> Vec<Vec<u8>> {
        let mut inbox = Inbox::new(MAX_MESSAGE);
        inbox.push(&self.octets).unwrap();
        let mut messages = Vec::new();
        while let Some(whole) = inbox.take().unwrap() {
            messages.push(whole.to_vec());
        }
        messages
    }

    /// Reads the operation of the message with this number.
    fn operation<T>(&self, id: u32, read: impl FnOnce(&Element<'_>) -> T) -> T {
        let messages = self.messages();
        let mut messages = messages.iter().map(|whole| Message::read(whole).unwrap());
        read(&messages.find(|message| message.id == id).unwrap().operation)
    }

    /// What the filter of the search with this number names.
    fn named(&self, id: u32) -> Result<Vec<String>, BadFilter> {
        self.operation(id, |search| {
            let names = Asked::read(search).unwrap().filter_attributes(64)?;
            Ok(names.map(|name| String::from_utf8(name.to_vec()).unwrap()).collect())
        })
    }
}

#[test]
fn recorded_and_made_messages_are_read_and_pass_octet_by_octet_however_the_stream_is_cut() {
    let vectors = Vector::all();
    let good =
        vectors.iter().filter_map(|(name, vector)| Some((name, vector, vector.expected.as_ref().ok()?)));
    let mut sides = BTreeMap::<&str, usize>::new();
    for (name, vector, expected) in good {
        let side = name.rsplit('.').next().unwrap();
        *sides.entry(side).or_default() += 1;
        let messages = vector.messages();
        let heads = |whole: &Vec<u8>| {
            let message = Message::read(whole).unwrap();
            assert!(message.controls().all(|control| control.is_ok()), "{name}");
            (message.id, message.operation.tag)
        };
        assert_eq!(&messages.iter().map(heads).collect::<Vec<_>>(), expected, "{name}");
        assert_eq!(messages.concat(), vector.octets, "{name}");
        for piece in (1..=48).chain([vector.octets.len()]) {
            let through = fuzz_ldap::passage(&vector.octets, piece);
            let heads: Vec<_> = through.messages.iter().map(|(id, tag, _)| (*id, *tag)).collect();
            assert_eq!((&heads, through.broken), (expected, false), "{name} in pieces of {piece}");
            assert_eq!(through.joined, vector.octets, "{name} in pieces of {piece}");
        }
    }
    assert!(sides["client"] >= 25 && sides["server"] >= 25 && sides.len() == 2, "{sides:?}");
}

#[test]
fn requests_of_the_recorded_programs_are_understood() {
    let vectors = Vector::all();
    let mut seen = BTreeMap::<&str, usize>::new();
    for (name, vector) in vectors.iter().filter(|(name, _)| name.ends_with(".client")) {
        if name.starts_with("primitive-tags") {
            continue;
        }
        for whole in vector.messages() {
            let operation = Message::read(&whole).unwrap().operation;
            let (kind, understood) = match Request::of(operation.tag) {
                Request::Bind => ("bind", Bind::read(&operation).is_ok()),
                Request::Search => {
                    ("search", Asked::read(&operation).is_ok_and(|a| a.attributes().all(|n| n.is_ok())))
                }
                Request::Compare => ("compare", Compared::read(&operation).is_ok()),
                Request::Modify => {
                    ("modify", Modified::read(&operation).unwrap().changes.all(|change| change.is_ok()))
                }
                Request::Extended => ("extended", ExtendedRequest::read(&operation).is_ok()),
                _ => ("other", true),
            };
            assert!(understood, "{name}: {kind}");
            *seen.entry(kind).or_default() += 1;
        }
    }
    assert_eq!(seen.len(), 6, "each kind occurs: {seen:?}");
}

#[test]
fn what_the_recorded_programs_ask_for_is_found_in_their_requests() {
    let names = ["objectClass", "uid", "cn", "sn", "sn", "mail"];
    assert_eq!(Vector::of("openldap-search.client").named(2).unwrap(), names);
    assert_eq!(Vector::of("openldap-search-binary.client").named(2), Err(BadFilter::NamesNone));
    assert_eq!(
        Vector::of("samba-search.client").named(2).unwrap(),
        ["objectClass", "objectClass", "memberOf"],
        "a matching rule names its attribute"
    );
    assert_eq!(Vector::of("windows-lengths.client").named(2).unwrap(), ["objectCategory", "objectGUID"]);
    assert_eq!(Vector::of("filter-64-deep.client").named(2).unwrap(), ["uid"]);
    assert_eq!(Vector::of("filter-65-deep.client").named(2), Err(BadFilter::TooDeep(64)));
    Vector::of("openldap-root.client").operation(2, |search| {
        let asked = Asked::read(search).unwrap();
        assert!(asked.is_root() && asked.is_presence_of_object_class());
        assert_eq!(asked.attributes().collect::<Result<Vec<_>, _>>(), Ok(vec![&b"+"[..]]));
    });
    Vector::of("openldap-compare.client").operation(2, |compare| {
        assert_eq!(Compared::read(compare).unwrap().attribute, b"employeeNumber");
    });
    Vector::of("openldap-modify.client").operation(2, |modify| {
        let changes = Modified::read(modify).unwrap().changes;
        let changed: Vec<_> = changes.map(|change| change.unwrap().attribute).collect();
        assert_eq!(changed, [&b"mail"[..], b"userPassword"]);
    });
    for (vector, name) in [
        ("openldap-whoami.client", WHO_AM_I),
        ("openldap-passwd.client", PASSWORD_MODIFY),
        ("openldap-cancel.client", CANCEL),
    ] {
        Vector::of(vector).operation(2, |extended| {
            assert_eq!(ExtendedRequest::read(extended).unwrap().name, name.as_bytes());
        });
    }
}

#[test]
fn the_ways_to_bind_are_told_apart_in_recorded_and_made_binds() {
    let method = |vector: &str, id: u32| {
        Vector::of(vector).operation(id, |bind| match Bind::read(bind).unwrap().method {
            Method::Simple(password) => format!("simple, {} octets", password.len()),
            Method::Sasl { mechanism, credentials } => {
                let octets = credentials.map(<[u8]>::len);
                format!("{}, {octets:?} octets", String::from_utf8_lossy(mechanism))
            }
            Method::Sicily(tag) => format!("sicily {tag:#x}"),
            Method::Other(tag) => format!("other {tag:#x}"),
        })
    };
    assert_eq!(method("openldap-search.client", 1), "simple, 13 octets");
    assert_eq!(method("openldap-sasl-plain.client", 1), "PLAIN, Some(19) octets");
    assert_eq!(method("openldap-sasl-digest.client", 1), "DIGEST-MD5, None octets");
    assert_eq!(method("spnego.client", 1), "GSS-SPNEGO, Some(10) octets");
    assert_eq!(method("spnego.client", 2), "EXTERNAL, None octets");
    assert_eq!(method("spnego.client", 3), "EXTERNAL, Some(0) octets", "B-061");
    for (id, tag) in [(1, "0x89"), (2, "0x8a"), (3, "0x8b")] {
        assert_eq!(method("sicily.client", id), format!("sicily {tag}"));
    }
    for (id, version) in [(1, 2), (2, 4)] {
        let read = Vector::of("version-2.client").operation(id, |bind| Bind::read(bind).unwrap().version);
        assert_eq!(read, version, "B-023");
    }
    let tags = Vector::of("primitive-tags.client").expected.unwrap();
    let kinds: Vec<_> = tags.iter().map(|(_, tag)| Request::of(*tag)).collect();
    assert_eq!(kinds, [Request::Bind, Request::Modify, Request::Delete]);
}

#[test]
fn controls_are_found_by_their_names_in_recorded_messages() {
    let controls = |vector: &str| -> Vec<(String, bool)> {
        let messages = Vector::of(vector).messages();
        let controls = messages.iter().flat_map(|whole| Message::read(whole).unwrap().controls());
        let text = |oid: &[u8]| String::from_utf8(oid.to_vec()).unwrap();
        controls.map(|control| control.map(|c| (text(c.oid), c.critical)).unwrap()).collect()
    };
    assert_eq!(controls("openldap-proxied.client"), [(PROXIED_AUTHORIZATION_V2.to_owned(), true)]);
    let three = [("2.16.840.1.113730.3.4.2", true), ("1.2.3.4.5", false), ("1.2.840.113556.1.4.473", true)];
    assert_eq!(controls("openldap-controls.client"), three.map(|(oid, critical)| (oid.to_owned(), critical)));
    let critical: Vec<_> = controls("unknown-controls.client").into_iter().map(|control| control.1).collect();
    assert_eq!(critical, [true, false, false, false]);
}

#[test]
fn what_is_no_message_is_refused_and_never_read_together_with_what_follows() {
    let vectors = Vector::all();
    let bad =
        vectors.iter().filter_map(|(name, vector)| Some((name, vector, vector.expected.as_ref().err()?)));
    let mut count = 0;
    for (name, vector, refused_by) in bad {
        count += 1;
        for piece in [1, 2, 3, 7, vector.octets.len()] {
            let through = fuzz_ldap::passage(&vector.octets, piece);
            assert_eq!(through.broken, refused_by.contains("passage"), "{name} in pieces of {piece}");
            assert!(!through.broken || through.joined.is_empty(), "{name}: nothing of it has passed");
        }
        let whole = match cut(&vector.octets, MAX_MESSAGE) {
            Ok(length) => &vector.octets[..length.unwrap()],
            Err(error) => {
                assert!(matches!(error, BadFrame::NotLdap(_)), "{name}");
                continue;
            }
        };
        match Message::read(whole) {
            Ok(message) => {
                assert_eq!(refused_by, "controls", "{name}");
                assert_eq!(message.controls().filter(Result::is_err).count(), 1, "{name}");
                assert!(message.controls().last().unwrap().is_err(), "{name}: the flaw ends it");
                assert!(message.control("1.2.3.4").is_err(), "{name}: a flaw is not \"no control\"");
            }
            Err(_) => assert!(refused_by.contains("message"), "{name}"),
        }
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn a_filter_100_000_levels_deep_costs_neither_stack_nor_memory_b_004() {
    let mut inside = vec![0x87, 3, b'u', b'i', b'd'];
    // From the inside out, each level written where it ends and the whole turned round.
    inside.reverse();
    for level in 0..100_000 {
        let octets = u32::try_from(inside.len()).unwrap().to_be_bytes();
        inside.extend(octets.iter().rev());
        inside.extend([0x84, [0xa0, 0xa1, 0xa2][level % 3]]);
    }
    inside.reverse();
    let fixed = [4, 0, 10, 1, 0, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
    let search = around(0x63, &[&fixed[..], &inside, &[0x30, 0]].concat());
    let message = around(0x30, &[&[2, 1, 1][..], &search].concat());
    let before = peak_memory();
    let read = move || {
        let message = Message::read(&message).unwrap();
        let asked = Asked::read(&message.operation).unwrap();
        assert_eq!(asked.filter_attributes(64).err(), Some(BadFilter::TooDeep(64)));
        let all = asked.filter_attributes(100_000).unwrap();
        assert_eq!(all.collect::<Vec<_>>(), [b"uid"], "were it allowed, it would still not recurse");
    };
    std::thread::Builder::new().stack_size(64 * 1024).spawn(read).unwrap().join().unwrap();
    assert!(peak_memory() - before < 16 * 1024, "more than 16 MiB were used");
}

#[test]
fn an_answer_of_ten_mebibytes_passes_in_the_memory_of_its_head() {
    const VALUE: usize = 640 * CHUNK;
    // An entry with one attribute; each level has a length of four octets.
    let levels: [(u8, &[u8]); 6] =
        [(0x30, &[2, 1, 5]), (0x64, &[4, 0]), (0x30, &[]), (0x30, &[4, 1, b'a']), (0x31, &[]), (4, &[])];
    let mut head = Vec::new();
    for (tag, before) in levels.iter().rev() {
        let octets = u32::try_from(before.len() + head.len() + VALUE).unwrap().to_be_bytes();
        head = [&[*tag, 0x84][..], &octets, before, &head].concat();
    }
    let mut passage = Passage::new(16 * 1024 * 1024);
    let (mut octets, mut begun, mut ended) = (0, Vec::new(), 0);
    for received in std::iter::once(&head[..]).chain(std::iter::repeat_n(&[0x30; CHUNK][..], 640)) {
        let fed = passage.feed(received, |piece| {
            let bytes = match piece {
                Piece::Begins { id, tag, bytes, whole: false } => {
                    begun.push((id, tag));
                    bytes
                }
                Piece::Begins { whole: true, .. } => return Err("not whole"),
                Piece::Continues { bytes, ends } => {
                    ended += usize::from(ends);
                    bytes
                }
            };
            assert_eq!(bytes.as_ptr_range(), received.as_ptr_range(), "it is not copied");
            octets += bytes.len();
            Ok(())
        });
        assert_eq!(fed, Ok(()));
    }
    assert_eq!((octets, begun, ended), (head.len() + VALUE, vec![(5, 0x64)], 1));
    assert!(passage.is_between_messages());
    assert!(size_of::<Passage>() <= 128, "there is no room to hold it");
    assert!(matches!(
        Passage::new(VALUE as u64).feed(&head, |_| Ok::<(), ()>(())),
        Err(Ended::Broken(BadFrame::TooLong { .. }))
    ));
}

/// Any message that is valid: number, tag of the operation, octets.
fn any_message() -> impl Strategy<Value = (u32, u8, Vec<u8>)> {
    let tag = any::<u8>().prop_filter("tags of one octet", |tag| tag & 0x1f != 0x1f);
    let forms = proptest::array::uniform4(prop_oneof![3 => Just(0_usize), 1 => 1_usize..9]);
    let body = proptest::collection::vec(any::<u8>(), 0..200);
    let behind =
        proptest::collection::vec((0xa1_u8..0xa8, proptest::collection::vec(any::<u8>(), 0..20)), 0..3);
    (0..0x8000_0000_u32, 0_usize..32, 0_usize..5, tag, forms, body, behind).prop_map(
        |(id, shift, zeros, tag, [outer, number, operation, last], body, behind)| {
            let id = id >> shift;
            let id_octets = [&[0; 4][..zeros.min(4)], &id.to_be_bytes()].concat();
            let mut inside = element(2, number, &id_octets);
            inside.extend(element(tag, operation, &body));
            for (tag, body) in behind {
                inside.extend(element(tag, last, &body));
            }
            (id, tag, element(0x30, outer, &inside))
        },
    )
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
    fn no_stream_of_either_side_harms_a_reader(piece: u8, parts in proptest::collection::vec(nearly_ldap(), 1..4)) {
        let whole: Vec<Vec<u8>> = parts.iter().map(|part| around(0x30, &[&[2, 1, 1][..], part].concat())).collect();
        fuzz_ldap::stream(piece, &whole.concat());
        fuzz_ldap::stream(piece, &parts.concat());
    }

    #[test]
    fn any_valid_messages_pass_as_they_came_and_their_heads_are_read_right(
        messages in proptest::collection::vec(any_message(), 1..6), piece in 1_usize..300
    ) {
        let stream = messages.iter().flat_map(|message| message.2.clone()).collect::<Vec<_>>();
        let through = fuzz_ldap::passage(&stream, piece);
        prop_assert!(!through.broken);
        prop_assert_eq!(through.joined, stream);
        for (id, tag, whole) in &messages {
            let read = Message::read(whole).unwrap();
            prop_assert_eq!((read.id, read.operation.tag), (*id, *tag));
        }
        prop_assert_eq!(through.messages, messages);
    }

    #[test]
    fn valid_messages_with_one_octet_changed_are_read_alike_or_refused(
        messages in proptest::collection::vec(any_message(), 1..4), piece: u8, at: prop::sample::Index, to: u8
    ) {
        let mut stream = messages.into_iter().flat_map(|message| message.2).collect::<Vec<_>>();
        *at.get_mut(&mut stream) = to;
        fuzz_ldap::stream(piece, &stream);
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
