//! Bodies of the configuration fuzz targets. The targets in `fuzz/` and the property tests in
//! `tests/fuzz_bodies.rs` call the same functions. Nothing but files of the site's own folder is touched.

#[path = "fuzz_tables.rs"]
mod fuzz_tables;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use doorward::base::clock::UnixTime;
use doorward::base::report::render;
use doorward::config::Environment;
use doorward::config::settings::Settings;
use doorward::daemon::assemble;
use doorward::login::policy::{Facts, Input, Policy};

/// 2026-11-21T00:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

/// Every key there is; a line that begins with `#` and no blank is a key to switch on.
const SAMPLE: &str = include_str!("../../conf/doorward.toml");

/// Stands in all files of secrets; no message and no `show` may hold it.
const SECRET: &str = "9Jm2pVqX0rT4wZs8cLfYh3bK6nDgQ1aE";
/// A secret that somebody writes into the configuration itself.
const PLAIN: &str = "pL7xRk1sVb5yTq9wMz3dGh8jNc2fXa4U";
const USERS: &str = r#"[[user]]
id = "1f0c54ab-5a39-4a4e-8b26-5b7f2f0d9a11"
name = "alice"
password = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
groups = ["VPN Users"]
number = "4711"
"#;
const MAIN: &str = r#"[keys]
file = { credential = "keys" }
[[directory]]
name = "local"
kind = "file"
path = "users.toml"
[[client]]
name = "vpn-1"
addresses = ["192.0.2.10"]
secret = { credential = "vpn-1" }
directory = "local"
"#;
/// What the files of the sample's sets hold.
const OFFICE: &str = "# of the site\n198.51.100.0/24\n2001:db8:1::/48\n";
const HOLIDAYS: &str = "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261029\nRRULE:FREQ=YEARLY\n\
    END:VEVENT\nEND:VCALENDAR\n";
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBdDCCARugAwIBAgIUNXi/54/SVvzWi2aer2qc8t/ZrCgwCgYIKoZIzj0EAwIw\n\
DzENMAsGA1UEAwwEZnV6ejAgFw0yNjExMjEyMzE0MTJaGA8yMTI2MTAyODIzMTQx\n\
MlowDzENMAsGA1UEAwwEZnV6ejBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJ1V\n\
Tc8HKFlogVQnAJV6/3DAREhqNsvXRwHJ+GICaP0A041QNWwxABaLRs4D0t7KzB1y\n\
5V7KYN/X/KdTD+9EaVSjUzBRMB0GA1UdDgQWBBQR6zuvwLpdORCksAWnP0DLpJEU\n\
YzAfBgNVHSMEGDAWgBQR6zuvwLpdORCksAWnP0DLpJEUYzAPBgNVHRMBAf8EBTAD\n\
AQH/MAoGCCqGSM49BAMCA0cAMEQCIAHxSlBfooU7HQwmi/YuCHYU6YbQxDHhONb1\n\
8Qgr8SzWAiAz0ea5XLalITHwvL2/CPo393ypOzNHyxlunrxXa6/xjw==\n\
-----END CERTIFICATE-----\n
";

/// What stands behind an equals sign after a mutation. The first are for any key, so most are wrong there.
const VALUES: [&str; 40] = [
    "\"\"",
    "\"x\"",
    "\"vpn-1\"",
    "\"corp\"",
    "\"local\"",
    "\"file\"",
    "\"ldap\"",
    "\"none\"",
    "\"append\"",
    "\"separator\"",
    "\"trusted\"",
    "\"totp\"",
    "\"auto\"",
    "\"off\"",
    "\"stdout\"",
    "\"users.toml\"",
    "\"0.0.0.0/0\"",
    "\"::1\"",
    "\"127.0.0.1:0\"",
    "\"30s\"",
    "\"0s\"",
    "\"9999999999999999d\"",
    "\"\\u0000\"",
    "\"\\u001b[2J\"",
    "\"\u{202e}\u{e9}\"",
    "0",
    "-1",
    "9223372036854775807",
    "1e308",
    "nan",
    "true",
    "2026-01-31",
    "0000-01-01T00:00:00Z",
    "[]",
    "[[]]",
    "[\"10.0.0.0/8\", \"10.0.0.0/8\"]",
    "{}",
    "{ file = \"users.toml\" }",
    "{ credential = \"vpn-1\" }",
    "{ env = \"SECRET\" }",
];
const HEADERS: [&str; 12] = [
    "[radius]",
    "[limits]",
    "[status]",
    "[subjects]",
    "[audit]",
    "[[directory]]",
    "[[client]]",
    "[[rule]]",
    "[client]",
    "[[radius]]",
    "[[client.rule]]",
    "[unknown]",
];

/// A folder with everything that the sample names.
pub(crate) struct Site {
    folder: PathBuf,
    environment: Environment,
    lines: Vec<String>,
}

impl Site {
    /// Makes and fills `folder`.
    pub(crate) fn new(folder: &Path) -> Self {
        let private = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        };
        fs::create_dir_all(folder.join("secrets")).unwrap();
        let mut names: Vec<&str> = SAMPLE.split("credential = \"").skip(1).collect();
        names.push("keys\"");
        for (number, rest) in names.into_iter().enumerate() {
            let name = rest.split('"').next().unwrap();
            let text = if name == "users" { USERS.to_owned() } else { format!("{SECRET}{number}") };
            private(&format!("secrets/{name}"), &text);
        }
        private("users.toml", USERS);
        private("corp-ca.pem", AUTHORITY);
        private("office.txt", OFFICE);
        private("holidays.ics", HOLIDAYS);
        let credentials = folder.join("secrets");
        let environment = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()), ("SECRET", SECRET)];
        let here = format!("{}/", folder.display());
        let lines = SAMPLE.replace("/etc/doorward/", &here);
        let prose = |line: &&str| !line.is_empty() && !line.starts_with("# ");
        let lines = lines.lines().filter(prose).map(str::to_owned).collect();
        Self { folder: folder.to_owned(), environment: Environment::of(&environment), lines }
    }

    /// Whether the sample as it is can be used.
    pub(crate) fn accepts_the_sample(&self) -> bool {
        self.mutated(&[]);
        fs::write(self.folder.join("doorward.toml"), self.lines.join("\n")).unwrap();
        Settings::load(&self.folder.join("doorward.toml"), &self.environment, NOW).is_ok()
    }

    /// The first byte chooses: the rest as the main file, or as the users file of a sound one.
    pub(crate) fn file(&self, bytes: &[u8]) {
        let Some((which, bytes)) = bytes.split_first() else { return };
        // The fuzzer learns from comparisons and writes the secrets themselves.
        let holds = |secret: &str| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        if holds(SECRET) || holds(PLAIN) {
            return;
        }
        if which % 2 == 0 {
            fs::write(self.folder.join("users.toml"), USERS).unwrap();
            let _accepted = self.read(bytes);
        } else {
            fs::write(self.folder.join("users.toml"), bytes).unwrap();
            let _accepted = self.read(MAIN.as_bytes());
        }
    }

    /// The sample, changed line by line: three bytes are what to do, where, and with what.
    pub(crate) fn mutated(&self, script: &[u8]) {
        let mut lines = self.lines.clone();
        for step in script.chunks_exact(3).take(64) {
            change(&mut lines, step[0], usize::from(step[1]), usize::from(step[2]));
        }
        let _accepted = self.read(lines.join("\n").as_bytes());
    }

    /// Rules and what they name, made of bytes, behind a client and its directory. Says whether they were accepted.
    pub(crate) fn rules(&self, bytes: &[u8]) -> bool {
        fs::write(self.folder.join("users.toml"), USERS).unwrap();
        let text = format!("{MAIN}groups = [\"outside\"]\n{}", fuzz_tables::tables(bytes));
        self.read(text.as_bytes())
    }

    /// A configuration is accepted or refused with a reason. What is accepted can be used and shown, and what
    /// is shown means the same. Nothing that is printed holds a secret or moves a terminal's cursor. Says whether it
    /// was accepted.
    fn read(&self, main: &[u8]) -> bool {
        let path = self.folder.join("doorward.toml");
        fs::write(&path, main).unwrap();
        let (settings, shown, warnings) = match Settings::load(&path, &self.environment, NOW) {
            Err(problems) => {
                assert!(!problems.errors.is_empty(), "refused without a reason");
                is_printable(&problems.to_string());
                is_printable(&render(&problems.warnings));
                return false;
            }
            Ok((settings, warnings)) => {
                assemble::clients(&settings).expect("what is accepted can be used");
                serde_json::from_str::<serde_json::Value>(&settings.to_json()).expect("JSON is shown");
                let shown = settings.to_toml();
                (settings, shown, warnings)
            }
        };
        decides_as_written(&settings);
        is_printable(&render(&warnings));
        assert!(!shown.contains(SECRET) && !shown.contains(PLAIN), "a secret is shown");
        fs::write(&path, &shown).unwrap();
        match Settings::load(&path, &self.environment, NOW) {
            Ok((again, _)) => {
                assert_eq!(again.to_toml(), shown, "what is shown means something else");
                assert_eq!(
                    rules_of(&again),
                    rules_of(&settings),
                    "the rules that are shown mean something else"
                );
                true
            }
            Err(problems) => panic!("what is shown is refused: {problems}\n{shown}"),
        }
    }
}

/// All that the rules and exemptions say, names of networks and the like included.
fn rules_of(settings: &Settings) -> String {
    let Policy { rules, exemptions, .. } = &*settings.policy;
    format!("{:#?}{exemptions:#?}", rules.iter().collect::<Vec<_>>())
}

/// The rules decide something at every client, and the same one by one as all together.
fn decides_as_written(settings: &Settings) {
    for client in &settings.clients {
        for hours in [0, 9, 24 * 30] {
            let at = UnixTime(NOW.0 + hours * 3_600_000);
            let known = Facts {
                past: Input::Unknown,
                enrolled: Input::Unknown,
                subject: Input::Unknown,
                ..Facts::of(&client.login, at)
            };
            let decided = settings.policy.decide(&known);
            assert!(decided.is_some(), "nothing is pending, and nothing is decided");
            assert_eq!(decided, settings.policy.decide_plainly(&known));
        }
    }
}

fn is_printable(text: &str) {
    assert!(!text.contains(SECRET) && !text.contains(PLAIN), "a secret is printed");
    let odd = |c: char| (c.is_control() && c != '\n' && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!text.contains(odd), "a control character is printed: {text:?}");
}

fn change(lines: &mut Vec<String>, what: u8, at: usize, with: usize) {
    if lines.is_empty() || lines.len() > 400 {
        return;
    }
    let (at, other) = (at % lines.len(), with % lines.len());
    match what % 9 {
        0 => match lines[at].strip_prefix('#') {
            Some(line) => lines[at] = line.to_owned(),
            None => lines[at].insert(0, '#'),
        },
        1 => drop(lines.remove(at)),
        2 => lines.insert(at, lines[other].clone()),
        3 => lines.swap(at, other),
        4 => set_value(&mut lines[at], VALUES[with % VALUES.len()]),
        5 => {
            let value = lines[other].split_once('=').map(|(_, value)| value.trim().to_owned());
            value.iter().for_each(|value| set_value(&mut lines[at], value));
        }
        6 => lines.insert(at, HEADERS[with % HEADERS.len()].to_owned()),
        7 => {
            let place = lines[at].char_indices().nth(with % 40).map(|(place, _)| place);
            // A secret in plain text stands under a key that says so, or the message could not know.
            if let Some(place) = place.filter(|_| !lines[at].contains(PLAIN)) {
                lines[at].remove(place);
            }
        }
        _ if is_secret(&lines[at]) => set_value(&mut lines[at], &format!("\"{PLAIN}\"")),
        _ => {
            let key = lines[other].split('=').next().unwrap_or_default().to_owned();
            lines.insert(at, format!("{key} = {}", VALUES[at % VALUES.len()]));
        }
    }
}

fn is_secret(line: &str) -> bool {
    let key = line.split('=').next().unwrap_or_default().trim();
    ["secret", "previous-secret", "bind-password"].contains(&key)
}

fn set_value(line: &mut String, value: &str) {
    if value.contains(PLAIN) && !is_secret(line) {
        return;
    }
    if let Some((key, _)) = line.clone().split_once('=') {
        *line = format!("{key}= {value}");
    }
}
