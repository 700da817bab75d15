//! Subjects and enrolments for tests and measurements of stores. The n-th subject is always the same one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::UnixTime;
use doorward::base::secret::Secret;
use doorward::gateway::ports::{NewEnrolment, NewSubject, Place, Store, SubjectDigest, Vault, WrongPassword};
use doorward::login::factor::{
    EnrolmentId, FactorKind, Mark, OtpAlgorithm, Parameters, Progress, Sealed, Try,
};
use doorward::login::identity::Pseudonym;
use doorward::login::throttle::Limits;
use doorward::login::verdict::Fault;

/// When everything here was set up.
pub(crate) const CREATED: UnixTime = UnixTime::from_seconds(1_800_000_000);
/// The seed of every generator that [`fill`] enrols.
pub(crate) const SEED: &[u8] = b"12345678901234567890";
/// The directory of every subject that [`fill`] remembers.
pub(crate) const DIRECTORY: &str = "filled";

const TOTP: Parameters = Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 };

/// Id of the n-th subject.
pub(crate) fn pseudonym(n: u64) -> Pseudonym {
    Pseudonym::new(&format!("p{:019}", scattered(n))).unwrap()
}

/// Id of the n-th enrolment.
pub(crate) fn enrolment_id(n: u64) -> EnrolmentId {
    let mut id = [0xee; 16];
    id[..8].copy_from_slice(&scattered(n).to_be_bytes());
    EnrolmentId(id)
}

/// What the directory calls the n-th subject.
pub(crate) fn directory_id(n: u64) -> [u8; 8] {
    n.to_be_bytes()
}

/// Spreads neighbours over the whole range, one to one, as random ids would be (an odd factor has an inverse).
const fn scattered(n: u64) -> u64 {
    n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The n-th subject with a digest and an identity that no key opens.
pub(crate) fn subject(n: u64) -> NewSubject {
    let mut digest = [0xdd; 32];
    digest[..8].copy_from_slice(&scattered(n).to_be_bytes());
    NewSubject {
        digest: SubjectDigest { key_id: 1, digest },
        pseudonym: pseudonym(n),
        identity: Sealed { key_id: 1, bytes: [0; 60].into() },
        created: CREATED,
    }
}

/// The n-th enrolment, of one kind, with a seed that no key opens.
pub(crate) fn enrolment(n: u64, kind: FactorKind) -> NewEnrolment {
    let parameters = match kind {
        FactorKind::Totp => TOTP,
        FactorKind::Hotp => Parameters::Hotp { digits: 6 },
        FactorKind::Recovery => Parameters::Recovery,
    };
    NewEnrolment {
        id: enrolment_id(n),
        parameters,
        sealed: Sealed { key_id: 1, bytes: [0; 49].into() },
        progress: Progress::UNUSED,
        created: CREATED,
        replaces: false,
    }
}

/// A code that would use up `mark` of the n-th enrolment.
pub(crate) fn good(n: u64, mark: Mark) -> Try {
    Try { enrolment: enrolment_id(n), kind: mark.kind(), mark: Some(mark) }
}

/// A code that does not fit the n-th enrolment.
pub(crate) fn wrong(n: u64, kind: FactorKind) -> Try {
    Try { enrolment: enrolment_id(n), kind, mark: None }
}

/// When the directory of these subjects forgets a wrong password.
pub(crate) const WINDOW: Duration = Duration::from_secs(30 * 60);

/// A wrong password from an unfamiliar place.
pub(crate) const fn stranger(limits: Limits) -> WrongPassword {
    WrongPassword { familiar: false, limits, directory_window: WINDOW }
}

/// The time step `step`, without drift.
pub(crate) const fn step(step: i64) -> Mark {
    Mark::Step { step, drift: 0 }
}

/// Remembers the subjects 0 to n - 1, each with one time-based generator with the seed [`SEED`], sealed and
/// found again by `vault`: they can log in. Many at a time, so that they share commits.
pub(crate) async fn fill(store: &Arc<dyn Store>, vault: &Arc<dyn Vault>, n: u64) -> Result<(), Fault> {
    fill_accounts(store, vault, DIRECTORY, (0..n).map(|n| directory_id(n).to_vec())).await
}

/// The same for the accounts that `directory` knows under these ids, numbered from 0.
pub(crate) async fn fill_accounts(
    store: &Arc<dyn Store>,
    vault: &Arc<dyn Vault>,
    directory: &'static str,
    ids: impl Iterator<Item = Vec<u8>>,
) -> Result<(), Fault> {
    let mut running = VecDeque::new();
    for (one, id) in (0..).zip(ids) {
        let (store, vault) = (store.clone(), vault.clone());
        running.push_back(tokio::spawn(async move {
            let digest = vault.digests(directory, &id)[0];
            fill_one(&*store, &*vault, one, digest).await
        }));
        if running.len() >= 1024
            && let Some(first) = running.pop_front()
        {
            first.await.unwrap()?;
        }
    }
    for one in running {
        one.await.unwrap()?;
    }
    Ok(())
}

async fn fill_one(store: &dyn Store, vault: &dyn Vault, n: u64, digest: SubjectDigest) -> Result<(), Fault> {
    let who = pseudonym(n);
    let identity = vault.seal(Place::Identity(&who), &Secret::copied(&[0; 60]))?;
    store.adopt(NewSubject { digest, pseudonym: who.clone(), identity, created: CREATED }).await?;
    let sealed = vault.seal(Place::Seed(enrolment_id(n)), &Secret::copied(SEED))?;
    store.enrol(&who, NewEnrolment { sealed, ..enrolment(n, FactorKind::Totp) }).await
}
