//! Does the work a flow asks for, until it asks the user or ends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::base::clock::{Clock, Now};
use crate::base::random::{self, Random};
use crate::gateway::admit::{Admission, Place};
use crate::gateway::pending::{Pending, Taken};
use crate::gateway::ports::{Audit, AuditRecord, Counted, Directory, Naming, SecondFactor, Store};
use crate::gateway::tally::Tally;
use crate::gateway::turns::{Turn, Turns};
use crate::login::attempt::{Answer, Attempt, AttemptId, ChallengeId};
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorOutcome, Try};
use crate::login::flow::Flow;
use crate::login::identity::{Pseudonym, Subject};
use crate::login::policy::Policy;
use crate::login::step::{Event, Outcome, Prompt, Record, Step, Trail, Work};
use crate::login::throttle::FlowLimits;
use crate::login::verdict::{Fault, FaultKind, Grant, Reason, Verdict};

/// What a front end tells its client.
#[must_use]
#[derive(Debug)]
pub enum Reply {
    /// Put this to the user; his answer comes back under the id.
    Ask(ChallengeId, Prompt),
    /// Let him in.
    Accept(Grant),
    /// Keep him out.
    Reject(Reason),
    /// We could not find out; the client's `when-unable` says what it hears.
    Unable(FaultKind),
}

/// What a reload exchanges. A flow keeps what it began with.
pub struct Live {
    /// The rules.
    pub policy: Arc<Policy>,
    /// Waits and locks.
    pub limits: FlowLimits,
    /// The directories, by name.
    pub directories: HashMap<Arc<str>, Arc<dyn Directory>>,
    /// Places and rates.
    pub admission: Arc<Admission>,
}

/// What stays from start to end.
pub struct Parts {
    /// What survives a restart.
    pub store: Arc<dyn Store>,
    /// Gives out anonymous ids.
    pub naming: Arc<dyn Naming>,
    /// The second factors.
    pub factors: Vec<Arc<dyn SecondFactor>>,
    /// Keeps the record.
    pub audit: Arc<dyn Audit>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws challenge ids.
    pub random: Arc<dyn Random>,
}

/// Questions that may be open at once.
const MOST_QUESTIONS: usize = 50_000;

/// Runs flows.
pub struct Gateway {
    parts: Parts,
    live: ArcSwap<Live>,
    pending: Pending,
    turns: Arc<Turns>,
    tally: Tally,
    closing: watch::Sender<bool>,
}

impl Gateway {
    /// A gateway with nothing running.
    #[must_use]
    pub fn new(parts: Parts, live: Live) -> Self {
        Self {
            parts,
            live: ArcSwap::from_pointee(live),
            pending: Pending::new(MOST_QUESTIONS),
            turns: Arc::default(),
            tally: Tally::default(),
            closing: watch::Sender::new(false),
        }
    }

    /// Exchanges rules, limits and directories for logins that begin from now on.
    pub fn reload(&self, live: Live) {
        self.live.store(Arc::new(live));
    }

    /// Who may begin a login now.
    #[must_use]
    pub fn admission(&self) -> Arc<Admission> {
        self.live.load().admission.clone()
    }

    /// The counters.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Number of open questions.
    #[must_use]
    pub fn questions(&self) -> usize {
        self.pending.len()
    }

    /// Rejections no longer wait for their time; for the end of the program.
    pub fn hurry(&self) {
        self.closing.send_replace(true);
    }

    /// Runs a login up to its first question or its end.
    pub async fn begin(&self, attempt: Attempt, place: Place) -> Reply {
        let live = self.live.load_full();
        let began = attempt.began.steady;
        let flow = Flow::new(attempt, live.policy.clone(), live.limits);
        let reply = self.run(flow, Event::Began, &live, began).await;
        drop(place);
        reply
    }

    /// Goes on with the login that asked the question `id`; `came` is when the answer came.
    pub async fn resume(&self, id: ChallengeId, answer: Answer, came: Now, place: Place) -> Reply {
        let live = self.live.load_full();
        let delay = answer.client.reject_delay;
        let reply = match self.pending.take(id, &answer) {
            Taken::Flow(flow) => self.run(*flow, Event::Answered(answer), &live, came.steady).await,
            Taken::Foreign(mut flow) => {
                let ended = self.finish(&mut flow, Verdict::Reject(Reason::UnknownChallenge));
                self.held_back(ended, came.steady, delay).await
            }
            Taken::Nothing => {
                let ended = self.unknown_challenge(&answer, came);
                self.held_back(ended, came.steady, delay).await
            }
        };
        drop(place);
        reply
    }

    /// Ends the flows whose question was not answered in time, and lets limits recover. To be called about
    /// once a second.
    pub fn tidy(&self) {
        let now = self.parts.clock.now();
        for mut flow in self.pending.expire(now.steady) {
            self.time_out(&mut flow, now);
        }
        self.live.load().admission.tidy();
    }

    fn time_out(&self, flow: &mut Flow, now: Now) {
        if let Step::Done(verdict) = flow.advance(Event::TimedOut, now) {
            let _answered_nobody = self.finish(flow, verdict);
        }
    }

    async fn run(&self, mut flow: Flow, first: Event, live: &Live, came: Instant) -> Reply {
        let mut event = first;
        let mut turn = None;
        loop {
            match flow.advance(event, self.parts.clock.now()) {
                Step::Do(work) => event = self.work_in_time(work, &flow, live, &mut turn).await,
                Step::Ask(prompt) => return self.ask(flow, prompt),
                Step::Done(verdict) => {
                    let reply = self.finish(&mut flow, verdict);
                    drop(turn);
                    let delay = flow.attempt().client.reject_delay;
                    return self.held_back(reply, came, delay).await;
                }
            }
        }
    }

    fn ask(&self, flow: Flow, prompt: Prompt) -> Reply {
        let Ok(id) = random::bytes(&*self.parts.random).map(ChallengeId) else {
            return Reply::Unable(FaultKind::Internal);
        };
        if let Some(mut displaced) = self.pending.keep(id, flow) {
            self.time_out(&mut displaced, self.parts.clock.now());
        }
        self.tally.asked();
        Reply::Ask(id, prompt)
    }

    async fn work_in_time(&self, work: Work, flow: &Flow, live: &Live, turn: &mut Option<Turn>) -> Event {
        let left = flow.deadline().saturating_duration_since(self.parts.clock.now().steady);
        match tokio::time::timeout(left, self.work(work, flow, live, turn)).await {
            Ok(outcome) => {
                if let Some(fault) = fault_of(&outcome) {
                    tracing::warn!(
                        event = "login.fault",
                        attempt = %flow.attempt().id,
                        client = %flow.attempt().client.name,
                        fault = fault.kind.code(),
                        "{fault}"
                    );
                }
                Event::Worked(outcome)
            }
            Err(_) => Event::TimedOut,
        }
    }

    async fn work(&self, work: Work, flow: &Flow, live: &Live, turn: &mut Option<Turn>) -> Outcome {
        let attempt = flow.attempt();
        let store = &self.parts.store;
        let now = self.parts.clock.now().unix;
        match work {
            Work::FindSubject => Outcome::Subject(self.find(flow, live).await),
            Work::Recall(who) => Outcome::Record(self.recall(&who, live, turn).await),
            Work::VerifyPrimary(account, password) => {
                Outcome::Primary(match directory(live, &attempt.client.directory) {
                    Ok(directory) => directory.verify(account.as_deref(), &password, flow.deadline()).await,
                    Err(fault) => Err(fault),
                })
            }
            Work::CountWrongPassword(who) => {
                Outcome::Counted(store.count_wrong_password(&who, now, &live.limits.password).await)
            }
            Work::ForgetWrongPasswords(who) => {
                Outcome::Counted(store.forget_failures(&who, Counted::Password, false).await.map(drop))
            }
            Work::Check(who, code, enrolments) => {
                Outcome::Factor(self.check(&who, &code, &enrolments, live).await)
            }
        }
    }

    async fn find(&self, flow: &Flow, live: &Live) -> Result<Option<Subject>, Fault> {
        let attempt = flow.attempt();
        let directory = directory(live, &attempt.client.directory)?;
        match directory.find(&attempt.name, flow.deadline()).await? {
            Some(account) => self.parts.naming.subject(account).await.map(Some),
            None => Ok(None),
        }
    }

    async fn recall(&self, who: &Pseudonym, live: &Live, turn: &mut Option<Turn>) -> Result<Record, Fault> {
        if turn.is_none() {
            *turn = Some(self.turns.take(who).await?);
        }
        let mut record = self.parts.store.recall(who).await?;
        record.over_rate = !live.admission.subject_may(who);
        Ok(record)
    }

    /// A seed that does not open leaves its own enrolment out. When no other fits it is a fault, but a guess
    /// at those others is counted all the same: one broken seed must not make guessing free (C-002).
    async fn check(
        &self,
        who: &Pseudonym,
        code: &Code,
        enrolments: &[Enrolment],
        live: &Live,
    ) -> Result<FactorOutcome, Fault> {
        let now = self.parts.clock.now().unix;
        let mut tries = Vec::with_capacity(enrolments.len());
        let mut fault = None;
        for enrolment in enrolments {
            let kind = enrolment.kind();
            let factor = self.parts.factors.iter().find(|factor| factor.kind() == kind);
            match factor.map(|factor| factor.judge(enrolment, code, now)) {
                Some(Ok(mark)) => tries.push(Try { enrolment: enrolment.id, kind, mark }),
                Some(Err(other)) => fault = Some(other),
                None => fault = Some(Fault::new(FaultKind::Internal, format!("no one judges factor {kind}"))),
            }
        }
        if tries.is_empty() {
            return fault.map_or(Ok(FactorOutcome::Wrong), Err);
        }
        let outcome = self.parts.store.settle(who, &tries, now, &live.limits.factor).await?;
        match (outcome, fault) {
            (FactorOutcome::Wrong, Some(fault)) => Err(fault),
            (outcome, _) => Ok(outcome),
        }
    }

    /// Writes the record, then turns the verdict into a reply. An accept that cannot be recorded is none
    /// (D-117).
    fn finish(&self, flow: &mut Flow, verdict: Verdict) -> Reply {
        let now = self.parts.clock.now();
        let attempt = flow.attempt();
        let elapsed = now.steady.saturating_duration_since(attempt.began.steady);
        let (outcome, reason) = words(&verdict);
        let Trail { pseudonym, rule, factor, stage } = flow.trail();
        let record = AuditRecord {
            at: now.unix,
            event: "login",
            attempt: Some(attempt.id),
            client: Some(attempt.client.name.clone()),
            pseudonym,
            stage,
            outcome,
            reason,
            factor,
            rule,
            network: attempt.origin.user,
            elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        };
        flow.end();
        self.recorded(&record, verdict, elapsed)
    }

    fn unknown_challenge(&self, answer: &Answer, came: Now) -> Reply {
        let Ok(id) = random::bytes(&*self.parts.random).map(AttemptId) else {
            return Reply::Unable(FaultKind::Internal);
        };
        let verdict = Verdict::Reject(Reason::UnknownChallenge);
        let (outcome, reason) = words(&verdict);
        let record = AuditRecord {
            at: came.unix,
            event: "login",
            attempt: Some(id),
            client: Some(answer.client.name.clone()),
            pseudonym: None,
            stage: "challenge",
            outcome,
            reason,
            factor: None,
            rule: None,
            network: None,
            elapsed_us: 0,
        };
        self.recorded(&record, verdict, Duration::ZERO)
    }

    fn recorded(&self, record: &AuditRecord, verdict: Verdict, elapsed: Duration) -> Reply {
        let verdict = match self.parts.audit.record(record) {
            Ok(()) => verdict,
            Err(fault) => {
                tracing::error!(event = "audit.fault", fault = fault.kind.code(), "{fault}");
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
    /// and a little more by chance (A-077, D-100).
    async fn held_back(&self, reply: Reply, came: Instant, delay: Duration) -> Reply {
        if !matches!(reply, Reply::Reject(_)) || delay.is_zero() {
            return reply;
        }
        let chance = random::bytes::<1>(&*self.parts.random).map_or(0, |[byte]| u32::from(byte));
        let more = delay.checked_div(2560).unwrap_or_default().saturating_mul(chance);
        let due = came.checked_add(delay.saturating_add(more)).unwrap_or(came);
        let wait = due.saturating_duration_since(self.parts.clock.now().steady);
        let mut closing = self.closing.subscribe();
        let _either = tokio::time::timeout(wait, closing.wait_for(|closing| *closing)).await;
        reply
    }
}

fn words(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Accept(grant) => ("accept", grant.basis().code()),
        Verdict::Reject(reason) => ("reject", reason.code()),
        Verdict::Unable(kind) => ("unable", kind.code()),
    }
}

fn directory<'a>(live: &'a Live, name: &Arc<str>) -> Result<&'a Arc<dyn Directory>, Fault> {
    let gone = || Fault::new(FaultKind::Internal, format!("directory \"{name}\" is not there any more"));
    live.directories.get(name).ok_or_else(gone)
}

const fn fault_of(outcome: &Outcome) -> Option<&Fault> {
    match outcome {
        Outcome::Subject(Err(fault))
        | Outcome::Record(Err(fault))
        | Outcome::Primary(Err(fault))
        | Outcome::Counted(Err(fault))
        | Outcome::Factor(Err(fault)) => Some(fault),
        _ => None,
    }
}
