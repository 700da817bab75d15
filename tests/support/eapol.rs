//! `eapol_test` of wpa_supplicant: a computer at an access point that asks a RADIUS server by EAP, and compares
//! the keys that it made itself with those that the access point receives.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::support::freeradius::FreeRadius;
use crate::support::ldap_app::{in_time, run, said};
use crate::support::peer;

/// The program.
pub struct Eapol {
    program: PathBuf,
}

/// How a person shows who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    TtlsPap,
    TtlsMsChapV2,
    PeapMsChapV2,
    /// Without a tunnel.
    Md5,
}

/// How a login ended.
pub struct End {
    /// The server said EAP-Success in an Access-Accept, and the computer agrees.
    pub success: bool,
    /// The keys in the accept are those that the computer made itself.
    pub keys_match: bool,
    /// MS-MPPE-Recv-Key and MS-MPPE-Send-Key of the accept, without their hiding, as hexadecimal digits.
    pub keys: Vec<String>,
    /// All that it said, passwords included.
    pub log: String,
}

impl Way {
    /// The lines of a network block that choose it.
    fn block(self) -> &'static str {
        match self {
            Self::TtlsPap => "eap=TTLS\n    phase2=\"auth=PAP\"",
            Self::TtlsMsChapV2 => "eap=TTLS\n    phase2=\"auth=MSCHAPV2\"",
            Self::PeapMsChapV2 => "eap=PEAP\n    phase2=\"auth=MSCHAPV2\"",
            Self::Md5 => "eap=MD5",
        }
    }
}

impl Eapol {
    /// `None` when it is not installed.
    pub fn find() -> Option<Self> {
        Some(Self { program: peer("eapol_test")? })
    }

    /// A login at `at`, which shares `secret` with the access point; the tunnel must end at `server`. Outside of
    /// the tunnel the person is called anonymous.
    pub fn log_in(
        &self,
        server: &FreeRadius,
        at: SocketAddr,
        secret: &str,
        way: Way,
        user: &str,
        password: &str,
    ) -> End {
        self.log_in_as(&server.ca_file(), at, secret, way, ("anonymous", user), password)
    }

    /// The same with a name for outside of the tunnel and one for inside, and the file of the authority.
    pub fn log_in_as(
        &self,
        ca_file: &Path,
        at: SocketAddr,
        secret: &str,
        way: Way,
        (outer, user): (&str, &str),
        password: &str,
    ) -> End {
        let folder = tempfile::tempdir().unwrap();
        let settings = folder.path().join("network");
        let anonymous =
            if way == Way::Md5 { String::new() } else { format!("    anonymous_identity=\"{outer}\"\n") };
        let block = format!(
            "network={{\n    key_mgmt=IEEE8021X\n    {}\n{anonymous}    identity=\"{user}\"\n    \
             password=\"{password}\"\n    ca_cert=\"{}\"\n    domain_match=\"radius.lab.test\"\n}}\n",
            way.block(),
            ca_file.display()
        );
        std::fs::write(&settings, block).unwrap();
        let mut command = in_time(&self.program);
        command.arg("-c").arg(&settings).args(["-s", secret, "-t", "30"]);
        command.args(["-a", &at.ip().to_string(), "-p", &at.port().to_string()]);
        if way == Way::Md5 {
            command.arg("-n");
        }
        End::read(said(&run(&mut command, "")))
    }
}

impl End {
    fn read(log: String) -> Self {
        let success = log.lines().any(|line| line == "SUCCESS");
        let keys_match = log.lines().any(|line| line == "MPPE keys OK: 1  mismatch: 0");
        let keys = log
            .lines()
            .filter(|line| line.starts_with("MS-MPPE-"))
            .filter_map(|line| Some(line.split_once("): ")?.1.replace(' ', "")))
            .collect();
        Self { success, keys_match, keys, log }
    }

    /// The packets of this kind that the access point received, each with its attributes as lines.
    fn packets(&self, code: &str) -> Vec<Vec<&str>> {
        let head = format!("({code}) identifier=");
        let received = self.log.split("Received RADIUS message\n").skip(1);
        let told = received.filter(|text| text.lines().next().is_some_and(|line| line.contains(&head)));
        told.map(|text| text.lines().skip(1).take_while(|line| line.starts_with("   ")).collect()).collect()
    }

    /// How many packets of this kind the access point received.
    pub fn count(&self, code: &str) -> usize {
        self.packets(code).len()
    }

    /// The values of an attribute in all packets of a kind, by its number: text where it is text, else
    /// hexadecimal digits.
    pub fn received(&self, code: &str, attribute: u8) -> Vec<String> {
        let head = format!("   Attribute {attribute} (");
        let packets = self.packets(code);
        let lines = packets.iter().flat_map(|lines| lines.windows(2));
        let told = lines.filter_map(|pair| {
            let [name, value] = pair else { return None };
            name.starts_with(&head).then(|| value.split_once("Value: "))?
        });
        told.map(|(_, value)| value.trim_matches('\'').to_owned()).collect()
    }
}
