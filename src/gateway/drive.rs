//! Does the work a flow asks for, until it asks the user or ends.

mod finish;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::base::clock::{Clock, Now};
use crate::base::random::{self, Random};
use crate::gateway::admit::{Admission, Place};
pub use crate::gateway::asker::{Asker, Ended, Reply};
use crate::gateway::pending::{Pending, Taken};
use crate::gateway::ports::{Audit, Counted, Directory, Naming, SecondFactor, Session, Store};
use crate::gateway::tally::Tally;
use crate::gateway::turns::{Turn, Turns};
use crate::login::attempt::{Answer, Attempt, ChallengeId};
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorOutcome, Try};
use crate::login::flow::Flow;
use crate::login::identity::{Pseudonym, Subject};
use crate::login::policy::Policy;
use crate::login::step::{Event, Outcome, Prompt, Record, Step, Work};
use crate::login::throttle::FlowLimits;
use crate::login::verdict::{Fault, FaultKind, Reason, Verdict};

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
    pub async fn begin(&self, attempt: Attempt, place: Place, asker: Asker) -> Ended {
        let live = self.live.load_full();
        let began = attempt.began.steady;
        let flow = Flow::new(attempt, live.policy.clone(), live.limits);
        let ended = self.run(flow, Event::Began, &live, began, &asker).await;
        drop(place);
        ended
    }

    /// Goes on with the login that asked the question `id`; `came` is when the answer came.
    pub async fn resume(&self, id: ChallengeId, answer: Answer, came: Now, place: Place) -> Reply {
        let live = self.live.load_full();
        let delay = answer.client.reject_delay;
        let reply = match self.pending.take(id, &answer) {
            Taken::Flow(flow) => {
                let event = Event::Answered(answer);
                self.run(*flow, event, &live, came.steady, &Asker::patient()).await.reply
            }
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

    async fn run(&self, mut flow: Flow, first: Event, live: &Live, came: Instant, asker: &Asker) -> Ended {
        let mut event = first;
        let mut held = Held::default();
        loop {
            if asker.is_gone() {
                event = Event::CalledOff;
            }
            match flow.advance(event, self.parts.clock.now()) {
                Step::Do(work) => event = self.work_in_time(work, &flow, live, &mut held, asker).await,
                Step::Ask(prompt) => {
                    return Ended { reply: self.ask(flow, prompt), session: None, who: None };
                }
                Step::Done(verdict) => {
                    let reply = self.finish(&mut flow, verdict);
                    let Held { turn, session } = held;
                    drop(turn);
                    let session = session.filter(|_| matches!(reply, Reply::Accept(_)));
                    let who = flow.trail().pseudonym;
                    let delay = flow.attempt().client.reject_delay;
                    return Ended { reply: self.held_back(reply, came, delay).await, session, who };
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

    async fn work_in_time(
        &self,
        work: Work,
        flow: &Flow,
        live: &Live,
        held: &mut Held,
        asker: &Asker,
    ) -> Event {
        let left = flow.deadline().saturating_duration_since(self.parts.clock.now().steady);
        match tokio::time::timeout(left, self.work(work, flow, live, held, asker)).await {
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

    async fn work(&self, work: Work, flow: &Flow, live: &Live, held: &mut Held, asker: &Asker) -> Outcome {
        let attempt = flow.attempt();
        let store = &self.parts.store;
        let now = self.parts.clock.now().unix;
        match work {
            Work::FindSubject => Outcome::Subject(self.find(flow, live).await),
            Work::Recall(who) => Outcome::Record(self.recall(&who, live, &mut held.turn).await),
            Work::VerifyPrimary(account, password) => {
                let verified = match directory(live, &attempt.client.directory) {
                    Ok(one) => one.verify(account.as_deref(), &password, asker.after, flow.deadline()).await,
                    Err(fault) => Err(fault),
                };
                Outcome::Primary(verified.map(|verified| {
                    held.session = verified.session;
                    verified.outcome
                }))
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
}

/// What a running login holds.
#[derive(Default)]
struct Held {
    turn: Option<Turn>,
    session: Option<Session>,
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
