//! What a store is given to remember, and what it lists.

use std::hash::{Hash, Hasher};

use crate::base::clock::UnixTime;
use crate::login::factor::{EnrolmentId, Parameters, Progress, Sealed};
use crate::login::identity::Pseudonym;

/// Keyed digest of an account's immutable id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubjectDigest {
    /// Which key.
    pub key_id: u32,
    /// HMAC-SHA-256.
    pub digest: [u8; 32],
}

impl SubjectDigest {
    /// A number for tables: it is a keyed hash already.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.digest.first_chunk().copied().map_or(0, u64::from_ne_bytes)
    }
}

impl Hash for SubjectDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.number());
    }
}

/// A digest for each key, newest first. There is one key nearly always, and nothing is allocated for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digests {
    /// With the one key there is.
    One([SubjectDigest; 1]),
    /// With several keys, or none.
    Several(Vec<SubjectDigest>),
}

impl std::ops::Deref for Digests {
    type Target = [SubjectDigest];

    fn deref(&self) -> &[SubjectDigest] {
        match self {
            Self::One(one) => one,
            Self::Several(all) => all,
        }
    }
}

/// A subject to be remembered.
#[derive(Debug, Clone)]
pub struct NewSubject {
    /// How it is found again.
    pub digest: SubjectDigest,
    /// Its anonymous id.
    pub pseudonym: Pseudonym,
    /// The sealed way back.
    pub identity: Sealed,
    /// Now.
    pub created: UnixTime,
}

/// What became of a [`NewSubject`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    /// It is remembered.
    New,
    /// Somebody was faster: the digest already has this pseudonym.
    Known(Pseudonym),
    /// The pseudonym belongs to another digest.
    Taken,
    /// Digests of a newer key are in use than the one that came, so whoever asks cannot tell a new account
    /// from a known one; nothing is remembered. The number of that key.
    Outdated(u32),
}

/// An enrolment to be remembered.
#[derive(Debug, Clone)]
pub struct NewEnrolment {
    /// Its name.
    pub id: EnrolmentId,
    /// What it was set up with.
    pub parameters: Parameters,
    /// Its seed or hashes.
    pub sealed: Sealed,
    /// The code that proved it is already used up in here (C-010).
    pub progress: Progress,
    /// Now.
    pub created: UnixTime,
    /// Forget the subject's other enrolments of this kind in the same step.
    pub replaces: bool,
}

/// One subject as `doorward subject` lists it.
#[derive(Debug, Clone)]
pub struct SubjectRow {
    /// Its anonymous id.
    pub pseudonym: Pseudonym,
    /// How it is found.
    pub digest: SubjectDigest,
    /// The sealed way back.
    pub identity: Sealed,
    /// Since when.
    pub created: UnixTime,
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Subjects.
    pub subjects: u64,
    /// Enrolments.
    pub enrolments: u64,
}
