//! Who tries many names: asked before a password goes anywhere, told when a login has failed; and the alarms.

use std::time::Instant;

use crate::base::cidr::Prefix;
use crate::base::secret::Secret;
use crate::gateway::alarm::{Alarm, Cause, Raise};
use crate::gateway::drive::{Gateway, Live};
use crate::gateway::ports::AuditRecord;
use crate::gateway::spray::{Sign, Speed, Tried};
use crate::login::credential::PrimaryCredential;
use crate::login::flow::Flow;
use crate::login::policy::exempt::ExemptionKind;
use crate::login::relay::Method;
use crate::login::step::Work;
use crate::login::verdict::{Grant, Reason, Verdict};

/// How much of a user's address stands in the log, in bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Of an IPv4 address, 0 to 32.
    pub v4: u8,
    /// Of an IPv6 address, 0 to 128.
    pub v6: u8,
}

/// A password that is about to be shown to somebody, for the first time in its login; `None` inside where it is not
/// known here.
pub(super) fn shown_first<'a>(work: &'a Work, flow: &Flow) -> Option<Option<&'a Secret>> {
    match work {
        Work::VerifyPrimary(_, password) => Some(Some(password)),
        // Where the upstream has asked something, this is an answer to it.
        Work::AskUpstream(password) if flow.held().is_none() => Some(password.as_ref()),
        _ => None,
    }
}

/// What a login that ends like this is a sign of.
///
/// One that nobody was asked about, since its account waits, tells where guesses at the account come from and no more:
/// it may well be the owner's own, whom others make wait, and must not make his source or his password suspect.
pub(super) const fn signs_of(verdict: &Verdict) -> &'static [Sign] {
    match verdict {
        Verdict::Reject(Reason::WrongPassword | Reason::UnknownSubject | Reason::AccountUnclear) => {
            &Sign::ALL
        }
        Verdict::Reject(Reason::PasswordThrottled | Reason::LockoutGuard) => &[Sign::SourcesOnName],
        Verdict::Accept(_) | Verdict::Reject(_) | Verdict::Unable(_) => &[],
    }
}

impl Gateway {
    /// Whether somebody may not be asked about this password now, since whoever shows it tries many names.
    pub(super) fn is_slowed(
        &self,
        password: Option<&Secret>,
        flow: &Flow,
        live: &Live,
        now: Instant,
    ) -> bool {
        // An application that shows the password of its own account, which was right a short while ago.
        if flow.is_known_application() {
            return false;
        }
        tried(password, flow).is_some_and(|tried| live.spray.look(&tried, now) != Speed::Normal)
    }

    /// A login has failed: counts it as these signs, and raises an alarm where that is one too many.
    pub(super) fn has_failed(&self, signs: &[Sign], password: Option<&Secret>, flow: &Flow, live: &Live) {
        let Some(tried) = tried(password, flow).filter(|_| !signs.is_empty()) else { return };
        for found in live.spray.failed(&tried, signs, self.parts.clock.now().steady) {
            self.raise(found.sign.into(), found.into(), flow, live);
        }
    }

    /// A directory is not asked about an account any more, since it would soon lock it.
    pub(super) fn guarded(&self, flow: &Flow, live: &Live) {
        if let Some(subject) = flow.subject() {
            self.raise(Alarm::LockoutGuard, Cause::Subject(subject.pseudonym.clone()), flow, live);
        }
    }

    /// Somebody was let in; raises an alarm where that was by an exemption that is watched.
    pub(super) fn exemption_used(&self, grant: &Grant, flow: &Flow, live: &Live) {
        let Some(name) = grant.exemption() else { return };
        let used = live.policy.exemptions.iter().find(|exemption| exemption.name == *name);
        let alarm = match used.map(|exemption| (exemption.kind, exemption.alarm)) {
            Some((ExemptionKind::BreakGlass, _)) => Alarm::BreakGlass,
            Some((ExemptionKind::Service, true)) => Alarm::ExemptionUsed,
            Some((ExemptionKind::Service, false)) | None => return,
        };
        let who = flow.subject().map(|subject| subject.pseudonym.clone());
        let attempt = flow.attempt();
        let cause = Cause::Used(name.clone(), who, attempt.client.name.clone(), attempt.origin);
        self.raise(alarm, cause, flow, live);
    }

    /// Somebody was let in whose factor nobody could check: one alarm for all whom the same mode lets in.
    pub(super) fn fault_mode_used(&self, grant: &Grant, flow: &Flow, live: &Live) {
        if let Some(name) = grant.fault() {
            self.raise(Alarm::FaultMode, Cause::Named(name.clone()), flow, live);
        }
    }

    /// Raises an alarm about a login, unless its cause has had one a short while ago.
    pub(super) fn raise(&self, alarm: Alarm, cause: Cause, flow: &Flow, live: &Live) {
        let now = self.parts.clock.now();
        if self.alarms.raise(alarm, cause, now.steady) != Raise::Write {
            return;
        }
        let (attempt, trail) = (flow.attempt(), flow.trail());
        let pseudonym = trail.pseudonym.filter(|_| alarm.names_subject());
        let network = attempt.origin.user.map(|user| Prefix::around(user, live.shown.v4, live.shown.v6));
        tracing::warn!(
            event = alarm.event(),
            attempt = %attempt.id,
            client = %attempt.client.name,
            subject = pseudonym.as_ref().map(tracing::field::display),
            network = network.map(tracing::field::display),
            exemption = trail.exemption.as_deref(),
            on_fault = trail.on_fault.as_deref(),
            "{}",
            alarm.sentence()
        );
        let source = attempt.origin.user.is_none().then_some(attempt.origin.peer);
        // Nothing depends on whether it could be written; the log has it, and says so.
        let _kept = self.note(&AuditRecord {
            attempt: Some(attempt.id),
            client: Some(attempt.client.name.clone()),
            pseudonym,
            exemption: trail.exemption,
            on_fault: trail.on_fault,
            source,
            network: attempt.origin.user,
            ..AuditRecord::bare(now.unix, "alarm", alarm.code(), "raised", alarm.code())
        });
    }
}

/// The login as it is watched. In EAP the name outside the tunnel may be anybody's, so it is not.
fn tried<'a>(password: Option<&'a Secret>, flow: &'a Flow) -> Option<Tried<'a>> {
    let attempt = flow.attempt();
    let is_eap = matches!(attempt.credential, PrimaryCredential::Relayed(Method::Eap));
    let who = flow.subject().map(|subject| &subject.pseudonym);
    (!is_eap).then_some(Tried { attempt, who, password, familiar: flow.is_familiar() })
}
