//! Sets enrolments up and takes them away, and releases locks. Every act is recorded.

use std::sync::Arc;

use crate::base::clock::{Clock, UnixTime};
use crate::base::random::{Random, bytes};
use crate::base::secret::Secret;
use crate::gateway::ports::provision::{CannotProvision, Label, Provision, Provisioned, Shown};
use crate::gateway::ports::{Audit, Counted, NewEnrolment, Place, SecondFactor, Store, Vault};
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, EnrolmentId, Mark, Parameters, Progress};
use crate::login::identity::Pseudonym;
use crate::login::policy::Validity;
use crate::login::verdict::{Fault, FaultKind};
use crate::subjects::act::{Act, Acts};

/// Sets enrolments up and takes them away.
pub struct Enrolling {
    store: Arc<dyn Store>,
    vault: Arc<dyn Vault>,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
    factors: Vec<Arc<dyn SecondFactor>>,
    provision: Arc<dyn Provision>,
    acts: Acts,
}

/// What [`Enrolling`] works with.
pub struct Tools {
    /// Where enrolments are kept.
    pub store: Arc<dyn Store>,
    /// Seals seeds.
    pub vault: Arc<dyn Vault>,
    /// Names enrolments.
    pub random: Arc<dyn Random>,
    /// Dates them.
    pub clock: Arc<dyn Clock>,
    /// Judge the code that proves possession.
    pub factors: Vec<Arc<dyn SecondFactor>>,
    /// Makes seeds and codes.
    pub provision: Arc<dyn Provision>,
    /// Keeps the record.
    pub audit: Arc<dyn Audit>,
}

/// An enrolment that exists in memory alone until a code proves it (C-010).
#[derive(Debug)]
pub struct Begun {
    who: Pseudonym,
    id: EnrolmentId,
    parameters: Parameters,
    provisioned: Provisioned,
}

impl Begun {
    /// What its owner is shown, once.
    #[must_use]
    pub const fn shown(&self) -> &Shown {
        &self.provisioned.shown
    }
}

/// A seed that was made elsewhere and is enrolled now.
#[derive(Debug)]
pub struct Imported {
    /// The enrolment.
    pub id: EnrolmentId,
    /// Its seed is shorter than 128 bits: tell the administrator (C-021).
    pub weak: bool,
}

/// Why an enrolment was not set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotEnrol {
    /// There is nothing to start with.
    #[error(transparent)]
    Provision(#[from] CannotProvision),
    /// What was typed is not a code of the new enrolment.
    #[error("the code does not fit; check the clock of the device and type the next one")]
    WrongCode,
    /// Recovery codes have no first code to prove them.
    #[error("recovery codes are made as a set, not begun and confirmed")]
    NotAGenerator,
    /// No subject has this id.
    #[error("no subject has this id")]
    UnknownSubject,
    /// The subject has [`MOST`] enrolments already.
    #[error("the subject has {MOST} enrolments already; revoke one first")]
    TooMany,
    /// One of the subject's enrolments has this seed: its codes would be good twice.
    #[error("the subject has an enrolment with this seed already; revoke that one first")]
    SameSeed,
    /// A next counter below 0.
    #[error("a counter is 0 or more")]
    Counter,
    /// We could not.
    #[error(transparent)]
    Unable(#[from] Fault),
}

/// Most enrolments of one subject: every login reads all of them.
pub const MOST: usize = 16;

impl Enrolling {
    /// Puts the tools together.
    #[must_use]
    pub fn new(tools: Tools) -> Self {
        let Tools { store, vault, random, clock, factors, provision, audit } = tools;
        let acts = Acts { audit, clock: clock.clone() };
        Self { store, vault, random, clock, factors, provision, acts }
    }

    /// Makes a seed for `who`. Nothing is stored until [`Enrolling::confirm`].
    ///
    /// # Errors
    ///
    /// [`CannotEnrol`].
    pub async fn begin(
        &self,
        who: &Pseudonym,
        parameters: Parameters,
        label: &Label<'_>,
    ) -> Result<Begun, CannotEnrol> {
        if parameters == Parameters::Recovery {
            return Err(CannotEnrol::NotAGenerator);
        }
        self.check_room(who).await?;
        let provisioned = self.provision.fresh(&parameters, label)?;
        Ok(Begun { who: who.clone(), id: self.fresh_id()?, parameters, provisioned })
    }

    /// Stores what was begun once `typed` is a code of it; that code is used up by this (C-010). `replaces`
    /// forgets the subject's other enrolments of the kind in the same step. After a wrong code it may be
    /// called again.
    ///
    /// # Errors
    ///
    /// [`CannotEnrol`]; then nothing is stored.
    pub async fn confirm(
        &self,
        begun: &Begun,
        typed: &Secret,
        replaces: bool,
    ) -> Result<EnrolmentId, CannotEnrol> {
        let mut enrolment = self.sealed(begun.id, begun.parameters, &begun.provisioned.secret)?;
        let mark = self.judge(&enrolment, typed)?.ok_or(CannotEnrol::WrongCode)?;
        enrolment.progress =
            enrolment.progress.after(mark, self.clock.now().unix).ok_or(CannotEnrol::WrongCode)?;
        self.keep(&begun.who, "admin.enrol", enrolment, replaces).await?;
        Ok(begun.id)
    }

    /// Makes a set of recovery codes in place of the one before, and gives the codes as they are to be
    /// printed. They are not kept readable anywhere.
    ///
    /// # Errors
    ///
    /// [`CannotEnrol`]; then the set before is still good.
    pub async fn recovery_codes(&self, who: &Pseudonym) -> Result<Vec<Secret>, CannotEnrol> {
        self.check_room(who).await?;
        let nameless = Label { issuer: "", account: "" };
        let made = self.provision.fresh(&Parameters::Recovery, &nameless)?;
        let Shown::Codes(codes) = made.shown else {
            return Err(Fault::new(FaultKind::Internal, "made no recovery codes").into());
        };
        let enrolment = self.sealed(self.fresh_id()?, Parameters::Recovery, &made.secret)?;
        self.keep(who, "admin.recovery-codes", enrolment, true).await?;
        Ok(codes)
    }

    /// Enrols a seed that was made elsewhere, written in base 32. `next_counter` is the first counter of a
    /// counter-based generator that may be used; time-based ones take no notice of it.
    ///
    /// # Errors
    ///
    /// [`CannotEnrol`].
    pub async fn import(
        &self,
        who: &Pseudonym,
        parameters: Parameters,
        seed: &Secret,
        next_counter: i64,
        label: &Label<'_>,
    ) -> Result<Imported, CannotEnrol> {
        self.check_room(who).await?;
        let brought = self.provision.brought(&parameters, seed, label)?;
        if self.has_seed(who, &brought.secret).await? {
            return Err(CannotEnrol::SameSeed);
        }
        let mut enrolment = self.sealed(self.fresh_id()?, parameters, &brought.secret)?;
        if let Parameters::Hotp { .. } = parameters {
            let last = next_counter.checked_sub(1).filter(|last| *last >= Progress::UNUSED.last);
            enrolment.progress.last = last.ok_or(CannotEnrol::Counter)?;
        }
        let id = enrolment.id;
        self.keep(who, "admin.import", enrolment, false).await?;
        Ok(Imported { id, weak: brought.weak })
    }

    /// Forgets an enrolment; `false` when this subject has none of that name.
    ///
    /// # Errors
    ///
    /// A fault of store or audit.
    pub async fn revoke(&self, who: &Pseudonym, id: EnrolmentId) -> Result<bool, Fault> {
        let record = self.store.recall(who).await?;
        let factor = record.enrolments.iter().find(|e| e.id == id).map(Enrolment::kind);
        let act = Act { factor, ..Act::of("admin.revoke", Some(who)) };
        self.acts.carry_out(act, self.store.revoke(who, id), |gone| found(*gone, "revoked")).await
    }

    /// Forgets a subject with all that hangs on it; `false` when it is not known. Its records in the audit
    /// stay, under an id that leads to nobody any more (F-012).
    ///
    /// # Errors
    ///
    /// A fault of store or audit.
    pub async fn forget(&self, who: &Pseudonym) -> Result<bool, Fault> {
        let act = Act::of("admin.forget", Some(who));
        self.acts.carry_out(act, self.store.forget(who), |gone| found(*gone, "forgotten")).await
    }

    /// Forgets failures of one thing and releases its lock; `false` when there was nothing to release.
    ///
    /// # Errors
    ///
    /// A fault of store or audit.
    pub async fn unlock(&self, who: &Pseudonym, what: Counted) -> Result<bool, Fault> {
        let factor = match what {
            Counted::Password | Counted::FamiliarPassword | Counted::Directory | Counted::Unproven => None,
            Counted::Factor(kind) => Some(kind),
        };
        let act = Act { factor, ..Act::of("admin.unlock", Some(who)) };
        let deed = self.store.forget_failures(who, what, true);
        self.acts.carry_out(act, deed, |released| found(*released, "released")).await
    }

    /// Sets from when and until when a subject may log in, `None` for no bound; `false` when it is not known.
    ///
    /// # Errors
    ///
    /// A fault of store or audit.
    pub async fn set_validity(
        &self,
        who: &Pseudonym,
        from: Option<UnixTime>,
        until: Option<UnixTime>,
    ) -> Result<bool, Fault> {
        let act = Act { valid: Some(Validity { from, until }), ..Act::of("admin.validity", Some(who)) };
        let word = if from.or(until).is_some() { "bounded" } else { "unbounded" };
        let deed = self.store.set_validity(who, from, until);
        self.acts.carry_out(act, deed, |known| found(*known, word)).await
    }

    async fn check_room(&self, who: &Pseudonym) -> Result<(), CannotEnrol> {
        if self.store.subject(who).await?.is_none() {
            return Err(CannotEnrol::UnknownSubject);
        }
        if self.store.recall(who).await?.enrolments.len() >= MOST {
            return Err(CannotEnrol::TooMany);
        }
        Ok(())
    }

    /// Whether one of the subject's enrolments that can be opened has this seed (C-021).
    async fn has_seed(&self, who: &Pseudonym, seed: &Secret) -> Result<bool, Fault> {
        let record = self.store.recall(who).await?;
        let opened = record.enrolments.iter().map(|e| self.vault.open(Place::Seed(e.id), &e.sealed));
        Ok(opened.flatten().any(|other| other == *seed))
    }

    fn fresh_id(&self) -> Result<EnrolmentId, Fault> {
        bytes(&*self.random)
            .map(EnrolmentId)
            .map_err(|why| Fault::new(FaultKind::Internal, format!("named no enrolment: {why}")))
    }

    fn sealed(&self, id: EnrolmentId, parameters: Parameters, secret: &Secret) -> Result<Enrolment, Fault> {
        Ok(Enrolment {
            id,
            parameters,
            sealed: self.vault.seal(Place::Seed(id), secret)?,
            progress: Progress::UNUSED,
            created: self.clock.now().unix,
        })
    }

    fn judge(&self, enrolment: &Enrolment, typed: &Secret) -> Result<Option<Mark>, CannotEnrol> {
        let code = Code::read(typed.expose()).ok_or(CannotEnrol::WrongCode)?;
        let kind = enrolment.kind();
        let factor = self.factors.iter().find(|factor| factor.kind() == kind).ok_or_else(|| {
            Fault::new(FaultKind::Internal, format!("no factor of the kind {kind} is registered"))
        })?;
        Ok(factor.judge(enrolment, &code, self.clock.now().unix)?)
    }

    async fn keep(
        &self,
        who: &Pseudonym,
        event: &'static str,
        enrolment: Enrolment,
        replaces: bool,
    ) -> Result<(), Fault> {
        let act = Act { factor: Some(enrolment.kind()), ..Act::of(event, Some(who)) };
        let Enrolment { id, parameters, sealed, progress, created } = enrolment;
        let new = NewEnrolment { id, parameters, sealed, progress, created, replaces };
        let word = if replaces { "replaced" } else { "enrolled" };
        self.acts.carry_out(act, self.store.enrol(who, new), |()| word).await
    }
}

const fn found(yes: bool, word: &'static str) -> &'static str {
    if yes { word } else { "nothing-there" }
}

#[cfg(test)]
mod tests;
