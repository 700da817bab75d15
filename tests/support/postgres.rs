//! PostgreSQL, whose roles prove themselves by its `ldap` method.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::authority::Authority;
use crate::support::ldap_app::{
    Daemon, Ldap, Outcome, Tls, Way, ca_for, home, in_time, installed, not_as_root, private_file, run, said,
};
use crate::support::missing;
use crate::support::slapd::free_port;

/// A server with a database for each way to find a person. It ends when this is dropped.
pub struct Postgres {
    daemon: Daemon,
    port: u16,
    client: PathBuf,
    _home: TempDir,
}

/// Raise it when roles or databases change.
const EDITION: u32 = 2;

/// Which database finds people in which way. Two are there anyhow: a copy of the files is the larger part of a start.
const TEMPLATE: &str = "postgres";
const SEARCH: &str = "template1";
const BARE: &str = "bare";

/// The roles of every server.
pub const ROLES: &[&str] = &["anna", "keyless", "nobody", "tess"];

impl Postgres {
    /// Starts one where each of [`ROLES`] may log in; `None` when it is not installed.
    pub fn start(ldap: &Ldap) -> Option<Self> {
        Self::start_with(ldap, "60s")
    }

    /// The same with this `authentication_timeout`.
    pub fn start_with(ldap: &Ldap, timeout: &str) -> Option<Self> {
        let Some(server) = installed("/usr/lib/postgresql/*/bin/postgres") else {
            missing("PostgreSQL is not installed");
            return None;
        };
        let home = home();
        copy(&template(&server), &home.path().join("data"));
        std::fs::write(home.path().join("data/pg_hba.conf"), rules(ldap)).unwrap();
        let (cert, key) = Authority::new().server(&["127.0.0.1"]);
        private_file(&home, "data/server.crt", &cert);
        private_file(&home, "data/server.key", &key);
        let data = home.path().join("data");
        let data = data.to_str().unwrap();

        let ca = ca_for(&home, ldap);
        (0..5)
            .find_map(|_| {
                let port = free_port();
                let settings = [
                    "listen_addresses=127.0.0.1".to_owned(),
                    format!("port={port}"),
                    "unix_socket_directories=".to_owned(),
                    format!("authentication_timeout={timeout}"),
                    "ssl=on".to_owned(),
                    "fsync=off".to_owned(),
                    "shared_buffers=16MB".to_owned(),
                    "log_line_prefix=".to_owned(),
                ];
                let mut args = vec!["-D", data];
                args.extend(settings.iter().flat_map(|setting| ["-c", setting]));
                let environment = [("LDAPCONF", "/dev/null"), ("LDAPTLS_CACERT", ca.to_str().unwrap())];
                let daemon = Daemon::start(&server, &args, &environment, "QUIT");
                daemon.wait_for(0, "ready to accept connections").map(|_| (daemon, port))
            })
            .map(|(daemon, port)| Self { daemon, port, client: server.with_file_name("psql"), _home: home })
            .or_else(|| panic!("PostgreSQL does not start"))
    }

    /// A login over the network, and a question to be sure whose it is.
    pub fn login(&self, way: Way, user: &str, password: &str) -> Outcome {
        let database = match way {
            Way::Template => TEMPLATE,
            Way::Search => SEARCH,
        };
        self.login_to(database, user, password)
    }

    /// The same to a database that lets people in without TLS, too; they bind by template.
    pub fn login_that_may_be_bare(&self, user: &str, password: &str) -> Outcome {
        self.login_to(BARE, user, password)
    }

    fn login_to(&self, database: &str, user: &str, password: &str) -> Outcome {
        let mark = self.daemon.mark();
        let port = self.port.to_string();
        let mut psql = in_time(&self.client);
        psql.args(["-X", "-w", "-A", "-t", "-h", "127.0.0.1", "-p", &port, "-U", user])
            .args(["-d", database, "-c", "SELECT current_user"])
            .env("PGPASSWORD", password);
        let output = run(&mut psql, "");
        let answer = said(&output);
        if output.status.success() && answer.trim() == user {
            return Outcome::Accepted;
        }
        // What the person sees is the same whatever went wrong; the server's log tells it apart.
        let told =
            self.daemon.wait_for(mark, "LDAP authentication failed for user").map(|lines| lines.join("\n"));
        match told {
            Some(log) if log.contains("Invalid credentials") || log.contains("does not exist") => {
                Outcome::Refused
            }
            log => Outcome::Broken(format!("{answer}{}", log.unwrap_or_default())),
        }
    }
}

/// The files of a server with the roles and databases, as made once; other test processes wait for the one that makes
/// them.
fn template(server: &Path) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(place).unwrap();
    let version = server.ancestors().nth(2).and_then(Path::file_name).unwrap().to_str().unwrap();
    let made = place.join(format!("postgres-{version}-{EDITION}"));
    let turn = File::create(place.join("postgres.lock")).unwrap();
    turn.lock().unwrap();
    if !made.is_dir() {
        // Where the one who runs the server may go.
        let home = home();
        make(server, &home.path().join("data"));
        let half = place.join("postgres-half");
        let _ = std::fs::remove_dir_all(&half);
        copy(&home.path().join("data"), &half);
        std::fs::rename(&half, &made).unwrap();
    }
    made
}

fn make(server: &Path, data: &Path) {
    let data = data.to_str().unwrap();
    let mut initdb = Command::new(server.with_file_name("initdb"));
    initdb.args([
        "-D",
        data,
        "-U",
        "owner",
        "-A",
        "reject",
        "--locale=C",
        "-E",
        "UTF8",
        "-N",
        "--wal-segsize=1",
    ]);
    let made = run(not_as_root(initdb.current_dir("/")), "");
    assert!(made.status.success(), "initdb: {}", said(&made));
    // Alone with its files, so that nobody needs an administrator's password.
    let roles = ROLES.iter().map(|name| format!("CREATE ROLE \"{name}\" LOGIN;\n"));
    let statements: String = roles.chain([format!("CREATE DATABASE {BARE};\n")]).collect();
    let mut single = Command::new(server);
    single.args(["--single", "-D", data, "-c", "exit_on_error=on", "-c", "fsync=off", "postgres"]);
    let made = run(not_as_root(single.current_dir("/")), &statements);
    assert!(made.status.success(), "postgres --single: {}", said(&made));
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(done.success(), "cp");
}

/// `pg_hba.conf`
fn rules(ldap: &Ldap) -> String {
    let Ldap { host, port, people_base, service_dn, service_password, .. } = ldap;
    let mut server = format!("ldapserver={host} ldapport={port}");
    match ldap.tls {
        Tls::Ldaps => server.push_str(" ldapscheme=ldaps"),
        Tls::StartTls => server.push_str(" ldaptls=1"),
        Tls::None => {}
    }
    let (before, behind) = ldap.around_user();
    let template = format!("all 127.0.0.1/32 ldap {server} ldapprefix=\"{before}\" ldapsuffix=\"{behind}\"");
    format!(
        "hostssl {TEMPLATE} {template}\nhost {BARE} {template}\n\
         hostssl {SEARCH} all 127.0.0.1/32 ldap {server} ldapbasedn=\"{people_base}\" \
         ldapbinddn=\"{service_dn}\" ldapbindpasswd=\"{service_password}\" \
         ldapsearchfilter=\"(&(objectClass=inetOrgPerson)(uid=$username))\"\n"
    )
}
