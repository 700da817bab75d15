//! Does the work a flow asks for, until it asks the user or ends.

mod door;
mod finish;
mod patience;
mod recall;
mod suspect;
mod work;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::base::clock::{Clock, Now};
use crate::base::random::{self, Random};
use crate::gateway::admit::{Admission, Place, Since};
use crate::gateway::alarm::Alarms;
pub use crate::gateway::asker::{Asker, Ended, Reply};
use crate::gateway::badge;
use crate::gateway::drive::patience::Patience;
pub use crate::gateway::drive::suspect::Shown;
use crate::gateway::drive::work::{Held, Job};
use crate::gateway::faults::Faults;
use crate::gateway::pending::{Pending, Taken};
use crate::gateway::ports::places::Places;
use crate::gateway::ports::{
    Audit, AuditRecord, Directory, Naming, SecondFactor, ServerState, Soon, Store, Upstream, Vault,
};
use crate::gateway::remember::{Kept, Mark, Memory};
use crate::gateway::spray::Spray;
use crate::gateway::strangers::Strangers;
use crate::gateway::tally::Tally;
use crate::gateway::turns::Turns;
use crate::login::attempt::{Answer, Attempt, ChallengeId};
use crate::login::flow::Flow;
use crate::login::policy::Policy;
use crate::login::step::{Event, Outcome, Prompt, Step};
use crate::login::throttle::FlowLimits;
use crate::login::verdict::{Basis, Fault, FaultKind, Grant, Reason, Verdict};

/// What a reload exchanges. A flow keeps what it began with.
#[derive(Clone)]
pub struct Live {
    /// The rules.
    pub policy: Arc<Policy>,
    /// Waits and locks.
    pub limits: FlowLimits,
    /// The directories, by name.
    pub directories: HashMap<Arc<str>, Arc<dyn Directory>>,
    /// The upstreams, by name.
    pub upstreams: HashMap<Arc<str>, Arc<dyn Upstream>>,
    /// Places and rates.
    pub admission: Arc<Admission>,
    /// Who tries many names.
    pub spray: Arc<Spray>,
    /// How much of a user's address stands in the log.
    pub shown: Shown,
    /// Where addresses are.
    pub places: Arc<dyn Places>,
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
    /// Seals the notes that clients' accounting brings back.
    pub vault: Arc<dyn Vault>,
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
    memory: Memory,
    strangers: Strangers,
    alarms: Alarms,
    faults: Faults,
    tally: Tally,
    closing: watch::Sender<bool>,
}

impl Gateway {
    /// A gateway with nothing running.
    #[must_use]
    pub fn new(parts: Parts, live: Live) -> Self {
        Self {
            memory: Memory::new(&*parts.random),
            strangers: Strangers::new(&*parts.random),
            alarms: Alarms::new(&parts.clock),
            parts,
            live: ArcSwap::from_pointee(live),
            pending: Pending::new(MOST_QUESTIONS),
            turns: Arc::default(),
            faults: Faults::default(),
            tally: Tally::default(),
            closing: watch::Sender::new(false),
        }
    }

    /// Exchanges rules, limits and directories for logins that begin from now on.
    pub fn reload(&self, live: Live) {
        self.live.store(Arc::new(live));
    }

    /// Exchanges the rules, and what they know of addresses, for logins that begin from now on.
    pub fn renew(&self, policy: Arc<Policy>, places: Arc<dyn Places>) {
        let live = Live { policy, places, ..Live::clone(&self.live.load()) };
        self.reload(live);
    }

    /// The rules that logins begin with now.
    #[must_use]
    pub fn policy(&self) -> Arc<Policy> {
        self.live.load().policy.clone()
    }

    /// Who may begin a login now.
    #[must_use]
    pub fn admission(&self) -> Arc<Admission> {
        self.live.load().admission.clone()
    }

    /// What has been seen of those who try many names.
    #[must_use]
    pub fn spray(&self) -> Arc<Spray> {
        self.live.load().spray.clone()
    }

    /// The alarms so far.
    #[must_use]
    pub const fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// The counters.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The directories that ask servers, by name, with those servers.
    #[must_use]
    pub fn servers(&self) -> Vec<(Arc<str>, Vec<ServerState>)> {
        let live = self.live.load();
        let all = live.directories.iter();
        let mut all: Vec<_> = all.filter_map(|(name, one)| Some((name.clone(), one.servers()?))).collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// The upstreams by name, with their servers.
    #[must_use]
    pub fn upstream_servers(&self) -> Vec<(Arc<str>, Vec<ServerState>)> {
        let live = self.live.load();
        let mut all: Vec<_> =
            live.upstreams.iter().map(|(name, one)| (name.clone(), one.servers())).collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
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

    /// Records what an exempt account does after its bind (B-047).
    ///
    /// # Errors
    ///
    /// A fault when it could not be written; then it must not be done (D-117).
    pub fn note(&self, record: &AuditRecord) -> Result<(), Fault> {
        self.parts.audit.record(record).inspect_err(finish::not_recorded)
    }

    /// The same as soon as what ends at about the same time is written too. Nothing happens before it is polled.
    ///
    /// # Errors
    ///
    /// As [`Gateway::note`].
    pub async fn note_soon(&self, record: AuditRecord) -> Result<(), Fault> {
        self.parts.audit.record_soon(&record).await.inspect_err(finish::not_recorded)
    }

    /// Runs a login up to its first question or its end.
    ///
    /// Whoever loses interest says so by its [`Asker`] and lets this run to its end: a future that is dropped in the
    /// middle counts no wrong password.
    pub async fn begin(&self, mut attempt: Attempt, place: Place, asker: Asker) -> Ended {
        let live = self.live.load_full();
        if let Some(user) = attempt.origin.user {
            attempt.place = live.places.place(user);
        }
        let (began, since) = (attempt.began.steady, place.since);
        // Boxed: it is handed on all the way.
        let flow = Box::new(Flow::new(attempt, live.policy.clone(), live.limits));
        let ended = self.run(flow, Event::Began, &live, (began, since), &asker).await;
        drop(place);
        ended
    }

    /// Goes on with the login that asked the question `id`; `came` is when the answer came.
    pub async fn resume(&self, id: ChallengeId, answer: Answer, came: Now, place: Place) -> Ended {
        let live = self.live.load_full();
        let ended = match self.pending.take(id, &answer) {
            Taken::Flow(flow) => {
                let event = Event::Answered(answer);
                self.run(flow, event, &live, (came.steady, None), &Asker::patient()).await
            }
            Taken::Foreign(mut flow) => {
                let verdict = Verdict::Reject(Reason::UnknownChallenge);
                let reply = self.finish(&mut flow, verdict, self.parts.clock.now()).await;
                self.hold_back(&reply, came.steady, answer.client.reject_delay, &Asker::patient()).await;
                Ended::bare(reply)
            }
            Taken::Nothing => {
                let reply = self.unknown_challenge(&answer, came).await;
                self.hold_back(&reply, came.steady, answer.client.reject_delay, &Asker::patient()).await;
                Ended::bare(reply)
            }
        };
        drop(place);
        ended
    }

    /// Ends the flows whose question was not answered in time, and lets limits recover. To be called about
    /// once a second.
    pub fn tidy(&self) {
        let now = self.parts.clock.now();
        for mut flow in self.pending.expire(now.steady) {
            self.time_out(&mut flow, now);
        }
        self.memory.tidy(now.steady);
        self.strangers.tidy(now.steady);
        self.alarms.tidy(now.steady);
        let live = self.live.load();
        live.spray.tidy(now.steady);
        live.admission.tidy();
    }

    fn time_out(&self, flow: &mut Flow, now: Now) {
        if let Step::Done(verdict) = flow.advance(Event::TimedOut, now) {
            self.finish_unheard(flow, &verdict);
        }
    }

    async fn run(
        &self,
        mut flow: Box<Flow>,
        first: Event,
        live: &Live,
        (came, since): (Instant, Option<Since>),
        asker: &Asker,
    ) -> Ended {
        let (mut event, mut held) = (first, Held::default());
        let mut patience = Patience::new(asker, &*self.parts.clock);
        // Both anew whenever there was something to wait for: what is done at once takes no time.
        let mut now = self.parts.clock.now();
        let mut since = self.known_since(since, now.steady);
        let verdict = loop {
            if asker.is_gone() {
                flow.call_off();
            }
            let work = match flow.advance(event, now) {
                Step::Do(work) => work,
                Step::Ask(prompt) => return Ended::bare(self.ask(flow, prompt)),
                Step::Done(verdict) => break verdict,
            };
            let job = Job { work: &work, flow: &flow, live, now, since, after: asker.after };
            let outcome = match self.work(job, &mut held) {
                Soon::Now(outcome) => Ok(outcome),
                Soon::Later(outcome) => {
                    let outcome = patience.wait(outcome, flow.deadline(), &work).await;
                    now = self.parts.clock.now();
                    since = self.parts.store.moment();
                    outcome
                }
            };
            event = outcome.map_or_else(|event| event, |outcome| self.heard(outcome, &flow, now.steady));
        };
        self.end(flow, (verdict, now), held, live, (came, asker)).await
    }

    fn heard(&self, outcome: Outcome, flow: &Flow, now: Instant) -> Event {
        if let Some(fault) = fault_of(&outcome) {
            self.faults.tell(fault, flow.attempt(), now);
        }
        Event::Worked(outcome)
    }

    async fn end(
        &self,
        mut flow: Box<Flow>,
        (verdict, now): (Verdict, Now),
        held: Held,
        live: &Live,
        (came, asker): (Instant, &Asker),
    ) -> Ended {
        let signs = suspect::signs_of(&verdict);
        let reply = self.finish(&mut flow, verdict, now).await;
        self.has_failed(signs, held.shown.as_ref(), &flow, live);
        if matches!(reply, Reply::Reject(Reason::LockoutGuard)) {
            self.guarded(&flow, live);
        }
        if let Reply::Accept(grant) = &reply {
            self.exemption_used(grant, &flow, live);
            self.fault_mode_used(grant, &flow, live);
            self.remember(&flow, grant, held.state, now.steady);
        }
        let Held { turn, session, .. } = held;
        drop(turn);
        let is_accepted = matches!(reply, Reply::Accept(_));
        let session = session.filter(|_| is_accepted);
        let held = flow.take_held().filter(|_| is_accepted);
        let who = flow.subject().map(|subject| subject.pseudonym.clone());
        self.hold_back(&reply, came, flow.attempt().client.reject_delay, asker).await;
        let badge = self.badge(&flow, &reply);
        Ended { reply, session, who, held, badge }
    }

    /// The note for the client's accounting. A login that has been granted and recorded goes on without one.
    fn badge(&self, flow: &Flow, reply: &Reply) -> Option<Arc<[u8]>> {
        let (attempt, subject) = (flow.attempt(), flow.subject()?);
        if !(attempt.client.badges && matches!(reply, Reply::Accept(_))) {
            return None;
        }
        let written = badge::write(&*self.parts.vault, &attempt.client.name, attempt.id, &subject.pseudonym);
        written
            .inspect_err(|fault| tracing::error!(event = "badge.fault", fault = fault.kind.code(), "{fault}"))
            .ok()
    }

    fn remember(&self, flow: &Flow, grant: &Grant, state: Option<Mark>, now: Instant) {
        let kept = match grant.basis() {
            Basis::Confirmed(kind) => Kept::Factor(kind),
            Basis::Exempt => Kept::ExemptPassword,
            // Under a fault mode nothing new is remembered.
            Basis::RuleAsksNone
            | Basis::Grace
            | Basis::Remembered(_)
            | Basis::FaultFirstFactor
            | Basis::FaultRecent(_)
            | Basis::FaultFactor(_) => return,
        };
        self.memory.keep(flow, kept, now);
        if matches!(kept, Kept::Factor(_)) {
            self.memory.keep_recent(flow, flow.shown(), state, now);
            if flow.remembered_for().is_some() {
                self.memory.keep_place(flow, flow.shown(), now);
            }
        }
    }

    fn ask(&self, flow: Box<Flow>, prompt: Prompt) -> Reply {
        let Ok(id) = random::bytes(&*self.parts.random).map(ChallengeId) else {
            return Reply::Unable(FaultKind::Internal);
        };
        if let Some(mut displaced) = self.pending.keep(id, flow) {
            self.time_out(&mut displaced, self.parts.clock.now());
        }
        self.tally.asked();
        Reply::Ask(id, prompt)
    }
}

const fn fault_of(outcome: &Outcome) -> Option<&Fault> {
    match outcome {
        Outcome::Subject(Err(fault))
        | Outcome::Record(Err(fault))
        | Outcome::Primary(Err(fault))
        | Outcome::Counted(Err(fault))
        | Outcome::Upstream(Err(fault))
        | Outcome::Changed(Err(fault))
        | Outcome::Factor(Err(fault)) => Some(fault),
        _ => None,
    }
}
