//! The program with upstream servers, and a device.

use std::path::Path;

use crate::lab::{self, Lab, SECRET, SEED, private_file, quiet_step, totp};
use crate::support::freeradius::{self, FreeRadius, Wish};
use crate::support::radclient::{Heard, Radclient};

/// Attributes that a device gets from the accept of the upstream; those of an administrator need a word more.
pub(crate) const PASSED: &str = "pass-attributes = [\"Class\", \"Filter-Id\", \"Framed-IP-Address\", \"Tunnel-Type\", \
                                 \"Tunnel-Medium-Type\", \"Tunnel-Private-Group-Id\", \"Service-Type\", \
                                 \"Cisco-AVPair\"]";

/// Every method that can be relayed.
pub(crate) const EVERY: &str =
    "methods = [\"pap\", \"chap\", \"ms-chap\", \"ms-chap-v2\", \"eap\"]\neap-name = \"upstream\"";

/// The program, where alice, carol and erin have generators of codes, and bob and dora need none.
pub(crate) struct Relayed {
    pub(crate) lab: Lab,
    pub(crate) servers: Vec<FreeRadius>,
    pub(crate) radclient: Radclient,
}

impl Relayed {
    /// With one server, and these keys of the client.
    pub(crate) fn start(client: &str) -> Option<Self> {
        Self::start_as(&[Wish::default()], client, "", "")
    }

    /// With a server for each wish, in order of preference; keys of the client, keys of the upstream, and more
    /// tables.
    pub(crate) fn start_as(wishes: &[Wish<'_>], client: &str, upstream: &str, tables: &str) -> Option<Self> {
        Self::start_whole(wishes, (client, upstream, tables), "")
    }

    /// With one server, these keys of the client, more tables, and these keys of everybody in the directory.
    pub(crate) fn start_for(client: &str, tables: &str, person: &str) -> Option<Self> {
        Self::start_whole(&[Wish::default()], (client, "", tables), person)
    }

    /// With one server that also takes accounting, and plays the device whose sessions it is told of: it shares
    /// FreeRADIUS' secret with the program, too.
    pub(crate) fn start_accounting() -> Option<Self> {
        let tables = "[accounting]\nlisten = [\"127.0.0.1:0\"]\nrelay = \"radius\"\n";
        let (client, upstream) = ("disconnect-port = {disconnect}", "accounting-port = {accounting}");
        Self::start_whole(&[Wish::default()], (client, upstream, tables), "")
    }

    fn start_whole(
        wishes: &[Wish<'_>],
        (client, upstream, tables): (&str, &str, &str),
        person: &str,
    ) -> Option<Self> {
        let radclient = Radclient::find(SECRET)?;
        let servers: Vec<_> = wishes.iter().map(FreeRadius::start_as).collect::<Option<_>>()?;
        let dir = lab::folder();
        private_file(&dir.path().join("users.toml"), &people(person));
        let addresses: Vec<_> = servers.iter().map(|server| format!("\"{}\"", server.address)).collect();
        let client = format!("primary = \"upstream\"\nupstream = \"radius\"\n{client}");
        let config = [
            lab::staff(dir.path()),
            upstream_table(dir.path(), &addresses.join(", "), upstream),
            lab::client(dir.path(), &client),
            "[[rule]]\nname = \"no-code\"\ngroup = [\"no code\"]\nthen = \"none\"\n".to_owned(),
            tables.to_owned(),
        ];
        let first = &servers[0];
        if client.contains("{disconnect}") {
            private_file(&dir.path().join("vpn.secret"), freeradius::SECRET);
        }
        let config = config
            .concat()
            .replace("{accounting}", &first.accounting.port().to_string())
            .replace("{disconnect}", &first.disconnect.port().to_string());
        let lab = Lab::start_custom(dir, &config);
        ["alice", "carol", "erin"].into_iter().for_each(|user| lab.enrol_totp(user));
        Some(Self { lab, servers, radclient })
    }

    /// The only server.
    pub(crate) fn server(&self) -> &FreeRadius {
        &self.servers[0]
    }

    /// A login with a password.
    pub(crate) fn log_in(&self, user: &str, password: &str) -> Heard {
        self.radclient.log_in(self.lab.radius, user, password, "")
    }

    /// The answer to a question.
    pub(crate) fn answer(&self, user: &str, text: &str, to: &Heard) -> Heard {
        self.radclient.log_in(self.lab.radius, user, text, &to.state())
    }

    /// The reasons of the logins so far.
    pub(crate) fn reasons(&self) -> Vec<String> {
        let logins = self.lab.logins();
        logins.iter().map(|login| login["reason"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// A code that is good for a while.
pub(crate) fn code() -> String {
    totp(SEED, quiet_step(15))
}

/// One that is not.
pub(crate) fn wrong_code(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

/// `[[upstream]]` with the lab's secret.
fn upstream_table(dir: &Path, addresses: &str, extra: &str) -> String {
    let secret = dir.join("upstream.secret");
    private_file(&secret, freeradius::SECRET);
    format!(
        "[[upstream]]\nname = \"radius\"\nservers = [{addresses}]\nsecret = {{ file = \"{}\" }}\n\
         server-timeout = \"2s\"\n{extra}\n",
        secret.display()
    )
}

/// Their passwords here are others than at the upstream.
fn people(more: &str) -> String {
    let hash = lab::hash_password(lab::PASSWORD);
    let people =
        [("alice", "code"), ("bob", "no code"), ("carol", "code"), ("dora", "no code"), ("erin", "code")];
    let user = |(number, (name, group)): (usize, (&str, &str))| {
        format!(
            "[[user]]\nid = \"00000000-0000-4000-8000-0000000000{number:02x}\"\nname = \"{name}\"\n\
             password = \"{hash}\"\ngroups = [\"{group}\"]\n{more}\n\n"
        )
    };
    people.into_iter().enumerate().map(user).collect()
}
