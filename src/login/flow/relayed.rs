//! A first credential that only the client's upstream can check.
//!
//! A password, CHAP and MS-CHAP are looked at like a password of the directory: whose it is and how many wrong ones
//! came is known before the upstream is asked (B-087). EAP is the other way round: the name outside its tunnel may be
//! made up, so nobody is looked up before the upstream has said whom it confirms (D-102).

use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::login::attempt::Answer;
use crate::login::credential::PrimaryCredential;
use crate::login::flow::stage::Stage;
use crate::login::flow::{Flow, later, reject, unable};
use crate::login::identity::{LoginName, Subject};
use crate::login::relay::{Heard, Method, Said};
use crate::login::step::{PrimaryOutcome, Prompt, Step, Work};
use crate::login::verdict::{Fault, FaultKind, Reason, Verdict};

/// Most questions of an upstream in one login. EAP with long certificates and small packets needs a few dozen.
const MOST_ROUNDS: u8 = 64;
/// The same where answers are typed. "Wrong, try again" is a question, too, and counts here as no wrong password: each
/// login is that many guesses at most. A new PIN of a token takes half of them.
const MOST_TYPED: u8 = 8;

impl Flow {
    pub(super) const fn is_eap(&self) -> bool {
        matches!(self.attempt.credential, PrimaryCredential::Relayed(Method::Eap))
    }

    /// Whether the way in which the user logs in has a place for an answer to a question of ours.
    pub(super) fn can_be_asked(&self) -> bool {
        let client = &self.attempt.client;
        match self.attempt.credential {
            PrimaryCredential::Relayed(Method::Eap) => false,
            PrimaryCredential::Relayed(Method::Chap | Method::MsChap | Method::MsChap2) => {
                client.entry.challenge && client.can.prompts_relayed
            }
            PrimaryCredential::Password(_)
            | PrimaryCredential::CheckedByClient(_)
            | PrimaryCredential::Proven => client.entry.challenge && client.can.prompts,
        }
    }

    /// Why a question that is needed is not put.
    pub(super) const fn not_asked(&self) -> Reason {
        match self.attempt.credential {
            PrimaryCredential::Relayed(_) => Reason::CannotBeAsked,
            PrimaryCredential::Password(_)
            | PrimaryCredential::CheckedByClient(_)
            | PrimaryCredential::Proven => Reason::CodeMissing,
        }
    }

    pub(super) fn ask_upstream(&mut self, password: Option<Secret>) -> Step {
        self.stage = Stage::Relaying;
        Step::Do(Work::AskUpstream(password))
    }

    pub(super) fn heard(&mut self, heard: Result<Heard, Fault>, now: Now) -> Step {
        let Heard { said, held } = match heard {
            Ok(heard) => heard,
            Err(fault) => return self.unanswered(fault.kind, fault.was_asked(), now),
        };
        self.held = Some(held);
        match said {
            // The upstream writes a name as devices write it, so the same becomes of it, once.
            Said::Yes { name } if self.is_eap() => self.confirmed(name),
            Said::Yes { name } => self.agreed(name, now),
            Said::No(PrimaryOutcome::Correct) => unable(FaultKind::Internal),
            Said::No(_) if self.is_eap() => reject(Reason::UpstreamRefused),
            Said::No(outcome) => self.verified(outcome, now),
            Said::More => self.pass_on(now),
        }
    }

    fn confirmed(&mut self, name: Option<LoginName>) -> Step {
        self.confirmed = match name {
            Some(name) => match self.attempt.client.renaming.apply(name) {
                Ok(name) => Some(name),
                Err(_) => return reject(Reason::UpstreamRefused),
            },
            None if self.attempt.client.trusts_outer_name => None,
            None => return reject(Reason::UpstreamRefused),
        };
        self.primary_done = true;
        self.stage = Stage::Finding;
        Step::Do(Work::FindSubject)
    }

    /// The upstream agrees. It may know a name by which it means somebody else than our directory does: then its yes
    /// is about another person than the one whose factor we would ask for.
    fn agreed(&mut self, name: Option<LoginName>, now: Now) -> Step {
        let typed = self.attempt.name.prepared();
        // It says the name as it got it, which need not be as the device wrote it.
        let Some(name) = name.filter(|name| name.prepared() != typed) else {
            return self.verified(PrimaryOutcome::Correct, now);
        };
        let Ok(name) = self.attempt.client.renaming.apply(name) else { return reject(Reason::AnotherName) };
        if name.prepared() == typed {
            return self.verified(PrimaryOutcome::Correct, now);
        }
        self.confirmed = Some(name);
        self.agreed = true;
        self.stage = Stage::Confirming;
        Step::Do(Work::FindSubject)
    }

    pub(super) fn found_confirmed(&mut self, found: Result<Option<Subject>, Fault>, now: Now) -> Step {
        match self.found(found, now) {
            Step::Done(Verdict::Reject(Reason::SubjectChanged)) => reject(Reason::AnotherName),
            step @ (Step::Do(_) | Step::Ask(_) | Step::Done(_)) => step,
        }
    }

    /// Puts the upstream's own question to the device.
    fn pass_on(&mut self, now: Now) -> Step {
        self.rounds = self.rounds.saturating_add(1);
        let most = if self.is_eap() { MOST_ROUNDS } else { MOST_TYPED };
        if self.rounds > most {
            return reject(Reason::UpstreamRefused);
        }
        if !self.is_eap() && !self.can_be_asked() {
            return reject(self.not_asked());
        }
        self.deadline = later(now.steady, self.attempt.client.challenge_life);
        self.stage = Stage::AskingRelayed;
        Step::Ask(Prompt { text: "".into(), relay: self.held.clone() })
    }

    pub(super) fn relayed_answer(&mut self, answer: Answer, now: Now) -> Step {
        if now.steady >= self.deadline {
            return reject(Reason::AnswerLate);
        }
        self.deadline = later(now.steady, self.attempt.client.login_timeout);
        self.answered = true;
        self.attempt.passage = answer.passage;
        if self.is_eap() {
            return self.ask_upstream(None);
        }
        if answer.text.is_empty() {
            return reject(Reason::EmptyPassword);
        }
        if answer.text.expose().contains(&0) {
            return reject(Reason::BadPassword);
        }
        // Whose turn it is and how many wrong answers came is looked at again before the upstream hears of it.
        self.reply = Some(answer.text);
        self.stage = Stage::Finding;
        Step::Do(Work::FindSubject)
    }
}
