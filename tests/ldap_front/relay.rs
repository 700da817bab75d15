//! What is passed on is passed on as it came, octet for octet and in both directions.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use doorward::base::clock::{Clock, SystemClock};
use doorward::wire::ldap::ask::Request as Kind;
use doorward::wire::ldap::ber::Writer;
use doorward::wire::ldap::filter::Filter;
use doorward::wire::ldap::frame::cut;
use doorward::wire::ldap::message::{CANCEL, Message, PAGED_RESULTS, op, page_cookie};
use doorward::wire::ldap::request::{Page, Scope, Search, Selection, search};
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use crate::ber_forms::element;
use crate::gateway::{Gateway, Wish};
use crate::puppet::Puppet;
use crate::raw_ldap::{Answer, Raw, extended, message};
use crate::support::fake_directory::{entry, result};
use crate::support::slapd::{PASSWORD, Slapd};
use crate::{ANNA, BASE, subtree};

fn bound() -> (Gateway<Puppet>, Raw) {
    let gateway = Gateway::in_front_of(Puppet::start(), &Wish::default());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    (gateway, raw)
}

/// Every message of the files whose names end like this, with the name of its file.
fn recorded(end: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/ldap");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let (path, name) = {
            let file = file.unwrap();
            (file.path(), file.file_name().into_string().unwrap())
        };
        if !name.ends_with(end) {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let hex: String = text.lines().filter(|line| !line.starts_with('#')).collect();
        let mut octets = data_encoding::HEXLOWER_PERMISSIVE.decode(hex.replace(' ', "").as_bytes()).unwrap();
        while let Some(length) = cut(&octets, 1 << 20).unwrap() {
            all.push((name.clone(), octets.drain(..length).collect()));
        }
        assert!(octets.is_empty(), "{name}");
    }
    all.sort();
    all
}

/// An extended operation that nobody knows: whatever was sent before it has been handled when it arrives.
const MARK: u32 = 0x7fff_fff0;

fn mark() -> Vec<u8> {
    extended(MARK, "1.3.6.1.4.1.99999.1", None)
}

#[test]
fn recorded_requests_reach_the_directory_octet_for_octet() {
    let (gateway, mut raw) = bound();
    let puppet = &gateway.slapd;
    let (mut passed, mut answered_here) = (BTreeSet::new(), BTreeSet::new());
    for (file, whole) in recorded(".client.hex") {
        let (id, tag) = Message::read(&whole).map(|message| (message.id, message.operation.tag)).unwrap();
        // These mean the connection, or have no answer of their own; the last are no requests at all.
        if matches!(Kind::of(tag), Kind::Bind | Kind::Unbind | Kind::Abandon) || tag & 0xc0 != 0x40 {
            continue;
        }
        raw.send(&[whole.clone(), mark()].concat());
        let first = puppet.next();
        let last = if first.id == MARK {
            answered_here.insert(file);
            first
        } else {
            assert_eq!(first.whole, whole, "{file}");
            passed.insert(file);
            let end = Kind::of(tag).answer().unwrap_or(0x7b);
            puppet.say(&first, &result(id, end, 0, ""));
            puppet.next()
        };
        assert_eq!(last.whole, mark());
        puppet.say(&last, &result(MARK, op::EXTENDED_RESPONSE, 0, ""));
        while raw.must_answer().id != MARK {}
    }
    assert!(passed.len() >= 15, "{passed:?}");
    let expected = [
        "filter-65-deep.client.hex",
        "openldap-proxied.client.hex",
        "openldap-root.client.hex",
        // It asks for a password by its filter.
        "openldap-search-binary.client.hex",
        "openldap-starttls.client.hex",
        "openldap-whoami.client.hex",
        "samba-root.client.hex",
        "samba-whoami.client.hex",
        // A root DSE.
        "trailing-components.client.hex",
    ];
    assert_eq!(
        answered_here.iter().map(String::as_str).collect::<Vec<_>>(),
        expected,
        "refused or answered here"
    );
}

#[test]
fn recorded_answers_reach_the_application_octet_for_octet() {
    let (gateway, mut raw) = bound();
    let puppet = &gateway.slapd;
    let mut passed = 0;
    for (file, whole) in recorded(".server.hex") {
        let (id, tag) = Message::read(&whole).map(|message| (message.id, message.operation.tag)).unwrap();
        if tag == op::BIND_RESPONSE || id == 0 {
            continue;
        }
        // To an operation that nobody knows, anything but the outcome of a bind may be the answer.
        let request = message(id, |writer| writer.bytes(0x7a, b"\x04\x00"));
        raw.send(&request);
        let asked = puppet.next();
        assert_eq!(asked.whole, request);
        let goes_on = [op::SEARCH_ENTRY, op::SEARCH_REFERENCE, op::INTERMEDIATE_RESPONSE].contains(&tag);
        puppet.say(&asked, &whole);
        assert_eq!(raw.must_answer().whole, whole, "{file}");
        if goes_on {
            let end = result(id, 0x7b, 0, "");
            puppet.say(&asked, &end);
            assert_eq!(raw.must_answer().whole, end);
        }
        passed += 1;
    }
    assert!(passed >= 25, "{passed}");
}

fn form() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0_usize), 1 => 1_usize..9]
}

/// Any elements inside elements.
fn ber() -> impl Strategy<Value = Vec<u8>> {
    let tag = any::<u8>().prop_filter("tags of one octet", |tag| tag & 0x1f != 0x1f);
    let leaf = (tag, form(), proptest::collection::vec(any::<u8>(), 0..60))
        .prop_map(|(tag, form, body)| element(tag & !0x20, form, &body));
    leaf.prop_recursive(4, 24, 4, |inner| {
        let tag = any::<u8>().prop_filter("tags of one octet", |tag| tag & 0x1f != 0x1f);
        (tag, form(), proptest::collection::vec(inner, 0..4))
            .prop_map(|(tag, form, parts)| element(tag | 0x20, form, &parts.concat()))
    })
}

/// What stands around an operation: the forms of lengths, zeros before the number, components behind.
type Around = ([usize; 4], usize, Vec<Vec<u8>>);

fn around() -> impl Strategy<Value = Around> {
    let behind = (0xa1_u8..0xa8, form(), ber()).prop_map(|(tag, form, body)| element(tag, form, &body));
    (proptest::array::uniform4(form()), 0_usize..4, proptest::collection::vec(behind, 0..3))
}

fn whole(id: u32, tag: u8, ([outer, number, operation, _], zeros, behind): &Around, body: &[u8]) -> Vec<u8> {
    let id = [&[0; 4][..*zeros], &id.to_be_bytes()].concat();
    let inside = [element(2, *number, &id), element(tag, *operation, body), behind.concat()].concat();
    element(0x30, *outer, &inside)
}

fn unknown_request() -> impl Strategy<Value = u8> {
    // Application tags that RFC 4511 gives to nothing.
    prop_oneof![0x5a_u8..0x5f, 0x7a_u8..0x7f]
}

fn last_answer() -> impl Strategy<Value = u8> {
    let goes_on = [op::SEARCH_ENTRY, op::SEARCH_REFERENCE, op::INTERMEDIATE_RESPONSE];
    any::<u8>().prop_filter("an end of something", move |tag| {
        tag & 0x1f != 0x1f && *tag != op::BIND_RESPONSE && !goes_on.contains(tag)
    })
}

#[test]
fn any_valid_messages_pass_octet_for_octet_in_both_directions() {
    let (gateway, raw) = bound();
    let raw = std::cell::RefCell::new(raw);
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    let before_the_end =
        prop_oneof![Just(op::SEARCH_ENTRY), Just(op::SEARCH_REFERENCE), Just(op::INTERMEDIATE_RESPONSE)];
    let case = (
        (1_u32..MARK, 0_usize..31),
        (unknown_request(), around(), ber()),
        proptest::collection::vec((before_the_end, around(), ber()), 0..4),
        (last_answer(), around(), ber()),
        any::<prop::sample::Index>(),
    );
    type Part = (u8, Around, Vec<u8>);
    let passes = |((id, shift), request, answers, end, cut): (
        (u32, usize),
        Part,
        Vec<Part>,
        Part,
        prop::sample::Index,
    )| {
        let mut raw = raw.borrow_mut();

        let id = (id >> shift).max(1);
        let sent = whole(id, request.0, &request.1, &request.2);
        raw.send(&sent);
        let asked = gateway.slapd.next();
        prop_assert_eq!(&asked.whole, &sent);
        let all: Vec<Part> = answers.into_iter().chain([end]).collect();
        let said: Vec<Vec<u8>> =
            all.iter().map(|(tag, around, body)| whole(id, *tag, around, body)).collect();
        let joined = said.concat();
        let (front, rest) = joined.split_at(cut.index(joined.len()));
        gateway.slapd.say(&asked, front);
        gateway.slapd.say(&asked, rest);
        for expected in said {
            prop_assert_eq!(raw.must_answer().whole, expected);
        }
        Ok::<(), TestCaseError>(())
    };
    TestRunner::new(config).run(&case, passes).unwrap();
    assert_eq!(gateway.count("ldap_operations", "answer-left-out", "not-outstanding"), 0);
}

#[test]
fn an_answer_of_ten_mebibytes_passes_and_others_are_served_meanwhile() {
    let (gateway, mut raw) = bound();
    let photo: Vec<u8> = (0..10_u32 << 20).map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    let found = [entry(1, ANNA, &[("jpegPhoto", &[&photo])]), result(1, op::SEARCH_DONE, 0, "")].concat();
    raw.send(&subtree(1));
    let asked = gateway.slapd.next();
    std::thread::scope(|scope| {
        scope.spawn(|| gateway.slapd.say(&asked, &found));
        // It is stuck on its way, since nobody reads it.
        let mut other = gateway.connect();
        assert_eq!(other.bind(ANNA, &gateway.password("anna")), 0);
        assert_eq!(other.who_am_i(), format!("dn:{ANNA}"));
        let whole: Vec<u8> = raw.rest_of(1).into_iter().flat_map(|answer| answer.whole).collect();
        assert!(whole == found, "{} octets of {}", whole.len(), found.len());
    });
}

#[test]
fn a_request_that_came_while_the_reader_was_slow_is_passed_on_once_he_has_read() {
    let (gateway, mut raw) = bound();
    raw.send(&subtree(1));
    let asked = gateway.slapd.next();
    let one = entry(1, ANNA, &[("description", &[&[b'x'; 8000]])]);
    let sent = || gateway.count("ldap_octets", "sent", "");
    let before = sent();
    let (mut said, mut entries) = (0, 0);
    // Until the network takes no more; then so much more that the gateway holds as much as it will.
    let is_stuck = |said: u64| {
        let until = SystemClock.now().steady + Duration::from_millis(500);
        while sent() - before < said {
            if SystemClock.now().steady > until {
                return true;
            }
            std::thread::yield_now();
        }
        false
    };
    while !is_stuck(said) {
        gateway.slapd.say(&asked, &one);
        said += one.len() as u64;
        entries += 1;
        assert!(said < 64 << 20, "the network takes everything");
    }
    for _ in 0..8 {
        gateway.slapd.say(&asked, &one);
        entries += 1;
    }
    raw.send(&subtree(2));
    for _ in 0..entries {
        assert_eq!(raw.must_answer().whole, one);
    }
    let second = gateway.slapd.next();
    assert_eq!(second.whole, subtree(2));
    let ends = [result(1, op::SEARCH_DONE, 0, ""), result(2, op::SEARCH_DONE, 0, "")].concat();
    gateway.slapd.say(&second, &ends);
    assert_eq!((raw.must_answer().id, raw.must_answer().id), (1, 2));
}

fn crowd(count: usize) -> String {
    (0..count)
        .map(|n| {
            format!(
                "dn: uid=p{n:04},ou=people,dc=lab,dc=test\nobjectClass: inetOrgPerson\nuid: p{n:04}\ncn: P {n}\n\
                 sn: P\n\n"
            )
        })
        .collect()
}

fn one_page(raw: &mut Raw, filter: &Filter<'_>, cookie: &[u8]) -> (Vec<Answer>, Vec<u8>) {
    let id = raw.next_id();
    let page = Some(Page { size: 100, cookie });
    let request = Search {
        base: BASE,
        scope: Scope::Subtree,
        size_limit: 0,
        time_limit: 0,
        filter,
        attributes: &Selection::of(["uid"]),
        page,
    };
    raw.send(&search(id, &request));
    let answers = raw.rest_of(id);
    let done = Message::read(&answers.last().unwrap().whole).unwrap();
    let control = done.controls().map(Result::unwrap).find(|control| control.oid == PAGED_RESULTS.as_bytes());
    let cookie =
        control.map_or_else(Vec::new, |control| page_cookie(control.value.unwrap()).unwrap().to_vec());
    (answers, cookie)
}

#[test]
fn a_thousand_entries_come_in_pages_and_a_cookie_is_good_on_its_own_connection_b_034() {
    let Some(slapd) = Slapd::start_open("sizelimit unlimited") else { return };
    assert!(slapd.add(&crowd(1000)));
    let gateway = Gateway::in_front_of(slapd, &Wish::default());
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let people = Filter::Equal("sn", b"P");
    let (mut seen, mut cookie, mut pages) = (BTreeSet::new(), Vec::new(), 0);
    loop {
        let (answers, next) = one_page(&mut raw, &people, &cookie);
        assert_eq!(answers.last().unwrap().code, Some(0));
        let entries = answers.iter().filter(|answer| answer.tag == op::SEARCH_ENTRY);
        seen.extend(entries.flat_map(Answer::attributes).flat_map(|(_, values)| values));
        pages += 1;
        if next.is_empty() {
            break;
        }
        if pages == 3 {
            let mut other = gateway.connect();
            assert_eq!(other.bind("müller", &gateway.password("müller")), 0);
            let (answers, _) = one_page(&mut other, &people, &next);
            assert_eq!(answers.len(), 1, "a cookie of somebody else's connection shows nothing");
            assert_ne!(answers[0].code, Some(0));
        }
        cookie = next;
    }
    assert_eq!((seen.len(), pages), (1000, 10));
}

/// A change of one attribute: 0 adds, 1 deletes, 2 replaces.
fn modify(id: u32, dn: &str, how: i64, attribute: &str, value: &[u8]) -> Vec<u8> {
    message(id, |writer| {
        writer.nested(op::MODIFY_REQUEST, |modify| {
            modify.bytes(4, dn.as_bytes());
            modify.nested(0x30, |changes| {
                changes.nested(0x30, |change| {
                    change.integer(10, how);
                    change.nested(0x30, |attribute_of| {
                        attribute_of.bytes(4, attribute.as_bytes());
                        attribute_of.nested(0x31, |values| values.bytes(4, value));
                    });
                });
            });
        });
    })
}

#[test]
fn what_people_write_search_and_call_off_is_done_by_the_directory_in_their_name() {
    let Some(gateway) = Gateway::start() else { return };
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let photo = [0xff, 0xd8, 0, 0x28, 0x29, 0x2a, 0x5c, 0x80, 0xfe];
    assert_eq!(raw.ask(|id| modify(id, ANNA, 2, "jpegPhoto", &photo)).code, Some(0));
    assert_eq!(raw.ask(|id| modify(id, ANNA, 2, "description", &photo[3..7])).code, Some(0));
    let answers =
        raw.search(BASE, Scope::Subtree, &Filter::Equal("description", &photo[3..7]), &["jpegPhoto"]);
    assert_eq!(answers.len(), 2, "a filter of any octets");
    assert!(answers[0].whole.windows(photo.len()).any(|part| part == photo), "and a value of any octets");
    let ben = "cn=Müller\\, Ben,ou=people,dc=lab,dc=test";
    assert_eq!(raw.ask(|id| modify(id, ben, 2, "description", b"x")).code, Some(50), "the directory says no");
    let add = |id| {
        message(id, |writer| {
            writer.nested(op::ADD_REQUEST, |add| {
                add.bytes(4, b"cn=new,dc=lab,dc=test");
                add.nested(0x30, |_| {});
            });
        })
    };
    assert_ne!(raw.ask(add).code, Some(0));
    let delete = raw.ask(|id| message(id, |writer| writer.bytes(op::DELETE_REQUEST, ben.as_bytes())));
    assert_eq!((delete.tag, delete.code), (op::DELETE_RESPONSE, Some(50)));
    let compare = |id| {
        message(id, |writer| {
            writer.nested(op::COMPARE_REQUEST, |compare| {
                compare.bytes(4, ANNA.as_bytes());
                compare.nested(0x30, |assertion| {
                    assertion.bytes(4, b"mail");
                    assertion.bytes(4, b"ANNA@lab.test");
                });
            });
        })
    };
    assert_eq!(raw.ask(compare).code, Some(6), "compareTrue");
    let mut nothing = Writer::default();
    nothing.nested(0x30, |request| request.integer(2, 99));
    let cancel = raw.ask(|id| extended(id, CANCEL, Some(&nothing.finish())));
    assert_eq!(
        (cancel.tag, cancel.code),
        (op::EXTENDED_RESPONSE, Some(119)),
        "noSuchOperation: {}",
        cancel.text
    );

    let mut change = Writer::default();
    change.nested(0x30, |change| {
        change.bytes(0x81, PASSWORD.as_bytes());
        change.bytes(0x82, b"new horse");
    });
    let change = change.finish();
    let changed = raw.ask(|id| extended(id, "1.3.6.1.4.1.4203.1.11.1", Some(&change)));
    assert_eq!(changed.code, Some(0), "{}", changed.text);
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 49, "the old password");
    assert_eq!(raw.bind(ANNA, &format!("new horse{}", gateway.code("anna"))), 0);
    assert_eq!(raw.sees(BASE).1, 0);
}

#[test]
fn a_client_that_may_only_read_changes_nothing_b_012() {
    let gateway =
        Gateway::in_front_of(Puppet::start(), &Wish { client: "read-only = true", ..Wish::default() });
    let mut raw = gateway.connect();
    assert_eq!(raw.bind(ANNA, &gateway.password("anna")), 0);
    let writes: [(u8, &[u8], u8); 4] = [
        (op::MODIFY_REQUEST, b"\x04\x00\x30\x00", op::MODIFY_RESPONSE),
        (op::ADD_REQUEST, b"\x04\x00\x30\x00", op::ADD_RESPONSE),
        (op::DELETE_REQUEST, b"dc=test", op::DELETE_RESPONSE),
        (op::MODIFY_DN_REQUEST, b"\x04\x00\x04\x00\x01\x01\x00", op::MODIFY_DN_RESPONSE),
    ];
    for (request, body, response) in writes {
        let answer = raw.ask(|id| message(id, |writer| writer.bytes(request, body)));
        assert_eq!((answer.tag, answer.code), (response, Some(53)), "{request:x}");
    }
    assert_eq!(raw.extended("1.3.6.1.4.1.4203.1.11.1").code, Some(53), "a password");
    assert_eq!(raw.extended("1.3.6.1.4.1.99999.1").code, Some(2), "who knows what it does");
    assert!(gateway.slapd.heard_nothing());
    raw.send(&subtree(50));
    assert_eq!(gateway.slapd.next().whole, subtree(50), "reading goes on");
}
