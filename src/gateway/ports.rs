//! The traits that the outside implements. One page; read it first.
//!
//! Everywhere `Err(Fault)` means "could not find out", never "no".

pub mod provision;
pub mod record;
pub mod sessions;
pub mod upstream;
pub mod verified;

pub use crate::gateway::ports::record::{AuditRecord, ExemptLogin};
pub use crate::gateway::ports::upstream::{Question, Upstream};
pub use crate::gateway::ports::verified::{After, Session, Verified};

use std::time::Instant;

use async_trait::async_trait;

use crate::base::clock::UnixTime;
use crate::base::secret::Secret;
use crate::login::credential::Code;
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorOutcome, Mark, Parameters, Progress, Sealed, Try,
};
use crate::login::identity::{Account, LoginName, Pseudonym, Subject};
use crate::login::step::{Changed, Record};
use crate::login::throttle::Limits;
use crate::login::verdict::Fault;

/// Where accounts and groups come from.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The one account that `name` means, with its groups and standing; `None` when there is none.
    ///
    /// # Errors
    ///
    /// A fault when no server answers before `until`, when it refuses us, or when two accounts fit (B-052).
    async fn find(&self, name: &LoginName, until: Instant) -> Result<Option<Account>, Fault>;

    /// Whether `password` is that account's, by at most one try at one server (B-087). Without an account
    /// the same work is done against nobody and the outcome is [`crate::login::step::PrimaryOutcome::Wrong`]
    /// (D-100).
    ///
    /// `password` is neither empty nor holds a NUL; an implementation refuses both all the same (B-041).
    ///
    /// With [`After::GoOn`] a directory that can, leaves in [`Verified::session`] what the right password opened.
    ///
    /// # Errors
    ///
    /// As [`Directory::find`].
    async fn verify(
        &self,
        account: Option<&Account>,
        password: &Secret,
        after: After,
        until: Instant,
    ) -> Result<Verified, Fault>;

    /// Changes the password of `account` from `old` to `new`, which proves `old` once more, over a protected connection
    /// only (B-093). A directory that cannot says [`Changed::Unsupported`].
    ///
    /// # Errors
    ///
    /// As [`Directory::find`].
    async fn change(
        &self,
        account: &Account,
        old: &Secret,
        new: &Secret,
        until: Instant,
    ) -> Result<Changed, Fault> {
        let _cannot = (account, old, new, until);
        Ok(Changed::Unsupported)
    }

    /// Whether the directory answers now, for the health page and `doorward check --connect`.
    ///
    /// # Errors
    ///
    /// The fault that a login would meet.
    async fn probe(&self, until: Instant) -> Result<(), Fault>;

    /// Its servers as they are known now, in the order of preference; `None` for a directory that asks none.
    fn servers(&self) -> Option<Vec<ServerState>> {
        None
    }
}

/// A server of a directory or an upstream, for those who look after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Host and port.
    pub name: Box<str>,
    /// It answered when it was last asked, or was not asked yet.
    pub up: bool,
}

/// Gives accounts their anonymous ids.
#[async_trait]
pub trait Naming: Send + Sync {
    /// The subject behind `account`; a new account gets its id now.
    ///
    /// # Errors
    ///
    /// A fault of the store, or when the site's own number is missing or belongs to another account.
    async fn subject(&self, account: Account) -> Result<Subject, Fault>;
}

/// A kind of second factor whose codes are typed.
pub trait SecondFactor: Send + Sync {
    /// Which kind.
    fn kind(&self) -> FactorKind;

    /// What `code` would use up of `enrolment` at `now`; `None` when it does not fit. A mark that was used
    /// before is returned all the same: only the store can tell, atomically.
    ///
    /// # Errors
    ///
    /// A fault when the seed cannot be unsealed.
    fn judge(&self, enrolment: &Enrolment, code: &Code, now: UnixTime) -> Result<Option<Mark>, Fault>;
}

/// Seals and opens what must not lie readable in the store (C-012, F-017). What was sealed for one place
/// does not open in another.
pub trait Vault: Send + Sync {
    /// Seals `plain` for `place` under the newest key.
    ///
    /// # Errors
    ///
    /// A fault when there is no randomness.
    fn seal(&self, place: Place<'_>, plain: &Secret) -> Result<Sealed, Fault>;

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    ///
    /// A fault when its key is gone or the bytes were changed or moved.
    fn open(&self, place: Place<'_>, sealed: &Sealed) -> Result<Secret, Fault>;

    /// Keyed digests of an immutable id, one per key, newest first: how an account is found again without
    /// its name (D-103, F-004).
    fn digests(&self, directory: &str, id: &[u8]) -> Vec<SubjectDigest>;

    /// Id of the key that is used for new records.
    fn newest_key(&self) -> u32;
}

/// Where a sealed value belongs; bound to it.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// Seed or hashes of an enrolment.
    Seed(EnrolmentId),
    /// The way back from a pseudonym to a person.
    Identity(&'a Pseudonym),
    /// The note of a login that a client's accounting brings back; for the client of this name.
    Badge(&'a str),
    /// What a device must hear to end a session.
    Session(&'a [u8; 32]),
}

/// Keyed digest of an account's immutable id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubjectDigest {
    /// Which key.
    pub key_id: u32,
    /// HMAC-SHA-256.
    pub digest: [u8; 32],
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

/// What failures are counted against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counted {
    /// The password.
    Password,
    /// One kind of factor.
    Factor(FactorKind),
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

/// What must survive a restart. Every call is one atomic step, durable when it returns, for any number of
/// callers and processes at once (C-001).
#[async_trait]
pub trait Store: Send + Sync {
    /// Who has this digest.
    ///
    /// # Errors
    ///
    /// Here and below: a fault when the store cannot be read or written; then nothing was changed.
    async fn pseudonym(&self, digest: &SubjectDigest) -> Result<Option<Pseudonym>, Fault>;

    /// Remembers a subject unless its digest or its pseudonym is known.
    ///
    /// # Errors
    ///
    /// As above.
    async fn adopt(&self, subject: NewSubject) -> Result<Adopted, Fault>;

    /// Enrolments and failures of a subject; an empty record for an unknown one. `over_rate` is not set.
    ///
    /// # Errors
    ///
    /// As above.
    async fn recall(&self, who: &Pseudonym) -> Result<Record, Fault>;

    /// Settles one typed code: kinds that are locked at `now` are left out; every mark that is still good is
    /// used up, so that a code is good once however many enrolments it fits; if one of them was used up
    /// before, it is a replay and counts nothing; if not, the failures in a row of the first good one's kind
    /// end; without any mark every kind that was looked at has one more failure. All in one step, so that
    /// fifty users of one code are one accept and forty-nine replays, and parallel guesses do not multiply
    /// the allowance (C-001, C-002).
    ///
    /// # Errors
    ///
    /// As above. A fault is never an accept and never a wrong code.
    async fn settle(
        &self,
        who: &Pseudonym,
        tries: &[Try],
        now: UnixTime,
        limits: &Limits,
    ) -> Result<FactorOutcome, Fault>;

    /// One more wrong password.
    ///
    /// # Errors
    ///
    /// As above.
    async fn count_wrong_password(
        &self,
        who: &Pseudonym,
        now: UnixTime,
        limits: &Limits,
    ) -> Result<(), Fault>;

    /// Ends a row of failures, and a lock when `release` is set; `false` when there was nothing to forget.
    ///
    /// # Errors
    ///
    /// As above.
    async fn forget_failures(&self, who: &Pseudonym, what: Counted, release: bool) -> Result<bool, Fault>;

    /// Remembers an enrolment.
    ///
    /// # Errors
    ///
    /// As above.
    async fn enrol(&self, who: &Pseudonym, enrolment: NewEnrolment) -> Result<(), Fault>;

    /// Forgets an enrolment of this subject; `false` when it has none of that name.
    ///
    /// # Errors
    ///
    /// As above.
    async fn revoke(&self, who: &Pseudonym, enrolment: EnrolmentId) -> Result<bool, Fault>;

    /// Forgets a subject with all that hangs on it: the way back, enrolments, failures; `false` when it is
    /// not known. The same account gets a new id when it comes again (F-012).
    ///
    /// # Errors
    ///
    /// As above.
    async fn forget(&self, who: &Pseudonym) -> Result<bool, Fault>;

    /// Up to `limit` subjects in the order of their pseudonyms, those after `after`.
    ///
    /// # Errors
    ///
    /// As above.
    async fn subjects(&self, after: Option<&Pseudonym>, limit: usize) -> Result<Vec<SubjectRow>, Fault>;

    /// One subject.
    ///
    /// # Errors
    ///
    /// As above.
    async fn subject(&self, who: &Pseudonym) -> Result<Option<SubjectRow>, Fault>;

    /// Replaces what is sealed and keyed, when it is still as it was: digest and identity of a subject.
    ///
    /// # Errors
    ///
    /// As above.
    async fn rekey_subject(
        &self,
        before: &SubjectRow,
        digest: SubjectDigest,
        identity: Sealed,
    ) -> Result<bool, Fault>;

    /// Replaces the seal of an enrolment, when it is still as it was.
    ///
    /// # Errors
    ///
    /// As above.
    async fn rekey_enrolment(&self, id: EnrolmentId, before: &Sealed, after: Sealed) -> Result<bool, Fault>;

    /// Names of the clients that have shown that they sign their requests.
    ///
    /// # Errors
    ///
    /// As above.
    async fn signing_clients(&self) -> Result<Vec<Box<str>>, Fault>;

    /// Remembers that a client signs its requests.
    ///
    /// # Errors
    ///
    /// As above.
    async fn note_signing_client(&self, name: &str) -> Result<(), Fault>;

    /// Number of subjects and of enrolments.
    ///
    /// # Errors
    ///
    /// As above.
    async fn totals(&self) -> Result<Totals, Fault>;

    /// Whether it can be written now.
    ///
    /// # Errors
    ///
    /// The fault that a login would meet.
    async fn probe(&self) -> Result<(), Fault>;
}

/// How much a store holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Subjects.
    pub subjects: u64,
    /// Enrolments.
    pub enrolments: u64,
}

/// Keeps the record of what was decided.
pub trait Audit: Send + Sync {
    /// Writes one record; it is out of our hands when this returns (D-117).
    ///
    /// # Errors
    ///
    /// A fault when it could not be written; then nobody is let in.
    fn record(&self, record: &AuditRecord) -> Result<(), Fault>;
}
