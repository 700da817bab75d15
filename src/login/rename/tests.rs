use super::*;

fn pattern(pattern: &str, to: &str) -> Change {
    Change::replace(Pattern::new(pattern, to).unwrap())
}

fn corp() -> Renaming {
    Renaming::new(vec![
        Change::strip_prefix("CORP\\"),
        pattern("(.*)@old\\.example", "$1@new.example"),
        Change::strip_suffix("@corp.example"),
        Change::add_suffix("@Corp.Example"),
    ])
}

fn renamed(renaming: &Renaming, name: &str) -> Result<String, BadName> {
    renaming.read(name.as_bytes()).map(|name| name.prepared().to_owned())
}

#[test]
fn changes_are_made_one_after_the_other_e_009() {
    for (typed, known) in [
        ("alice", "alice@corp.example"),
        ("CORP\\alice", "alice@corp.example"),
        ("corp\\Alice", "alice@corp.example"),
        ("alice@CORP.example", "alice@corp.example"),
        ("alice@old.example", "alice@new.example"),
        ("CORP\\alice@old.example", "alice@new.example"),
        ("alice@other.example", "alice@other.example"),
        ("OTHER\\alice", "other\\alice"),
    ] {
        assert_eq!(renamed(&corp(), typed).as_deref(), Ok(known), "{typed}");
    }
}

#[test]
fn what_is_taken_off_is_taken_off_once_and_never_leaves_nothing() {
    let strip = Renaming::new(vec![Change::strip_prefix("CORP\\"), Change::strip_suffix("@x")]);
    assert_eq!(renamed(&strip, "CORP\\CORP\\alice@x@x").as_deref(), Ok("corp\\alice@x"));
    assert_eq!(renamed(&strip, "CORP\\").as_deref(), Ok("corp\\"));
    assert_eq!(renamed(&strip, "@x").as_deref(), Ok("@x"));
}

#[test]
fn a_pattern_fits_a_whole_name_or_not_at_all() {
    let middle = Renaming::new(vec![pattern("b|bob", "root")]);
    assert_eq!(renamed(&middle, "abc").as_deref(), Ok("abc"));
    assert_eq!(renamed(&middle, "BOB").as_deref(), Ok("root"));
}

#[test]
fn what_was_typed_stays_beside_the_name_that_is_looked_for_a_098() {
    let name = corp().read(b"CORP\\Alice").unwrap();
    assert_eq!((name.typed(), name.prepared()), ("CORP\\Alice", "alice@corp.example"));
}

#[test]
fn what_comes_out_is_a_name_or_the_login_ends_b_105() {
    let made = |to: &str| renamed(&Renaming::new(vec![pattern(".*", to)]), "alice");
    assert_eq!(made(""), Err(BadName::Empty));
    assert_eq!(made(" "), Err(BadName::Empty));
    assert_eq!(made("a\u{202e}b"), Err(BadName::Character));
    assert_eq!(made(&"x".repeat(257)), Err(BadName::TooLong));
    assert_eq!(made("ROOT $0").as_deref(), Ok("root alice"));
    assert_eq!(renamed(&corp(), "CORP\\al\0ice"), Err(BadName::Character), "judged before it is changed");
}

#[test]
fn a_distinguished_name_is_the_directorys_own_and_is_not_changed() {
    let name = LoginName::distinguished("uid=alice,dc=corp,dc=example").unwrap();
    assert_eq!(corp().apply(name.clone()), Ok(name));
}

#[test]
fn parentheses_that_are_not_there_are_said_so_instead_of_being_empty() {
    let bad = |text: &str, to: &str| Pattern::new(text, to).unwrap_err();
    assert_eq!(bad("(.*)@x", "$1y"), BadPattern::NoGroup("1y".to_owned()));
    assert_eq!(bad("(.*)@x", "$2"), BadPattern::NoGroup("2".to_owned()));
    assert_eq!(bad("(?P<user>.*)@x", "${name}"), BadPattern::NoGroup("name".to_owned()));
    assert!(Pattern::new("(?P<user>.*)@(.*)", "$user-${2}-$$9-$-").is_ok());
    assert!(matches!(bad("a)(b", ""), BadPattern::Syntax(_)));
    assert_eq!(bad("(", "").to_string(), "it is no regular expression that we know: unclosed group");
    assert_eq!(bad("(\\w{900}){900}", ""), BadPattern::TooLarge);
    assert_eq!(bad(&"x".repeat(1001), ""), BadPattern::TooLarge);
}

/// A name in another dress: every letter upper or lower, wide or narrow, composed or not.
fn dressed(name: &str, how: &[u8]) -> String {
    let dress = |(c, how): (char, &u8)| {
        let c = if how & 1 == 0 { c } else { c.to_ascii_uppercase() };
        let wide = char::from_u32(u32::from(c).saturating_add(0xfee0));
        match wide.filter(|_| how & 2 != 0 && c.is_ascii_graphic()) {
            Some(wide) => wide.to_string(),
            None if c == 'ö' && how & 4 != 0 => "o\u{308}".to_owned(),
            None => c.to_string(),
        }
    };
    name.chars().zip(how.iter().cycle()).map(dress).collect()
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 200, failure_persistence: None, ..Default::default() })]

    #[test]
    fn spellings_of_one_name_stay_one_name_whatever_is_changed_d_102(
        user in "[a-zö]{1,8}[0-9]{0,2}",
        form in 0..4usize,
        how in proptest::collection::vec(0u8..8, 1..24),
    ) {
        let name = match form {
            0 => user.clone(),
            1 => format!("corp\\{user}"),
            2 => format!("{user}@corp.example"),
            _ => format!("{user}@old.example"),
        };
        let known = if form == 3 { format!("{user}@new.example") } else { format!("{user}@corp.example") };
        proptest::prop_assert_eq!(renamed(&corp(), &dressed(&name, &how)), Ok(known));
    }

    /// Letters that look like others, and separators in abundance, lead to no account but their own.
    #[test]
    fn what_only_looks_like_a_name_never_becomes_it_d_102(
        separators in "[@\\\\]{2,4}",
        before in proptest::bool::ANY,
    ) {
        let homoglyph = "\u{430}lice";
        let known = renamed(&corp(), homoglyph).unwrap();
        proptest::prop_assert_ne!(known, "alice@corp.example");
        let name = if before { format!("{separators}alice") } else { format!("alice{separators}") };
        let known = renamed(&corp(), &name).unwrap();
        proptest::prop_assert!(known != "alice" && known != "alice@corp.example", "{}", known);
    }

    #[test]
    fn no_name_is_too_odd(bytes in proptest::collection::vec(0u8.., 0..300)) {
        if let Ok(name) = corp().read(&bytes) {
            proptest::prop_assert!(!name.prepared().is_empty() && name.prepared().len() <= 256);
        }
    }
}
