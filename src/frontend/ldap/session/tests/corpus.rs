//! Conversations of real programs with real directories: what a client says after its bind goes on as it came, and
//! every answer comes back.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::wire::ldap::frame::cut;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/ldap")
}

/// The messages of a recording, one after the other.
fn messages(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(path).unwrap();
    let digits: String = text.lines().filter(|line| !line.starts_with('#')).collect();
    let stream = data_encoding::HEXLOWER.decode(digits.trim().as_bytes()).unwrap();
    let mut rest = &stream[..];
    let mut found = Vec::new();
    while let Some(length) = cut(rest, usize::MAX).unwrap() {
        let (first, behind) = rest.split_at(length);
        found.push(first.to_vec());
        rest = behind;
    }
    assert!(rest.is_empty(), "{}", path.display());
    found
}

fn recordings() -> Vec<String> {
    let names =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> =
        names.filter_map(|name| name.strip_suffix(".server.hex").map(str::to_owned)).collect();
    names.sort();
    // What was made by hand is no conversation.
    let is_recorded = |name: &String| {
        let text = fs::read_to_string(folder().join(format!("{name}.client.hex"))).unwrap_or_default();
        text.starts_with("# Recorded")
    };
    names.retain(is_recorded);
    names
}

/// How many answers of this recording were let through, and how many requests were passed on.
fn play(name: &str) -> (usize, usize) {
    let mut lab = Lab::new();
    let answers = messages(&folder().join(format!("{name}.server.hex")));
    let (mut passed, mut forwarded) = (0, 0);
    for request in messages(&folder().join(format!("{name}.client.hex"))) {
        let id = Message::read(&request).unwrap().id;
        let out = lab.send(&request);
        match out.last() {
            Some(Action::Begin(ticket, _)) => {
                let _out = lab.end(*ticket, &accepted(), Some(anna()));
            }
            Some(Action::Forward) => {
                forwarded += 1;
                let own = answers.iter().map(|answer| Message::read(answer).unwrap()).filter(|m| m.id == id);
                for answer in own {
                    let tag = answer.operation.tag;
                    assert_eq!(lab.session.on_answer(id, tag), Passing::Pass, "{name}: {id} {tag:#x}");
                    passed += 1;
                }
            }
            // Answered by us.
            Some(Action::Send(_) | Action::Close(_) | Action::StartTls) => {}
            None => assert_eq!(Message::read(&request).unwrap().operation.tag, op::ABANDON_REQUEST, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    (passed, forwarded)
}

#[test]
fn conversations_of_real_programs_pass() {
    let names = recordings();
    assert!(names.len() > 10, "{names:?}");
    let mut all = 0;
    for name in &names {
        let (passed, forwarded) = play(name);
        assert!(passed >= forwarded || name.contains("proxied"), "{name}: {passed} answers to {forwarded}");
        all += passed;
    }
    assert!(all > 40, "{all} answers passed");
}
