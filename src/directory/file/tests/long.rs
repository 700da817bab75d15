//! Many users: what they take, and what is said about a text too long to be read carefully.

use std::fmt::Write;

use super::*;
use crate::directory::file::explain;
use crate::directory::file::index::Twice;

const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn crowd(count: usize) -> String {
    let mut text = String::new();
    for n in 0..count {
        writeln!(
            text,
            "[[user]]\nid = \"40404040-4040-4040-8040-{n:012}\"\nname = \"user{n:07}\"\npassword = \"{HASH}\"\n\
             groups = [\"vpn users\", \"group {}\"]\n",
            n % 7
        )
        .unwrap();
    }
    text
}

fn read(text: &str) -> Users {
    let mut out = Complaints::default();
    let users = Users::read(0, text, &mut out);
    assert!(out.errors.is_empty() && out.warnings.is_empty(), "{out:?}");
    users
}

#[test]
fn a_user_takes_little_more_than_a_hundred_bytes_whatever_he_shares_with_others() {
    let users = read(&crowd(5_000));
    let bytes = users.users.bytes() + users.names.bytes() + users.ids.bytes();
    assert_eq!(users.len(), 5_000);
    assert!(bytes / users.len() <= 105, "{bytes}");
    assert!(users.has_group("group 6") && users.has_group("vpn users") && !users.has_group("group 7"));
}

#[test]
fn everybody_among_many_is_found_by_name_and_by_id_and_nobody_else_is() {
    let users = read(&crowd(3_000));
    for n in 0..3_000 {
        let name = LoginName::parse(format!("USER{n:07}").as_bytes()).unwrap();
        let user = users.named(&name).unwrap();
        let account = users.account(&user, &"local".into(), &Combined::of(&users.groups)).unwrap();
        assert_eq!(
            Some(&*account.id),
            uuid(&format!("40404040-4040-4040-8040-{n:012}")).as_ref().map(<[u8; 16]>::as_slice)
        );
        assert_eq!(account.groups.len(), 2);
        assert_eq!(users.behind(&account).map(|user| user.name), Some(user.name));
        let nobody = LoginName::parse(format!("user{:07}", n + 3_000).as_bytes()).unwrap();
        assert!(users.named(&nobody).is_none());
    }
}

/// What is said about `text` when it is read as a long one is.
fn explained(text: &str, twice: &[&[u8]]) -> String {
    let mut out = Complaints::default();
    let twice: Vec<Twice> = twice.iter().map(|key| Twice((*key).into())).collect();
    explain::parts(0, text, &twice, &mut out);
    let sources = [Source { name: "users.toml".into(), text: text.into(), people: true }];
    render(&out.errors_in(&sources))
}

#[test]
fn the_mistakes_in_a_long_file_are_shown_with_the_places_that_they_have_in_a_short_one() {
    let text = crowd(50)
        .replace("name = \"user0000007\"", "name = \"user0000003\"")
        .replace("8040-000000000011", "8040-00000000001x")
        .replace("name = \"user0000013\"", "name = ")
        .replace("name = \"user0000020\"", "nam = \"user0000020\"")
        .replace("8040-000000000030", "8040-000000000031");
    let (whole, _) = complaints(&text);
    assert_eq!(whole.matches("see: ").count(), 2, "{whole}");
    let id = uuid("40404040-4040-4040-8040-000000000031").unwrap();
    assert_eq!(explained(&text, &[b"user0000003", &id]), whole);
}

#[test]
fn a_long_file_that_is_not_cut_into_users_is_refused_with_a_reason() {
    let text = crowd(3).replacen("groups", "note = '''\n[[user]]\n'''\ngroups", 1);
    assert!(explained(&text, &[]).contains("there is no key \"note\""));
    let text = crowd(2).replacen("\"user0000000\"", "'''\n[[user]] '''", 1);
    let said = explained(&text, &[]);
    assert!(said.contains("no text in it may hold a line that begins with [[user]]"), "{said}");
    let text = format!("# {}\n{}", "x".repeat(LONGEST_PART), crowd(1));
    let said = explained(&text, &[]);
    assert!(said.starts_with("users.toml:1:1: here are more than 16777216 bytes"), "{said}");
}

fn straight(text: &str, threads: usize) -> Option<Users> {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
    Users::straight(&file, text.len(), threads)
}

/// Everybody, byte for byte.
fn everybody(users: &Users) -> Vec<(&str, [u8; 16], usize)> {
    users.users.all().map(|(_, user)| (user.name, *user.id, users.groups.get(user.groups).len())).collect()
}

#[test]
fn a_file_read_in_pieces_and_shares_gives_the_same_people_as_its_text() {
    let text = format!("# users\n\n{}", crowd(30_000));
    let users = read(&text);
    for threads in [1, 2, 3] {
        let pieces = straight(&text, threads).unwrap();
        assert_eq!(everybody(&pieces), everybody(&users));
        for (_, user) in users.users.all().step_by(997) {
            let name = LoginName::parse(user.name.as_bytes()).unwrap();
            assert_eq!(pieces.named(&name).map(|user| *user.id), Some(*user.id));
            let found = pieces.ids.find(&pieces.users, user.id, |other| other.id == user.id);
            assert_eq!(found.map(|user| user.name), Some(user.name));
        }
        assert!(pieces.has_group("group 6") && !pieces.has_group("group 7"));
    }
    for small in ["", "\u{feff}", "# nobody", &crowd(1)] {
        assert_eq!(everybody(&straight(small, 2).unwrap()), everybody(&read(small)));
    }
}

#[test]
fn a_file_with_anything_wrong_or_doubtful_anywhere_is_left_to_be_read_as_a_whole() {
    let text = crowd(30_000);
    let last = "user0029999";
    let cheaper = text.replacen("m=19456", "m=19455", 1);
    for (what, text) in [
        ("a name twice, far apart", text.replace(last, "USER0000000")),
        ("an id twice, far apart", text.replace("000000029999", "000000000000")),
        ("a hash that costs less", cheaper),
        ("no value", text.replace(&format!("\"{last}\""), "")),
        ("an open text across a cut", text.replace(&format!("\"{last}\""), "\"\"\"")),
    ] {
        for threads in [1, 2] {
            assert!(straight(&text, threads).is_none(), "{what}");
        }
    }
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, b"# \xff\n").unwrap();
    assert!(Users::straight(&file, 4, 1).is_none(), "no text");
    assert!(Users::straight(&file, 5, 1).is_none(), "shorter than it was");
}
