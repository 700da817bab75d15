//! Those who log in, as a file directory has them.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use doorward::login::throttle::Limits;

use crate::lab;

/// Password of everybody, where one is asked for.
pub const PASSWORD: &str = "correct horse";

/// Higher than any volley here.
pub const LIMITS: &str = "[limits]\nlogins = 100000\nlogins-per-client = 100000\nclient-per-second = 100000\n\
                      source-per-minute = 1000000\nsubject-per-minute = 100000\n\
                      logins-per-second = 1000000\nrealm-per-minute = 100000000\nsource-at-once = 100000\n\
                      subject-at-once = 10000\ncodes-per-minute = { totp = 100000, hotp = 100000 }\n";

/// How often one may guess, where the store is asked without the program.
pub const GUESSES: Limits = Limits {
    free: 5,
    first_wait: Duration::from_secs(900),
    longest_wait: Duration::from_secs(86_400),
    per_day: 20,
    release_after: None,
};

/// Name of the n-th user.
pub fn name(n: usize) -> String {
    format!("user{n:07}")
}

/// Where the n-th user comes from.
pub fn home(n: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 0)) + u32::try_from(n).unwrap())
}

/// Id of the n-th user in the file.
fn uuid(n: usize) -> [u8; 16] {
    let mut id = [0x40; 16];
    id[8..].copy_from_slice(&(n as u64).to_be_bytes());
    id
}

/// The users file of so many, each in so many groups.
pub fn write_users(path: &Path, users: usize, groups: usize) {
    let hash = lab::hash_password(PASSWORD);
    let more: String = (1..groups).map(|n| format!(", \"group {n:04} of everybody\"")).collect();
    let mut text = String::new();
    for n in 0..users {
        let id = data_encoding::HEXLOWER.encode(&uuid(n));
        let (a, b, c, d, e) = (&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
        let name = name(n);
        write!(
            text,
            "[[user]]\nid = \"{a}-{b}-{c}-{d}-{e}\"\nname = \"{name}\"\npassword = \"{hash}\"\n\
             groups = [\"vpn users\"{more}]\n"
        )
        .unwrap();
    }
    lab::private_file(path, &text);
}

/// Ids of the first `n` users in the file.
pub fn file_ids(n: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..n).map(|n| uuid(n).to_vec())
}
