//! The note of a login that its client's accounting brings back: which login it was and whose, sealed, so that
//! a device and whoever reads its records learn neither. Nothing about it is stored.

use std::sync::Arc;

use crate::base::secret::Secret;
use crate::gateway::ports::{Place, Vault};
use crate::login::attempt::AttemptId;
use crate::login::factor::Sealed;
use crate::login::identity::Pseudonym;
use crate::login::verdict::Fault;

/// How every badge begins; devices show Class to their administrators.
const MARK: &[u8] = b"doorward:";

/// What a badge says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Badge {
    /// Which login.
    pub attempt: AttemptId,
    /// Whose.
    pub who: Pseudonym,
}

/// Writes the badge of a login at `client`: printable ASCII of at most 152 bytes.
///
/// # Errors
///
/// A fault when there is no randomness.
pub fn write(
    vault: &dyn Vault,
    client: &str,
    attempt: AttemptId,
    who: &Pseudonym,
) -> Result<Arc<[u8]>, Fault> {
    let plain = Secret::new([&attempt.0[..], who.as_str().as_bytes()].concat());
    let sealed = vault.seal(Place::Badge(client), &plain)?;
    let bytes = [&sealed.key_id.to_be_bytes()[..], &sealed.bytes].concat();
    Ok([MARK, data_encoding::BASE64URL_NOPAD.encode(&bytes).as_bytes()].concat().into())
}

/// Whether it looks like a badge, of whomever.
#[must_use]
pub fn looks_like_one(class: &[u8]) -> bool {
    class.starts_with(MARK)
}

/// Reads what a device of `client` sends back; `None` for what is no badge of ours, of another client, or older than
/// the keys that we have.
#[must_use]
pub fn read(vault: &dyn Vault, client: &str, class: &[u8]) -> Option<Badge> {
    let bytes = data_encoding::BASE64URL_NOPAD.decode(class.strip_prefix(MARK)?).ok()?;
    let (key, sealed) = bytes.split_first_chunk::<4>()?;
    let sealed = Sealed { key_id: u32::from_be_bytes(*key), bytes: sealed.into() };
    let plain = vault.open(Place::Badge(client), &sealed).ok()?;
    let (attempt, who) = plain.expose().split_first_chunk::<8>()?;
    let who = Pseudonym::new(std::str::from_utf8(who).ok()?)?;
    Some(Badge { attempt: AttemptId(*attempt), who })
}
