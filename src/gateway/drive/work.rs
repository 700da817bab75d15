//! The work that a flow asks for, done through the ports.

use std::net::IpAddr;
use std::sync::Arc;

use crate::base::cidr::Prefix;
use crate::base::clock::{Now, UnixTime};
use crate::base::secret::Secret;
use crate::base::turnstile;
use crate::gateway::drive::suspect::shown_first;
use crate::gateway::drive::{Gateway, Live};
use crate::gateway::ports::{
    After, Directory, Moment, Place as VaultPlace, Question, Session, Soon, SubjectDigest, Verified,
};
use crate::gateway::remember::Mark;
use crate::gateway::strangers::{Asking, Terms};
use crate::gateway::turns::Turn;
use crate::login::credential::Code;
use crate::login::factor::{FactorKinds, FactorOutcome, Proof, Try};
use crate::login::flow::Flow;
use crate::login::identity::{Account, Pseudonym};
use crate::login::relay::{Heard, Said};
use crate::login::step::{Changed, Outcome, PrimaryOutcome, Work};
use crate::login::throttle::day_of;
use crate::login::verdict::{Fault, FaultKind};

/// What a running login holds.
#[derive(Default)]
pub(super) struct Held {
    pub(super) turn: Option<Turn>,
    pub(super) session: Option<Session>,
    /// The password that somebody was asked about, to see who shows it with many names.
    pub(super) shown: Option<Secret>,
    /// Of what must not change for a confirmed factor to count again, as the record was when it was had last.
    pub(super) state: Option<Mark>,
    /// The newest digest of the network that it comes from, once that was made.
    pub(super) here: Option<SubjectDigest>,
}

/// A piece of work, and whose it is.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) work: &'a Work,
    pub(super) flow: &'a Flow,
    pub(super) live: &'a Live,
    pub(super) now: Now,
    /// What others wrote before that must be known.
    pub(super) since: Moment,
    /// What the asker wants to do next.
    pub(super) after: After,
}

impl Gateway {
    /// Does a piece of work: at once, as far as nothing has to be waited for.
    pub(super) fn work<'a>(&'a self, job: Job<'a>, held: &'a mut Held) -> Soon<'a, Outcome> {
        let Job { work, flow, live, now, since, after } = job;
        if let Some(password) = shown_first(work, flow) {
            if self.is_slowed(password, flow, live, now.steady) {
                return Soon::Now(Outcome::Slowed);
            }
            held.shown = password.cloned();
        }
        match work {
            Work::FindSubject => self.find(flow, live, since),
            Work::Recall { who, exempt } => self.recall((who, *exempt), job, held),
            Work::Check(who, code, kinds, proof) => self.check(who, code, (*kinds, *proof), job),
            Work::Remember { who, exempt } => Soon::later(async move {
                Outcome::Remembered(self.remembered(who, *exempt, flow, live, held).await)
            }),
            Work::VerifyPrimary(account, password) => Soon::later(async move {
                let verified = self.verify(account.as_deref(), password, flow, live, after).await;
                Outcome::Primary(verified.map(|verified| {
                    held.session = verified.session;
                    verified.outcome
                }))
            }),
            Work::AskUpstream(password) => Soon::later(async move {
                Outcome::Upstream(self.ask_upstream(password.as_ref(), flow, live).await)
            }),
            Work::ChangePassword(account, old, new) => {
                Soon::later(async move { Outcome::Changed(self.change(account, old, new, flow, live).await) })
            }
            Work::CountWrongPassword(who) => {
                Soon::later(async move { Outcome::Counted(self.count_wrong_password(who, flow, live).await) })
            }
            Work::ForgetWrongPasswords(who) => {
                Soon::later(async move { Outcome::Counted(self.forgive(who, flow).await) })
            }
            Work::NoteLogin(who) => {
                let here = held.here;
                Soon::later(async move { Outcome::Counted(self.note_login(who, here, flow, live).await) })
            }
        }
    }

    fn find<'a>(&'a self, flow: &'a Flow, live: &'a Live, since: Moment) -> Soon<'a, Outcome> {
        let directory = match directory(live, &flow.attempt().client.directory) {
            Ok(directory) => directory,
            Err(fault) => return Soon::Now(Outcome::Subject(Err(fault))),
        };
        let account = match directory.find(flow.name(), flow.deadline()) {
            Soon::Now(account) => account,
            Soon::Later(account) => {
                return Soon::later(async move {
                    let account = match account.await {
                        Ok(Some(account)) => account,
                        Ok(None) => return Outcome::Subject(Ok(None)),
                        Err(fault) => return Outcome::Subject(Err(fault)),
                    };
                    Outcome::Subject(self.parts.naming.subject(account).await.map(Some))
                });
            }
        };
        let subject = match account {
            Ok(Some(account)) => self.parts.naming.subject_since(account, since),
            Ok(None) => return Soon::Now(Outcome::Subject(Ok(None))),
            Err(fault) => return Soon::Now(Outcome::Subject(Err(fault))),
        };
        match subject {
            Soon::Now(subject) => Soon::Now(Outcome::Subject(subject.map(Some))),
            Soon::Later(subject) => Soon::later(async move { Outcome::Subject(subject.await.map(Some)) }),
        }
    }

    async fn note_login(
        &self,
        who: &Pseudonym,
        here: Option<SubjectDigest>,
        flow: &Flow,
        live: &Live,
    ) -> Result<(), Fault> {
        let keep = live.limits.remember_networks;
        let made = |user| self.parts.vault.network_digests(who, network_of(user)).first().copied();
        let user = flow.attempt().origin.user.filter(|_| keep > 0);
        let newest = user.and_then(|user| here.or_else(|| made(user)));
        let now = self.parts.clock.now();
        let day = day_of(now.unix);
        self.parts.store.note_login(who, day, newest, keep).await?;
        self.memory.note_login(who, day, newest, now.steady);
        Ok(())
    }

    /// What the directory says about the password counts at once for what is remembered. One that it has found wrong a
    /// short while ago is wrong as long as the account has no other: the mail program of somebody who has changed his
    /// password sends the old one all day long, and would have him locked (B-087).
    async fn verify(
        &self,
        account: Option<&Account>,
        password: &Secret,
        flow: &Flow,
        live: &Live,
        after: After,
    ) -> Result<Verified, Fault> {
        let directory = directory(live, &flow.attempt().client.directory)?;
        let steady = || self.parts.clock.now().steady;
        let verified = if account.is_none() {
            self.verify_nobody(password, flow, live, after).await?
        } else if self.memory.is_known_wrong(flow, account, password, steady()) {
            PrimaryOutcome::WrongAgain.into()
        } else {
            let _place = self.wait_for_turn(directory, account, flow).await?;
            directory.verify(account, password, after, flow.deadline()).await?
        };
        if verified.outcome == PrimaryOutcome::Wrong {
            self.memory.keep_wrong(flow, account, password, steady());
        }
        self.unsay(verified.outcome, flow);
        Ok(verified)
    }

    /// Asks about nobody as often as about an account, so that neither time nor the directory tells them apart.
    async fn verify_nobody(
        &self,
        password: &Secret,
        flow: &Flow,
        live: &Live,
        after: After,
    ) -> Result<Verified, Fault> {
        let directory = directory(live, &flow.attempt().client.directory)?;
        let clock = &self.parts.clock;
        let lockout = directory.usual_lockout().and_then(|rule| rule.of_account(0));
        let bounds = flow.bounds_under(lockout);
        let terms = Terms { limits: &live.limits.password, bounds, locks: lockout.is_some() };
        let before = match self.strangers.ask(flow.attempt(), password, &terms, clock.now()) {
            Asking::Yes(before) => before,
            Asking::Wait => return Ok(PrimaryOutcome::Wrong.into()),
            Asking::WrongAgain => return Ok(PrimaryOutcome::WrongAgain.into()),
        };
        let verified = match self.wait_for_turn(directory, None, flow).await {
            Ok(_place) => directory.verify(None, password, after, flow.deadline()).await,
            Err(fault) => Err(fault),
        };
        if let (Err(fault), Some(before)) = (&verified, before) {
            self.strangers.unanswered(&before, fault.was_asked(), &terms, clock.now());
        }
        verified
    }

    /// Waits behind the other passwords of the same client, and in turns with those of others: a client whose people all
    /// come at once, or that is taken over, keeps nobody else from being let in (D-121).
    async fn wait_for_turn(
        &self,
        directory: &Arc<dyn Directory>,
        account: Option<&Account>,
        flow: &Flow,
    ) -> Result<Option<turnstile::Place>, Fault> {
        let Some(turnstile) = directory.turnstile(account) else { return Ok(None) };
        if let Some(place) = turnstile.try_enter() {
            return Ok(Some(place));
        }
        let client = &flow.attempt().client;
        let entering = tokio::time::timeout_at(flow.deadline().into(), turnstile.enter(&client.name));
        let late = |_| {
            let what = format!(
                "directory \"{}\": too many passwords of client \"{}\" are being checked to finish in time",
                client.directory, client.name
            );
            Fault::new(FaultKind::Overloaded, what)
        };
        entering.await.map(Some).map_err(late)
    }

    /// What a wrong password or a closed account says about what is remembered.
    fn unsay(&self, outcome: PrimaryOutcome, flow: &Flow) {
        let now = self.parts.clock.now().steady;
        match (outcome, flow.subject()) {
            (PrimaryOutcome::Correct, _) | (_, None) => {}
            (PrimaryOutcome::Wrong | PrimaryOutcome::WrongAgain, Some(_)) => self.memory.wrong(flow, now),
            (
                PrimaryOutcome::MustChange
                | PrimaryOutcome::PasswordExpired
                | PrimaryOutcome::Disabled
                | PrimaryOutcome::Expired
                | PrimaryOutcome::Locked
                | PrimaryOutcome::OutsideHours
                | PrimaryOutcome::WrongWorkstation
                | PrimaryOutcome::Restricted,
                Some(subject),
            ) => self.memory.end(&subject.pseudonym, now),
        }
    }

    async fn ask_upstream(
        &self,
        password: Option<&Secret>,
        flow: &Flow,
        live: &Live,
    ) -> Result<Heard, Fault> {
        let attempt = flow.attempt();
        let missing = |what: &str| Fault::new(FaultKind::Internal, format!("{what} is not there any more"));
        let name = attempt.client.upstream.as_ref().ok_or_else(|| missing("the client's upstream"))?;
        let upstream = live.upstreams.get(name).ok_or_else(|| missing("the client's upstream"))?;
        let passage = attempt.passage.as_ref().ok_or_else(|| missing("the device's request"))?;
        let question = Question { passage, password, earlier: flow.held() };
        let heard = upstream.ask(question, flow.deadline()).await?;
        if let Said::No(outcome) = &heard.said {
            self.unsay(*outcome, flow);
        }
        Ok(heard)
    }

    async fn change(
        &self,
        account: &Account,
        old: &Secret,
        new: &Secret,
        flow: &Flow,
        live: &Live,
    ) -> Result<Changed, Fault> {
        let directory = directory(live, &flow.attempt().client.directory)?;
        directory.change(account, old, new, flow.deadline()).await
    }

    /// A seed that does not open leaves its own enrolment out. When no other fits it is a fault, but a guess
    /// at those others is counted all the same: one broken seed must not make guessing free (C-002). Nor must it open
    /// what a fault mode opens, so the fault says whether some other factor would have done.
    fn check<'a>(
        &'a self,
        who: &'a Pseudonym,
        code: &Code,
        (kinds, proof): (FactorKinds, Proof),
        Job { flow, live, now, .. }: Job<'a>,
    ) -> Soon<'a, Outcome> {
        // A code of a kind that nobody asks for is held against nothing.
        if kinds.is_empty() {
            return Soon::Now(Outcome::Factor(Ok(FactorOutcome::Wrong)));
        }
        let kinds: FactorKinds =
            kinds.iter().filter(|kind| live.admission.code_may(who, *kind, proof, now.steady)).collect();
        let now = now.unix;
        if kinds.is_empty() {
            return Soon::Now(Outcome::Factor(Ok(FactorOutcome::TooOften)));
        }
        let (tries, fault) = self.judge(code, kinds, flow, now);
        let fault =
            fault.map(|fault| if self.others_can_be_checked(flow) { fault.after_asking() } else { fault });
        if tries.is_empty() {
            return Soon::Now(Outcome::Factor(fault.map_or(Ok(FactorOutcome::Wrong), Err)));
        }
        Soon::later(async move {
            let settled = self.parts.store.settle(who, &tries, now, &live.limits.factor, proof).await;
            Outcome::Factor(match (settled, fault) {
                (Ok(FactorOutcome::Wrong), Some(fault)) => Err(fault),
                (settled, _) => settled,
            })
        })
    }

    /// What the code would use up of each enrolment of these kinds that can be opened, and the fault of one that cannot.
    fn judge(
        &self,
        code: &Code,
        kinds: FactorKinds,
        flow: &Flow,
        now: UnixTime,
    ) -> (Vec<Try>, Option<Fault>) {
        let enrolments = flow.enrolments().iter().filter(|enrolment| kinds.contains(enrolment.kind()));
        let mut tries = Vec::with_capacity(1);
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
        (tries, fault)
    }
}

impl Gateway {
    /// Whether some factor of the subject that would meet what is demanded can be opened.
    fn others_can_be_checked(&self, flow: &Flow) -> bool {
        let wanted = flow.wanted_kinds();
        let mut enrolments = flow.enrolments().iter().filter(|enrolment| wanted.contains(enrolment.kind()));
        enrolments.any(|one| self.parts.vault.open(VaultPlace::Seed(one.id), &one.sealed).is_ok())
    }
}

fn directory<'a>(live: &'a Live, name: &Arc<str>) -> Result<&'a Arc<dyn Directory>, Fault> {
    let gone = || Fault::new(FaultKind::Internal, format!("directory \"{name}\" is not there any more"));
    live.directories.get(name).ok_or_else(gone)
}

/// What counts as one network that people come from: what one site or one provider's customer has.
pub(super) fn network_of(user: IpAddr) -> Prefix {
    Prefix::around(user, 24, 64)
}
