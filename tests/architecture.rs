//! Which part of `src/` may use which, and which outside crates. The reasons are in `docs/architecture.md`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::path::{Path, PathBuf};

/// (part, parts it may use). A part that is not listed fails the test.
const MAY_USE: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("wire", &["base"]),
    ("login", &["base"]),
    ("gateway", &["base", "login"]),
    ("net", &["base", "wire"]),
    ("upstream", &["base", "login", "net", "wire"]),
    ("directory", &["base", "login", "gateway", "net", "upstream", "wire"]),
    ("primary", &["base", "login", "gateway", "upstream", "wire"]),
    ("factor", &["base", "login", "gateway"]),
    ("store", &["base", "login", "gateway"]),
    ("geo", &["base", "login", "gateway"]),
    ("audit", &["base", "login", "gateway"]),
    ("subjects", &["base", "login", "gateway"]),
    ("frontend", &["base", "login", "gateway", "net", "upstream", "wire"]),
    (
        "config",
        &[
            "base",
            "login",
            "gateway",
            "net",
            "directory",
            "frontend",
            "audit",
            "store",
            "geo",
            "subjects",
            "factor",
        ],
    ),
    (
        "daemon",
        &[
            "base",
            "login",
            "gateway",
            "net",
            "wire",
            "upstream",
            "directory",
            "primary",
            "factor",
            "store",
            "geo",
            "audit",
            "subjects",
            "frontend",
            "config",
        ],
    ),
    (
        "cli",
        &["base", "login", "gateway", "wire", "subjects", "config", "daemon", "directory", "factor", "store"],
    ),
];

/// Parts that decide or decode, and the outside crates they may use: hashes, MACs, comparisons, the tables of
/// Unicode, and for `login` those of time zones and expressions that names fit. All of them compute; none reads a clock or a socket.
const MAY_LINK: &[(&str, &[&str])] = &[
    (
        "wire",
        &[
            "hmac",
            "md5",
            "sha1",
            "sha2",
            "subtle",
            "zeroize",
            "thiserror",
            "data_encoding",
            "unicode_normalization",
        ],
    ),
    (
        "login",
        &[
            "thiserror",
            "data_encoding",
            "jiff",
            "regex",
            "unicode_normalization",
            "unicode_properties",
            "proptest",
        ],
    ),
];

/// Words that may not stand in a sans-IO file: it neither waits nor locks nor reads a clock (section 10).
const NOT_IN_SESSION: &[&str] = &[
    "async fn",
    ".await",
    "Mutex",
    "RwLock",
    "Instant::now",
    "SystemTime",
    "getrandom",
    "std::net::UdpSocket",
    "tokio",
];

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn rust_files(under: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(under).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The part a file belongs to; `None` for `lib.rs` and `main.rs`, which belong to all.
fn part_of(file: &Path) -> Option<String> {
    let relative = file.strip_prefix(src()).unwrap();
    let first = relative.components().next().unwrap().as_os_str().to_str().unwrap();
    (!first.ends_with(".rs")).then(|| first.to_owned())
}

/// The lines of a file up to its tests: those may use what they like.
fn lines(file: &Path) -> Vec<(usize, String)> {
    if file.file_name().is_some_and(|name| name == "tests.rs") {
        return Vec::new();
    }
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    code.lines().enumerate().map(|(no, line)| (no + 1, line.to_owned())).collect()
}

fn word_after<'a>(line: &'a str, before: &str) -> Vec<&'a str> {
    let ends = |rest: &'a str| {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    };
    line.split(before).skip(1).map(ends).collect()
}

#[test]
fn parts_use_only_what_they_may() {
    let mut wrong = Vec::new();
    for file in rust_files(&src()) {
        let Some(part) = part_of(&file) else { continue };
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!("{part}: not in the table"));
            continue;
        };
        for (no, line) in lines(&file) {
            for used in word_after(&line, "crate::") {
                if used != part && !allowed.contains(&used) {
                    wrong.push(format!("{}:{no}: {part} may not use {used}", file.display()));
                }
            }
            if line.contains("use crate::{") || line.contains("super::super") {
                wrong.push(format!(
                    "{}:{no}: write crate::part::…, so that borders can be seen",
                    file.display()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn adapters_know_the_gateway_by_its_ports_alone() {
    let mut wrong = Vec::new();
    for file in rust_files(&src()) {
        let Some(part) = part_of(&file) else { continue };
        if !["directory", "factor", "store", "geo", "audit", "subjects"].contains(&part.as_str()) {
            continue;
        }
        for (no, line) in lines(&file) {
            for used in word_after(&line, "crate::gateway::") {
                if used != "ports" {
                    wrong.push(format!("{}:{no}: {part} may use gateway::ports, not {used}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_calls_servers_knows_of_a_login_only_what_a_fault_is() {
    let mut wrong = Vec::new();
    for file in rust_files(&src()).into_iter().filter(|file| part_of(file).as_deref() == Some("upstream")) {
        for (no, line) in lines(&file) {
            let fault = line.contains("login::verdict::Fault;")
                || line.contains("login::verdict::{Fault, FaultKind};");
            if line.contains("crate::login::") && !fault {
                wrong.push(format!("{}:{no}: upstream may use login's Fault alone", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn codecs_and_decisions_link_nothing_that_waits_or_knows_the_time() {
    let manifest = fs::read_to_string(src().parent().unwrap().join("Cargo.toml")).unwrap();
    let outside: Vec<String> = manifest
        .split("[dependencies]")
        .nth(1)
        .unwrap()
        .split("[dev-dependencies]")
        .next()
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once(" = ").map(|(name, _)| name.trim().replace('-', "_")))
        .map(|name| if name == "md_5" { "md5".into() } else { name })
        .collect();
    let mut wrong = Vec::new();
    for file in rust_files(&src()) {
        let Some(part) = part_of(&file) else { continue };
        let Some((_, allowed)) = MAY_LINK.iter().find(|(name, _)| *name == part) else { continue };
        for (no, line) in lines(&file) {
            for name in &outside {
                if line.contains(&format!("{name}::")) && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{}:{no}: {part} may not link {name}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn sessions_neither_wait_nor_lock_nor_read_a_clock() {
    let mut wrong = Vec::new();
    for file in rust_files(&src()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let part = part_of(&file);
        let pure = matches!(part.as_deref(), Some("login" | "wire")) || name == "session.rs";
        if !pure {
            continue;
        }
        for (no, line) in lines(&file) {
            let code = line.split("//").next().unwrap_or("");
            if let Some(word) = NOT_IN_SESSION.iter().find(|word| code.contains(**word)) {
                wrong.push(format!("{}:{no}: {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_grant_is_made_in_one_file() {
    let makers: Vec<_> = rust_files(&src())
        .into_iter()
        .filter(|file| {
            lines(file).iter().any(|(_, line)| line.contains("Grant::new(") || line.contains("Grant {"))
        })
        .map(|file| file.strip_prefix(src()).unwrap().display().to_string())
        .collect();
    assert_eq!(makers, ["login/flow.rs", "login/verdict.rs"], "verdict.rs defines it, flow.rs makes it");
}

#[test]
fn no_file_is_called_after_nothing() {
    let vague = ["util", "utils", "common", "helpers", "types", "manager", "service", "misc"];
    for file in rust_files(&src()) {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        assert!(!vague.contains(&stem), "{}: name it after what it is for", file.display());
    }
}

#[test]
fn a_long_file_says_why() {
    let mut wrong = Vec::new();
    for file in rust_files(&src()) {
        let long = lines(&file).len();
        let text = fs::read_to_string(&file).unwrap();
        if long > 400 && !text.lines().take(12).any(|line| line.contains("Longer than 400 lines")) {
            wrong.push(format!("{}: {long} lines", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_direct_dependency_is_defended() {
    let root = src().parent().unwrap().to_path_buf();
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let reasons = fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    let section = manifest.split("[dependencies]").nth(1).unwrap().split("[[bench]]").next().unwrap();
    let names = section.lines().filter_map(|line| line.split_once(" = ").map(|(name, _)| name.trim()));
    let missing: Vec<_> = names.filter(|name| !reasons.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "docs/dependencies.md does not say what these are for: {missing:?}");
}
