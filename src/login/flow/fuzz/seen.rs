//! What must hold of every login, whatever happens to it.

use crate::base::clock::{Now, UnixTime};
use crate::base::secret::Secret;
use crate::login::attempt::Attempt;
use crate::login::client::PrimaryKind;
use crate::login::credential::PrimaryCredential;
use crate::login::factor::{Enrolment, FactorKind, FactorKinds};
use crate::login::flow::Flow;
use crate::login::flow::fuzz::made::TOLD;
use crate::login::identity::{Pseudonym, Standing};
use crate::login::policy::Requirement;
use crate::login::policy::fault::{FaultMode, FaultRule};
use crate::login::relay::{Heard, Method, Said};
use crate::login::step::{Prompt, Record, Step, Work};
use crate::login::throttle::{Allowed, Failures, Limits, Lockout, allowed};
use crate::login::verdict::{Basis, Grant, Verdict};

/// What the invariant is judged by.
#[derive(Default)]
pub(super) struct Seen {
    /// The directory or the upstream found the first credential right, or right and due for a change.
    pub(super) primary_right: bool,
    /// The directory said that the password must be changed.
    pub(super) must_change: bool,
    /// It was.
    pub(super) changed: bool,
    /// A wrong password was heard of, and has not been counted.
    pub(super) owes_a_count: bool,
    /// Nobody said anything about a password that was sent.
    pub(super) unanswered: bool,
    /// A factor was confirmed.
    pub(super) confirmed: bool,
    /// The kinds of those.
    pub(super) confirmed_kinds: FactorKinds,
    /// The record could not be had when it was asked for last.
    pub(super) store_away: bool,
    /// Kinds of factors that could not be checked.
    pub(super) gone: FactorKinds,
    /// When that was so last, others could have been.
    pub(super) others: bool,
    /// The account that was found last is one that an exemption names.
    pub(super) named: bool,
    /// The client cannot be told about it.
    pub(super) untold: bool,
    pub(super) standing: Option<Standing>,
    /// When the directory locks the account that was found last.
    pub(super) lockout: Option<Lockout>,
    /// The upstream confirmed another name, and nobody was looked up under it.
    pub(super) unlooked: bool,
    /// The upstream agreed to EAP without a name.
    pub(super) nameless: bool,
    /// Who was found, each time.
    pub(super) found: Vec<Pseudonym>,
    /// What was recalled last.
    pub(super) record: Record,
    /// Everything that was typed after a question.
    pub(super) answers: Vec<Secret>,
    pub(super) called_off: bool,
    /// Questions of the upstream.
    pub(super) rounds: usize,
    pub(super) verdicts: usize,
}

/// What holds for the whole login.
pub(super) struct Terms {
    pub(super) requirement: Requirement,
    /// The exemption is for this client and this source.
    pub(super) exempt_here: bool,
    pub(super) attempt: Attempt,
    /// The fault modes.
    pub(super) faults: Vec<FaultRule>,
    /// Something may be away.
    pub(super) can_break: bool,
}

impl Terms {
    fn method(&self) -> Option<Method> {
        match self.attempt.credential {
            PrimaryCredential::Relayed(method) => Some(method),
            PrimaryCredential::Password(_)
            | PrimaryCredential::CheckedByClient(_)
            | PrimaryCredential::Proven => None,
        }
    }

    fn is_eap(&self) -> bool {
        self.method() == Some(Method::Eap)
    }

    /// Somebody else has checked the first credential.
    fn is_trusted(&self) -> bool {
        matches!(self.attempt.credential, PrimaryCredential::Proven)
            || self.attempt.client.primary == PrimaryKind::CheckedByClient
    }

    fn has_field(&self) -> bool {
        matches!(self.attempt.credential, PrimaryCredential::Password(_))
    }

    fn is_at_upstream(&self) -> bool {
        self.attempt.client.primary == PrimaryKind::Upstream
            && !matches!(self.attempt.credential, PrimaryCredential::Proven)
    }
}

impl Seen {
    /// Notes what the upstream answered to what it was asked.
    pub(super) fn heard(&mut self, heard: &Heard, terms: &Terms) {
        match &heard.said {
            Said::Yes { name } => {
                self.primary_right = true;
                self.nameless = name.is_none() && terms.is_eap();
                let another = name.as_ref().is_some_and(|name| *name != terms.attempt.name);
                self.unlooked = another || terms.is_eap();
            }
            Said::No(outcome) => {
                let wrong = *outcome == crate::login::step::PrimaryOutcome::Wrong;
                self.owes_a_count = wrong && !terms.is_eap();
            }
            Said::More => {}
        }
    }

    /// Somebody may have seen the password and gave no answer: as long as it makes nobody wait, it counts.
    pub(super) fn was_unanswered(&mut self, terms: &Terms) {
        let is_exempt = terms.exempt_here && self.named && terms.requirement != Requirement::Refuse;
        let directory = self.record.directory.map_or(0, |failures| failures.row);
        // One more leaves another one after it, whoever comes next.
        let is_free =
            self.own().row + 1 < Limits::PASSWORD.free && directory + 2 < self.most().min(self.left());
        self.unanswered = true;
        self.owes_a_count = !terms.is_eap() && !is_exempt && is_free;
    }

    /// The wrong passwords from places like this one.
    fn own(&self) -> Failures {
        let record = &self.record;
        let row = if record.history.familiar { record.familiar_password } else { record.password };
        row.unwrap_or(Failures::NONE)
    }

    /// How many wrong passwords may reach the directory.
    fn most(&self) -> u32 {
        let harmless = |lockout: Lockout| lockout.threshold.saturating_sub(1).max(1);
        Limits::PASSWORD.free.min(self.lockout.map_or(u32::MAX, harmless))
    }

    /// How many may still be wrong by the directory's own count.
    fn left(&self) -> u32 {
        let left =
            |lockout: Lockout| lockout.threshold.saturating_sub(1).max(1).saturating_sub(lockout.counted);
        self.lockout.map_or(u32::MAX, left)
    }

    /// Whoever hangs up saves himself the answer and no count, and costs nobody anything more.
    pub(super) fn only_what_is_owed(&mut self, step: &Step) {
        let counts = matches!(step, Step::Do(Work::CountWrongPassword(_)));
        assert!(counts || !self.owes_a_count, "a wrong password was not counted");
        self.owes_a_count = false;
        let owed = match step {
            Step::Do(work) => matches!(work, Work::CountWrongPassword(_) | Work::ForgetWrongPasswords(_)),
            Step::Ask(_) => false,
            Step::Done(verdict) => !matches!(verdict, Verdict::Accept(_)),
        };
        assert!(owed || !self.called_off, "{step:?} for nobody");
    }

    /// A code was held against these, and none of them could be opened.
    pub(super) fn not_checked(&mut self, tried: FactorKinds, others: bool) {
        self.gone = self.gone.or(tried);
        self.others = others;
    }

    /// What may be done, at the moment when it is to be done.
    pub(super) fn check_work(&self, work: &Work, flow: &Flow, terms: &Terms, now: Now) {
        let looks_up = matches!(work, Work::FindSubject | Work::Recall { .. });
        assert!(looks_up || flow.is_without_store() == self.store_away, "what stands in for the record");
        if self.store_away || !self.gone.is_empty() {
            let writes = matches!(work, Work::NoteLogin(_))
                || (!self.store_away && matches!(work, Work::ForgetWrongPasswords(_)));
            assert!(!writes, "{work:?} under a fault mode");
        }
        match work {
            Work::AskUpstream(_) if terms.is_eap() => assert!(terms.is_at_upstream()),
            Work::VerifyPrimary(Some(_), password) => {
                self.may_be_tried(terms, now.unix);
                assert!(!password.is_empty() && !password.expose().contains(&0));
                assert!(!terms.is_at_upstream(), "the upstream's business");
            }
            Work::AskUpstream(password) => {
                self.may_be_tried(terms, now.unix);
                assert!(terms.is_at_upstream() && flow.subject().is_some(), "about nobody");
                let sent = password.iter().all(|sent| !sent.is_empty() && !sent.expose().contains(&0));
                assert!(sent, "an empty password, or one with a NUL");
            }
            Work::ChangePassword(_, old, new) => {
                assert!(self.must_change && self.confirmed && !self.changed, "a change out of the blue");
                assert!(old != new && !new.is_empty() && !new.expose().contains(&0));
                let twice = self.answers.windows(2).any(|two| two.iter().all(|typed| typed == new));
                assert!(twice, "a new password that was not typed twice");
            }
            Work::FindSubject
            | Work::Recall { .. }
            | Work::VerifyPrimary(None, _)
            | Work::CountWrongPassword(_)
            | Work::ForgetWrongPasswords(_)
            | Work::NoteLogin(_)
            | Work::Remember { .. }
            | Work::Check(..) => {}
        }
    }

    /// Nobody who must wait is asked about (B-087).
    fn may_be_tried(&self, terms: &Terms, at: UnixTime) {
        let own = allowed(&self.own(), at, &Limits::PASSWORD) == Allowed::Yes;
        let directory = self.record.directory.unwrap_or(Failures::NONE);
        let spared = directory.directory_row(at, Limits::PASSWORD.first_wait) < self.most();
        let free = own && spared && (self.left() > 0 || self.record.history.familiar);
        let familiar = terms.exempt_here && self.named && self.record.familiar;
        assert!(free || familiar, "a password is tried that must wait");
    }

    /// What may be asked.
    pub(super) fn check_question(&mut self, prompt: &Prompt, terms: &Terms) {
        let client = &terms.attempt.client;
        if let Some(held) = &prompt.relay {
            assert_eq!(
                held.get::<&str>(),
                Some(&"challenge"),
                "a question is all that goes out before the end"
            );
            self.rounds += 1;
            let most = if terms.is_eap() { 64 } else { 8 };
            assert!(self.rounds <= most && !self.primary_right);
        } else {
            assert!(!terms.is_eap(), "nothing can be asked after EAP");
            assert!(self.primary_right || terms.is_trusted(), "a question before the password");
        }
        let can = match terms.method() {
            Some(Method::Eap) => true,
            Some(Method::Chap | Method::MsChap | Method::MsChap2) => {
                client.can.prompts_relayed && client.entry.challenge
            }
            None => client.can.prompts && client.entry.challenge,
        };
        assert!(can, "a question to somebody who cannot be asked");
    }

    /// What holds at the end.
    pub(super) fn check_end(&self, verdict: &Verdict, flow: &Flow, terms: &Terms) {
        let held = flow.held().and_then(|held| held.get::<&str>()).copied();
        let Verdict::Accept(grant) = verdict else {
            assert!(!self.unanswered || matches!(verdict, Verdict::Unable(_)), "a no that nobody said");
            assert_eq!(held, None, "what the upstream answered outlives a no");
            return;
        };
        assert!(!self.unanswered, "a yes that nobody said");
        assert_eq!(held, terms.is_at_upstream().then_some("accept"));
        self.check_grant(grant, terms);
        let told = if terms.attempt.client.telling.is_some() { TOLD } else { b"" };
        assert_eq!(grant.told().bytes(), told);
        assert!(told.is_empty() || !self.untold, "let in without what the client must be told");
    }

    fn check_grant(&self, grant: &Grant, terms: &Terms) {
        assert!(self.primary_right || terms.is_trusted(), "let in without a first credential");
        assert!(self.found.windows(2).all(|two| two.first() == two.last()), "two people in one login");
        assert!(!self.found.is_empty() && !self.unlooked, "let in without having been looked up");
        assert!(!self.nameless || terms.attempt.client.trusts_outer_name, "a name that nobody confirms");
        assert_eq!(self.must_change, self.changed, "an expired password lets in, or a fresh one was changed");
        let usable = match self.standing {
            Some(Standing::Active) => true,
            Some(Standing::MustChange | Standing::PasswordExpired) => self.changed,
            Some(_) | None => false,
        };
        assert!(usable, "let in with an account that is {:?}", self.standing);
        let exempt = terms.exempt_here && self.named;
        assert_eq!(
            grant.exemption().is_some(),
            exempt,
            "an exemption counts wherever it fits, and nowhere else"
        );
        let in_fault = self.store_away || !self.gone.is_empty();
        assert_eq!(
            grant.fault().is_some(),
            in_fault,
            "a fault mode where nothing is away, or none where something is"
        );
        assert!(!in_fault || grant.session().is_some(), "a session that outlives the mode");
        let shown = match (terms.requirement, grant.basis()) {
            (Requirement::Refuse, _) => false,
            (Requirement::None | Requirement::OneOf(_) | Requirement::AllOf(_), Basis::Exempt) => exempt,
            (Requirement::None, Basis::RuleAsksNone) => !exempt,
            (Requirement::OneOf(_) | Requirement::AllOf(_), Basis::Grace) => !exempt,
            (Requirement::OneOf(_) | Requirement::AllOf(_), Basis::Confirmed(_)) => self.confirmed,
            (
                Requirement::OneOf(kinds),
                basis @ (Basis::FaultFirstFactor | Basis::FaultRecent(_) | Basis::FaultFactor(_)),
            ) => in_fault && !exempt && self.is_in_mode(basis, kinds, terms),
            (Requirement::OneOf(kinds), Basis::Remembered(kind)) => {
                let recalled = kinds.contains(kind) && self.record.remembered == Some(kind);
                recalled && terms.has_field() && self.answers.is_empty()
            }
            (Requirement::None | Requirement::OneOf(_) | Requirement::AllOf(_), _) => false,
        };
        assert!(shown, "let in by {:?} where {:?} is demanded", grant.basis(), terms.requirement);
    }

    /// Whether some mode opens for this cause; `wanted` is what the rule asks for.
    fn is_in_mode(&self, basis: Basis, wanted: FactorKinds, terms: &Terms) -> bool {
        let enrolled: FactorKinds = self.record.enrolments.iter().map(Enrolment::kind).collect();
        let has_waits =
            |kind: &FactorKind| self.record.codes.iter().any(|(of, row)| of == kind && row.locked);
        assert!(!enrolled.and(wanted).iter().any(|kind| has_waits(&kind)), "a locked factor");
        let is_blind = self.store_away || !self.others;
        terms.faults.iter().any(|rule| match (&rule.then, basis) {
            (FaultMode::FirstFactorOnly, Basis::FaultFirstFactor) => is_blind,
            (FaultMode::RecentConfirmation(within), Basis::FaultRecent(kind)) => {
                let recent = self.record.recent.filter(|recent| recent.age <= *within);
                let fits = wanted.and(enrolled).contains(kind);
                is_blind && fits && recent.is_some_and(|recent| recent.kinds.contains(kind))
            }
            (FaultMode::Use { kinds, .. }, Basis::FaultFactor(kind)) => {
                let shown = self.confirmed_kinds.without(self.gone).and(enrolled);
                !self.store_away && shown.contains(kind) && kinds.or(wanted).contains(kind)
            }
            _ => false,
        })
    }
}
