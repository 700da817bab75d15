//! One test for each mistake that was found and repaired, with the input that showed it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;

use doorward::base::clock::UnixTime;
use doorward::base::report::render;
use doorward::config::Environment;
use doorward::config::settings::Settings;

/// 2026-11-21T00:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

/// What is said about a main file, beside which a folder of secrets lies.
fn said(main: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("doorward.toml"), main).unwrap();
    let credentials = [("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())];
    let loaded = Settings::load(&folder.path().join("doorward.toml"), &Environment::of(&credentials), NOW);
    match loaded {
        Ok((_, warnings)) => render(&warnings),
        Err(problems) => format!("{problems}{}", render(&problems.warnings)),
    }
}

#[test]
fn a_path_in_a_message_moves_no_cursor_d_104() {
    // Found by the fuzz target "configuration": names of files were shown as they are.
    for main in [
        "[keys]\nfile = { credential = \"\\u001b[2Jkeys\" }\n",
        "[keys]\nfile = { file = \"a\\u202eb\" }\n",
        "[[directory]]\nname = \"x\"\nkind = \"file\"\npath = \"a\\rb\"\n",
        "[[client]]\nsecret = { file = \"\\u0007\" }\n",
    ] {
        let said = said(main);
        let odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(said.contains("\\u{") && !said.contains(odd), "{said:?}");
    }
}
