//! What the audit keeps, and who keeps it.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::base::clock::UnixTime;
use crate::login::attempt::AttemptId;
use crate::login::factor::{FactorKind, FactorKinds};
use crate::login::identity::Pseudonym;
use crate::login::policy::{Seen, Validity};
use crate::login::verdict::Fault;

/// Keeps the record of what was decided.
pub trait Audit: Send + Sync {
    /// Writes one record; it is out of our hands when this returns (D-117).
    ///
    /// # Errors
    ///
    /// A fault when it could not be written; then nobody is let in.
    fn record(&self, record: &AuditRecord) -> Result<(), Fault>;

    /// The same for one of many that end at about the same time: it may wait for the others, so that all are written
    /// at once. It is taken down when this returns, out of our hands when the future is done, and written all the same
    /// where that is dropped before.
    ///
    /// # Errors
    ///
    /// As [`Audit::record`].
    fn record_soon<'a>(
        &'a self,
        record: &AuditRecord,
    ) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>> {
        Box::pin(std::future::ready(self.record(record)))
    }
}

/// One verdict, one act of an administrator, one operation of an exempt account, one alarm, or the beginning or end of a
/// session, as the audit keeps it. No names, no secrets (F-007).
#[derive(Debug, Clone)]
pub struct AuditRecord {
    /// When.
    pub at: UnixTime,
    /// What happened: `login`, `exempt-operation`, `session`, `alarm`, or `admin.…` for an act of an administrator.
    pub event: &'static str,
    /// Which login.
    pub attempt: Option<AttemptId>,
    /// Which client.
    pub client: Option<Arc<str>>,
    /// Who, anonymously.
    pub pseudonym: Option<Pseudonym>,
    /// Where it ended; of an operation, which one it is.
    pub stage: &'static str,
    /// `accept`, `reject`, `unable`, `done` or `raised`.
    pub outcome: &'static str,
    /// Fixed word for the cause.
    pub reason: &'static str,
    /// Which factor; of several the last.
    pub factor: Option<FactorKind>,
    /// All that were confirmed in one login.
    pub shown: FactorKinds,
    /// Which rule.
    pub rule: Option<Arc<str>>,
    /// The exemption that the login came under.
    pub exemption: Option<Arc<str>>,
    /// An exemption that names the account, but not for where the login came from: the rules held for it.
    pub missed: Option<Arc<str>>,
    /// The fault mode that held for the login, since a factor could not be checked.
    pub on_fault: Option<Arc<str>>,
    /// The address of the client's connection, where an exemption names the account or the user's own address is not
    /// known; whole, since it is no person's.
    pub source: Option<IpAddr>,
    /// The user's address; shortened by the one who writes it.
    pub network: Option<IpAddr>,
    /// Octets from the user and to him, at the end of a session.
    pub octets: Option<(u64, u64)>,
    /// From when and until when a subject may log in, where an administrator has set it.
    pub valid: Option<Validity>,
    /// What the rules saw of a login.
    pub seen: Option<Seen>,
    /// From the first message to the verdict, in microseconds; of a session, how long it was open.
    pub elapsed_us: u64,
}

impl AuditRecord {
    /// A record of which nothing else is known.
    #[must_use]
    pub const fn bare(
        at: UnixTime,
        event: &'static str,
        stage: &'static str,
        outcome: &'static str,
        reason: &'static str,
    ) -> Self {
        Self {
            at,
            event,
            attempt: None,
            client: None,
            pseudonym: None,
            stage,
            outcome,
            reason,
            factor: None,
            shown: FactorKinds::NONE,
            rule: None,
            exemption: None,
            missed: None,
            on_fault: None,
            source: None,
            network: None,
            octets: None,
            valid: None,
            seen: None,
            elapsed_us: 0,
        }
    }
}

/// The login of an exempt account; what it does afterwards is recorded with it (B-047).
#[derive(Debug, Clone)]
pub struct ExemptLogin {
    /// Which login.
    pub attempt: AttemptId,
    /// At which client.
    pub client: Arc<str>,
    /// Who.
    pub who: Option<Pseudonym>,
    /// By which exemption.
    pub exemption: Arc<str>,
    /// The address of the client's connection.
    pub source: IpAddr,
}

impl ExemptLogin {
    /// The record of one operation.
    ///
    /// * `operation`: its fixed word, such as `search`.
    /// * `outcome`: `done` or `reject`.
    /// * `reason`: the fixed word for it.
    #[must_use]
    pub fn operation(
        &self,
        at: UnixTime,
        operation: &'static str,
        outcome: &'static str,
        reason: &'static str,
    ) -> AuditRecord {
        AuditRecord {
            attempt: Some(self.attempt),
            client: Some(self.client.clone()),
            pseudonym: self.who.clone(),
            exemption: Some(self.exemption.clone()),
            source: Some(self.source),
            ..AuditRecord::bare(at, "exempt-operation", operation, outcome, reason)
        }
    }
}
