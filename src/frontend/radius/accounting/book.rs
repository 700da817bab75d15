//! Keeps what accounting tells: which sessions are open, and a record of their beginning and end.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::frontend::radius::accounting::report::{Kind, Report};
use crate::gateway::badge::{self, Badge};
use crate::gateway::ports::sessions::{Noted, OpenSession, Sessions};
use crate::gateway::ports::{Audit, AuditRecord, Place, Vault};
use crate::login::verdict::Fault;

/// Sessions that are kept; beyond, the one that was silent for longest goes.
const MOST_SESSIONS: u64 = 1_000_000;

/// Keeps sessions.
pub struct Book {
    /// Where.
    pub sessions: Arc<dyn Sessions>,
    /// Opens notes and seals what ends a session.
    pub vault: Arc<dyn Vault>,
    /// Where beginnings and ends are recorded.
    pub audit: Arc<dyn Audit>,
}

impl Book {
    /// Keeps `report`; durable when it returns.
    ///
    /// # Errors
    ///
    /// A fault of store or audit. The report may then come again, and is kept once.
    pub async fn keep(&self, report: &Report) -> Result<(), Fault> {
        let badge =
            report.classes.iter().find_map(|class| badge::read(&*self.vault, &report.key.client, class));
        match (report.kind, badge) {
            (Kind::Start | Kind::Interim, Some(badge)) => self.open(report, &badge).await,
            (Kind::Stop, badge) => self.end(report, badge.as_ref()).await,
            (Kind::Device, _) => {
                let ended = self.sessions.end_sessions_at(&report.key.client, &report.key.device).await?;
                if ended > 0 {
                    self.record(report, None, "device-restarted")?;
                }
                Ok(())
            }
            (Kind::Start | Kind::Interim, None) | (Kind::Else, _) => Ok(()),
        }
    }

    async fn open(&self, report: &Report, badge: &Badge) -> Result<(), Fault> {
        let session = OpenSession {
            key: report.key.clone(),
            pseudonym: badge.who.clone(),
            attempt: badge.attempt,
            marks: self.vault.seal(Place::Session(&report.key.place()), &report.marks)?,
            since: began(report),
            heard: report.came.unix,
        };
        let key = session.key.clone();
        match self.sessions.note_session(session, MOST_SESSIONS).await? {
            Noted::Known | Noted::Nobody => return Ok(()),
            Noted::New | Noted::MadeRoom => {}
        }
        if let Err(fault) = self.record(report, Some(badge), "start") {
            // The report comes again, and must then be news again.
            self.sessions.end_session(&key).await?;
            return Err(fault);
        }
        Ok(())
    }

    /// A session whose start was lost has an owner all the same: the note comes with the end as well.
    async fn end(&self, report: &Report, badge: Option<&Badge>) -> Result<(), Fault> {
        let known = self.sessions.end_session(&report.key).await?;
        let owner = known.as_ref().map(|open| Badge { attempt: open.attempt, who: open.pseudonym.clone() });
        let Some(badge) = owner.as_ref().or(badge) else { return Ok(()) };
        let recorded = self.record(report, Some(badge), "stop");
        if let (Err(_), Some(open)) = (&recorded, known) {
            self.sessions.note_session(open, MOST_SESSIONS).await?;
        }
        recorded
    }

    fn record(&self, report: &Report, badge: Option<&Badge>, stage: &'static str) -> Result<(), Fault> {
        let ended = report.kind == Kind::Stop;
        let seconds = report.seconds.filter(|_| ended).map_or(0, u64::from);
        self.audit.record(&AuditRecord {
            attempt: badge.map(|badge| badge.attempt),
            client: Some(Arc::clone(&report.key.client)),
            pseudonym: badge.map(|badge| badge.who.clone()),
            network: report.user,
            octets: ended.then_some(report.octets),
            elapsed_us: seconds.saturating_mul(1_000_000),
            ..AuditRecord::bare(report.came.unix, "session", stage, "done", stage)
        })
    }

    /// Forgets sessions that were not heard of for `life`.
    ///
    /// # Errors
    ///
    /// A fault of the store.
    pub async fn tidy(&self, now: UnixTime, life: Duration) -> Result<u64, Fault> {
        let life = i64::try_from(life.as_millis()).unwrap_or(i64::MAX);
        self.sessions.forget_silent_sessions(UnixTime(now.0.saturating_sub(life))).await
    }
}

/// When it began, by what the device says; what we missed is counted in.
fn began(report: &Report) -> UnixTime {
    let seconds = i64::from(report.seconds.unwrap_or(0)).saturating_mul(1000);
    UnixTime(report.came.unix.0.saturating_sub(seconds))
}
