//! Those who log in: a gateway whose store knows them, and the directory that they stand in.

use std::fmt::Write;
use std::fs;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::secret::Secret;
use doorward::daemon::stock::Stock;
use doorward::gateway::ports::{Place, Store, Vault};
use doorward::wire::radius::authenticator::SharedSecret;
use tempfile::TempDir;

use crate::crowd::write_users;
pub use crate::crowd::{LIMITS, PASSWORD, file_ids, home, name};
use crate::lab::{self, Lab};
use crate::load::{self, Shot};
use crate::responder::SERVICE;
use crate::store;
use crate::support::authority::Authority;

/// Devices that send logins.
const DEVICES: usize = 1000;
/// Each sends so many of them in one call.
const RUN: usize = 8;
/// More than so many may not be under way: then identifiers could be used twice.
pub const MOST_AT_ONCE: usize = DEVICES * 256 / 2;
/// Devices that send Status-Server; each is a client of its own, because a client may ask 50 times a second.
pub const PROBERS: usize = 2000;
/// What each of them may ask for in one second.
pub const PROBES_EACH: usize = 50;
/// Where the LDAP directory has a user.
pub fn dn(name: &str) -> String {
    format!("uid={name},ou=people,dc=lab,dc=test")
}

/// Id of the n-th user in a directory that answers out of its head.
pub fn entry_uuid(n: usize) -> String {
    format!("40404040-4040-4040-8040-{n:012}")
}

/// The n-th device of a kind; each kind has a /16 of loopback.
pub fn device(kind: u8, n: usize) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(127, kind, 0, 1)) + u32::try_from(n).unwrap())
}

/// A folder on the disk where the build is, not in memory: what is measured includes the disk.
pub fn folder() -> TempDir {
    let dir = TempDir::with_prefix_in("bench-", env!("CARGO_TARGET_TMPDIR")).unwrap();
    lab::private_file(&dir.path().join("vpn.secret"), lab::SECRET);
    dir
}

/// The client that sends logins; `more` are further keys.
fn client(dir: &Path, more: &str) -> String {
    let secret = dir.join("vpn.secret");
    format!(
        "[[client]]\nname = \"vpn\"\naddresses = [\"127.2.0.0/16\"]\nsecret = {{ file = {secret:?} }}\n\
         directory = \"people\"\n{more}\n"
    )
}

/// A gateway with `users` in a file, where clients have checked the password and send the code alone.
/// Nobody is enrolled yet.
pub fn trusted(users: usize) -> Lab {
    in_file(users, "primary = \"trusted\"", "")
}

/// A gateway with `users` in a file; `keys` are the client's, `tables` stand behind all, with `{folder}` for where its
/// files are.
pub fn in_file(users: usize, keys: &str, tables: &str) -> Lab {
    in_groups(users, 1, keys, tables)
}

/// The same where each of them is in so many groups.
pub fn in_groups(users: usize, groups: usize, keys: &str, tables: &str) -> Lab {
    let dir = folder();
    let path = dir.path().join("users.toml");
    write_users(&path, users, groups);
    let directory = format!("[[directory]]\nname = \"people\"\nkind = \"file\"\npath = {path:?}\n");
    let tables = tables.replace("{folder}", &dir.path().display().to_string());
    let config = format!("{LIMITS}{directory}{}{tables}", client(dir.path(), keys));
    Lab::start_custom(dir, &config)
}

/// A gateway for many devices that only ask whether it lives.
pub fn probed() -> Lab {
    let dir = folder();
    let mut config = format!(
        "[[directory]]\nname = \"people\"\nkind = \"file\"\npath = {:?}\n",
        dir.path().join("users.toml")
    );
    let hash = lab::hash_password(PASSWORD);
    let user = format!(
        "[[user]]\nid = \"6f1c2a52-0d7f-4b53-9d3e-2f7a54b1c001\"\nname = \"a\"\npassword = \"{hash}\"\n"
    );
    lab::private_file(&dir.path().join("users.toml"), &user);
    let secret = dir.path().join("vpn.secret");
    for n in 0..PROBERS {
        let address = device(1, n);
        writeln!(
            config,
            "[[client]]\nname = \"vpn-{n}\"\naddresses = [\"{address}\"]\nsecret = {{ file = {secret:?} }}\n\
             directory = \"people\""
        )
        .unwrap();
    }
    Lab::start_custom(dir, &config)
}

/// A gateway that asks an LDAP server for users, groups and passwords; the code stands behind the password.
pub fn bound(dir: TempDir, server: &str, ca_file: &Path) -> Lab {
    lab::private_file(&dir.path().join("service.secret"), PASSWORD);
    let password = dir.path().join("service.secret");
    let directory = format!(
        "[[directory]]\nname = \"people\"\nkind = \"ldap\"\nservers = [\"{server}\"]\ntls = \"ldaps\"\n\
         ca-file = {ca_file:?}\nbase-dn = \"dc=lab,dc=test\"\nbind-dn = \"cn=service,dc=lab,dc=test\"\n\
         bind-password = {{ file = {password:?} }}\n"
    );
    let config = format!("{LIMITS}{directory}{}", client(dir.path(), "code-entry = \"append\""));
    Lab::start_custom(dir, &config)
}

/// The same without TLS to the server, which knows groups itself; `keys` are the client's.
pub fn answered(server: &str, keys: &str) -> Lab {
    let dir = folder();
    lab::private_file(&dir.path().join("service.secret"), PASSWORD);
    let config = format!("{LIMITS}{}{}", asked_plainly(dir.path(), server), client(dir.path(), keys));
    Lab::start_custom(dir, &config)
}

fn asked_plainly(dir: &Path, server: &str) -> String {
    let password = dir.join("service.secret");
    format!(
        "[[directory]]\nname = \"people\"\nkind = \"ldap\"\nservers = [\"{server}\"]\ntls = \"none\"\n\
         base-dn = \"dc=lab,dc=test\"\nbind-dn = \"{SERVICE}\"\nbind-password = {{ file = {password:?} }}\n\
         group-lookup = \"member-of\"\n"
    )
}

/// A gateway with listeners for applications, without TLS named `plain` and with it `ldaps`, which asks the
/// LDAP server at `server` without TLS. One account of the application is exempt.
pub fn fronted(dir: TempDir, server: &str, authority: &Authority) -> Lab {
    let at = |name: &str| dir.path().join(name);
    let (certificate, key) = authority.server(&["localhost", "127.0.0.1"]);
    fs::write(at("gateway.pem"), certificate).unwrap();
    lab::private_file(&at("gateway.key"), &key);
    lab::private_file(&at("service.secret"), PASSWORD);
    let config = format!(
        "{LIMITS}[ldap]\nconnections = 25000\nconnections-per-source = 25000\n{}\
         [[listener]]\nname = \"plain\"\nprotocol = \"ldap\"\nlisten = [\"127.0.0.1:0\"]\n\
         plain-binds = \"loopback\"\n\
         [[listener]]\nname = \"ldaps\"\nprotocol = \"ldaps\"\nlisten = [\"127.0.0.1:0\"]\n\
         certificate = {:?}\nkey = {{ file = {:?} }}\n\
         [[client]]\nname = \"wiki\"\nprotocol = \"ldap\"\naddresses = [\"127.0.0.0/8\"]\n\
         directory = \"people\"\ncode-entry = \"append\"\n\
         [[exemption]]\nname = \"wiki-service\"\nclient = [\"wiki\"]\naccount = \"{SERVICE}\"\n\
         source = [\"127.0.0.0/8\"]\nmay = [\"bind\", \"search\"]\nowner = \"web team\"\nreason = \"it looks people up\"\n",
        asked_plainly(dir.path(), server),
        at("gateway.pem"),
        at("gateway.key"),
    );
    Lab::start_custom(dir, &config)
}

/// The password field of everybody at the step `distance` from now. A step that ends within `seconds` is waited out.
pub fn field(distance: i64, seconds: i64) -> String {
    format!("{PASSWORD}{}", lab::totp(lab::SEED, lab::quiet_step(seconds) + distance))
}

/// Stops the gateway and gives each account of the directory with one of `ids` a generator with the lab's
/// seed, through the store.
pub fn enrol(lab: &mut Lab, ids: impl Iterator<Item = Vec<u8>>) {
    lab.end("TERM");
    let (settings, _) = doorward::daemon::load(&lab.path("doorward.toml")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stock = Stock::open(&settings).await.unwrap();
        let vault: Arc<dyn Vault> = stock.keys.clone();
        let into: Arc<dyn Store> = stock.store.clone();
        store::fill_accounts(&into, &vault, "people", ids).await.unwrap();
    });
}

/// The same for any number, straight into the tables of the stopped gateway: through the store a million would take
/// minutes. Their codes change after `period` seconds.
pub fn enrol_all(lab: &mut Lab, period: i64, ids: impl Iterator<Item = Vec<u8>>) {
    const SUBJECT: &str =
        "INSERT INTO subject (pseudonym, digest_key, digest, identity_key, identity, created)
        VALUES (?, ?, ?, ?, ?, ?)";
    const ENROLMENT: &str = "INSERT INTO enrolment
        (pseudonym, id, kind, algorithm, digits, period, seed_key, seed, last, drift, used, created)
        VALUES (?, ?, 'totp', 'sha1', 6, ?, ?, ?, -1, 0, 0, ?)";
    lab.end("TERM");
    let (settings, _) = doorward::daemon::load(&lab.path("doorward.toml")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let keys = runtime.block_on(async { Stock::open(&settings).await.unwrap().keys });
    let db = rusqlite::Connection::open(lab.path("doorward.db")).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -524288; BEGIN").unwrap();
    let mut subject = db.prepare(SUBJECT).unwrap();
    let mut enrolment = db.prepare(ENROLMENT).unwrap();
    for (n, id) in (0..).zip(ids) {
        let (who, key) = (store::pseudonym(n), store::enrolment_id(n));
        let digest = keys.digests("people", &id)[0];
        let identity = keys.seal(Place::Identity(&who), &Secret::copied(&[0; 60])).unwrap();
        let seed = keys.seal(Place::Seed(key), &Secret::copied(store::SEED)).unwrap();
        let (name, created) = (who.to_string(), store::CREATED.0);
        let row = (&name, digest.key_id, digest.digest, identity.key_id, &*identity.bytes, created);
        subject.execute(row).unwrap();
        enrolment.execute((&name, key.0, period, seed.key_id, &*seed.bytes, created)).unwrap();
    }
    drop((subject, enrolment));
    db.execute_batch("COMMIT").unwrap();
}

/// Lets everybody who is enrolled have been let in today, as the tables know, and starts the gateway anew.
pub fn let_all_in(lab: &mut Lab) {
    lab.end("TERM");
    let today = doorward::login::throttle::day_of(SystemClock.now().unix);
    let db = rusqlite::Connection::open(lab.path("doorward.db")).unwrap();
    db.execute_batch("PRAGMA synchronous = OFF").unwrap();
    db.execute("UPDATE subject SET last_day = ?", [today]).unwrap();
    drop(db);
    lab.run();
}

/// Makes the store as large as it would be with `all` enrolments, by rows that nobody logs in with: as long as
/// real ones, and spread like them. They come behind those who log in, because the gateway tries its keys on the
/// first. It must be stopped.
pub fn crowd_out(lab: &Lab, all: usize) {
    const SQL: &str = "
        PRAGMA journal_mode = OFF;
        PRAGMA synchronous = OFF;
        PRAGMA cache_size = -524288;
        BEGIN;
        INSERT INTO subject (pseudonym, digest_key, digest, identity_key, identity, created)
            WITH RECURSIVE more (n) AS (SELECT count(*) FROM subject UNION ALL SELECT n + 1 FROM more WHERE n + 1 < :all),
                one AS MATERIALIZED (SELECT * FROM subject LIMIT 1)
            SELECT 'q' || substr(lower(hex(randomblob(10))), 2), digest_key, randomblob(32), identity_key,
                randomblob(length(identity)), created
            FROM more, one;
        INSERT INTO enrolment
            (pseudonym, id, kind, algorithm, digits, period, seed_key, seed, last, drift, used, created)
            WITH one AS MATERIALIZED (SELECT * FROM enrolment LIMIT 1)
            SELECT s.pseudonym, randomblob(16), kind, algorithm, digits, period, seed_key,
                randomblob(length(seed)), last, drift, used, s.created
            FROM subject AS s, one
            WHERE s.pseudonym >= 'q';
        COMMIT;";
    let db = rusqlite::Connection::open(lab.path("doorward.db")).unwrap();
    db.execute_batch(&SQL.replace(":all", &all.to_string())).unwrap();
    let count = |table: &str| -> u32 {
        let sql = format!("SELECT amount FROM tally WHERE what = '{table}'");
        db.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    let all = u32::try_from(all).unwrap();
    assert_eq!((count("subject"), count("enrolment")), (all, all));
}

/// Logins of these users with the code of the step `distance` from now, from many devices. A step that
/// ends within `seconds` is waited out.
pub fn logins(users: Range<usize>, distance: i64, seconds: i64, prefix: &str) -> Vec<Shot> {
    let code = lab::totp(lab::SEED, lab::quiet_step(seconds) + distance);
    let (password, secret) = (format!("{prefix}{code}"), load::secret());
    users.enumerate().map(|(at, n)| login(at, &name(n), home(n), &password, None, &secret)).collect()
}

/// The request that is number `at` in its volley.
pub fn login(
    at: usize,
    name: &str,
    home: Ipv4Addr,
    password: &str,
    state: Option<&[u8]>,
    secret: &SharedSecret,
) -> Shot {
    let (device_at, turn) = (at / RUN % DEVICES, at / RUN / DEVICES);
    let identifier = u8::try_from((turn * RUN + at % RUN) % 256).unwrap();
    load::login(device(2, device_at), identifier, (name, home), password, state, secret)
}

/// Status-Server requests, as many as all devices may send in one second.
pub fn probes() -> Vec<Shot> {
    let secret = load::secret();
    let shot = |at: usize| {
        let identifier = u8::try_from(at % PROBES_EACH).unwrap();
        load::probe(device(1, at / PROBES_EACH), identifier, &secret)
    };
    (0..PROBERS * PROBES_EACH).map(shot).collect()
}

/// People and groups for the LDAP server, with their entries in the order of their numbers.
pub fn ldif(users: usize, group_size: usize) -> String {
    let mut text = String::new();
    for n in 0..users {
        let name = name(n);
        write!(
            text,
            "dn: {}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\n\
             sn: {n}\nmail: {name}@lab.test\nuserPassword: {PASSWORD}\n\n",
            dn(&name)
        )
        .unwrap();
    }
    for first in (0..users).step_by(group_size) {
        write!(
            text,
            "dn: cn=group{first},ou=groups,dc=lab,dc=test\nobjectClass: groupOfNames\ncn: group{first}\n"
        )
        .unwrap();
        for n in first..users.min(first + group_size) {
            writeln!(text, "member: uid={},ou=people,dc=lab,dc=test", name(n)).unwrap();
        }
        text.push('\n');
    }
    text
}

/// Octets of the audit's file, and how many records it has.
pub fn audited(lab: &Lab) -> (f64, f64) {
    let text = fs::read_to_string(lab.path("audit.jsonl")).unwrap();
    (text.len() as f64, text.lines().count() as f64)
}

/// How large the store is on the disk, in MiB.
pub fn store_size(lab: &Lab) -> f64 {
    fs::metadata(lab.path("doorward.db")).unwrap().len() as f64 / (1024.0 * 1024.0)
}
