//! A password that has expired: its owner chooses a new one, after a second factor was confirmed in this very login.
//! Whoever knows the old password alone must not be able to choose the next one, not even where that would let him in.

use crate::base::clock::Now;
use crate::base::secret::Secret;
use crate::login::attempt::Answer;
use crate::login::client::PrimaryKind;
use crate::login::credential::PrimaryCredential;
use crate::login::factor::FactorKind;
use crate::login::flow::stage::Stage;
use crate::login::flow::{Flow, later, reject, unable};
use crate::login::policy::Demand;
use crate::login::step::{Changed, Prompt, Step, Work};
use crate::login::verdict::{Basis, Fault, FaultKind, Reason};

/// How often a new password may be chosen in one login.
const TRIES: u8 = 3;

/// What is known about a password that must be changed.
#[derive(Debug)]
pub(super) struct Change {
    /// Why.
    pub(super) reason: Reason,
    old: Secret,
    new: Option<Secret>,
    /// The new one was typed twice.
    agreed: bool,
    /// The factor that was confirmed in this login.
    confirmed: Option<FactorKind>,
    tries: u8,
}

impl Flow {
    /// The directory says that the password is right and has to be changed.
    pub(super) fn expired(&mut self, reason: Reason, now: Now) -> Step {
        let client = &self.attempt.client;
        let sent = match (&self.attempt.credential, client.primary) {
            (PrimaryCredential::Password(_), PrimaryKind::Directory) => self.sent.take(),
            _ => None,
        };
        let (Some(old), Some(_), true) = (sent, &client.new_password, self.can_be_asked()) else {
            return reject(reason);
        };
        self.change = Some(Change { reason, old, new: None, agreed: false, confirmed: None, tries: 0 });
        self.right(now)
    }

    /// The rules are content.
    pub(super) fn change_after(&mut self, basis: Basis, now: Now) -> Step {
        let Some(change) = &mut self.change else { return unable(FaultKind::Internal) };
        let Basis::Confirmed(kind) = basis else { return reject(change.reason) };
        change.confirmed = Some(kind);
        self.change_agreed().unwrap_or_else(|| self.ask_new(false, now))
    }

    /// The change that both typings agree on, if it has come so far and the factor that was confirmed still counts:
    /// what the rules ask for and what is enrolled may have changed meanwhile. Where it does not, one is asked
    /// for again before anything is changed.
    pub(super) fn change_agreed(&mut self) -> Option<Step> {
        let account = self.subject.as_ref()?.account.clone();
        let demand = &self.decision.as_ref()?.demand;
        let change = self.change.as_ref().filter(|change| change.agreed)?;
        let kind = change.confirmed?;
        let shown = match demand {
            Demand::Show(clauses) => self.open(clauses).is_empty(),
            Demand::Refuse(_) => false,
        };
        let enrolled = self.record.enrolments.iter().any(|enrolment| enrolment.kind() == kind);
        if !shown || !enrolled {
            return None;
        }
        let (old, new) = (change.old.clone(), change.new.clone()?);
        self.stage = Stage::Changing;
        Some(Step::Do(Work::ChangePassword(account, old, new)))
    }

    fn ask_new(&mut self, again: bool, now: Now) -> Step {
        let Some(prompts) = self.attempt.client.new_password.clone() else {
            return unable(FaultKind::Internal);
        };
        let Some(change) = &mut self.change else { return unable(FaultKind::Internal) };
        if change.tries >= TRIES {
            return reject(Reason::PasswordNotChanged);
        }
        change.tries = change.tries.saturating_add(1);
        (change.new, change.agreed) = (None, false);
        let text = if again { format!("{} {}", prompts.refused, prompts.new).into() } else { prompts.new };
        self.put(text, Stage::AskingNew, now)
    }

    fn put(&mut self, text: std::sync::Arc<str>, stage: Stage, now: Now) -> Step {
        self.deadline = later(now.steady, self.attempt.client.challenge_life);
        self.stage = stage;
        Step::Ask(Prompt { text, relay: None })
    }

    pub(super) fn new_password(&mut self, answer: Answer, now: Now) -> Step {
        let (Some(prompts), Some(change)) = (self.attempt.client.new_password.clone(), &mut self.change)
        else {
            return unable(FaultKind::Internal);
        };
        if now.steady >= self.deadline {
            return reject(Reason::AnswerLate);
        }
        self.answered = true;
        let text = answer.text;
        if text.is_empty() || text.expose().contains(&0) || text == change.old {
            return self.ask_new(true, now);
        }
        change.new = Some(text);
        self.put(prompts.again, Stage::AskingAgain, now)
    }

    pub(super) fn new_password_again(&mut self, answer: &Answer, now: Now) -> Step {
        if now.steady >= self.deadline {
            return reject(Reason::AnswerLate);
        }
        let Some(change) = &mut self.change else { return unable(FaultKind::Internal) };
        if change.new.as_ref() != Some(&answer.text) {
            return self.ask_new(true, now);
        }
        change.agreed = true;
        self.deadline = later(now.steady, self.attempt.client.login_timeout);
        self.stage = Stage::Finding;
        Step::Do(Work::FindSubject)
    }

    pub(super) fn changed(&mut self, changed: Result<Changed, Fault>, now: Now) -> Step {
        let Some(change) = self.change.take() else { return unable(FaultKind::Internal) };
        match (changed, change.confirmed) {
            (Ok(Changed::Done), Some(kind)) => self.accept(Basis::Confirmed(kind), now),
            (Ok(Changed::Done), None) => unable(FaultKind::Internal),
            (Ok(Changed::Refused), _) => {
                self.change = Some(change);
                self.ask_new(true, now)
            }
            (Ok(Changed::WrongOld), _) => reject(Reason::PasswordNotChanged),
            (Ok(Changed::Unsupported), _) => reject(change.reason),
            (Err(fault), _) => unable(fault.kind),
        }
    }
}
