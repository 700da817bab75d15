//! Both ways to read a users file say the same.

use proptest::prelude::*;

use super::*;
use crate::base::report::Complaint;
use crate::directory::file::explain;
use crate::directory::file::packed::Values;
use crate::directory::file::scan::Scan;
use crate::login::identity::Groups;

const DEAR: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
const CHEAP: &str = "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
/// With an identifier of a key, and its parameters in another order.
const ODD: &str =
    "$argon2id$v=19$t=2,m=65536,p=1,keyid=c29tZQ$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

/// What is known of somebody.
type Known = ([u8; 16], String, Vec<String>, bool, Option<String>, Groups, Option<Values>, Hash, Box<[u8]>);

fn known(users: &Users) -> Vec<Known> {
    let known = users.users.all().map(|(_, user)| {
        let mut names: Vec<String> = user.names().map(Into::into).collect();
        names.sort();
        let number = user.number.map(Into::into);
        let groups = users.groups.get(user.groups);
        let hash = user.hash().unwrap();
        assert_eq!(user.stamp(), Some(hash.stamp()));
        (
            *user.id,
            user.name.into(),
            names,
            user.is_disabled(),
            number,
            groups,
            user.attributes(),
            hash.clone(),
            hash.stamp(),
        )
    });
    known.collect()
}

/// Everything about a complaint.
fn told(complaints: &[Complaint]) -> Vec<String> {
    complaints.iter().map(|complaint| format!("{complaint:?}")).collect()
}

/// Reads `text` both ways; gives who is in it and how many mistakes.
fn both(text: &str) -> (Vec<Known>, usize) {
    let (mut out, mut expected) = (Complaints::default(), Complaints::default());
    let users = Users::read(3, text, &mut out);
    let carefully = explain::whole(3, text, &mut expected);
    assert_eq!(told(&out.errors), told(&expected.errors), "{text}");
    assert_eq!(told(&out.warnings), told(&expected.warnings), "{text}");
    assert_eq!(known(&users), known(&carefully), "{text}");
    assert_eq!((users.len(), users.without_number()), (carefully.len(), carefully.without_number()));
    for (id, _, names, _, _, _, attributes, ..) in known(&users) {
        for name in &names {
            let name = LoginName::parse(name.as_bytes()).unwrap();
            assert_eq!(users.named(&name).map(|user| *user.id), Some(id), "{text}");
        }
        assert_eq!(users.ids.find(&users.users, &id, |user| *user.id == id).map(|user| *user.id), Some(id));
        assert!(attributes.into_iter().flatten().all(|(name, _)| users.has_attribute(&name)));
    }
    (known(&users), out.errors.len())
}

/// Lines of a user, or what may stand in their place.
fn line() -> impl Strategy<Value = String> {
    let quoted = |text: &str| prop_oneof![Just(format!("\"{text}\"")), Just(format!("'{text}'"))].boxed();
    let names = prop_oneof![
        "[a-dA-D]{1,2}",
        Just("Zoë".to_owned()),
        Just("İ".to_owned()),
        Just(" ".to_owned()),
        Just("EX\\\\a".to_owned()),
        Just("\\u0061".to_owned()),
        Just("#x".to_owned()),
    ];
    let name = names.prop_flat_map(move |name| quoted(&name));
    let list = prop::collection::vec(name.clone(), 0..4);
    let list = (list, prop_oneof![Just(", "), Just(",\n  "), Just(" ,\t"), Just(", # x\n")], any::<bool>());
    let list = list.prop_map(|(names, comma, last)| {
        format!("[{}{}]", names.join(comma), if last && !names.is_empty() { comma } else { "" })
    });
    let names = prop_oneof![name.clone(), list];
    let key = prop_oneof![Just("groups"), Just("aliases"), Just("number"), Just("name"), Just("disabled")];
    prop_oneof![
        6 => (key, names).prop_map(|(key, value)| format!("{key} = {value}")),
        2 => any::<bool>().prop_map(|flag| format!("disabled={flag}")),
        2 => "[a-c]{1,2}".prop_map(|number| format!("number = \"{number}\"")),
        2 => prop_oneof![Just(""), Just("# a word"), Just("\t"), Just("#\u{1}"), Just("# é"), Just("\r")].prop_map(Into::into),
        2 => prop_oneof![Just("attributes = { mail = \"x\", dept = [\"a\", \"b\"] }"), Just("attributes.mail = 'y'")].prop_map(Into::into),
        2 => prop_oneof![Just("[user.attributes]\nMail = \"z\""), Just("[user.attributes]\ndept = 1"), Just("[[user.groups]]")].prop_map(Into::into),
        1 => prop_oneof![Just("[user]"), Just("[other]"), Just("[[ user ]]"), Just("  [[user]]"), Just("[[user]] # x"), Just("[[user]"), Just("[[user]]x")].prop_map(Into::into),
        1 => prop_oneof![Just("name = \"\"\"\n[[user]]\n\"\"\""), Just("name = '''\n[[user]]"), Just("groups = [\n[[user]]\n]"), Just("\"name\" = \"q\""), Just("nam = 1"), Just("name = \"a"), Just("x"), Just("name = \"a\"\"\"")].prop_map(Into::into),
    ]
}

/// A user who is mostly as he should be, with lines of his own.
fn user() -> impl Strategy<Value = String> {
    let hash =
        prop_oneof![6 => Just(DEAR), 1 => Just(CHEAP), 1 => Just(ODD), 1 => Just("$argon2id$v=19$m=65536")];
    let header = prop_oneof![8 => Just("[[user]]"), 1 => Just("[[user]]  # a header"), 1 => Just("")];
    let end = prop_oneof![4 => Just("\n"), 1 => Just("\r\n")];
    let first = (header, 0..6_u8, 0..40_u16, hash, any::<bool>(), end);
    (first, prop::collection::vec(line(), 0..3), 0..8_u8).prop_map(
        |((header, upper, n, hash, quote, end), lines, leave_out)| {
            let quote = if quote { '"' } else { '\'' };
            let id = if upper == 0 {
                format!("{n:08X}-ABCD-4A4E-8B26-5B7F2F0D9A11")
            } else {
                format!("{n:08x}-abcd-4a4e-8b26-5b7f2f0d9a11")
            };
            let mut all = vec![
                header.to_owned(),
                format!("id = \"{id}\""),
                format!("name = \"user{n}\""),
                format!("password={quote}{hash}{quote}"),
            ];
            if leave_out == 0 {
                all.remove(usize::from(upper) % all.len());
            }
            all.extend(lines);
            all.iter().map(|line| format!("{line}{end}")).collect()
        },
    )
}

fn file() -> impl Strategy<Value = String> {
    let front = prop_oneof![6 => Just(""), 1 => Just("\u{feff}"), 1 => Just("# users\n\n"), 1 => Just("x = 1\n"), 1 => Just("user = []\n")];
    (front, prop::collection::vec(user(), 0..5))
        .prop_map(|(front, users)| format!("{front}{}", users.concat()))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_file_read_straight_gives_the_same_people_and_complaints_as_one_read_carefully(text in file()) {
        both(&text);
    }

    #[test]
    fn a_file_of_which_a_part_is_there_is_read_like_any_other(text in file(), end in any::<prop::sample::Index>()) {
        let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        both(&text[..*end.get(&ends)]);
    }
}

#[test]
fn what_people_usually_write_is_understood_without_a_detour() {
    let user = "[[user]] # Anna\nid = '1f0c54ab-5a39-4a4e-8b26-5b7f2f0d9a11'\n\n  # her names\r\n\tname=\"Anna\" # 1\n\
                aliases = [\n  \"anna@example.org\",\n  'EXAMPLE\\anna',\n]\ngroups = \"vpn users\"\n\
                number = \"17\"\npassword = \"$argon2id$\"\ndisabled = false";
    let (written, length) = Scan::user(user).unwrap();
    assert_eq!(
        (length, written.name, written.number, written.disabled),
        (user.len(), Some("Anna"), Some("17"), Some(false))
    );
    assert_eq!(Scan::texts(written.aliases.unwrap()), Some(vec!["anna@example.org", "EXAMPLE\\anna"]));
    assert_eq!(Scan::texts(written.groups.unwrap()), Some(vec!["vpn users"]));
    let two = format!("{user}\n{user}");
    assert_eq!(Scan::user(&two).map(|(_, length)| length), Some(user.len() + 1));
}
