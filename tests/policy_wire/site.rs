//! One house with two doors: a VPN that asks over RADIUS, and an application on people's own machines that binds over
//! LDAP. Behind both is the same directory with alice and bob.

use std::cell::Cell;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;

use doorward::wire::radius::dictionary::{REPLY_MESSAGE, TUNNEL_CLIENT_ENDPOINT};
use doorward::wire::radius::packet::Code;
use tempfile::TempDir;

use crate::house::House;
use crate::lab::{self, Appliance, Lab, PASSWORD, PATIENCE, Reply, SEED, hotp};
use crate::raw_ldap::{Raw, simple_bind};

/// What somebody reads whom nobody tells why.
pub(crate) const FAILED: &str = "Sign-in failed.";
/// What the VPN asks.
pub(crate) const QUESTION: &str = "Enter the code from your app:";

/// The clients, the VPN's with these further keys, and the directory.
fn tables(dir: &Path, keys: &str, rules: &str) -> String {
    let (staff, vpn, secret) = (lab::staff(dir), lab::client(dir, keys), dir.join("vpn.secret"));
    format!(
        "{staff}{vpn}\
         [[client]]\nname = \"branch\"\naddresses = [\"127.0.0.2\"]\nsecret = {{ file = {secret:?} }}\n\
         directory = \"staff\"\nreject-delay = \"0s\"\n\
         [[listener]]\nname = \"apps\"\nprotocol = \"ldap\"\nlisten = [\"127.0.0.1:0\"]\nplain-binds = \"loopback\"\n\
         [[client]]\nname = \"wiki\"\nprotocol = \"ldap\"\nlisteners = [\"apps\"]\ndirectory = \"staff\"\n\
         address-is = \"person\"\nreject-delay = \"0s\"\n{}",
        rules.replace("{dir}", dir.to_str().unwrap())
    )
}

/// The finished program with these rules.
pub(crate) fn program(rules: &str) -> Lab {
    program_in(lab::folder(), "", rules)
}

/// The same on a folder that has files for the rules, with these keys for the VPN.
pub(crate) fn program_in(dir: TempDir, keys: &str, rules: &str) -> Lab {
    let tables = tables(dir.path(), keys, rules);
    Lab::start_custom(dir, &tables)
}

/// The program in the test, with a clock to move.
pub(crate) fn house(rules: &str) -> House {
    house_in(lab::folder(), rules)
}

/// The same on a folder that has files for the rules.
pub(crate) fn house_in(dir: TempDir, rules: &str) -> House {
    let tables = tables(dir.path(), "", rules);
    House::start(dir, &tables)
}

/// Where something can be asked.
pub(crate) trait Doors {
    fn lab(&self) -> &Lab;
    fn ldap(&self) -> SocketAddr;

    /// A user of the VPN at this address of his own.
    fn vpn(&self, from: &str) -> Vpn {
        let mut device = self.lab().appliance();
        device.from = Some(from.to_owned());
        Vpn(device)
    }

    /// The same, where the device knows his machine by `mac`, and his address beside it.
    fn vpn_with_mac(&self, mac: &str, from: &str) -> Vpn {
        let mut vpn = self.vpn(mac);
        vpn.0.extra.push((TUNNEL_CLIENT_ENDPOINT, from.as_bytes().to_vec()));
        vpn
    }

    /// A bind over a fresh connection from this address of loopback, which is the person's own.
    fn bind(&self, from: &str, user: &str, password: &str) -> Heard {
        let mut raw = Raw::plain_from(from.parse().unwrap(), self.ldap());
        let answer = raw.ask(|id| simple_bind(id, user, password));
        match answer.code {
            Some(0) => Heard::LetIn(answer.text),
            Some(49) => Heard::Refused(answer.text),
            other => panic!("{other:?}: {answer:?}"),
        }
    }

    /// A generator of codes for somebody.
    fn generator(&self, user: &str) -> Generator {
        self.lab().enrol_hotp(user, SEED);
        Generator(Cell::new(0))
    }

    /// A value in the record of the last login; "" where it is not there.
    fn last(&self, key: &str) -> String {
        let record = self.lab().logins().pop().expect("a record");
        match &record[key] {
            serde_json::Value::Null => String::new(),
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        }
    }
}

impl Doors for Lab {
    fn lab(&self) -> &Lab {
        self
    }

    fn ldap(&self) -> SocketAddr {
        self.ldap_address("apps")
    }
}

impl Doors for House {
    fn lab(&self) -> &Lab {
        &self.lab
    }

    fn ldap(&self) -> SocketAddr {
        self.ldap.expect("a listener")
    }
}

/// A device with one user behind it.
pub(crate) struct Vpn(pub(crate) Appliance);

impl Vpn {
    /// The same user behind the device of another client.
    pub(crate) fn at_the_branch(mut self) -> Self {
        let socket = UdpSocket::bind((IpAddr::from([127, 0, 0, 2]), 0)).unwrap();
        socket.connect(self.0.server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        self.0.socket = socket;
        self
    }

    /// What comes of a right password alone.
    pub(crate) fn log_in(&self, user: &str) -> Heard {
        self.try_in(user, PASSWORD)
    }

    /// What comes of this password.
    pub(crate) fn try_in(&self, user: &str, password: &str) -> Heard {
        Heard::of(&self.0.ask(user, password))
    }

    /// Password, question, code.
    pub(crate) fn confirm(&self, user: &str, code: &str) -> Heard {
        let question = self.0.ask(user, PASSWORD);
        assert_eq!(Heard::of(&question), Heard::asked(), "{user}");
        Heard::of(&self.0.answer(user, code, &question))
    }

    /// The reply of a right password that must let in.
    pub(crate) fn accept(&self, user: &str) -> Reply {
        let reply = self.0.ask(user, PASSWORD);
        assert_eq!(reply.code, Code::AccessAccept, "{user}");
        reply
    }
}

/// What somebody hears who logs in, with the words that he reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    LetIn(String),
    Asked(String),
    Refused(String),
}

impl Heard {
    pub(crate) fn of(reply: &Reply) -> Self {
        let text = reply.text(REPLY_MESSAGE).unwrap_or_default();
        match reply.code {
            Code::AccessAccept => Self::LetIn(text),
            Code::AccessChallenge => Self::Asked(text),
            Code::AccessReject => Self::Refused(text),
            other => panic!("{other:?}"),
        }
    }

    /// Let in without a word.
    pub(crate) fn let_in() -> Self {
        Self::LetIn(String::new())
    }

    /// The usual question.
    pub(crate) fn asked() -> Self {
        Self::Asked(QUESTION.to_owned())
    }

    /// Turned away without a reason.
    pub(crate) fn refused() -> Self {
        Self::Refused(FAILED.to_owned())
    }
}

/// Somebody's generator: each code once.
pub(crate) struct Generator(Cell<u64>);

impl Generator {
    pub(crate) fn code(&self) -> String {
        let counter = self.0.replace(self.0.get() + 1);
        hotp(SEED, counter)
    }

    /// The password with the next code behind it.
    pub(crate) fn field(&self) -> String {
        format!("{PASSWORD}{}", self.code())
    }
}
