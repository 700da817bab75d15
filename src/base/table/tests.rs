use super::*;
use crate::base::report::{Source, render};

fn with<T>(text: &str, known: &[&str], read: impl FnOnce(&mut Reader<'_, '_>) -> T) -> (T, String) {
    let mut out = Complaints::default();
    let table = parse(0, text, &mut out);
    let mut reader = Reader::new(&table, "box", known, &mut out);
    let got = read(&mut reader);
    let sources = [Source { name: "t".into(), text: text.into(), people: false }];
    (got, render(&out.errors_in(&sources)))
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn times_are_read_with_their_unit_and_kept_within_their_limits() {
    let read = |text: &str| with(text, &["t"], |r| r.duration("t", Duration::ZERO..=MINUTE, MINUTE));
    assert_eq!(read("t = \"1.5s\""), (Duration::from_millis(1500), String::new()));
    assert_eq!(read("t = \"0m 30s\""), (Duration::from_secs(30), String::new()));
    for (text, complaint) in [
        ("t = 30", "box: t is a number without a unit"),
        ("t = \"2m\"", "box: t is 2m, it may be 0s to 1m"),
        ("t = \"soon\"", "box: t is \"soon\", which is no time"),
        ("t = \"-3s\"", "box: t is \"-3s\", which is no time"),
        ("t = true", "box: t is true or false, it must be a time in quotes"),
    ] {
        let (time, shown) = read(text);
        assert!(shown.starts_with(&format!("t:1:5: {complaint}\n")), "{shown}");
        assert_eq!(time, MINUTE);
    }
}

#[test]
fn a_misspelt_key_is_met_with_the_one_that_was_meant() {
    let ((), shown) = with("login_timeout = 1\nzzz = 2", &["login-timeout", "name"], |_| ());
    assert!(shown.contains("there is no key \"login_timeout\""), "{shown}");
    assert!(shown.contains("did you mean \"login-timeout\"?"), "{shown}");
    assert!(shown.contains("the keys are login-timeout, name"), "{shown}");
}

#[test]
fn what_follows_from_a_syntax_error_is_not_reported_again() {
    let ((), shown) = with("a = \nb = 99", &["a", "b", "c"], |r| {
        r.whole("a", 0..=9, 0);
        r.whole("b", 0..=9, 0);
        r.missing("c", "");
    });
    assert_eq!(shown.lines().filter(|line| line.starts_with("t:1:")).count(), 1, "{shown}");
    assert!(shown.contains("b is 99, it may be 0 to 9"), "{shown}");
    assert!(!shown.contains("c is missing"), "{shown}");
}

#[test]
fn one_text_stands_for_a_list_of_one() {
    let count = |text: &str| with(text, &["l"], |r| r.texts("l").map(|l| l.len())).0;
    assert_eq!(count("l = \"a\""), Some(1));
    assert_eq!(count("l = [\"a\", \"b\"]"), Some(2));
    assert_eq!(count(""), None);
    assert_eq!(count("l = 1"), None);
}

#[test]
fn numbers_that_do_not_fit_are_told_apart_from_texts() {
    for (text, says) in [
        ("n = 10", "n is 10, it may be 0 to 9"),
        ("n = -1", "n is -1, it may be 0 to 9"),
        ("n = 1.5", "a number with a fraction"),
        ("n = 99999999999999999999", "too large"),
        ("n = \"1\"", "n is a text, it must be a number"),
    ] {
        let (number, shown) = with(text, &["n"], |r| r.whole("n", 0..=9, 5));
        assert!(number == 5 && shown.contains(says), "{shown}");
    }
}

#[test]
fn distance_counts_single_letter_edits() {
    assert_eq!(distance("kitten", "sitting"), 3);
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(distance("same", "same"), 0);
}
fn syntax(text: &str) -> Vec<String> {
    let mut out = Complaints::default();
    parse(0, text, &mut out);
    let sources = [Source { name: "t".into(), text: text.into(), people: false }];
    out.errors_in(&sources).iter().map(|f| format!("{}: {}", f.place.as_deref().unwrap(), f.what)).collect()
}

#[test]
fn all_syntax_errors_are_found_and_none_that_only_follows_from_another() {
    let text = "[log]\nlevel = 1\n[[client]\nname = 'a'\nb c\n[drain]\ntimeout = 2 x\nx = y\nz =\n";
    assert_eq!(
        syntax(text),
        [
            "t:3:10: not valid TOML: unclosed array table, expected `]`",
            "t:5:3: not valid TOML: key with no value, expected `=`",
            "t:7:11: not valid TOML: this is no number, no date, and neither true nor false",
            "t:8:5: not valid TOML: this is no number, no date, and neither true nor false",
            "t:9:4: not valid TOML: there is no value",
        ]
    );
    for unclosed in
        ["a = [\n \"x\",\nb = 1\nc = 2\n[log]\nd = 3\n", "a = { x = 1\nb = 1\nc = 2\n[log]\nd = 3\n"]
    {
        assert_eq!(syntax(unclosed).len(), 1, "{:?}", syntax(unclosed));
    }
    assert_eq!(syntax("a = 1\na = 2\n"), ["t:2:1: not valid TOML: duplicate key"]);
}

#[test]
fn what_comes_after_a_broken_header_is_still_read_under_its_own_header() {
    let text = "[[client]\nname = 1\n[drain]\ntimeout = 2\n";
    let table = parse(0, text, &mut Complaints::default());
    assert_eq!(table.entries.keys().collect::<Vec<_>>(), ["drain"]);
}
