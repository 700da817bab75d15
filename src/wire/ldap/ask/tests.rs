use super::*;
use crate::wire::ldap::ber::{Flaw, Writer};
use crate::wire::ldap::message::{Message, START_TLS, op};
use crate::wire::ldap::request;

/// An operation as a message of a client carries it.
fn operation(tag: u8, inside: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.nested(SEQUENCE, |message| {
        message.integer(INTEGER, 1);
        message.bytes(tag, inside);
    });
    writer.finish().to_vec()
}

fn bind(inside: &[u8]) -> Vec<u8> {
    operation(op::BIND_REQUEST, inside)
}

/// A search for `filter`, given as octets, that wants `cn` and `mail`.
fn search(base: &str, scope: i64, filter: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(OCTET_STRING, base.as_bytes());
    writer.integer(ENUMERATED, scope);
    writer.integer(ENUMERATED, 0);
    writer.integer(INTEGER, 0);
    writer.integer(INTEGER, 0);
    writer.boolean(BOOLEAN, false);
    writer.raw(filter);
    writer.nested(SEQUENCE, |names| {
        names.bytes(OCTET_STRING, b"cn");
        names.bytes(OCTET_STRING, b"mail;lang-de");
    });
    operation(op::SEARCH_REQUEST, &writer.finish())
}

/// Reads the operation of `message` with `read`.
fn with<T>(message: &[u8], read: impl FnOnce(&Element<'_>) -> T) -> T {
    read(&Message::read(message).unwrap().operation)
}

fn element(tag: u8, inside: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.bytes(tag, inside);
    writer.finish().to_vec()
}

/// `levels` times the tag around a condition, with lengths of four octets.
fn nested(tag: u8, levels: usize) -> Vec<u8> {
    let condition = element(walk::PRESENT, b"uid");
    let mut filter = Vec::new();
    for inside in (0..levels).rev() {
        let octets = u32::try_from(condition.len() + 6 * inside).unwrap().to_be_bytes();
        filter.extend([&[tag, 0x84][..], &octets].concat());
    }
    [filter, condition].concat()
}

fn named(filter: &[u8], most: usize) -> Result<Vec<String>, BadFilter> {
    with(&search("dc=x", 2, filter), |search| {
        let names = Asked::read(search).unwrap().filter_attributes(most)?;
        Ok(names.map(|name| String::from_utf8_lossy(name).into_owned()).collect())
    })
}

fn flaw(filter: &[u8]) -> Option<Flaw> {
    match named(filter, 64) {
        Err(BadFilter::Malformed(malformed)) => Some(malformed.flaw),
        _ => None,
    }
}

#[test]
fn a_simple_bind_is_read_whatever_its_password_holds() {
    for password in [&b""[..], b"secret", b"\xff\x00\xfe"] {
        let inside = [&[2, 1, 3, 4, 4][..], b"cn=a", &element(SIMPLE, password)].concat();
        with(&bind(&inside), |operation| {
            let bind = Bind::read(operation).unwrap();
            assert_eq!((bind.version, bind.name), (3, &b"cn=a"[..]));
            assert!(matches!(bind.method, Method::Simple(read) if read == password));
        });
    }
}

#[test]
fn no_first_answer_of_sasl_is_something_else_than_an_empty_one_b_061() {
    for (sasl, wanted) in [
        (&[4, 5, b'P', b'L', b'A', b'I', b'N'][..], None),
        (&[4, 5, b'P', b'L', b'A', b'I', b'N', 4, 0], Some(&b""[..])),
        (&[4, 5, b'P', b'L', b'A', b'I', b'N', 4, 2, 0, 0], Some(&[0, 0])),
    ] {
        let inside = [&[2, 1, 3, 4, 0][..], &element(SASL, sasl)].concat();
        with(&bind(&inside), |operation| {
            let method = Bind::read(operation).unwrap().method;
            let Method::Sasl { mechanism, credentials } = method else { panic!("not SASL") };
            assert_eq!((mechanism, credentials), (&b"PLAIN"[..], wanted));
        });
    }
}

#[test]
fn other_methods_are_told_apart_by_their_tag_b_008() {
    for tag in [0x81, 0x82, 0x88, 0x89, 0x8a, 0x8b, 0x8c, 0xa0, 0xaa] {
        let inside = [&[2, 1, 2, 4, 0][..], &element(tag, b"NTLM")].concat();
        with(&bind(&inside), |operation| {
            let bind = Bind::read(operation).unwrap();
            assert_eq!(bind.version, 2, "B-023: the caller refuses it");
            match bind.method {
                Method::Sicily(step) => assert!(step == tag && SICILY.contains(&tag)),
                Method::Other(other) => assert!(other == tag && !SICILY.contains(&tag)),
                Method::Simple(_) | Method::Sasl { .. } => panic!("{tag:#x} is neither"),
            }
        });
    }
}

#[test]
fn a_bind_that_is_not_as_it_must_be_is_refused_and_elements_behind_it_are_ignored_b_008() {
    let good = [2, 1, 3, 4, 0, 0x80, 1, b'x'];
    let with_more = [&good[..], &[0x87, 2, 9, 9]].concat();
    assert!(with(&bind(&with_more), |operation| Bind::read(operation).is_ok()));
    for bad in [
        &good[..5],
        &good[..7],
        &[2, 0, 4, 0, 0x80, 0],
        &[10, 1, 3, 4, 0, 0x80, 0],
        &[2, 1, 3, 0x24, 0, 0x80, 0],
        &[2, 1, 3, 4, 0, 0x80, 1, b'x', 0x87],
        &[2, 1, 3, 4, 0, 0xa3, 0],
        &[2, 1, 3, 4, 0, 0xa3, 2, 5, 0],
    ] {
        let message = operation(op::BIND_REQUEST, bad);
        assert!(with(&message, |operation| Bind::read(operation).is_err()), "{bad:x?}");
    }
}

#[test]
fn plain_has_three_parts_and_exactly_two_nuls_b_062() {
    let parts = |text: &'static [u8]| SaslPlain::read(text).map(|p| (p.authzid, p.authcid, p.password));
    assert_eq!(parts(b"\0anna\0secret"), Some((&b""[..], &b"anna"[..], &b"secret"[..])));
    assert_eq!(parts(b"u:anna\0anna\0secret"), Some((&b"u:anna"[..], &b"anna"[..], &b"secret"[..])));
    assert_eq!(parts(b"\0\0"), Some((&b""[..], &b""[..], &b""[..])));
    for bad in [&b""[..], b"anna", b"\0anna", b"\0anna\0secret\0", b"\0\0\0", b"\0anna\0sec\0ret"] {
        assert_eq!(parts(bad), None, "{bad:?}");
    }
}

#[test]
fn every_tag_of_rfc_4511_is_the_request_it_names_and_ends_with_its_answer() {
    use Request::*;
    let table = [
        (0x60, Bind, Some(0x61)),
        (0x42, Unbind, None),
        (0x63, Search, Some(0x65)),
        (0x66, Modify, Some(0x67)),
        (0x68, Add, Some(0x69)),
        (0x4a, Delete, Some(0x6b)),
        (0x6c, ModifyDn, Some(0x6d)),
        (0x6e, Compare, Some(0x6f)),
        (0x50, Abandon, None),
        (0x77, Extended, Some(0x78)),
    ];
    for (tag, request, answer) in table {
        assert_eq!((Request::of(tag), request.answer()), (request, answer));
        assert_eq!(Request::of(tag ^ 0x20), request, "primitive or constructed, it is judged the same");
    }
    let known = (0..=u8::MAX).filter(|tag| Request::of(*tag) != Unknown);
    assert_eq!(known.count(), 2 * table.len());
    assert_eq!(table.iter().filter(|row| row.1.writes()).count(), 4);
    assert!(!Unknown.writes() && Unknown.answer().is_none());
}

#[test]
fn a_server_answers_each_request_with_its_own_tags_and_a_bind_outcome_answers_nothing_else() {
    use Request::*;
    let answers = |request: Request| -> Vec<u8> {
        (0..=u8::MAX).filter(|tag| request.may_be_answered_by(*tag)).collect()
    };
    assert_eq!(answers(Bind), [0x61]);
    assert_eq!(answers(Search), [0x64, 0x65, 0x73, 0x79]);
    assert_eq!(answers(Modify), [0x67, 0x79]);
    assert_eq!(answers(Add), [0x69, 0x79]);
    assert_eq!(answers(Delete), [0x6b, 0x79]);
    assert_eq!(answers(ModifyDn), [0x6d, 0x79]);
    assert_eq!(answers(Compare), [0x6f, 0x79]);
    assert_eq!(answers(Extended), [0x78, 0x79]);
    assert!(answers(Unbind).is_empty() && answers(Abandon).is_empty());
    assert_eq!(answers(Unknown).len(), 255);
    assert!(!Unknown.may_be_answered_by(op::BIND_RESPONSE));
}

#[test]
fn a_search_gives_its_parts() {
    with(&search("dc=x", 2, &nested(0xa0, 1)), |operation| {
        let asked = Asked::read(operation).unwrap();
        assert_eq!((asked.base, asked.scope, asked.types_only()), (&b"dc=x"[..], 2, false));
        assert!(!asked.is_root() && !asked.is_presence_of_object_class());
        let attributes: Result<Vec<_>, _> = asked.attributes().collect();
        assert_eq!(attributes, Ok(vec![&b"cn"[..], b"mail;lang-de"]));
    });
}

#[test]
fn the_root_is_an_empty_base_looked_at_alone_with_the_presence_of_object_class_b_032() {
    for (name, wanted) in [
        ("objectClass", true),
        ("OBJECTCLASS", true),
        ("2.5.4.0", true),
        ("objectClas", false),
        ("cn", false),
    ] {
        with(&search("", 0, &element(walk::PRESENT, name.as_bytes())), |operation| {
            let asked = Asked::read(operation).unwrap();
            assert_eq!((asked.is_root(), asked.is_presence_of_object_class()), (true, wanted), "{name}");
        });
    }
    for (base, scope) in [("", 1), ("", 2), (" ", 0), ("dc=x", 0)] {
        let root = with(&search(base, scope, &nested(0xa0, 0)), |o| Asked::read(o).unwrap().is_root());
        assert!(!root, "{base:?} {scope}");
    }
    let equal = element(0xa3, &[&element(4, b"objectClass")[..], &element(4, b"top")].concat());
    assert!(!with(&search("", 0, &equal), |o| Asked::read(o).unwrap().is_presence_of_object_class()));
}

#[test]
fn every_kind_of_condition_gives_its_attribute_b_049() {
    let pair = |tag, name: &[u8], value: &[u8]| {
        element(tag, &[element(OCTET_STRING, name), element(OCTET_STRING, value)].concat())
    };
    let substrings = [element(4, b"four"), element(0x30, &element(0x81, b"\x00\xff"))].concat();
    let rule = [element(0x81, b"1.2.3"), element(0x82, b"seven"), element(0x83, b""), element(0x84, &[0xff])];
    let filter = element(
        0xa0,
        &[
            pair(0xa3, b"one;binary", b"\x30\x80\xff"),
            element(0xa1, &[element(0xa2, &pair(0xa5, b"two", b"")), pair(0xa6, b"three", b"x")].concat()),
            element(0xa4, &substrings),
            element(0x87, b"five"),
            pair(0xa8, b"six", b"x"),
            element(0xa9, &rule.concat()),
            element(0xa0, b""),
            element(0xa9, &[element(0x82, b"eight"), element(0x83, b"x")].concat()),
        ]
        .concat(),
    );
    let names = ["one;binary", "two", "three", "four", "five", "six", "seven", "eight"];
    assert_eq!(named(&filter, 64).unwrap(), names);
}

#[test]
fn a_filter_is_read_64_levels_deep_and_no_deeper_whatever_its_depth_b_004() {
    for tag in [0xa0, 0xa1, 0xa2] {
        assert_eq!(named(&nested(tag, 64), 64).unwrap(), ["uid"]);
        assert_eq!(named(&nested(tag, 65), 64), Err(BadFilter::TooDeep(64)));
        assert_eq!(named(&nested(tag, 100_000), 64), Err(BadFilter::TooDeep(64)));
        assert_eq!(named(&nested(tag, 1), 0), Err(BadFilter::TooDeep(0)));
    }
    let wide = element(0xa0, &nested(0xa2, 3).repeat(1000));
    assert_eq!(named(&wide, 4).unwrap().len(), 1000, "what stands side by side is not deep");
}

#[test]
fn a_matching_rule_without_an_attribute_is_refused_because_it_compares_secrets_too_b_049() {
    for parts in [
        vec![element(0x83, b"x")],
        vec![element(0x81, b"2.5.13.17"), element(0x83, b"x")],
        vec![element(0x81, b"2.5.13.17"), element(0x82, b""), element(0x83, b"x")],
    ] {
        assert_eq!(named(&element(0xa9, &parts.concat()), 64), Err(BadFilter::NamesNone));
    }
    let twice = [element(0x82, b"cn"), element(0x83, b"x"), element(0x82, b"userPassword")].concat();
    assert_eq!(flaw(&element(0xa9, &twice)), Some(Flaw::Misplaced));
}

#[test]
fn what_is_no_filter_is_refused_wherever_it_stands() {
    let uid = element(walk::PRESENT, b"uid");
    let tag = |expected, found| Some(Flaw::Tag { expected, found });
    assert_eq!(flaw(&element(0xaa, b"")), tag(0x87, 0xaa), "B-008");
    assert_eq!(flaw(&element(0xa7, b"uid")), tag(0x87, 0xa7), "a constructed presence");
    assert_eq!(flaw(&element(0xa0, &[&uid[..], &[0x80, 0]].concat())), tag(0x87, 0x80));
    assert_eq!(flaw(&element(0xa2, b"")), Some(Flaw::Truncated), "\"not\" of nothing");
    assert_eq!(flaw(&element(0xa2, &uid.repeat(2))), Some(Flaw::Trailing), "\"not\" of two");
    assert_eq!(flaw(&element(0xa1, &[&uid[..], &[0x87]].concat())), Some(Flaw::Truncated));
    assert_eq!(flaw(&element(0xa1, &[&uid[..], &[0x87, 9, 1]].concat())), Some(Flaw::Truncated));
    assert_eq!(flaw(&element(0xa3, &element(4, b"uid"))), Some(Flaw::Truncated), "no value");
    assert_eq!(flaw(&element(0xa3, &element(0x24, &element(4, b"uid")))), tag(4, 0x24));
    assert_eq!(flaw(&element(0xa4, &[element(4, b"uid"), element(4, b"x")].concat())), tag(0x30, 4));
}

#[test]
fn a_search_that_is_not_as_it_must_be_is_refused() {
    let good = search("", 0, &element(walk::PRESENT, b"uid"));
    let inside = Message::read(&good).unwrap().operation.body.to_vec();
    for end in 0..inside.len() {
        let message = operation(op::SEARCH_REQUEST, &inside[..end]);
        assert!(with(&message, |operation| Asked::read(operation).is_err()), "cut at {end}");
    }
    let longer = operation(op::SEARCH_REQUEST, &[&inside[..], &[0xaf, 0]].concat());
    assert!(with(&longer, |operation| Asked::read(operation).is_ok()), "B-008");
    let bad_list = [&inside[..inside.len() - 20], &[0x30, 6, 4, 2, b'c', b'n', 5, 0]].concat();
    with(&operation(op::SEARCH_REQUEST, &bad_list), |operation| {
        let read: Vec<_> = Asked::read(operation).unwrap().attributes().collect();
        assert!(matches!(read[..], [Ok(b"cn"), Err(_)]), "{read:?}");
    });
}

#[test]
fn a_compare_gives_its_entry_and_attribute_b_049() {
    let assertion = [element(4, b"userPassword"), element(4, b"\xff")].concat();
    let inside = [element(4, b"cn=a"), element(0x30, &assertion)].concat();
    with(&operation(op::COMPARE_REQUEST, &inside), |operation| {
        let wanted = Compared { entry: b"cn=a", attribute: b"userPassword" };
        assert_eq!(Compared::read(operation), Ok(wanted));
    });
    let no_value = [element(4, b"cn=a"), element(0x30, &element(4, b"cn"))].concat();
    assert!(with(&operation(op::COMPARE_REQUEST, &no_value), |o| Compared::read(o).is_err()));
}

#[test]
fn a_modify_gives_the_attributes_it_changes() {
    let change = |name: &[u8]| {
        let attribute = [element(4, name), element(0x31, &element(4, b"x"))].concat();
        element(0x30, &[element(ENUMERATED, &[2]), element(0x30, &attribute)].concat())
    };
    let changes = [change(b"mail"), change(b"unicodePwd"), element(0x30, &[4, 0])].concat();
    let inside = [element(4, b"cn=a"), element(0x30, &changes)].concat();
    with(&operation(op::MODIFY_REQUEST, &inside), |operation| {
        let modified = Modified::read(operation).unwrap();
        let read: Vec<_> = modified.changes.map(|change| change.map(|change| change.attribute)).collect();
        assert_eq!(modified.entry, b"cn=a");
        assert!(matches!(read[..], [Ok(b"mail"), Ok(b"unicodePwd"), Err(_)]), "{read:?}");
    });
    let cut = operation(op::MODIFY_REQUEST, &element(4, b"cn=a"));
    assert!(with(&cut, |o| Modified::read(o).is_err()));
}

#[test]
fn a_modify_tells_whether_it_takes_away_certain_values() {
    let deletes = |kind: u8, values: &[u8]| {
        let attribute = [element(4, b"mail"), element(0x31, values)].concat();
        let change = element(0x30, &[element(ENUMERATED, &[kind]), element(0x30, &attribute)].concat());
        let inside = [element(4, b"cn=a"), element(0x30, &change)].concat();
        with(&operation(op::MODIFY_REQUEST, &inside), |operation| {
            Modified::read(operation).unwrap().changes.next().unwrap().unwrap().deletes_values
        })
    };
    assert!(deletes(1, &element(4, b"x")));
    assert!(!deletes(1, b""), "whatever is there");
    assert!(!deletes(0, &element(4, b"x")) && !deletes(2, &element(4, b"x")));
}

#[test]
fn a_change_of_a_password_says_whose_and_whether_the_old_one_is_shown() {
    let read = |parts: &[&[u8]]| {
        let value = element(0x30, &parts.concat());
        PasswordChange::read(Some(&value)).map(|c| (c.whose.map(<[u8]>::to_vec), c.shows_old))
    };
    let (whose, old, new) = (element(0x80, b"uid=a"), element(0x81, b"old"), element(0x82, b"new"));
    assert_eq!(PasswordChange::read(None), Ok(PasswordChange { whose: None, shows_old: false }));
    assert_eq!(read(&[&new]), Ok((None, false)));
    assert_eq!(read(&[&whose, &old, &new]), Ok((Some(b"uid=a".to_vec()), true)));
    for wrong in [&[&old, &whose][..], &[&whose, &new, &old], &[&whose, &whose], &[&element(4, b"x")]] {
        let wrong: Vec<&[u8]> = wrong.iter().map(|part| part.as_slice()).collect();
        assert!(read(&wrong).is_err(), "{wrong:?}");
    }
    let behind = [element(0x30, &whose), old].concat();
    assert!(PasswordChange::read(Some(&behind)).is_err() && PasswordChange::read(Some(b"")).is_err());
}

#[test]
fn an_extended_request_with_two_names_or_a_value_in_another_place_is_refused() {
    let read = |parts: &[&[u8]]| {
        with(&operation(op::EXTENDED_REQUEST, &parts.concat()), |operation| {
            ExtendedRequest::read(operation).is_ok()
        })
    };
    let (name, value) = (element(0x80, b"1.2.3"), element(0x81, b"x"));
    let other = element(0x85, b"x");
    assert!(read(&[&name]) && read(&[&name, &value]) && read(&[&name, &value, &other]));
    for wrong in
        [&[&name, &name][..], &[&name, &value, &name], &[&name, &other, &value], &[&name, &value, &value]]
    {
        let wrong: Vec<&[u8]> = wrong.iter().map(|part| part.as_slice()).collect();
        assert!(!read(&wrong), "{wrong:x?}");
    }
}

#[test]
fn an_abandon_names_a_request_and_nothing_out_of_range() {
    assert_eq!(with(&request::abandon(9, 0x7fff_ffff), abandoned), Ok(0x7fff_ffff));
    for body in [&[][..], &[0xff], &[0, 0x80, 0, 0, 0], &[0; 9]] {
        assert!(with(&operation(op::ABANDON_REQUEST, body), |o| abandoned(o).is_err()), "{body:x?}");
    }
}

#[test]
fn an_extended_request_is_named_by_an_oid_and_nothing_near_it() {
    with(&request::start_tls(1), |operation| {
        let request = ExtendedRequest::read(operation).unwrap();
        assert_eq!((request.name, request.value), (START_TLS.as_bytes(), None));
    });
    let inside = [element(0x80, b"1.2.3"), element(0x81, b""), element(0x82, b"")].concat();
    with(&operation(op::EXTENDED_REQUEST, &inside), |operation| {
        assert_eq!(ExtendedRequest::read(operation).unwrap().value, Some(&b""[..]));
    });
    for name in [&b""[..], b"1", b"1.2\0", b" 1.2", b"1.02", b"1..2", b".1.2", b"1.2.", b"1.a", b"oid.1.2"] {
        let message = operation(op::EXTENDED_REQUEST, &element(0x80, name));
        let error = with(&message, |o| ExtendedRequest::read(o).map(|_| ()).unwrap_err());
        assert_eq!(error.flaw, Flaw::Oid, "{name:?}");
    }
}

#[test]
fn the_type_of_a_description_is_found_in_every_dress_b_049() {
    for description in [
        "2.5.4.35",
        "2.5.4.35;binary",
        "OID.2.5.4.35",
        "oid.2.5.4.35;x-a;lang-de",
        " 2.5.4.35 ",
        "2.5.4.35\0rest",
    ] {
        assert_eq!(attribute_type(description.as_bytes()), b"2.5.4.35", "{description:?}");
    }
    assert_eq!(attribute_type(b"userPassword;range=0-*"), b"userPassword");
    assert_eq!(attribute_type(b"oid."), b"");
    assert_eq!(attribute_type("ü€".as_bytes()), "ü€".as_bytes());
    assert!(attribute_type(b";binary").is_empty() && attribute_type(b"").is_empty());
}
