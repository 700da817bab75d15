//! The traits that the outside implements. One page; read it first.
//!
//! Everywhere `Err(Fault)` means "could not find out", never "no".

pub mod counted;
pub mod inspection;
pub mod moment;
pub mod naming;
pub mod places;
pub mod provision;
pub mod record;
pub mod rows;
pub mod second;
pub mod sessions;
pub mod soon;
pub mod upstream;
pub mod verified;

pub use crate::gateway::ports::counted::{Counted, WrongPassword};
pub use crate::gateway::ports::inspection::{DomainLockout, ServerState};
pub use crate::gateway::ports::moment::Moment;
pub use crate::gateway::ports::naming::Naming;
pub use crate::gateway::ports::record::{Audit, AuditRecord, ExemptLogin};
pub use crate::gateway::ports::rows::{
    Adopted, Digests, NewEnrolment, NewSubject, SubjectDigest, SubjectRow, Totals,
};
pub use crate::gateway::ports::second::SecondFactor;
pub use crate::gateway::ports::soon::{Later, Soon};
pub use crate::gateway::ports::upstream::{Question, Upstream};
pub use crate::gateway::ports::verified::{After, Session, Verified};

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

use crate::base::cidr::Prefix;
use crate::base::clock::UnixTime;
use crate::base::secret::Secret;
use crate::base::turnstile::Turnstile;
use crate::login::factor::{EnrolmentId, FactorOutcome, Proof, Sealed, Try};
use crate::login::identity::{Account, LoginName, Pseudonym};
use crate::login::step::{Changed, Record};
use crate::login::throttle::{Limits, LockoutRule};
use crate::login::verdict::Fault;

/// Where accounts and groups come from.
#[async_trait]
pub trait Directory: Send + Sync {
    /// The one account that `name` means, with its groups and standing; `None` when there is none.
    ///
    /// # Errors
    ///
    /// A fault when no server answers before `until`, when it refuses us, or when two accounts fit (B-052).
    fn find<'a>(&'a self, name: &'a LoginName, until: Instant) -> Soon<'a, Result<Option<Account>, Fault>>;

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

    /// Where to queue before [`Directory::verify`] is asked about `account`, so that those of one client wait behind
    /// each other and not before everybody else (D-121). It has as many places as passwords are checked at once; `None`
    /// for a directory that checks any number.
    fn turnstile(&self, account: Option<&Account>) -> Option<&Arc<Turnstile>> {
        let _any = account;
        None
    }

    /// When it locks an account of which nothing else is known, from memory: a name that nobody has must wait as an
    /// account would (D-100). `None` when it never does, or as long as nobody knows.
    fn usual_lockout(&self) -> Option<LockoutRule> {
        None
    }

    /// When each of its domains locks accounts, for `doorward check --connect`; nothing of one that does not tell.
    async fn lockouts(&self, _until: Instant) -> Vec<DomainLockout> {
        Vec::new()
    }
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
    fn digests(&self, directory: &str, id: &[u8]) -> Digests;

    /// Keyed digests of a network that somebody comes from, one per key, newest first. Bound to the subject: two who
    /// share a network have nothing in common in the store.
    fn network_digests(&self, who: &Pseudonym, network: Prefix) -> Digests;

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

/// Networks that are remembered of one subject.
pub const MOST_NETWORKS: u32 = 16;

/// What must survive a restart. What was done outlives the process when the call returns, and a loss of power within a second;
/// what is not bound to time, and what administrators do, outlives that at once too. No time-based code of such a second is
/// good again. Every call is one atomic step, for any number of callers and processes at once (C-001).
#[async_trait]
pub trait Store: Send + Sync {
    /// Who has this digest.
    ///
    /// # Errors
    ///
    /// Here and below: a fault when the store cannot be read or written; then nothing was changed.
    fn pseudonym<'a>(&'a self, digest: &'a SubjectDigest) -> Soon<'a, Result<Option<Pseudonym>, Fault>>;

    /// Now: what is written anywhere before this returns is known to whoever asks with it.
    fn moment(&self) -> Moment {
        Moment::default()
    }

    /// As [`Store::pseudonym`], by what was written before `since` and maybe more.
    ///
    /// # Errors
    ///
    /// As above.
    fn pseudonym_since<'a>(
        &'a self,
        digest: &'a SubjectDigest,
        since: Moment,
    ) -> Soon<'a, Result<Option<Pseudonym>, Fault>> {
        let _any = since;
        self.pseudonym(digest)
    }

    /// Remembers a subject unless its digest or its pseudonym is known.
    ///
    /// # Errors
    ///
    /// As above.
    async fn adopt(&self, subject: NewSubject) -> Result<Adopted, Fault>;

    /// Enrolments, failures and history of a subject; an empty record for an unknown one. `over_rate` and
    /// [`crate::login::step::History::familiar`] are not set.
    ///
    /// # Errors
    ///
    /// As above.
    fn recall<'a>(&'a self, who: &'a Pseudonym) -> Soon<'a, Result<Record, Fault>>;

    /// As [`Store::recall`], by what was written before `since` and maybe more.
    ///
    /// # Errors
    ///
    /// As above.
    fn recall_since<'a>(&'a self, who: &'a Pseudonym, since: Moment) -> Soon<'a, Result<Record, Fault>> {
        let _any = since;
        self.recall(who)
    }

    /// Whether so much waits to be written that no new login should begin: what there is still room for is for those
    /// that have begun. It costs next to nothing to ask.
    fn is_behind(&self) -> bool {
        false
    }

    /// Settles one typed code: kinds that are locked at `now` are left out; every mark that is still good is
    /// used up, so that a code is good once however many enrolments it fits; if one of them was used up
    /// before, it is a replay and counts nothing; if not, the failures in a row of the first good one's kind
    /// end; without any mark every kind that was looked at has one more failure. All in one step, so that
    /// fifty users of one code are one accept and forty-nine replays, and parallel guesses do not multiply
    /// the allowance (C-001, C-002).
    ///
    /// With [`Proof::Unproven`] a code that fits nothing counts once, in the row [`Counted::Unproven`] and nowhere
    /// else, and that row's wait holds in place of the kinds' own; it never locks. A kind that is locked is left out
    /// all the same. A good code ends that row and leaves the kinds' own (C-004, C-005, D-101). With [`Proof::Familiar`] it
    /// counts as with [`Proof::Proven`], except that it locks no kind.
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
        standing: Proof,
    ) -> Result<FactorOutcome, Fault>;

    /// One more wrong password, in the row of the place that it came from and in that of the directory, which begins
    /// anew when none came for longer than its window.
    ///
    /// # Errors
    ///
    /// As above.
    async fn count_wrong_password(
        &self,
        who: &Pseudonym,
        now: UnixTime,
        how: &WrongPassword,
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

    /// Forgets a subject with all that hangs on it: the way back, enrolments, failures, networks; `false` when it is
    /// not known. The same account gets a new id when it comes again (F-012).
    ///
    /// # Errors
    ///
    /// As above.
    async fn forget(&self, who: &Pseudonym) -> Result<bool, Fault>;

    /// From when and until when the subject may log in; `None` sets no bound. `false` when it is not known.
    ///
    /// # Errors
    ///
    /// As above.
    async fn set_validity(
        &self,
        who: &Pseudonym,
        from: Option<UnixTime>,
        until: Option<UnixTime>,
    ) -> Result<bool, Fault>;

    /// Notes that the subject was let in.
    ///
    /// * `day`: of UTC, counted from the epoch. The day of the last login never goes back.
    /// * `network`: where it came from. One that was made with an older key than others in the store is not noted.
    /// * `keep_days`: networks that were not seen for longer go, and so do those beyond [`MOST_NETWORKS`], the
    ///   longest unseen first. 0: all of them go.
    ///
    /// # Errors
    ///
    /// As above, and for a subject that is not known.
    async fn note_login(
        &self,
        who: &Pseudonym,
        day: i64,
        network: Option<SubjectDigest>,
        keep_days: u32,
    ) -> Result<(), Fault>;

    /// Forgets the networks of a subject whose digests were made with another key than number `key`; how many.
    ///
    /// # Errors
    ///
    /// As above.
    async fn forget_networks_but(&self, who: &Pseudonym, key: u32) -> Result<u64, Fault>;

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
