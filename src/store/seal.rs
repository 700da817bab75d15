//! Encryption of seeds and names at rest, with numbered keys that live outside the store (C-012, F-017).
//!
//! A sealed value is `version (1) ‖ nonce (12) ‖ cipher text ‖ tag (16)`, AES-256-GCM. Its key is derived
//! from the numbered key for this one record and column, and the place is authenticated too, so that bytes
//! which are moved, cut or put under another key id do not open.
//!
//! Version 2 takes the record among what HKDF expands (RFC 5869 section 2.3), so that all that comes before is done once
//! for each numbered key: a seed is opened in every login. Version 1 took it as the salt; what was sealed so still opens.

use std::fmt::Write as _;
use std::sync::Arc;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::aes::Aes256Enc;
use aes_gcm::aes::cipher::consts::U12;
use aes_gcm::{AesGcm, KeyInit, Nonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::base::cidr::Prefix;
use crate::base::random::{NoRandomness, Random, bytes};
use crate::base::secret::Secret;
use crate::gateway::ports::{Digests, Place, SubjectDigest, Vault};
use crate::login::factor::Sealed;
use crate::login::identity::Pseudonym;
use crate::login::verdict::{Fault, FaultKind};

/// The keys that seal and open, newest first.
#[derive(Clone)]
pub struct KeyRing {
    newest: Key,
    older: Vec<Key>,
    random: Arc<dyn Random>,
}

/// AES-256-GCM, which never decrypts a block: keys for that are not made.
type Cipher = AesGcm<Aes256Enc, U12>;

/// Why a text is not a key file. Names the line, never what stands in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKeyFile {
    /// The file is not text.
    #[error("the key file is not UTF-8 text")]
    NotText,
    /// No line holds a key.
    #[error("the key file holds no key; `doorward key generate` makes one")]
    Empty,
    /// A line is not `<id> <64 hexadecimal digits>`.
    #[error("line {0} of the key file is not a key id from 1 to 4294967295 and 64 hexadecimal digits")]
    Line(usize),
    /// Two lines have the same id.
    #[error("line {0} of the key file uses the id of an earlier line again")]
    Twice(usize),
    /// More keys than [`MAX_KEYS`].
    #[error("the key file holds more than {MAX_KEYS} keys; re-seal and remove old ones")]
    TooMany,
}

/// Why no further key can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoNewKey {
    /// The system gave no randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The ring is full, or the highest id is taken.
    #[error("the key ring holds as many keys as it may; re-seal and remove old ones")]
    Full,
}

/// Most keys in a ring: a look-up by digest tries each of them.
pub const MAX_KEYS: usize = 16;

impl KeyRing {
    /// Reads a key file: one key per line, `<id> <64 hexadecimal digits>`; `#` begins a comment. The highest
    /// id is the newest key.
    ///
    /// # Errors
    ///
    /// [`BadKeyFile`], with the line.
    pub fn parse(text: &Secret, random: Arc<dyn Random>) -> Result<Self, BadKeyFile> {
        let mut keys: Vec<Key> = Vec::new();
        for (line, number) in text.expose_str().ok_or(BadKeyFile::NotText)?.lines().zip(1..) {
            let content = line.split('#').next().unwrap_or_default();
            if content.trim().is_empty() {
                continue;
            }
            let key = Key::read(content).ok_or(BadKeyFile::Line(number))?;
            if keys.iter().any(|other| other.id == key.id) {
                return Err(BadKeyFile::Twice(number));
            }
            keys.push(key);
        }
        if keys.len() > MAX_KEYS {
            return Err(BadKeyFile::TooMany);
        }
        keys.sort_by_key(|key| std::cmp::Reverse(key.id));
        let mut keys = keys.into_iter();
        let newest = keys.next().ok_or(BadKeyFile::Empty)?;
        Ok(Self { newest, older: keys.collect(), random })
    }

    /// A ring with one fresh key, number 1.
    ///
    /// # Errors
    ///
    /// [`NoRandomness`].
    pub fn generate(random: Arc<dyn Random>) -> Result<Self, NoRandomness> {
        Ok(Self { newest: Key::fresh(1, &*random)?, older: Vec::new(), random })
    }

    /// The same ring with one more, fresh key, which is the newest from now on.
    ///
    /// # Errors
    ///
    /// [`NoNewKey`].
    pub fn with_new_key(&self) -> Result<Self, NoNewKey> {
        let id = self.newest.id.checked_add(1).ok_or(NoNewKey::Full)?;
        if self.keys().count() >= MAX_KEYS {
            return Err(NoNewKey::Full);
        }
        let newest = Key::fresh(id, &*self.random)?;
        Ok(Self { newest, older: self.keys().cloned().collect(), random: self.random.clone() })
    }

    /// The same ring with the newest key alone; for when everything is sealed under it.
    #[must_use]
    pub fn newest_only(&self) -> Self {
        Self { newest: self.newest.clone(), older: Vec::new(), random: self.random.clone() }
    }

    /// Ids of all keys, newest first.
    pub fn ids(&self) -> impl Iterator<Item = u32> {
        self.keys().map(|key| key.id)
    }

    /// The text of the key file, oldest key first, so that a new key is a line at the end.
    #[must_use]
    pub fn text(&self) -> Secret {
        // The capacity is enough for every line: a text that grows leaves copies of keys behind.
        let mut text = String::with_capacity(HEADING.len().saturating_add(MAX_KEYS.saturating_mul(80)));
        text.push_str(HEADING);
        for key in self.older.iter().rev().chain([&self.newest]) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{} ", key.id);
            data_encoding::HEXLOWER.encode_append(&*key.master, &mut text);
            text.push('\n');
        }
        Secret::new(text.into_bytes())
    }

    fn digests_of(&self, fields: &[&[u8]]) -> Digests {
        if self.older.is_empty() {
            return Digests::One([self.newest.digest_of(fields)]);
        }
        Digests::Several(self.keys().map(|key| key.digest_of(fields)).collect())
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.ids()).finish()
    }
}

impl Vault for KeyRing {
    fn seal(&self, place: Place<'_>, plain: &Secret) -> Result<Sealed, Fault> {
        let nonce: [u8; NONCE] = bytes(&*self.random)
            .map_err(|why| Fault::new(FaultKind::Internal, format!("sealed nothing: {why}")))?;
        let place = Bound::new(&place, self.newest.id);
        let payload = Payload { msg: plain.expose(), aad: &place.fields };
        let sealed = place
            .cipher(&self.newest)
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| Fault::new(FaultKind::Internal, "sealed nothing: the value is too long"))?;
        let mut bytes = Vec::with_capacity(sealed.len().saturating_add(HEAD));
        bytes.push(VERSION);
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        Ok(Sealed { key_id: self.newest.id, bytes: bytes.into() })
    }

    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Secret, Fault> {
        let place = Bound::new(&place, sealed.key_id);
        let missing = |what: String| Fault::new(FaultKind::KeyMissing, what);
        let key = self.keys().find(|key| key.id == sealed.key_id).ok_or_else(|| {
            missing(format!(
                "cannot open a sealed {}: it needs key {}, which is not in the key file; restore that line",
                place.column, sealed.key_id
            ))
        })?;
        let plain = sealed.bytes.split_at_checked(HEAD).and_then(|(head, sealed)| {
            let (version, nonce) = head.split_first()?;
            let nonce: [u8; NONCE] = nonce.try_into().ok()?;
            let cipher = match *version {
                VERSION => place.cipher(key),
                VERSION_1 => place.cipher_of_version_1(key)?,
                _ => return None,
            };
            let payload = Payload { msg: sealed, aad: &place.fields };
            cipher.decrypt(&Nonce::from(nonce), payload).ok()
        });
        plain.map(Secret::new).ok_or_else(|| {
            missing(format!(
                "cannot open a sealed {} with key {}: the key is another one than it was sealed with, or the \
                 stored bytes were changed or moved; restore the key file or the store from a backup",
                place.column, key.id
            ))
        })
    }

    fn digests(&self, directory: &str, id: &[u8]) -> Digests {
        self.digests_of(&[directory.as_bytes(), id])
    }

    fn network_digests(&self, who: &Pseudonym, network: Prefix) -> Digests {
        // Three fields with their lengths are never two, so no account has the digest of a network.
        let mut room = [0; Prefix::TEXT];
        self.digests_of(&[b"network", who.as_str().as_bytes(), network.text(&mut room)])
    }

    fn newest_key(&self) -> u32 {
        self.newest.id
    }
}

#[derive(Clone)]
struct Key {
    id: u32,
    master: Zeroizing<[u8; 32]>,
    /// Prepared once: looking an account up happens in every login.
    digest: Hmac<Sha256>,
    /// What HKDF expands for each record, prepared once like it.
    records: Hmac<Sha256>,
}

impl Key {
    fn fresh(id: u32, random: &dyn Random) -> Result<Self, NoRandomness> {
        let mut master = Zeroizing::new([0; 32]);
        random.fill(&mut *master)?;
        Self::new(id, master).ok_or(NoRandomness)
    }

    /// Keyed digest of fields, each with its length.
    fn digest_of(&self, fields: &[&[u8]]) -> SubjectDigest {
        let mut mac = self.digest.clone();
        for field in fields {
            mac.update(&length(field));
            mac.update(field);
        }
        SubjectDigest { key_id: self.id, digest: mac.finalize().into_bytes().into() }
    }

    fn read(line: &str) -> Option<Self> {
        let (id, digits) = line.trim().split_once(char::is_whitespace)?;
        let id = id.parse().ok().filter(|id| *id > 0)?;
        let mut master = Zeroizing::new([0; 32]);
        let digits = digits.trim().as_bytes();
        if data_encoding::HEXLOWER_PERMISSIVE.decode_len(digits.len()) != Ok(32) {
            return None;
        }
        data_encoding::HEXLOWER_PERMISSIVE.decode_mut(digits, &mut *master).ok()?;
        Self::new(id, master)
    }

    fn new(id: u32, master: Zeroizing<[u8; 32]>) -> Option<Self> {
        let extracted = Hkdf::<Sha256>::new(None, &*master);
        let prepared = |label: &[u8]| {
            let mut derived = Zeroizing::new([0; 32]);
            extracted.expand(label, &mut *derived).ok()?;
            <Hmac<Sha256> as KeyInit>::new_from_slice(&*derived).ok()
        };
        let digest = prepared(b"doorward subject digest")?;
        let records = prepared(b"doorward sealed record")?;
        Some(Self { id, master, digest, records })
    }
}

/// A place, and the number of a key, as bytes.
struct Bound<'a> {
    table: &'static str,
    column: &'static str,
    record: &'a [u8],
    /// All three and the number: what is authenticated besides the value.
    fields: Vec<u8>,
}

impl<'a> Bound<'a> {
    fn new(place: &'a Place<'_>, key_id: u32) -> Self {
        let (table, column, record): (_, _, &[u8]) = match place {
            Place::Seed(id) => ("enrolment", "seed", &id.0),
            Place::Badge(client) => ("badge", "note", client.as_bytes()),
            Place::Session(key) => ("session", "marks", *key),
            Place::Identity(pseudonym) => ("subject", "identity", pseudonym.as_str().as_bytes()),
        };
        let mut fields = Vec::with_capacity(record.len().saturating_add(ROOM));
        for part in [table.as_bytes(), column.as_bytes(), record, &key_id.to_be_bytes()] {
            put(&mut fields, part);
        }
        Self { table, column, record, fields }
    }

    /// The cipher of this one record and column.
    fn cipher(&self, key: &Key) -> Cipher {
        // The key is its own number; what is expanded is the rest.
        let info = self.fields.split_last_chunk::<NUMBER>().map_or(&*self.fields, |(info, _)| info);
        // With the number of the block, of which there is one (RFC 5869 section 2.3).
        let mac = key.records.clone().chain_update(info).chain_update([1]);
        let derived: Zeroizing<[u8; 32]> = Zeroizing::new(mac.finalize().into_bytes().into());
        Cipher::new((&*derived).into())
    }

    /// The same as version 1 had it.
    fn cipher_of_version_1(&self, key: &Key) -> Option<Cipher> {
        let mut derived = Zeroizing::new([0; 32]);
        let mut info = Vec::with_capacity(ROOM);
        [self.table, self.column].iter().for_each(|part| put(&mut info, part.as_bytes()));
        Hkdf::<Sha256>::new(Some(self.record), &*key.master).expand(&info, &mut *derived).ok()?;
        Cipher::new_from_slice(&*derived).ok()
    }
}

/// Adds a field behind its length, so that no two lists of them give the same bytes (D-022).
fn put(fields: &mut Vec<u8>, field: &[u8]) {
    fields.extend_from_slice(&length(field));
    fields.extend_from_slice(field);
}

fn length(field: &[u8]) -> [u8; 8] {
    u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes()
}

const VERSION: u8 = 2;
const VERSION_1: u8 = 1;
const NONCE: usize = 12;
const HEAD: usize = 1 + NONCE;
/// Octets that the number of a key takes as a field.
const NUMBER: usize = 8 + 4;
/// Room for what tables and columns are called, for a key's number and for the lengths of fields.
const ROOM: usize = 64;
const HEADING: &str = "# Keys that open the store. Without them no enrolment works: keep a copy apart from the \
                       store's own backups.\n# <id> <64 hexadecimal digits>; the highest id seals what is new.\n";

#[cfg(test)]
mod tests;
