mod long;
mod reading;

use std::time::Duration;

use super::*;
use crate::base::clock::{Clock, SystemClock};
use crate::base::random::SeededRandom;
use crate::base::report::{Source, render};
use crate::directory::group_name;

const ALICE: &str = "1f0c54ab-5a39-4a4e-8b26-5b7f2f0d9a11";
const BOB: &str = "8d0b9d7e-51f3-4a0e-9f1c-0c6f6c4f0b22";

fn hash(password: &str) -> String {
    hash_password(&Secret::copied(password.as_bytes()), &SeededRandom::new(3)).unwrap()
}

fn file() -> String {
    let (alice, bob) = (hash("hunter2"), hash("correct horse"));
    format!(
        "[[user]]\nid = \"{ALICE}\"\nname = \"Alice\"\naliases = [\"alice@example.org\", 'EXAMPLE\\alice']\n\
         password = \"{alice}\"\ngroups = [\"VPN Users\"]\nnumber = \"1004\"\n\
         [[user]]\nid = \"{BOB}\"\nname = \"bob\"\npassword = \"{bob}\"\ndisabled = true\n"
    )
}

fn complaints(text: &str) -> (String, String) {
    let mut out = Complaints::default();
    drop(Users::read(0, text, &mut out));
    let sources = [Source { name: "users.toml".into(), text: text.into(), people: true }];
    (render(&out.errors_in(&sources)), render(&out.warnings_in(&sources)))
}

fn directory(threads: usize) -> FileDirectory {
    let mut out = Complaints::default();
    let users = Users::read(0, &file(), &mut out);
    assert!(out.errors.is_empty() && out.warnings.is_empty(), "{out:?}");
    FileDirectory::new("local".into(), Arc::new(users), threads)
}

fn soon() -> Instant {
    SystemClock.now().steady + Duration::from_secs(30)
}

async fn found(directory: &FileDirectory, name: &str) -> Option<Account> {
    directory.find(&LoginName::parse(name.as_bytes()).unwrap(), soon()).await.unwrap()
}

async fn verdict(directory: &FileDirectory, name: &str, password: &str) -> PrimaryOutcome {
    let account = found(directory, name).await;
    let password = Secret::copied(password.as_bytes());
    directory.verify(account.as_ref(), &password, After::Nothing, soon()).await.unwrap().outcome
}

#[tokio::test]
async fn all_spellings_and_aliases_lead_to_one_account_d_102() {
    let directory = directory(2);
    let ids: Vec<_> =
        ["alice", "ALICE", " Alice ", "Alice@Example.ORG", "example\\ALICE"].into_iter().collect();
    for name in ids {
        let account = found(&directory, name).await.unwrap();
        assert_eq!(*account.id, uuid(ALICE).unwrap(), "{name}");
        assert_eq!(account.number.as_deref(), Some("1004"), "{name}");
        assert!(account.groups.contains(&group_name("vpn USERS")));
        assert_eq!(account.standing, Standing::Active);
    }
    assert!(found(&directory, "alic").await.is_none());
    assert!(found(&directory, ALICE).await.is_none(), "the id is no login name");
}

#[tokio::test]
async fn a_distinguished_name_is_nobodys_even_where_somebody_is_called_like_it() {
    let text = file().replace("name = \"bob\"", "name = \"cn=bob,dc=lab\"");
    let users = Users::read(0, &text, &mut Complaints::default());
    let directory = FileDirectory::new("local".into(), Arc::new(users), 1);
    assert!(found(&directory, "cn=bob,dc=lab").await.is_some());
    for dn in ["cn=bob,dc=lab", "alice", ALICE] {
        let name = LoginName::distinguished(dn).unwrap();
        assert!(directory.find(&name, soon()).await.unwrap().is_none(), "{dn}");
    }
}

#[tokio::test]
async fn the_stamp_changes_with_the_hash_and_only_with_it() {
    let stamp = async |text: &str| {
        let users = Users::read(0, text, &mut Complaints::default());
        let directory = FileDirectory::new("local".into(), Arc::new(users), 1);
        found(&directory, "alice").await.unwrap().stamp
    };
    let before = stamp(&file()).await;
    assert!(!before.is_empty());
    assert_eq!(stamp(&file().replace("VPN Users", "Staff")).await, before);
    let (old, new) = (hash("hunter2"), hash("hunter3"));
    assert_ne!(stamp(&file().replace(&old, &new)).await, before, "another password");
    let salted = hash_password(&Secret::copied(b"hunter2"), &SeededRandom::new(4)).unwrap();
    assert_ne!(stamp(&file().replace(&old, &salted)).await, before, "the same one, set anew");
}

#[tokio::test]
async fn only_the_right_password_of_an_enabled_account_is_correct() {
    let directory = directory(2);
    assert_eq!(verdict(&directory, "alice", "hunter2").await, PrimaryOutcome::Correct);
    assert_eq!(verdict(&directory, "alice", "Hunter2").await, PrimaryOutcome::Wrong);
    assert_eq!(verdict(&directory, "bob", "correct horse").await, PrimaryOutcome::Disabled);
    assert_eq!(verdict(&directory, "bob", "hunter2").await, PrimaryOutcome::Wrong);
    assert_eq!(found(&directory, "bob").await.unwrap().standing, Standing::Disabled);
}

#[tokio::test]
async fn nobody_has_no_password_and_his_check_waits_for_a_place_like_anybodys_d_100() {
    let directory = directory(1);
    for password in ["", "hunter2", "correct horse"] {
        assert_eq!(verdict(&directory, "mallory", password).await, PrimaryOutcome::Wrong);
    }
    let _taken = Arc::clone(&directory.hashing).acquire_owned().await.unwrap();
    let at_once = SystemClock.now().steady;
    for account in [None, found(&directory, "alice").await] {
        let fault = directory
            .verify(account.as_ref(), &Secret::copied(b"x"), After::Nothing, at_once)
            .await
            .unwrap_err();
        assert_eq!(fault.kind, FaultKind::Overloaded);
    }
}

#[tokio::test]
async fn an_empty_password_and_one_with_a_nul_are_never_hashed_b_041() {
    let directory = directory(1);
    let _taken = Arc::clone(&directory.hashing).acquire_owned().await.unwrap();
    let alice = found(&directory, "alice").await;
    for password in [&b""[..], b"hunter2\0"] {
        let outcome =
            directory.verify(alice.as_ref(), &Secret::copied(password), After::Nothing, soon()).await;
        assert_eq!(outcome.map(|verified| verified.outcome), Ok(PrimaryOutcome::Wrong));
    }
}

#[tokio::test]
async fn an_account_that_a_reload_removed_is_nobody() {
    let before = found(&directory(1), "alice").await;
    let mut out = Complaints::default();
    let after = FileDirectory::new("local".into(), Arc::new(Users::read(0, "", &mut out)), 1);
    let outcome = after.verify(before.as_ref(), &Secret::copied(b"hunter2"), After::Nothing, soon()).await;
    assert_eq!(outcome.map(|verified| verified.outcome), Ok(PrimaryOutcome::Wrong));
}

#[test]
fn every_mistake_in_a_users_file_is_shown_with_its_place_and_names_nobody_f_007() {
    let text = format!(
        "[[user]]\nname = \"alice\"\npassword = \"hunter2\"\n\
         [[user]]\nid = \"{ALICE}\"\nname = \"bob\"\nalias = \"b\"\npassword = '{hash}'\n\
         [[user]]\nid = \"{ALICE}\"\nname = \"BOB\"\npassword = '{hash}'\n\
         [[user]]\nid = \"12\"\nname = \"\"\npassword = '{hash}'\nnumber = \"a b\"\n",
        hash = hash("x")
    );
    let (errors, _) = complaints(&text);
    let expected = "\
users.toml:1:1: user: id is missing
  hint: uuidgen makes one; it stays with the person whatever else changes
users.toml:3:12: user: password is not a hash we can use: it does not have the form of a hash
  hint: doorward hash-password asks for the password and prints its hash
users.toml:7:1: user: there is no key \"alias\"
  hint: did you mean \"aliases\"?
users.toml:10:6: user: this id is another user's already
  see: users.toml:5:6
  hint: every user has one alone
users.toml:11:8: user: this name is another user's already
  see: users.toml:6:8
  hint: every user has one alone
users.toml:14:6: user: id is not a UUID
  hint: uuidgen makes one; it stays with the person whatever else changes
users.toml:15:8: user: the login name is empty
  hint: nobody could log in by it
users.toml:17:10: user: number cannot be an anonymous id
  hint: 1 to 64 of the letters a-z and A-Z, digits, \"-\", \"_\" and \".\"
";
    assert_eq!(errors, expected);
}

#[test]
fn a_cheap_hash_and_unequal_costs_are_doubtful() {
    let cheap = "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let text = format!(
        "[[user]]\nid = \"{ALICE}\"\nname = \"alice\"\npassword = '{}'\n\
         [[user]]\nid = \"{BOB}\"\nname = \"bob\"\npassword = '{cheap}'\n",
        hash("x")
    );
    let (errors, warnings) = complaints(&text);
    assert_eq!(errors, "");
    assert!(warnings.contains("user: the hash is cheap to try"), "{warnings}");
    assert!(warnings.contains("user: the hash costs more or less"), "{warnings}");
}

#[test]
fn an_id_is_a_uuid_of_36_characters_in_letters_of_either_case() {
    let id = uuid(ALICE).unwrap();
    assert_eq!(uuid(&ALICE.to_ascii_uppercase()), Some(id));
    assert_eq!(data_encoding::HEXLOWER.encode(&id), ALICE.replace('-', ""));
    let nobody = "00000000-0000-0000-0000-000000000000";
    for text in
        ["", nobody, &ALICE[1..], &format!("{ALICE}0"), &ALICE.replace('-', ""), &ALICE.replace('-', "0")]
    {
        assert_eq!(uuid(text), None, "{text}");
    }
    let (moved, odd) = (format!("1f0c-54ab{}", &ALICE[9..]), ALICE.replace('a', "g"));
    assert_eq!((uuid(&moved), uuid(&odd)), (None, None));
}

#[test]
fn users_are_not_printed_by_accident() {
    assert_eq!(format!("{:?}", directory(1).users), "Users(2)");
}
