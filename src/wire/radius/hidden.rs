//! Values that are hidden with the shared secret: the chained hash under User-Password (RFC 2865 section
//! 5.2), the same with a salt for Tunnel-Password (RFC 2868 section 3.5) and the MPPE keys (RFC 2548
//! sections 2.4.1 to 2.4.3).

use md5::{Digest, Md5};

use crate::base::secret::Secret;
use crate::wire::radius::dictionary::{Entry, Form};

/// Greatest length of what can be hidden with a salt, in bytes: fifteen blocks less the length byte, which
/// is what still fits one attribute with its salt and tag.
pub const MAX_SALTED: usize = 239;

/// Length of the value of MS-CHAP-MPPE-Keys: 8 bytes of the LM key, 16 of the NT key, 8 of padding
/// (RFC 2548 section 2.4.1).
pub const KEYS_LEN: usize = 32;

/// How an attribute hides its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// A salt of two bytes before the hidden part: MS-MPPE-Send-Key, MS-MPPE-Recv-Key.
    Salted,
    /// The same behind a tag: Tunnel-Password.
    TaggedSalted,
    /// Like User-Password, without a salt: MS-CHAP-MPPE-Keys.
    Keys,
}

/// Why a hidden value cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHidden {
    /// The length is not one that the scheme can make.
    #[error("the hidden value has {0} bytes, which is not a salt and whole blocks of 16")]
    Length(usize),
    /// The length byte inside counts more than there is: nearly always another secret.
    #[error("the length inside the hidden value does not fit; the shared secrets may differ")]
    LengthInside,
}

/// What is to be hidden is longer than the scheme can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the value has {0} bytes, more than can be hidden in one attribute")]
pub struct TooLong(pub usize);

/// Gives out salts for one packet: each has its top bit set and none comes twice (RFC 2868 section 3.5).
#[derive(Debug, Clone)]
pub struct Salts(u16);

impl Salts {
    /// Begins at a place chosen by `random`, so that salts do not repeat from packet to packet either.
    #[must_use]
    pub const fn new(random: [u8; 2]) -> Self {
        Self(u16::from_be_bytes(random))
    }

    /// The next salt. The first 32,768 differ; a packet has room for far fewer.
    pub const fn draw(&mut self) -> [u8; 2] {
        let salt = self.0 | 0x8000;
        self.0 = self.0.wrapping_add(1);
        salt.to_be_bytes()
    }
}

/// A value out of its hiding place, with what is needed to hide it again for somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    scheme: Scheme,
    tag: Option<u8>,
    plain: Secret,
}

impl Scheme {
    /// How the values of an attribute are hidden; `None` for one that is sent as it is, and for
    /// User-Password, which [`crate::wire::radius::password`] handles.
    #[must_use]
    pub const fn of(entry: &Entry) -> Option<Self> {
        match entry.form {
            Form::Salted => Some(Self::Salted),
            Form::TaggedSalted => Some(Self::TaggedSalted),
            Form::Keys => Some(Self::Keys),
            _ => None,
        }
    }

    /// Opens the value of an attribute that came in a reply, with the secret shared with its sender and the
    /// Request Authenticator of the request it answers; or that came in a request, with its own.
    ///
    /// The scheme has no integrity, so the packet must have been found authentic before.
    ///
    /// # Errors
    ///
    /// [`BadHidden`] for a length that the scheme cannot make, outside or inside.
    pub fn open(self, value: &[u8], secret: &Secret, authenticator: &[u8; 16]) -> Result<Opened, BadHidden> {
        let (tag, plain) = match self {
            Self::Salted => (None, open(value, secret, authenticator)?),
            Self::TaggedSalted => {
                let (tag, rest) = value.split_first().ok_or(BadHidden::Length(0))?;
                (Some(*tag), open(rest, secret, authenticator)?)
            }
            Self::Keys => (None, open_keys(value, secret, authenticator)?),
        };
        Ok(Opened { scheme: self, tag, plain })
    }
}

impl Opened {
    /// What was hidden: a password, or a key.
    #[must_use]
    pub const fn plain(&self) -> &Secret {
        &self.plain
    }

    /// The tag before it, for Tunnel-Password.
    #[must_use]
    pub const fn tag(&self) -> Option<u8> {
        self.tag
    }

    /// Hides it again for the peer with `secret`, in a reply to the request with `authenticator`. Returns
    /// the attribute's value.
    ///
    /// # Errors
    ///
    /// [`TooLong`] cannot happen for what [`Scheme::open`] opened, but is not hidden.
    pub fn hide(
        &self,
        salts: &mut Salts,
        secret: &Secret,
        authenticator: &[u8; 16],
    ) -> Result<Vec<u8>, TooLong> {
        let plain = self.plain.expose();
        if self.scheme == Scheme::Keys {
            return hide_keys(plain, secret, authenticator);
        }
        let hidden = hide(plain, salts.draw(), secret, authenticator)?;
        Ok(self.tag.into_iter().chain(hidden).collect())
    }
}

/// Opens a value that was hidden with a salt (RFC 2868 section 3.5, RFC 2548 section 2.4.2).
///
/// * `value`: salt and hidden part, without a tag; 2 bytes and 16, 32, ... 240.
/// * `authenticator`: the Request Authenticator of the request that the packet answers.
///
/// Returns what was hidden, 0 to 239 bytes. The salt's top bit is not looked at: it matters to the one who
/// chooses the salt. The content of the padding is not looked at either, for not everybody sends zeros.
///
/// # Errors
///
/// [`BadHidden::Length`] for any other length, [`BadHidden::LengthInside`] if the length byte counts more
/// than was sent.
pub fn open(value: &[u8], secret: &Secret, authenticator: &[u8; 16]) -> Result<Secret, BadHidden> {
    let bad = BadHidden::Length(value.len());
    let (salt, hidden) = value.split_first_chunk::<2>().ok_or(bad)?;
    if hidden.is_empty() || hidden.len() > MAX_SALTED.saturating_add(1) || !hidden.len().is_multiple_of(16) {
        return Err(bad);
    }
    let padded = Secret::new(unchained(hidden, secret, &[authenticator, salt]));
    let (length, rest) = padded.expose().split_first().ok_or(bad)?;
    rest.get(..usize::from(*length)).map(Secret::copied).ok_or(BadHidden::LengthInside)
}

/// Hides `plain` with a salt (RFC 2868 section 3.5): salt and hidden part, padded to blocks of 16, without
/// a tag.
///
/// # Errors
///
/// [`TooLong`] if it has more than 239 bytes.
pub fn hide(
    plain: &[u8],
    salt: [u8; 2],
    secret: &Secret,
    authenticator: &[u8; 16],
) -> Result<Vec<u8>, TooLong> {
    let length = u8::try_from(plain.len()).ok().filter(|_| plain.len() <= MAX_SALTED);
    let mut padded = Vec::with_capacity(MAX_SALTED.saturating_add(1));
    padded.push(length.ok_or(TooLong(plain.len()))?);
    padded.extend_from_slice(plain);
    let padded = Secret::new(padded);
    let mut value = Vec::with_capacity(MAX_SALTED.saturating_add(3));
    value.extend_from_slice(&salt);
    value.extend(chained(padded.expose(), secret, &[authenticator, &salt]));
    Ok(value)
}

/// Opens the value of MS-CHAP-MPPE-Keys (RFC 2548 section 2.4.1): 32 bytes, padding included, for a key may
/// end in zeros.
///
/// # Errors
///
/// [`BadHidden::Length`] if it has not 32 bytes.
pub fn open_keys(value: &[u8], secret: &Secret, authenticator: &[u8; 16]) -> Result<Secret, BadHidden> {
    if value.len() != KEYS_LEN {
        return Err(BadHidden::Length(value.len()));
    }
    Ok(Secret::new(unchained(value, secret, &[authenticator])))
}

/// Hides keys for MS-CHAP-MPPE-Keys: the value's 32 bytes, missing ones taken as zeros.
///
/// # Errors
///
/// [`TooLong`] if there are more than 32 bytes.
pub fn hide_keys(keys: &[u8], secret: &Secret, authenticator: &[u8; 16]) -> Result<Vec<u8>, TooLong> {
    if keys.len() > KEYS_LEN {
        return Err(TooLong(keys.len()));
    }
    let mut padded = keys.to_vec();
    padded.resize(KEYS_LEN, 0);
    let padded = Secret::new(padded);
    Ok(chained(padded.expose(), secret, &[authenticator]))
}

/// Undoes [`chained`]; whatever does not fill a block of 16 is left out.
pub(super) fn unchained(hidden: &[u8], secret: &Secret, first: &[&[u8]]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(hidden.len());
    let mut before: Option<&[u8; 16]> = None;
    for block in hidden.as_chunks::<16>().0 {
        let pad = before.map_or_else(|| digest(secret, first), |before| digest(secret, &[before]));
        plain.extend(block.iter().zip(pad).map(|(byte, pad)| byte ^ pad));
        before = Some(block);
    }
    plain
}

/// Each block of 16 is combined with a hash over the secret and the hidden block before it; for the first,
/// over the secret and `first`. A last block that is not full counts as filled up with zeros.
pub(super) fn chained(plain: &[u8], secret: &Secret, first: &[&[u8]]) -> Vec<u8> {
    let mut hidden = Vec::with_capacity(plain.len().saturating_add(15));
    let mut before: Option<[u8; 16]> = None;
    for block in plain.chunks(16) {
        let mut pad = before.map_or_else(|| digest(secret, first), |before| digest(secret, &[&before]));
        for (out, byte) in pad.iter_mut().zip(block) {
            *out ^= byte;
        }
        hidden.extend_from_slice(&pad);
        before = Some(pad);
    }
    hidden
}

fn digest(secret: &Secret, parts: &[&[u8]]) -> [u8; 16] {
    let mut hash = Md5::new();
    hash.update(secret.expose());
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

#[cfg(test)]
mod tests;
