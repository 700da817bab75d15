//! Every text about a mistake in the configuration, as a snapshot beside the TOML that causes it.
//!
//! `tests/config_messages/<case>.toml` is read as `doorward.toml`; `<case>.expected` is what is shown. To
//! write the expected texts anew, run with `DOORWARD_BLESS=1` and read the difference.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use doorward::base::clock::UnixTime;
use doorward::base::report::render;
use doorward::config::settings::Settings;
use doorward::config::{Environment, Problems};

/// 2026-11-21T00:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

const HASH: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

/// A folder with a configuration, secrets and users.
struct Site(tempfile::TempDir);

impl Site {
    fn new(main: &str) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.write("doorward.toml", main, 0o644);
        for (name, text, mode) in [
            ("good", "9Jm2pVqX0rT4wZs8cLfYh3bK6nDgQ1aE\n", 0o600),
            ("good2", "pL7xRk1sVb5yTq9wMz3dGh8jNc2fXa4U\r\n", 0o600),
            ("good3", "uW4eYt8iOp2aSd6fGh0jKl5zXc9vBn3m", 0o600),
            ("weak", "testing123", 0o600),
            ("short", "hq7Rw2", 0o600),
            ("empty", "\n", 0o600),
            ("open", "mN8bV4cX2zL6kJ9hG5fD3sA7pQ1wE0rT", 0o644),
        ] {
            site.write(&format!("secrets/{name}"), text, mode);
        }
        site.write("secrets/long", &"x".repeat(5000), 0o600);
        let user =
            String::from("[[user]]\nid = \"1f0c54ab-5a39-4a4e-8b26-5b7f2f0d9a11\"\nname = \"alice\"\n");
        let users = format!("{user}password = \"{HASH}\"\n");
        site.write("users.toml", &users, 0o600);
        site.write("users-open.toml", &users, 0o640);
        site.write("secrets/users", &users, 0o440);
        site.write(
            "users-bad.toml",
            &format!("{user}password = \"hunter2\"\nemail = \"a@example.org\"\n"),
            0o600,
        );
        site
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<(Settings, String), Problems> {
        let credentials = self.0.path().join("secrets");
        let mut all = vec![("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
        all.extend(variables);
        let loaded = Settings::load(&self.0.path().join("doorward.toml"), &Environment::of(&all), NOW);
        loaded.map(|(settings, warnings)| (settings, self.short(&render(&warnings))))
    }

    fn messages(&self, variables: &[(&str, &str)]) -> String {
        match self.load(variables) {
            Ok((_, warnings)) => format!("warnings:\n{warnings}"),
            Err(problems) => {
                self.short(&format!("errors:\n{problems}warnings:\n{}", render(&problems.warnings)))
            }
        }
    }

    /// Paths in messages begin at the folder.
    fn short(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config_messages");
    let mut cases: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    cases.sort();
    cases
}

#[test]
fn every_message_is_as_it_was_approved() {
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 9, "the cases are gone");
    for case in cases {
        let shown = Site::new(&fs::read_to_string(&case).unwrap()).messages(&[]);
        let expected = case.with_extension("expected");
        if std::env::var_os("DOORWARD_BLESS").is_some() {
            fs::write(&expected, &shown).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != shown {
            wrong.push(format!("{}:\n{shown}", case.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What stands in the secret files and in plain text in the cases.
const SECRETS: [&str; 9] = [
    "9Jm2pVqX",
    "pL7xRk1s",
    "uW4eYt8i",
    "testing123",
    "hq7Rw2",
    "mN8bV4cX",
    "correct horse",
    "hunter2",
    "CTFhFdXPJO1a",
];

#[test]
fn no_message_holds_a_secret() {
    for case in cases() {
        let shown = Site::new(&fs::read_to_string(&case).unwrap()).messages(&[]);
        for secret in SECRETS {
            assert!(!shown.contains(secret), "{}: {secret}", case.display());
        }
    }
}
