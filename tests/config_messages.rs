//! Every text about a mistake in the configuration, as a snapshot beside the TOML that causes it.
//!
//! `tests/config_messages/<case>.toml` is read as `doorward.toml`; `<case>.expected` is what is shown. To
//! write the expected texts anew, run with `DOORWARD_BLESS=1` and read the difference.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use doorward::base::clock::UnixTime;
use doorward::base::report::render;
use doorward::config::settings::{LogFormat, LogLevel, Settings};
use doorward::config::{Environment, Problems, file};
use doorward::frontend::ldap::clients::{ConnectionIs, Root};
use doorward::frontend::ldap::limits::LdapLimits;
use doorward::frontend::ldap::listener::{Encryption, PlainBinds};
use doorward::frontend::radius::clients::MessageAuthenticator;
use doorward::login::client::{Capabilities, CodeEntry, Order, PrimaryKind, Typed, WhenUnable};
use doorward::login::factor::FactorKind;
use doorward::login::policy::fault::FaultMode;
use doorward::login::policy::{Condition, Options, Requirement, Say};
use doorward::login::throttle::FlowLimits;

/// 2026-11-21T00:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);

const HASH: &str = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";

/// Certificates and keys of listeners: name of the file, text, mode. Made once.
fn certificates() -> &'static [(&'static str, Vec<u8>, u32)] {
    static MADE: OnceLock<Vec<(&str, Vec<u8>, u32)>> = OnceLock::new();
    MADE.get_or_init(|| {
        let key = rcgen::KeyPair::generate().unwrap();
        let made = |from: (i32, u8, u8), to: (i32, u8, u8), logged: bool| {
            let mut params = rcgen::CertificateParams::new(vec!["ldap.example.org".to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
            params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
            if logged {
                let oid = [1, 3, 6, 1, 4, 1, 11129, 2, 4, 2];
                params.custom_extensions.push(rcgen::CustomExtension::from_oid_content(&oid, vec![4, 0]));
            }
            params.self_signed(&key).unwrap()
        };
        let good = made((2026, 1, 1), (2028, 1, 1), false);
        let text = |certificate: &rcgen::Certificate| certificate.pem().into_bytes();
        let mut params = rcgen::CertificateParams::new(vec!["ldap.example.org".to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (rcgen::date_time_ymd(2026, 1, 1), rcgen::date_time_ymd(2028, 1, 1));
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        let application = params.self_signed(&key).unwrap();
        let other = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "a stranger");
        let stranger = params.self_signed(&other).unwrap();
        let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n";
        vec![
            ("tls/good.pem", text(&good), 0o644),
            ("tls/good.der", good.der().to_vec(), 0o644),
            ("tls/ended.pem", text(&made((2025, 1, 1), (2026, 1, 31), false)), 0o644),
            ("tls/soon.pem", text(&made((2025, 1, 1), (2026, 12, 1), true)), 0o644),
            ("tls/later.pem", text(&made((2027, 1, 1), (2028, 1, 1), false)), 0o644),
            ("tls/application.pem", text(&application), 0o644),
            ("tls/odd.pem", [text(&good), stranger.pem().into_bytes()].concat(), 0o644),
            ("secrets/tls-key", key.serialize_pem().into_bytes(), 0o600),
            ("tls/key.pem", key.serialize_pem().into_bytes(), 0o600),
            ("tls/open.key", key.serialize_pem().into_bytes(), 0o640),
            ("tls/other.key", other.serialize_pem().into_bytes(), 0o600),
            ("tls/locked.key", locked.as_bytes().to_vec(), 0o600),
        ]
    })
}

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
        for (name, content, mode) in certificates() {
            site.write_bytes(name, content, *mode);
        }
        // What the system trusts differs from machine to machine.
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        site.write("ca.pem", &params.self_signed(&key).unwrap().pem(), 0o644);
        site.write("secrets/long", &"x".repeat(5000), 0o600);
        let user =
            String::from("[[user]]\nid = \"1f0c54ab-5a39-4a4e-8b26-5b7f2f0d9a11\"\nname = \"alice\"\n");
        let users = format!("{user}password = \"{HASH}\"\n");
        site.write("users.toml", &users, 0o600);
        site.write("office.txt", "192.0.2.0/24 # the old floor\n", 0o644);
        site.write("empty.txt", "# all gone\n", 0o644);
        site.write("garbage.txt", &"not a prefix\n".repeat(12), 0o644);
        site.write("garbage.ics", "<html>sign in</html>\r\n", 0o644);
        site.write("holidays.ics", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", 0o644);
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
        self.write_bytes(name, text.as_bytes(), mode);
    }

    fn write_bytes(&self, name: &str, content: &[u8], mode: u32) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<(Settings, String), Problems> {
        let credentials = self.0.path().join("secrets");
        let mut all = variables.to_vec();
        all.push(("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap()));
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

#[test]
fn a_key_file_that_cannot_be_looked_at_is_not_one_that_is_missing() {
    let main = fs::read_to_string(cases().iter().find(|case| case.ends_with("ldap-warnings.toml")).unwrap())
        .unwrap();
    let main = main.replacen("{ credential = \"good\" }", "\"ca.pem/keys\"", 1);
    let shown = Site::new(&main).messages(&[]);
    assert!(shown.contains("keys: file: ca.pem/keys cannot be read: not a directory"), "{shown}");
    assert!(!shown.contains("key generate"), "{shown}");
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

/// A configuration without a mistake; `more` is put behind it.
fn sound(more: &str) -> Site {
    Site::new(&format!(
        "[keys]\nfile = {{ credential = \"good\" }}\n\
         [[directory]]\nname = \"local\"\nkind = \"file\"\npath = \"users.toml\"\n\
         [[client]]\nname = \"vpn-1\"\naddresses = [\"192.0.2.10\"]\nsecret = {{ file = \"secrets/good2\" }}\n\
         directory = \"local\"\n{more}"
    ))
}

#[test]
fn mistakes_in_the_environment_name_the_variable() {
    let variables = [
        ("DOORWARD_CONFIG", "/etc/doorward/doorward.toml"),
        ("DOORWARD_LOG__LEVEL", "loud"),
        ("DOORWARD_LOG__LEVL", "info"),
        ("DOORWARD_LOG_FORMAT", "json"),
        ("DOORWARD_RADIUS__WORKERS", "many"),
        ("DOORWARD_RADIUS__LISTEN", "[\"127.0.0.1\"]"),
        ("DOORWARD_KEYS__FILE", "x"),
        ("DOORWARD_CLIENT__SECRET", "x"),
        ("DOORWARD_LIMIT__LOGINS", "5"),
    ];
    let expected = "\
errors:
$DOORWARD_CLIENT__SECRET: client cannot be set from the environment
  x
  ^
  hint: write it into the file, or into a file in conf.d
$DOORWARD_KEYS__FILE: keys cannot be set from the environment
  x
  ^
  hint: write it into the file, or into a file in conf.d
$DOORWARD_LIMIT__LOGINS: there is no section \"limit\"
  5
  ^
  hint: did you mean limits?
$DOORWARD_LOG_FORMAT: the variable names no setting
  json
  ^^^^
  hint: section and key are divided by two underscores, as in DOORWARD_LOG__LEVEL=debug
$DOORWARD_LOG__LEVEL: log: level is \"loud\", it may be \"error\", \"warn\", \"info\", \"debug\" or \"trace\"
  loud
  ^^^^
$DOORWARD_LOG__LEVL: log: there is no key \"levl\"
  info
  ^^^^
  hint: did you mean \"level\"?
$DOORWARD_RADIUS__LISTEN: radius: listen: \"127.0.0.1\" is not an address with a port
  [\"127.0.0.1\"]
  ^^^^^^^^^^^^^
  hint: for example \"0.0.0.0:1812\" or \"[::]:1812\"
$DOORWARD_RADIUS__WORKERS: radius: workers is a text, it must be a number
  many
  ^^^^
  hint: the default is 0
warnings:
";
    assert_eq!(sound("").messages(&variables), expected);
}

#[test]
fn the_environment_lies_over_conf_d_which_lies_over_the_main_file_key_by_key() {
    let site =
        sound("[log]\nlevel = \"warn\"\nformat = \"json\"\n[limits]\nfactor = { free = 3, per-day = 9 }\n");
    site.write("conf.d/20-b.toml", "[log]\nlevel = \"error\"\n[limits]\nfactor = { per-day = 8 }\n", 0o644);
    site.write("conf.d/10-a.toml", "[log]\nlevel = \"trace\"\n[drain]\ntimeout = \"7s\"\n", 0o644);
    site.write("conf.d/.hidden.toml", "broken", 0o644);
    site.write("conf.d/notes.txt", "broken", 0o644);
    let variables = [("DOORWARD_DRAIN__TIMEOUT", "5s"), ("DOORWARD_LIMITS__FACTOR__FREE", "2")];
    let (settings, warnings) = site.load(&variables).unwrap();
    assert_eq!(warnings, "");
    assert_eq!(settings.log.level, LogLevel::Error);
    assert_eq!(settings.log.format, LogFormat::Json);
    assert_eq!(settings.drain_timeout.as_secs(), 5);
    let factor = settings.limits.failures.factor;
    assert_eq!((factor.free, factor.per_day, factor.first_wait.as_secs()), (2, 8, 900));
}

#[test]
fn a_lock_opens_by_itself_only_when_the_configuration_says_so() {
    let factor = |text: &str| {
        let site = sound(&format!("[limits]\nfactor = {{ {text} }}\n"));
        let (settings, warnings) = site.load(&[]).unwrap();
        (settings.limits.failures.factor.release_after, warnings)
    };
    assert_eq!(factor("free = 5"), (None, String::new()));
    assert_eq!(factor("release-after = \"0s\""), (None, String::new()));
    assert_eq!(factor("release-after = \"24h\""), (Some(Duration::from_secs(86_400)), String::new()));
    let (_, warnings) = factor("release-after = \"24h\", per-day = 0");
    assert!(warnings.contains("release-after opens nothing"), "{warnings}");
}

#[test]
fn tables_that_repeat_are_joined_in_the_order_of_the_files_and_a_mistake_names_its_file() {
    let site = sound("");
    let rules = |name: &str, network: &str| {
        format!("[[rule]]\nname = \"{name}\"\nnetwork = \"{network}\"\nthen = \"refuse\"\n")
    };
    site.write("conf.d/20.toml", &rules("second", "10.0.0.0/8"), 0o644);
    site.write("conf.d/10.toml", &rules("first", "unknown"), 0o644);
    let (settings, _) = site.load(&[]).unwrap();
    let names: Vec<_> = settings.policy.rules.iter().map(|rule| &*rule.name).collect();
    assert_eq!(names, ["first", "second"]);
    site.write("conf.d/30.toml", &rules("First", "192.0.2.0/24"), 0o644);
    site.write("conf.d/40.toml", "[log]\nlevle = 1\n", 0o644);
    assert_eq!(
        site.messages(&[]),
        "errors:\nconf.d/30.toml:2:8: two rules are called \"First\"\n  name = \"First\"\n         ^^^^^^^\n  \
         see: conf.d/10.toml:2:8\n  hint: give one of them another name\n\
         conf.d/40.toml:2:1: log: there is no key \"levle\"\n  levle = 1\n  ^^^^^\n  \
         hint: did you mean \"level\"?\nwarnings:\n"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_said_so() {
    let site = sound("");
    fs::remove_file(site.0.path().join("doorward.toml")).unwrap();
    assert_eq!(
        site.messages(&[]),
        "errors:\ndoorward.toml cannot be read: no such file or directory\n  \
         hint: check the path and who may read it\nwarnings:\n"
    );
    fs::write(site.0.path().join("doorward.toml"), b"\xff\xfe").unwrap();
    assert_eq!(
        site.messages(&[]),
        "errors:\ndoorward.toml is not UTF-8\n  hint: save it as UTF-8\nwarnings:\n"
    );
}

#[test]
fn without_credentials_the_message_says_how_to_try_by_hand() {
    let site = sound("");
    let path = site.0.path().join("doorward.toml");
    let problems = Settings::load(&path, &Environment::default(), NOW).unwrap_err();
    let shown = problems.to_string();
    assert!(shown.contains("there are no credentials here, CREDENTIALS_DIRECTORY is not set"), "{shown}");
    assert!(shown.contains("CREDENTIALS_DIRECTORY=/etc/doorward/credentials doorward check"), "{shown}");
}

#[test]
fn a_folder_that_the_unit_loads_as_credentials_is_found_under_the_plain_names() {
    let site = sound("");
    site.write("doorward.toml", &fs::read_to_string(site.0.path().join("doorward.toml")).unwrap(), 0o644);
    site.write("loaded/doorward_good", "key file", 0o400);
    let loaded = site.0.path().join("loaded");
    let (settings, warnings) = site.load(&[("CREDENTIALS_DIRECTORY", loaded.to_str().unwrap())]).unwrap();
    assert_eq!((settings.keys.path, warnings.as_str()), (loaded.join("doorward_good"), ""));
}

#[test]
fn a_secret_loses_the_end_of_its_line_and_nothing_else() {
    let site = sound("");
    let secret = |text: &str| {
        site.write("secrets/good2", text, 0o600);
        site.load(&[])
            .map(|(settings, _)| settings.clients[0].radius().unwrap().secret.expose().to_vec())
            .ok()
    };
    assert_eq!(secret(" a secret with blanks \n").unwrap(), b" a secret with blanks ");
    assert_eq!(secret("a secret of windows\r\n").unwrap(), b"a secret of windows");
    assert_eq!(secret("two ends of a line\n\n").unwrap(), b"two ends of a line\n");
    assert_eq!(secret("\r\n"), None, "A-030");
    assert_eq!(secret(""), None, "A-030");
    let long = "x".repeat(64);
    assert_eq!(secret(&long).unwrap().len(), 64, "A-031");
}

#[test]
fn what_is_not_said_has_the_default_that_the_manual_names() {
    let (settings, warnings) = sound("").load(&[]).unwrap();
    assert_eq!(warnings, "");
    assert_eq!(settings.radius.listen, ["0.0.0.0:1812".parse().unwrap(), "[::]:1812".parse().unwrap()]);
    assert_eq!(settings.status, None);
    assert_eq!(settings.limits.failures, FlowLimits::default());
    let client = &settings.clients[0];
    let radius = client.radius().unwrap();
    assert_eq!(radius.message_authenticator, MessageAuthenticator::Required, "A-038");
    assert!(radius.limit_proxy_state, "A-039");
    assert_eq!(client.login.when_unable, WhenUnable::Silence, "A-124");
    assert_eq!(client.login.entry, CodeEntry { challenge: true, typed: Typed::Nothing });
    assert!(settings.policy.rules.is_empty() && settings.numbered().is_empty());
}

/// A client that speaks LDAP with nothing but what it must have, and its listener.
const LDAP: &str = "
[[directory]]
name = \"corp\"
kind = \"active-directory\"
servers = [\"dc1.corp.example\"]
base-dn = \"DC=corp,DC=example\"
ca-file = \"ca.pem\"

[[listener]]
name = \"main\"
protocol = \"ldaps\"
listen = \"127.0.0.1:636\"
certificate = \"tls/good.pem\"
key = { file = \"tls/key.pem\" }

[[client]]
name = \"wiki\"
protocol = \"ldap\"
addresses = \"192.0.2.20\"
directory = \"corp\"
";

#[test]
fn what_an_application_may_is_as_strict_as_it_can_be_unless_it_is_said() {
    let (settings, warnings) = sound(LDAP).load(&[]).unwrap();
    assert_eq!(warnings, "");
    assert_eq!(settings.ldap, LdapLimits::default());
    let listener = &settings.listeners[0].settings;
    assert!(matches!(listener.encryption, Encryption::Tls(_)));
    assert_eq!((listener.plain, listener.proxies.len()), (PlainBinds::Refused, 0), "B-028");
    let client = settings.clients[1].ldap().unwrap();
    assert!(!client.read_only && !client.drops_references && client.exempt.is_empty());
    assert_eq!((client.external, client.connection_is), (None, ConnectionIs::Application));
    let root = Root {
        naming_contexts: vec!["DC=corp,DC=example".into()],
        active_directory: true,
        has_entries: true,
    };
    assert_eq!(client.root, root);
    let login = &settings.clients[1].login;
    assert_eq!(login.entry, CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } });
    assert_eq!(login.can, Capabilities { prompts: false, prompts_relayed: false, tells_address: false });
    assert_eq!((login.primary, login.remember), (PrimaryKind::Directory, None), "B-046");
}

#[test]
fn the_radius_sockets_are_open_only_where_somebody_speaks_radius() {
    let ldap_alone = |more: &str| {
        Site::new(&format!("[keys]\nfile = {{ credential = \"good\" }}\n{more}{LDAP}")).load(&[]).unwrap().0
    };
    assert!(ldap_alone("").radius.listen.is_empty());
    assert_eq!(ldap_alone("[radius]\nlisten = \"127.0.0.1:1812\"\n").radius.listen.len(), 1);
    assert_eq!(sound(LDAP).load(&[]).unwrap().0.radius.listen.len(), 2);
}

#[test]
fn a_directory_that_is_a_file_has_people_to_bind_and_no_entries_to_search() {
    let local = LDAP.replace(
        "addresses = \"192.0.2.20\"\ndirectory = \"corp\"",
        "listeners = \"main\"\ndirectory = \"local\"",
    );
    let (settings, _) = sound(&local).load(&[]).unwrap();
    assert_eq!(settings.clients[1].ldap().unwrap().root, Root::default());
}

#[test]
fn an_exemption_reaches_policy_and_front_end_in_its_one_form_b_047() {
    let more = "[[client]]\nname = \"mail\"\nprotocol = \"ldap\"\naddresses = \"192.0.2.21\"\ndirectory = \"corp\"\n\
                [[exemption]]\nname = \"svc\"\nclient = [\"wiki\", \"vpn-2\"]\nsource = \"192.0.2.0/28\"\n\
                account = \"CN=Wiki, OU=Service,DC=Corp,DC=example\"\nmay = [\"bind\", \"search\"]\nowner = \"web team\"\nreason = \"it looks people up\"\n\
                [[exemption]]\nname = \"sid\"\nclient = \"mail\"\nsource = \"192.0.2.21\"\n\
                account = \"s-1-5-21-1-2-3-1104\"\nmay = \"bind\"\nowner = \"web team\"\nreason = \"it looks people up\"\n";
    let site = sound(&(LDAP.to_owned() + more));
    site.write(
        "conf.d/vpn.toml",
        "[[client]]\nname = \"vpn-2\"\naddresses = [\"192.0.2.2\"]\nsecret = { file = \"secrets/good3\" }\n\
         directory = \"corp\"\n",
        0o644,
    );
    let (settings, _) = site.load(&[]).unwrap();
    let [svc, sid] = settings.policy.exemptions.as_slice() else { panic!("two exemptions") };
    assert_eq!(&*svc.account, "cn=wiki,ou=service,dc=corp,dc=example");
    assert_eq!((svc.clients.len(), svc.sources[0].to_string()), (2, "192.0.2.0/28".to_owned()));
    assert_eq!(&*sid.account, "S-1-5-21-1-2-3-1104");
    let exempt = |client: &str| {
        let client = settings.clients.iter().find(|c| &*c.login.name == client).unwrap().ldap().unwrap();
        client
            .exempt
            .iter()
            .map(|(name, exempt)| (name.to_string(), exempt.allowed.search))
            .collect::<Vec<_>>()
    };
    assert_eq!(exempt("wiki"), [("svc".to_owned(), true)]);
    assert_eq!(exempt("mail"), [("sid".to_owned(), false)]);
}

/// Uses every key of a client and of a rule.
const FULL: &str = "
previous-secret = { env = \"OLD\" }
groups = [\"vpn\", \"edge\"]
order = \"factor-first\"
primary = \"directory\"
code-entry = [\"append\", \"challenge\"]
code-digits = 8
prompt = \"Code?\"
message-authenticator = \"auto\"
limit-proxy-state = false
user-address-from = [\"Cisco-AVPair:ip:source-ip\", \"PaloAlto-Client-Source-IP\"]
login-timeout = \"45s\"
challenge-life = \"90s\"
reject-delay = \"500ms\"
when-unable = \"reject\"
password-charset = [\"utf-8\", \"windows-1252\"]
reply-rules = \"merge\"
without-reply-rule = \"refuse\"
class = false
disconnect-port = 3800
rewrite = [
  { strip-prefix = \"CORP\\\\\" },
  { strip-suffix = \"@corp.example\", expect = { \"Bob@Corp.example\" = \"bob\" } },
  { pattern = '(.*)@old\\.example', to = \"$1@new.example\", expect = { \"b@old.example\" = \"b@new.example\" } },
  { add-suffix = \"@corp.example\" },
]

[status]
listen = \"[::1]:9812\"

[accounting]
listen = [\"0.0.0.0:1813\"]
relay = \"nps\"
session-life = \"36h\"

[audit]
to = \"stdout\"
network-prefix = { v4 = 24, v6 = 48 }

[[directory]]
name = \"corp\"
kind = \"active-directory\"
servers = [\"dc1.corp.example\", \"[2001:db8::1]:1636\"]
base-dn = \"DC=corp,DC=example\"
tls = \"none\"
bind-dn = \"CN=doorward,DC=corp,DC=example\"
bind-password = { credential = \"good3\" }
server-timeout = \"5s\"
group-lookup = \"in-chain\"
upn-suffixes = [\"example.org\"]
login-attributes = [\"sAMAccountName\", \"mail\"]
default-domain = \"any\"

[[directory.other-domain]]
servers = [\"10.0.0.9\"]
base-dn = \"DC=eu,DC=corp,DC=example\"
netbios-domain = \"EU\"
bind-dn = \"doorward@eu.corp.example\"
bind-password = { credential = \"good2\" }

[[client]]
name = \"app\"
addresses = [\"192.0.2.11\"]
secret = { env = \"OLD\" }
directory = \"corp\"
code-entry = \"separator\"
code-separator = \"+\"

[[upstream]]
name = \"nps\"
servers = [\"192.0.2.40\", \"[2001:db8::40]:1645\"]
secret = { credential = \"good3\" }
message-authenticator = \"off\"
server-timeout = \"3s\"
status-server = false
nas-identifier = \"gate\"
accounting-port = 1646

[[client]]
name = \"wifi\"
addresses = [\"192.0.2.12\"]
secret = { env = \"OLD\" }
directory = \"corp\"
primary = \"upstream\"
upstream = \"nps\"
methods = [\"pap\", \"chap\", \"ms-chap\", \"ms-chap-v2\", \"eap\"]
challenge-after-ms-chap = true
eap-name = \"outer\"
pass-attributes = [\"class\", \"Service-Type\", \"Attr-26.99999.1\"]
administrative-attributes = true

[[directory]]
name = \"safe\"
kind = \"active-directory\"
servers = [\"dc1.corp.example\"]
base-dn = \"DC=corp,DC=example\"
ca-file = \"ca.pem\"
bind-dn = \"CN=doorward,DC=corp,DC=example\"
bind-password = { credential = \"good3\" }

[[client]]
name = \"desk\"
addresses = [\"192.0.2.13\"]
secret = { env = \"OLD\" }
directory = \"safe\"
change-password = true
new-password-prompt = \"New?\"
new-password-again-prompt = \"Again?\"
new-password-refused = \"No.\"

[ldap]
connections = 5000
connections-per-source = 100
first-message-timeout = \"5s\"
message-timeout = \"20s\"
idle-timeout = \"5m\"
write-timeout = \"10s\"
message-size-before-bind = \"128 KiB\"
message-size = \"10 MiB\"
operations = 50

[[listener]]
name = \"main\"
protocol = \"ldap\"
listen = [\"127.0.0.1:389\", \"[::1]:389\"]
certificate = \"tls/good.pem\"
key = { credential = \"tls-key\" }
client-certificates = \"optional\"
client-ca-file = \"ca.pem\"
plain-binds = \"loopback\"
proxy-protocol-from = [\"127.0.0.1\", \"2001:db8::1\"]

[[client]]
name = \"wiki\"
protocol = \"ldap\"
addresses = [\"192.0.2.20\"]
listeners = [\"main\"]
certificates = [\"dns:Wiki.example.org\", \"subject:CN=wiki,O=Example\\\\, Inc.\"]
directory = \"corp\"
code-entry = \"append\"
code-digits = 8
read-only = true
search-references = \"drop\"
address-is = \"person\"
external = \"principal\"
remember = \"5m\"
login-timeout = \"15s\"
reject-delay = \"0s\"

[[exemption]]
name = \"wiki-service\"
client = [\"wiki\", \"app\"]
account = \"CN=wiki,OU=Service,DC=corp,DC=example\"
source = [\"192.0.2.0/24\"]
may = [\"bind\", \"search\"]
owner = \"web team\"
reason = \"the wiki binds as itself\"
valid-from = 2026-11-01
valid-until = \"2027-01-31T12:00:00Z\"
kind = \"service\"
alarm = true

[[network]]
name = \"office\"
prefixes = [\"198.51.100.0/24\", \"2001:db8:1::/48\"]
file = \"office.txt\"

[[network]]
name = \"from-a-file\"
file = \"office.txt\"

[[calendar]]
name = \"from-a-file\"
zone = \"UTC\"
file = \"holidays.ics\"

[[window]]
name = \"hours\"
zone = \"Europe/Istanbul\"
hours = [{ days = [\"mon-fri\"], from = \"08:00\", to = \"19:00\" }, { days = [\"sat\"], from = \"09:00\", to = \"13:00\" }]

[[calendar]]
name = \"holidays\"
zone = \"Europe/Istanbul\"
days = [\"2027-10-29\", \"2027-12-24/2027-12-31\"]
times = [\"2027-11-01T22:00/2027-11-02T04:00\"]
file = \"holidays.ics\"

[[rule]]
name = \"all-of-it\"
client-group = \"vpn\"
listener = \"0.0.0.0:1812\"
protocol = \"radius\"
directory = \"local\"
network = [\"office\", \"203.0.113.0/24\", \"unknown\"]
country = [\"tr\", \"DE\"]
asn = [64496, 4200000000]
time = [\"hours\", { days = \"sun\", from = \"10:00\", to = \"12:00\", zone = \"UTC\" }]
calendar = \"holidays\"
first-login = false
new-network = true
last-login-before = 30
first-credential = [\"password\", \"ms-chap-v2\"]
enrolled = [\"totp\", \"nothing\"]
any = [{ group = \"a\" }, { subject = \"p7f3k\", all = [{ network = \"office\" }, { not = { enrolled = \"hotp\" } }] }]
all = [{ network = \"unknown\" }, { network = \"office\" }]
not = { calendar = \"holidays\", protocol = \"ldap\" }
valid-from = 2026-11-01
valid-until = \"2028-01-31\"
then = { require-all = [\"totp\", \"recovery\"] }
grace-until = 2026-12-31
offer = \"Please enrol at desk.example.org\"
shadow = true
remember = \"8h\"
session-timeout = \"9h\"
reply = [\"admins\"]

[[rule]]
name = \"closed\"
calendar = \"holidays\"
then = \"refuse\"
say = \"not-now\"

[[on-fault]]
name = \"store-move\"
owner = \"network team\"
reason = \"the store moves\"
client = \"vpn-1\"
client-group = \"vpn\"
group = \"Operators\"
valid-from = 2026-11-20
valid-until = 2026-12-01
then = \"recent-confirmation\"
within = \"12h\"

[[on-fault]]
name = \"paper\"
owner = \"network team\"
reason = \"the store moves\"
valid-until = 2026-12-01
then = { use = \"recovery\", prompt = \"On paper:\" }

[[expect]]
name = \"Office hours, from the office\"
user = \"alice\"
client = \"vpn-1\"
listener = \"0.0.0.0:1812\"
from = \"198.51.100.7\"
country = \"TR\"
asn = 64496
at = 2026-11-20T10:00:00+03:00
first-credential = \"password\"
enrolled = [\"totp\"]
first-login = false
new-network = true
last-login-days = 3
then = { require = \"totp\" }
rule = \"rest\"

[[expect]]
name = \"a group\"
group = [\"CN=VPN, OU=x,DC=corp,DC=example\"]
client = \"vpn-1\"
then = \"refuse\"

[[expect]]
name = \"somebody\"
subject = \"p7f3k\"
client = \"vpn-1\"
enrolled = \"nothing\"
rule = \"night\"

[[rule]]
name = \"night\"
client = \"vpn-1\"
group = [\"CN=VPN, OU=x,DC=corp,DC=example\", \"S-1-5-21-1-2-3-512\"]
subject = \"p7f3k\"
network = [\"10.0.0.0/8\", \"2001:db8::/32\", \"unknown\"]
time = [{ days = [\"fri-mon\"], from = \"22:00\", to = \"24:00\", zone = \"Europe/Berlin\" }]
then = { require = [\"totp\", \"recovery\"] }
grace-until = 2026-12-31

[[rule]]
name = \"rest\"
then = \"refuse\"

[[reply]]
name = \"admins\"
client = [\"vpn-1\"]
group = [\"CN=VPN, OU=x,DC=corp,DC=example\"]
administrative = true
attributes = [
  { name = \"service-type\", value = \"Administrative-User\" },
  { name = \"Class\", from = \"Department\", before = \"OU=\", after = \";\", allow = \",\", take = \"first\", missing = \"omit\" },
  { name = \"Filter-Id\", by-group = { \"B\" = \"b\", \"A\" = \"a\" }, every = true },
]

[[reply]]
name = \"users\"
client = \"vpn-1\"
group = [\"Users\"]
attributes = [{ name = \"Session-Timeout\", value = 3600 }]
";

#[test]
fn what_is_shown_says_everything_can_be_read_again_and_holds_no_secret() {
    let site = sound(FULL);
    let old = [("OLD", "Vb5yTq9wMz3dGh8jNc2fXa4UpL7xRk1s")];
    let (settings, warnings) = site.load(&old).unwrap();
    let shown = settings.to_toml();
    for secret in SECRETS.iter().chain(&["Vb5yTq9w"]) {
        assert!(!shown.contains(secret) && !settings.to_json().contains(secret));
        assert!(!format!("{settings:?}").contains(secret), "{secret}");
    }
    let json: serde_json::Value = serde_json::from_str(&settings.to_json()).unwrap();
    for (name, keys) in [
        ("client", file::CLIENT_RADIUS),
        ("client", file::CLIENT_LDAP),
        ("listener", file::LISTENER),
        ("upstream", file::UPSTREAM),
        ("exemption", file::EXEMPTION),
        ("rule", file::RULE),
        ("network", file::NETWORK),
        ("window", file::WINDOW),
        ("calendar", file::CALENDAR),
        ("on-fault", file::ON_FAULT),
        ("expect", file::EXPECT),
        ("reply", file::REPLY),
    ] {
        let tables = json[name].as_array().unwrap();
        let missing: Vec<_> =
            keys.iter().filter(|key| !tables.iter().any(|table| table.get(*key).is_some())).collect();
        assert!(missing.is_empty(), "{name}: {missing:?} not shown");
    }
    assert!(file::LDAP.iter().all(|key| json["ldap"].get(key).is_some()));
    assert!(file::ACCOUNTING.iter().all(|key| json["accounting"].get(key).is_some()));
    assert_eq!((&json["client"][0]["class"], &json["client"][1]["class"]), (&false.into(), &true.into()));
    site.write("doorward.toml", &shown, 0o644);
    let (again, warnings_again) = site.load(&old).unwrap();
    assert_eq!(again.to_toml(), shown);
    assert_eq!(warnings_again.lines().count(), warnings.lines().count());
    assert_eq!(json["client"][4]["certificates"][1], "subject:cn=wiki,o=example\\, inc.");
    assert_eq!(
        (&json["ldap"]["message-size"], &json["ldap"]["idle-timeout"]),
        (&"10 MiB".into(), &"5m".into())
    );
    assert_eq!(json["rule"][2]["grace-until"], "2027-01-01T00:00:00Z");
    assert_eq!(json["rule"][2]["group"][0], "cn=vpn,ou=x,dc=corp,dc=example");
    assert_eq!(json["rule"][2]["time"][0]["days"], serde_json::json!(["fri", "sat", "sun", "mon"]));
    assert_eq!(json["client"][1]["code-separator"], "+");
    let other =
        &json["directory"].as_array().unwrap().iter().find_map(|one| one.get("other-domain")).unwrap()[0];
    assert_eq!(other["bind-password"]["credential"], "good2");
    assert_eq!(other["netbios-domain"], "EU");
    let by_group = &json["reply"][0]["attributes"][2]["by-group"];
    assert_eq!(by_group, &serde_json::json!([{ "B": "b" }, { "A": "a" }]), "in the order of the file");
}

#[test]
fn a_large_file_that_is_all_wrong_is_judged_at_once() {
    let garbage = "= [[ \" ' {{ x\n".repeat(70_000);
    let unknown: String = (0..60_000).map(|n| format!("key{n} = {n}\n")).collect();
    let mixed = format!("{}[log]\nlevel = info\n{unknown}", "a b\n".repeat(10_000));
    for text in [&garbage, &unknown, &mixed] {
        let shown = Site::new(text).messages(&[]);
        assert!((20..=600).contains(&shown.lines().count()), "{shown}");
        assert!(shown.len() < 50_000);
    }
    assert!(Site::new(&unknown).messages(&[]).contains("\nand more\n"));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 200, failure_persistence: None, ..Default::default() })]

    /// Whatever is cut out of a configuration or put into it, there is an answer.
    #[test]
    fn no_damage_to_a_configuration_is_too_much(
        cut in 0usize..2000,
        length in 0usize..60,
        into in "[\\[\\]{}\"'=#\n\u{fc}\u{1f511}\ta-z0-9.,-]{0,12}",
    ) {
        let text = fs::read_to_string(cases().into_iter().find(|case| case.ends_with("client.toml")).unwrap());
        let text = text.unwrap() + FULL;
        let near = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let (from, to) = (near(cut), near(cut + length));
        let damaged = format!("{}{into}{}", &text[..from], &text[to..]);
        let shown = Site::new(&damaged).messages(&[("OLD", "x")]);
        proptest::prop_assert!(shown.starts_with("errors:\n"));
        for secret in SECRETS {
            proptest::prop_assert!(!shown.contains(secret), "{}", secret);
        }
    }
}

#[test]
fn ten_thousand_rules_are_looked_over_in_a_moment() {
    let rules: String = (0..10_000)
        .map(|number| {
            let (high, low) = (number / 256, number % 256);
            format!(
                "[[rule]]\nname = \"r{number}\"\nclient = \"vpn-1\"\nnetwork = \"10.{high}.{low}.0/24\"\n\
                 then = {{ require = \"totp\" }}\n"
            )
        })
        .collect();
    let site = sound(&rules);
    let (settings, warnings) = site.load(&[]).unwrap();
    assert_eq!((settings.policy.rules.len(), warnings.as_str()), (10_000, ""));
}

#[test]
fn a_rule_of_old_has_the_meaning_it_had_and_one_with_every_key_has_each_of_its_conditions() {
    let site = sound(FULL);
    let (settings, _) = site.load(&[("OLD", "Vb5yTq9wMz3dGh8jNc2fXa4UpL7xRk1s")]).unwrap();
    let rule = |name: &str| settings.policy.rules.iter().find(|rule| &*rule.name == name).unwrap();
    let old = rule("night");
    let [
        Condition::Client(clients),
        Condition::Any(ways),
        Condition::Time(hours),
        Condition::Subject(_),
        group,
    ] = old.when.parts()
    else {
        panic!("{:?}", old.when)
    };
    assert_eq!(clients.len(), 1);
    assert!(matches!(ways.as_slice(), [Condition::Network(_), Condition::AddressUnknown]));
    assert_eq!((hours.len(), hours[0].hours.len()), (1, 1));
    assert!(matches!(group, Condition::Group(keys) if keys.len() == 2));
    assert!(matches!(old.then, Requirement::OneOf(kinds) if kinds.iter().count() == 2));
    let only_grace = Options { grace_until: old.options.grace_until, ..Options::default() };
    assert_eq!(old.options, only_grace);

    let new = rule("all-of-it");
    assert_eq!(new.when.parts().len(), 18, "the keys of conditions, and one for both dates: {:?}", new.when);
    let options = &new.options;
    assert!(options.shadow && options.offer.is_some() && options.reply.is_some());
    let hours = |time: Option<Duration>| time.map(|time| time.as_secs() / 3600);
    assert_eq!((hours(options.remember), hours(options.session)), (Some(8), Some(9)));
    assert_eq!(rule("closed").options.say, Say::NotNow);
    let vpn = &settings.clients[0].login;
    assert_eq!((vpn.groups.len(), vpn.order), (2, Order::FactorFirst));
    assert_eq!(settings.limits.failures.remember_networks, 30);
    let [recent, paper] = settings.policy.faults.as_slice() else { panic!("two fault modes") };
    assert!(matches!(recent.then, FaultMode::RecentConfirmation(time) if time.as_secs() == 12 * 3600));
    assert!(
        matches!(&paper.then, FaultMode::Use { kinds, prompt } if kinds.only() == Some(FactorKind::Recovery) && prompt.as_deref() == Some("On paper:"))
    );
    let named: Vec<_> = settings.expectations.iter().map(|one| (&*one.name, one.then)).collect();
    assert_eq!(named.len(), 3);
    assert_eq!(named[1], ("a group", Some(Requirement::Refuse)));
    assert!(settings.expectations[0].line.contains("doorward.toml:"), "{}", settings.expectations[0].line);
    let glass = &settings.policy.exemptions[0];
    assert!(glass.alarm && glass.valid.from.is_some() && &*glass.owner == "web team");
}
