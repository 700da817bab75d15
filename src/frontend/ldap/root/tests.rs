use std::collections::BTreeMap;

use super::*;
use crate::frontend::ldap::lab;
use crate::wire::ldap::filter::Filter;
use crate::wire::ldap::message::{Entry, Message};

type Shown = BTreeMap<String, Vec<String>>;

fn root(active_directory: bool) -> Root {
    Root {
        naming_contexts: vec!["dc=example,dc=org".into(), "dc=two".into()],
        active_directory,
        has_entries: true,
    }
}

/// What the answer shows, or `None` when it holds no entry.
fn asked(whole: &[u8], offers: &Offers<'_>) -> Option<Shown> {
    let message = Message::read(whole).unwrap();
    let messages = answer(message.id, &Asked::read(&message.operation).unwrap(), offers).unwrap();
    let (done, entries) = messages.split_last().unwrap();
    assert_eq!(lab::result(done), (message.id, op::SEARCH_DONE, 0));
    assert!(entries.len() <= 1);
    let first = Message::read(entries.first()?).unwrap();
    assert_eq!(first.id, message.id);
    let entry = Entry::read(&first.operation).unwrap();
    assert_eq!(entry.dn, b"");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let attribute = |attribute: crate::wire::ldap::message::Attribute<'_>| {
        (text(attribute.description), attribute.values().map(|value| text(value.unwrap())).collect())
    };
    Some(entry.attributes().map(|a| attribute(a.unwrap())).collect())
}

fn offers(root: &Root) -> Offers<'_> {
    Offers { root, schema: None, start_tls: false, password_modify: false, mechanisms: &["PLAIN"] }
}

fn names(attributes: &[&str], active_directory: bool) -> Vec<String> {
    let root = root(active_directory);
    asked(&lab::root_dse(2, attributes), &offers(&root)).unwrap().into_keys().collect()
}

const ALL: [&str; 6] = [
    "namingContexts",
    "objectClass",
    "supportedControl",
    "supportedExtension",
    "supportedLDAPVersion",
    "supportedSASLMechanisms",
];

#[test]
fn the_root_shows_what_was_asked_for_b_032() {
    assert_eq!(names(&["*", "+"], false), ALL);
    assert_eq!(names(&[], false), ["objectClass"], "the rest is operational (RFC 4512 section 5.1)");
    assert_eq!(names(&["*"], false), ["objectClass"]);
    assert_eq!(
        names(&["+"], false),
        ALL.map(str::to_owned).into_iter().filter(|n| n != "objectClass").collect::<Vec<_>>()
    );
    assert_eq!(names(&["NAMINGCONTEXTS", "2.5.4.0"], false), ["namingContexts", "objectClass"]);
    assert_eq!(names(&["OID.1.3.6.1.4.1.1466.101.120.15"], false), ["supportedLDAPVersion"]);
    assert_eq!(names(&["supportedControl;x-option"], false), ["supportedControl"]);
    assert!(names(&["1.1"], false).is_empty());
    assert!(names(&["vendorVersion", "defaultNamingContext", ""], false).is_empty());
}

#[test]
fn active_directory_shows_its_marks_and_all_of_it_to_whoever_asks_for_user_attributes() {
    let root = root(true);
    let shown = asked(&lab::root_dse(2, &[]), &offers(&root)).unwrap();
    assert_eq!(shown.len(), ALL.len() + 3);
    assert_eq!(shown["defaultNamingContext"], ["dc=example,dc=org"]);
    assert_eq!(shown["rootDomainNamingContext"], ["dc=example,dc=org"]);
    assert_eq!(shown["supportedCapabilities"], ["1.2.840.113556.1.4.800"]);
    assert_eq!(shown["namingContexts"], ["dc=example,dc=org", "dc=two"]);
    assert!(shown["supportedControl"].contains(&PAGED_RESULTS.to_owned()));
    assert_eq!(names(&["+"], true).len(), ALL.len() + 2);
}

#[test]
fn only_what_works_now_is_advertised_b_032() {
    let root = root(false);
    let shown = |start_tls, password_modify| {
        let offers = Offers { start_tls, password_modify, mechanisms: &[], ..offers(&root) };
        asked(&lab::root_dse(2, &["*", "+"]), &offers).unwrap()
    };
    let bare = shown(false, false);
    assert_eq!(bare["supportedExtension"], [WHO_AM_I]);
    assert!(!bare.contains_key("supportedSASLMechanisms"), "an attribute has values or is not there");
    assert_eq!(shown(true, true)["supportedExtension"], [WHO_AM_I, START_TLS, PASSWORD_MODIFY]);
    let empty = Root::default();
    let shown = asked(&lab::root_dse(2, &["*", "+"]), &offers(&empty)).unwrap();
    let names: Vec<_> = shown.into_keys().collect();
    assert_eq!(
        names,
        ["objectClass", "supportedExtension", "supportedLDAPVersion", "supportedSASLMechanisms"]
    );
}

#[test]
fn the_schema_is_named_where_it_is_known_so_that_clients_know_the_types_of_values() {
    let root = root(false);
    let offers = Offers { schema: Some("cn=Subschema"), ..offers(&root) };
    for attributes in [&["+"][..], &["subschemaSubentry"], &["2.5.18.10"], &["*", "+"]] {
        let shown = asked(&lab::root_dse(2, attributes), &offers).unwrap();
        assert_eq!(shown["subschemaSubentry"], ["cn=Subschema"], "{attributes:?}");
    }
    assert!(!asked(&lab::root_dse(2, &["*"]), &offers).unwrap().contains_key("subschemaSubentry"));
}

#[test]
fn another_filter_finds_no_entry_and_is_no_error() {
    let root = root(false);
    for filter in [Filter::Equal("objectClass", b"top"), Filter::Present("cn")] {
        assert_eq!(asked(&lab::search_for(2, "", 0, &lab::filter(&filter), &[]), &offers(&root)), None);
    }
}

#[test]
fn a_malformed_list_of_attributes_is_an_error() {
    let root = root(false);
    let whole = lab::root_dse(2, &["cn"]);
    let broken: Vec<u8> = {
        let at = whole.len() - 4;
        let mut broken = whole;
        broken[at] = 0x05;
        broken
    };
    let message = Message::read(&broken).unwrap();
    assert!(answer(2, &Asked::read(&message.operation).unwrap(), &offers(&root)).is_err());
}
