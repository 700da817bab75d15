//! The end of a login: its record, its reply, and when that leaves.

use std::time::{Duration, Instant};

use crate::base::clock::Now;
use crate::base::random;
use crate::gateway::asker::{Asker, Reply};
use crate::gateway::drive::Gateway;
use crate::gateway::ports::AuditRecord;
use crate::login::attempt::{Answer, AttemptId};
use crate::login::flow::Flow;
use crate::login::step::Trail;
use crate::login::verdict::{Fault, FaultKind, Reason, Verdict};

impl Gateway {
    /// Writes the record, then turns the verdict into a reply. An accept that cannot be recorded is none
    /// (D-117).
    pub(super) async fn finish(&self, flow: &mut Flow, verdict: Verdict, now: Now) -> Reply {
        let (elapsed, keeping) = {
            let record = record_of(flow, &verdict, now);
            // It is taken down by this; a login that waits need not keep it too.
            (elapsed(&record), self.parts.audit.record_soon(&record))
        };
        flow.end();
        self.recorded(keeping.await, elapsed, verdict)
    }

    /// The same where nobody waits for a reply.
    pub(super) fn finish_unheard(&self, flow: &mut Flow, verdict: &Verdict) {
        let record = record_of(flow, verdict, self.parts.clock.now());
        flow.end();
        match self.note(&record) {
            Ok(()) => self.tally.verdict(verdict, elapsed(&record)),
            Err(fault) => self.tally.verdict(&Verdict::Unable(fault.kind), elapsed(&record)),
        }
    }

    pub(super) async fn unknown_challenge(&self, answer: &Answer, came: Now) -> Reply {
        let Ok(id) = random::bytes(&*self.parts.random).map(AttemptId) else {
            return Reply::Unable(FaultKind::Internal);
        };
        let verdict = Verdict::Reject(Reason::UnknownChallenge);
        let (outcome, reason) = words(&verdict);
        let record = AuditRecord {
            attempt: Some(id),
            client: Some(answer.client.name.clone()),
            ..AuditRecord::bare(came.unix, "login", "challenge", outcome, reason)
        };
        let kept = self.parts.audit.record_soon(&record).await;
        self.recorded(kept, Duration::ZERO, verdict)
    }

    /// What comes of a verdict whose record is out of our hands, or could not be written.
    fn recorded(&self, kept: Result<(), Fault>, elapsed: Duration, verdict: Verdict) -> Reply {
        let verdict = match kept {
            Ok(()) => verdict,
            Err(fault) => {
                not_recorded(&fault);
                Verdict::Unable(fault.kind)
            }
        };
        self.tally.verdict(&verdict, elapsed);
        match verdict {
            Verdict::Accept(grant) => Reply::Accept(grant),
            Verdict::Reject(reason) => Reply::Reject(reason),
            Verdict::Unable(kind) => Reply::Unable(kind),
        }
    }

    /// Lets a rejection leave at a time that says nothing about its cause: `delay` after its request came,
    /// and a little more by chance (A-077, D-100). For nobody it does not wait.
    pub(super) async fn hold_back(&self, reply: &Reply, came: Instant, delay: Duration, asker: &Asker) {
        if matches!(reply, Reply::Reject(_)) && !delay.is_zero() {
            // On the heap, since most need no room for it.
            Box::pin(self.wait_back(came, delay, asker)).await;
        }
    }

    async fn wait_back(&self, came: Instant, delay: Duration, asker: &Asker) {
        let chance = random::bytes::<1>(&*self.parts.random).map_or(0, |[byte]| u32::from(byte));
        let more = delay.checked_div(2560).unwrap_or_default().saturating_mul(chance);
        let due = came.checked_add(delay.saturating_add(more)).unwrap_or(came);
        let wait = due.saturating_duration_since(self.parts.clock.now().steady);
        let mut closing = self.closing.subscribe();
        tokio::select! {
            _ended = tokio::time::timeout(wait, closing.wait_for(|closing| *closing)) => {}
            () = asker.left() => {}
        }
    }
}

fn record_of(flow: &Flow, verdict: &Verdict, now: Now) -> AuditRecord {
    let attempt = flow.attempt();
    let elapsed = now.steady.saturating_duration_since(attempt.began.steady);
    let (outcome, reason) = words(verdict);
    let Trail { pseudonym, rule, exemption, missed, on_fault, factor, shown, stage, seen } = flow.trail();
    // Where the user's own address is not known, this is all that leads to where the login came from.
    let tells = exemption.is_some() || missed.is_some() || attempt.origin.user.is_none();
    let source = tells.then_some(attempt.origin.peer);
    AuditRecord {
        attempt: Some(attempt.id),
        client: Some(attempt.client.name.clone()),
        pseudonym,
        factor,
        shown,
        rule,
        exemption,
        missed,
        on_fault,
        source,
        network: attempt.origin.user,
        seen,
        elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        ..AuditRecord::bare(now.unix, "login", stage, outcome, reason)
    }
}

/// How long the login took that this is the record of.
const fn elapsed(record: &AuditRecord) -> Duration {
    Duration::from_micros(record.elapsed_us)
}

/// Tells the log that a record could not be written.
pub(super) fn not_recorded(fault: &Fault) {
    tracing::error!(event = "audit.fault", fault = fault.kind.code(), "{fault}");
}

fn words(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Accept(grant) => ("accept", grant.basis().code()),
        Verdict::Reject(reason) => ("reject", reason.code()),
        Verdict::Unable(kind) => ("unable", kind.code()),
    }
}
