//! What a reload takes over from the settings that hold, instead of reading it again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::stamp::Stamp;
use crate::config::settings::{DirectoryKind, Settings};
use crate::directory::file::Users;

/// The users of files, by the state that each file had.
#[derive(Debug, Default)]
pub struct Kept(Vec<(PathBuf, Option<Stamp>, Arc<Users>)>);

impl Kept {
    /// What `settings` hold, before their directories are taken out.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let files = settings.directories.iter().filter_map(|directory| match &directory.kind {
            DirectoryKind::File { path, stamp, users } => Some((path.clone(), *stamp, Arc::clone(users))),
            DirectoryKind::Ldap { .. } => None,
        });
        Self(files.collect())
    }

    /// The users of the file at `path`, if it is as it was when they were read.
    #[must_use]
    pub fn users(&self, path: &Path, stamp: Stamp) -> Option<Arc<Users>> {
        let same = |(of, then, _): &&(PathBuf, Option<Stamp>, _)| of == path && *then == Some(stamp);
        self.0.iter().find(same).map(|(_, _, users)| Arc::clone(users))
    }

    /// Who is among these and not among the `newer` ones.
    #[must_use]
    pub fn without(&self, newer: &Self) -> Vec<Arc<Users>> {
        let stays = |users: &Arc<Users>| newer.0.iter().any(|(_, _, other)| Arc::ptr_eq(users, other));
        self.0.iter().map(|(_, _, users)| users).filter(|users| !stays(users)).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::base::clock::UnixTime;
    use crate::config::{Environment, Problems};

    const HASH: &str =
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

    struct Site(tempfile::TempDir);

    impl Site {
        fn new() -> Self {
            let site = Self(tempfile::tempdir().unwrap());
            let config = "[store]\npath = \"store.db\"\n[keys]\nfile = \"keys\"\n[audit]\nto = \"./audit.jsonl\"\n\
                          [[directory]]\nname = \"staff\"\nkind = \"file\"\npath = \"users.toml\"\n\
                          [[client]]\nname = \"vpn\"\naddresses = [\"192.0.2.1\"]\nsecret = { file = \"secret\" }\n\
                          directory = \"staff\"\n";
            site.write("doorward.toml", config);
            site.write("secret", "a secret of many octets, 123456");
            site
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }

        fn users(&self, count: u8) {
            let user = |n: u8| {
                format!(
                    "[[user]]\nid = \"00000000-0000-4000-8000-0000000000{n:02x}\"\nname = \"u{n}\"\npassword = \"{HASH}\"\n"
                )
            };
            self.write("users.toml", &(1..=count).map(user).collect::<String>());
        }

        fn load(&self, now: UnixTime, kept: &Kept) -> Result<Kept, Problems> {
            let path = self.0.path().join("doorward.toml");
            Settings::load_beside(&path, &Environment::default(), now, kept)
                .map(|(settings, _)| Kept::of(&settings))
        }
    }

    /// Long after every file here was written.
    const LATER: UnixTime = UnixTime::from_seconds(10_000_000_000);

    fn same(one: &Kept, other: &Kept) -> bool {
        other.without(one).is_empty() && one.without(other).is_empty()
    }

    #[test]
    fn a_users_file_that_did_not_change_is_not_read_again() {
        let site = Site::new();
        site.users(2);
        let first = site.load(LATER, &Kept::default()).unwrap();
        let second = site.load(LATER, &first).unwrap();
        assert!(same(&first, &second));
        site.users(3);
        let third = site.load(LATER, &second).unwrap();
        assert_eq!(second.without(&third).iter().map(|users| users.len()).collect::<Vec<_>>(), [2]);
        assert_eq!(third.without(&second).iter().map(|users| users.len()).collect::<Vec<_>>(), [3]);
    }

    #[test]
    fn a_users_file_that_changed_a_moment_ago_is_read_again_since_it_may_change_unseen() {
        let site = Site::new();
        site.users(2);
        let now = UnixTime::from_seconds(0);
        let first = site.load(now, &Kept::default()).unwrap();
        assert!(!same(&first, &site.load(now, &first).unwrap()));
    }

    #[test]
    fn what_was_doubtful_is_read_and_told_again_and_half_of_a_file_is_refused() {
        let site = Site::new();
        let cheap = HASH.replace("m=65536", "m=4096");
        let user = format!(
            "[[user]]\nid = \"1f0c54ab-5a39-4a4e-8b26-5b7f2f0d9a11\"\nname = \"a\"\npassword = \"{cheap}\"\n"
        );
        site.write("users.toml", &user);
        let path = site.0.path().join("doorward.toml");
        let mut kept = Kept::default();
        for _ in 0..2 {
            let (settings, warnings) =
                Settings::load_beside(&path, &Environment::default(), LATER, &kept).unwrap();
            assert!(warnings.iter().any(|warning| warning.what.contains("the hash is cheap to try")));
            kept = Kept::of(&settings);
        }
        site.write("users.toml", user.trim_end().trim_end_matches('"'));
        assert!(site.load(LATER, &kept).unwrap_err().to_string().contains("users.toml:4:"));
    }
}
