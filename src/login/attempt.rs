//! One user's try, and his reply to a question.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::login::client::Client;
use crate::login::credential::PrimaryCredential;
use crate::login::identity::LoginName;
use crate::login::policy::Place;
use crate::login::relay::Passage;

/// Names one login in audit and log: 8 random bytes, shown as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AttemptId(pub [u8; 8]);

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names a waiting flow: 16 random bytes, written as 32 hexadecimal digits so that clients which treat it
/// as text keep it whole (A-069, E-001).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChallengeId(pub [u8; 16]);

impl ChallengeId {
    /// Its written form.
    #[must_use]
    pub fn text(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// Reads the written form; anything but 32 lower-case hexadecimal digits gives `None`.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChallengeId(…)")
    }
}

/// Where a login comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The client's own address, as seen by us.
    pub peer: IpAddr,
    /// The user's address as the client claims it; `None` when it gave none or something that is no
    /// address. Never filled in from `peer`.
    pub user: Option<IpAddr>,
}

/// One user's try.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Its name in audit and log.
    pub id: AttemptId,
    /// Who asks.
    pub client: Arc<Client>,
    /// For whom.
    pub name: LoginName,
    /// With what.
    pub credential: PrimaryCredential,
    /// From where.
    pub origin: Origin,
    /// What else identifies the device that asks, opaque; the reply to a question must come with the same
    /// bytes.
    pub device: Box<[u8]>,
    /// Where it came in: the name of the listener, or the address that is listened on.
    pub listener: Option<Arc<str>>,
    /// What the client tells about the user's own device, opaque; `None` when it tells nothing.
    pub hint: Option<Box<[u8]>>,
    /// Where the user's address is; the gateway fills it in.
    pub place: Place,
    /// What goes on to the client's upstream, where it has one.
    pub passage: Option<Passage>,
    /// When its first message came.
    pub began: Now,
}

/// The reply to a question.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Who brings it; by name, since the settings may have been reloaded meanwhile.
    pub client: Arc<Client>,
    /// For whom.
    pub name: LoginName,
    /// As [`Attempt::device`].
    pub device: Box<[u8]>,
    /// What was typed; nothing where the device itself replies, as in EAP.
    pub text: Secret,
    /// What goes on to the client's upstream, where it has one.
    pub passage: Option<Passage>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_id_survives_its_written_form_and_nothing_else_reads_as_one() {
        let id = ChallengeId([0xab; 16]);
        assert_eq!(id.text().len(), 32);
        assert_eq!(ChallengeId::read(id.text().as_bytes()), Some(id));
        for bad in [&b""[..], b"ab", &[b'g'; 32], &[b'A'; 32], &[b'a'; 33], &[b'a'; 34]] {
            assert_eq!(ChallengeId::read(bad), None);
        }
    }
}
