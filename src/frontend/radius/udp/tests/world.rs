//! What stands behind the gateway in these tests.

use async_trait::async_trait;
use tokio::sync::{Semaphore, watch};

use crate::base::cidr::Prefix;
use crate::base::clock::UnixTime;
use crate::base::secret::Secret;
use crate::gateway::ports::{
    Adopted, After, Audit, AuditRecord, Counted, Digests, Directory, Moment, Naming, NewEnrolment,
    NewSubject, Place as VaultPlace, SecondFactor, Soon, Store, SubjectDigest, SubjectRow, Totals, Vault,
    Verified, WrongPassword,
};
use crate::login::credential::Code as TypedCode;
use crate::login::factor::{
    Enrolment, EnrolmentId, FactorKind, FactorOutcome, Mark, Parameters, Progress, Proof, Sealed, Try,
};
use crate::login::identity::{Account, LoginName, Pseudonym, Subject};
use crate::login::step::{PrimaryOutcome, Record};
use crate::login::throttle::Limits;
use crate::login::verdict::{Fault, FaultKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Everything behind the gateway: anna, whose password is `hunter2` and whose code is `123456`. A check of
/// the password takes a permit, so that a test can hold a login where it is; the password `kaboom` is a fault of the
/// program.
pub(super) struct World {
    pub(super) permits: Semaphore,
    pub(super) asked: watch::Sender<u32>,
    /// Moments that were taken, and those that came with a question to the store.
    pub(super) moments: AtomicU64,
    pub(super) since: Mutex<Vec<Moment>>,
}

impl World {
    /// Its directory answers `permits` times.
    pub(super) fn new(permits: usize) -> Self {
        Self {
            permits: Semaphore::new(permits),
            asked: watch::Sender::new(0),
            moments: AtomicU64::new(0),
            since: Mutex::default(),
        }
    }
}

fn account() -> Account {
    Account::new("main", b"1", "anna")
}

fn not_asked() -> Fault {
    Fault::new(FaultKind::Internal, "nobody asks for this in these tests")
}

#[async_trait]
impl Directory for World {
    fn find<'a>(
        &'a self,
        name: &'a LoginName,
        _: std::time::Instant,
    ) -> Soon<'a, Result<Option<Account>, Fault>> {
        Soon::Now(Ok((name.prepared() == "anna").then(account)))
    }
    async fn verify(
        &self,
        account: Option<&Account>,
        password: &Secret,
        _: After,
        _: std::time::Instant,
    ) -> Result<Verified, Fault> {
        self.asked.send_modify(|count| *count += 1);
        assert_ne!(password.expose(), b"kaboom", "a test wants to see what a panic does");
        self.permits.acquire().await.map_err(|_| not_asked())?.forget();
        let right = account.is_some() && password.expose() == b"hunter2";
        Ok(if right { PrimaryOutcome::Correct } else { PrimaryOutcome::Wrong }.into())
    }
    async fn probe(&self, _: std::time::Instant) -> Result<(), Fault> {
        Ok(())
    }
}

impl Naming for World {
    fn subject(&self, account: Account) -> Soon<'_, Result<Subject, Fault>> {
        Soon::Now(Ok(Subject { pseudonym: Pseudonym::new("p-1").unwrap(), account: Arc::new(account) }))
    }
}

impl SecondFactor for World {
    fn kind(&self) -> FactorKind {
        FactorKind::Totp
    }
    fn judge(&self, _: &Enrolment, code: &TypedCode, _: UnixTime) -> Result<Option<Mark>, Fault> {
        Ok((code.secret().expose() == b"123456").then_some(Mark::Counter(1)))
    }
}

impl Vault for World {
    fn seal(&self, _: VaultPlace<'_>, plain: &Secret) -> Result<Sealed, Fault> {
        Ok(Sealed { key_id: 1, bytes: plain.expose().into() })
    }

    fn open(&self, _: VaultPlace<'_>, sealed: &Sealed) -> Result<Secret, Fault> {
        Ok(Secret::copied(&sealed.bytes))
    }

    fn digests(&self, _: &str, _: &[u8]) -> Digests {
        Digests::Several(Vec::new())
    }

    fn network_digests(&self, _: &Pseudonym, _: Prefix) -> Digests {
        Digests::Several(Vec::new())
    }

    fn newest_key(&self) -> u32 {
        1
    }
}

impl Audit for World {
    fn record(&self, _: &AuditRecord) -> Result<(), Fault> {
        Ok(())
    }
}

#[async_trait]
impl Store for World {
    fn moment(&self) -> Moment {
        Moment(self.moments.fetch_add(1, Ordering::SeqCst))
    }
    fn recall_since<'a>(&'a self, who: &'a Pseudonym, since: Moment) -> Soon<'a, Result<Record, Fault>> {
        self.since.lock().unwrap().push(since);
        self.recall(who)
    }
    fn recall<'a>(&'a self, _: &'a Pseudonym) -> Soon<'a, Result<Record, Fault>> {
        let enrolment = Enrolment {
            id: EnrolmentId([1; 16]),
            parameters: Parameters::Totp {
                algorithm: crate::login::factor::OtpAlgorithm::Sha1,
                digits: 6,
                period: 30,
            },
            sealed: Sealed { key_id: 1, bytes: Box::default() },
            progress: Progress::UNUSED,
            created: UnixTime(0),
        };
        Soon::Now(Ok(Record { enrolments: vec![enrolment], ..Record::default() }))
    }
    async fn settle(
        &self,
        _: &Pseudonym,
        tries: &[Try],
        _: UnixTime,
        _: &Limits,
        _: Proof,
    ) -> Result<FactorOutcome, Fault> {
        let right = tries.iter().any(|one| one.mark.is_some());
        Ok(if right { FactorOutcome::Confirmed(FactorKind::Totp) } else { FactorOutcome::Wrong })
    }
    async fn count_wrong_password(&self, _: &Pseudonym, _: UnixTime, _: &WrongPassword) -> Result<(), Fault> {
        Ok(())
    }
    async fn forget_failures(&self, _: &Pseudonym, _: Counted, _: bool) -> Result<bool, Fault> {
        Err(not_asked())
    }
    fn pseudonym<'a>(&'a self, _: &'a SubjectDigest) -> Soon<'a, Result<Option<Pseudonym>, Fault>> {
        Soon::Now(Err(not_asked()))
    }
    async fn adopt(&self, _: NewSubject) -> Result<Adopted, Fault> {
        Err(not_asked())
    }
    async fn enrol(&self, _: &Pseudonym, _: NewEnrolment) -> Result<(), Fault> {
        Err(not_asked())
    }
    async fn revoke(&self, _: &Pseudonym, _: EnrolmentId) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn forget(&self, _: &Pseudonym) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn set_validity(
        &self,
        _: &Pseudonym,
        _: Option<UnixTime>,
        _: Option<UnixTime>,
    ) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn note_login(&self, _: &Pseudonym, _: i64, _: Option<SubjectDigest>, _: u32) -> Result<(), Fault> {
        Ok(())
    }
    async fn forget_networks_but(&self, _: &Pseudonym, _: u32) -> Result<u64, Fault> {
        Err(not_asked())
    }
    async fn subjects(&self, _: Option<&Pseudonym>, _: usize) -> Result<Vec<SubjectRow>, Fault> {
        Err(not_asked())
    }
    async fn subject(&self, _: &Pseudonym) -> Result<Option<SubjectRow>, Fault> {
        Err(not_asked())
    }
    async fn rekey_subject(&self, _: &SubjectRow, _: SubjectDigest, _: Sealed) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn rekey_enrolment(&self, _: EnrolmentId, _: &Sealed, _: Sealed) -> Result<bool, Fault> {
        Err(not_asked())
    }
    async fn signing_clients(&self) -> Result<Vec<Box<str>>, Fault> {
        Err(not_asked())
    }
    async fn note_signing_client(&self, _: &str) -> Result<(), Fault> {
        Err(not_asked())
    }
    async fn totals(&self) -> Result<Totals, Fault> {
        Err(not_asked())
    }
    async fn probe(&self) -> Result<(), Fault> {
        Ok(())
    }
}
