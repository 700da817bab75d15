//! What the store said of a subject, in little room: of tens of thousands it is kept for the case that nobody needs.

use crate::base::clock::UnixTime;
use crate::login::factor::{Enrolment, EnrolmentId, FactorKind, FactorKinds, Parameters, Progress, Sealed};
use crate::login::step::{History, Record};
use crate::login::throttle::Failures;

/// A record without seeds, without how far they were used, and without what is only about one login.
pub(super) struct Bare {
    enrolments: Box<[(EnrolmentId, Parameters)]>,
    codes: Box<[(FactorKind, Failures)]>,
    /// Nearly nobody has any.
    counted: Option<Box<Counted>>,
    pub(super) history: History,
}

/// The failures that are counted beside those of each kind of factor, as in [`Record`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counted {
    pub(super) password: Option<Failures>,
    pub(super) familiar_password: Option<Failures>,
    pub(super) directory: Option<Failures>,
    pub(super) unproven: Option<Failures>,
}

impl Counted {
    const NONE: Self = Self { password: None, familiar_password: None, directory: None, unproven: None };

    const fn of(record: &Record) -> Self {
        let Record { password, familiar_password, directory, unproven, .. } = *record;
        Self { password, familiar_password, directory, unproven }
    }

    /// These, with the codes of strangers as `other` has them.
    pub(super) const fn with_codes_of(self, other: Self) -> Self {
        Self { unproven: other.unproven, ..self }
    }

    fn boxed(self) -> Option<Box<Self>> {
        (self != Self::NONE).then(|| Box::new(self))
    }
}

impl Bare {
    pub(super) fn of(record: &Record) -> Self {
        Self {
            enrolments: record.enrolments.iter().map(|one| (one.id, one.parameters)).collect(),
            codes: record.codes.as_slice().into(),
            counted: Counted::of(record).boxed(),
            history: record.history.clone(),
        }
    }

    /// Whether it is what [`Bare::of`] would make: as nearly always, since little changes from one login to the next.
    pub(super) fn is_of(&self, record: &Record) -> bool {
        let enrolments = record.enrolments.iter().map(|one| (one.id, one.parameters));
        self.history == record.history
            && *self.codes == *record.codes
            && self.counted() == Counted::of(record)
            && enrolments.eq(self.enrolments.iter().copied())
    }

    /// As far as it is kept.
    pub(super) fn record(&self) -> Record {
        let Counted { password, familiar_password, directory, unproven } = self.counted();
        let enrolment = |(id, parameters): &(EnrolmentId, Parameters)| Enrolment {
            id: *id,
            parameters: *parameters,
            sealed: Sealed { key_id: 0, bytes: Box::default() },
            progress: Progress::UNUSED,
            created: UnixTime(0),
        };
        Record {
            enrolments: self.enrolments.iter().map(enrolment).collect(),
            password,
            familiar_password,
            directory,
            unproven,
            codes: self.codes.to_vec(),
            history: self.history.clone(),
            ..Record::default()
        }
    }

    pub(super) fn counted(&self) -> Counted {
        self.counted.as_deref().copied().unwrap_or(Counted::NONE)
    }

    /// Puts other failures in place of those that were counted.
    pub(super) fn count(&mut self, counted: Counted) {
        self.counted = counted.boxed();
    }

    /// Whether there are the same factors, with the same ones locked.
    pub(super) fn has_factors_of(&self, other: &Self) -> bool {
        let is_there = |(id, _): &(EnrolmentId, Parameters)| self.enrolments.iter().any(|(one, _)| one == id);
        self.enrolments.len() == other.enrolments.len()
            && other.enrolments.iter().all(is_there)
            && self.locked() == other.locked()
    }

    fn locked(&self) -> FactorKinds {
        self.codes.iter().filter(|(_, failures)| failures.locked).map(|(kind, _)| *kind).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::login::factor::OtpAlgorithm;

    fn record() -> Record {
        let enrolment = |number| Enrolment {
            id: EnrolmentId([number; 16]),
            parameters: Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 },
            sealed: Sealed { key_id: 1, bytes: [7; 40].into() },
            progress: Progress { last: 5, drift: 1, used: 0, last_used: Some(UnixTime(1)) },
            created: UnixTime(2),
        };
        Record { enrolments: vec![enrolment(1), enrolment(2)], ..Record::default() }
    }

    #[test]
    fn what_only_a_used_code_changes_is_no_change_and_everything_else_is() {
        let before = record();
        let bare = Bare::of(&before);
        let mut used = record();
        used.enrolments[0].progress.last = 6;
        assert!(bare.is_of(&before) && bare.is_of(&used) && bare.is_of(&bare.record()));
        let some = Some(Failures { row: 1, ..Failures::NONE });
        let valid = History { valid_until: Some(UnixTime(9)), ..History::default() };
        for other in [
            Record { enrolments: before.enrolments[..1].to_vec(), ..record() },
            Record { password: some, ..record() },
            Record { familiar_password: some, ..record() },
            Record { directory: some, ..record() },
            Record { unproven: some, ..record() },
            Record { codes: vec![(FactorKind::Totp, Failures::NONE)], ..record() },
            Record { history: valid, ..record() },
        ] {
            assert!(!bare.is_of(&other), "{other:?}");
            assert!(Bare::of(&other).is_of(&Bare::of(&other).record()), "{other:?}");
        }
    }

    #[test]
    fn seeds_are_not_kept() {
        assert!(Bare::of(&record()).record().enrolments.iter().all(|one| one.sealed.bytes.is_empty()));
    }

    #[test]
    fn factors_are_the_same_in_any_order_until_one_is_gone_or_locked() {
        let mut other = record();
        other.enrolments.reverse();
        let bare = Bare::of(&record());
        assert!(bare.has_factors_of(&Bare::of(&other)));
        other.codes = vec![(FactorKind::Totp, Failures { locked: true, ..Failures::NONE })];
        assert!(!bare.has_factors_of(&Bare::of(&other)));
        other.codes.clear();
        other.enrolments[0].id = EnrolmentId([3; 16]);
        assert!(!bare.has_factors_of(&Bare::of(&other)));
    }

    #[test]
    fn little_room_is_little() {
        assert!(size_of::<Bare>() <= 144, "{}", size_of::<Bare>());
    }
}
