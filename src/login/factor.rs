//! The second things to show, and what is remembered about each of them.

use std::fmt;

use crate::base::clock::UnixTime;

/// A kind of second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FactorKind {
    /// Time-based one-time code (RFC 6238).
    Totp,
    /// Counter-based one-time code (RFC 4226).
    Hotp,
    /// One of a printed set of codes, each good once.
    Recovery,
}

impl FactorKind {
    /// All kinds there are.
    pub const ALL: [Self; 3] = [Self::Totp, Self::Hotp, Self::Recovery];

    /// The word for it in configuration, audit and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
            Self::Recovery => "recovery",
        }
    }

    /// The kind that `word` stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Totp => 1,
            Self::Hotp => 2,
            Self::Recovery => 4,
        }
    }
}

impl fmt::Display for FactorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct FactorKinds(u8);

impl FactorKinds {
    /// Every kind.
    pub const ALL: Self = Self(7);
    /// No kind.
    pub const NONE: Self = Self(0);

    /// Whether `kind` is in the set.
    #[must_use]
    pub const fn contains(self, kind: FactorKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// The set and `kind`.
    #[must_use]
    pub const fn with(self, kind: FactorKind) -> Self {
        Self(self.0 | kind.bit())
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in one of them.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its only member; `None` when there is none or more than one.
    #[must_use]
    pub fn only(self) -> Option<FactorKind> {
        let mut kinds = self.iter();
        kinds.next().filter(|_| kinds.next().is_none())
    }

    /// Its members, in the order of [`FactorKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = FactorKind> {
        FactorKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl FromIterator<FactorKind> for FactorKinds {
    fn from_iter<I: IntoIterator<Item = FactorKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | kind.bit()))
    }
}

/// Names one enrolment: 16 random bytes, shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EnrolmentId(pub [u8; 16]);

impl fmt::Display for EnrolmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for EnrolmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EnrolmentId({self})")
    }
}

/// Hash behind a time-based code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtpAlgorithm {
    /// HMAC-SHA-1, the only one that every app knows.
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// What an enrolment was set up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameters {
    /// Time-based codes.
    Totp {
        /// The hash.
        algorithm: OtpAlgorithm,
        /// 6 to 8.
        digits: u8,
        /// Length of a step in seconds, 30 or 60.
        period: u8,
    },
    /// Counter-based codes.
    Hotp {
        /// 6 to 8.
        digits: u8,
    },
    /// A set of codes.
    Recovery,
}

impl Parameters {
    /// The kind they belong to.
    #[must_use]
    pub const fn kind(&self) -> FactorKind {
        match self {
            Self::Totp { .. } => FactorKind::Totp,
            Self::Hotp { .. } => FactorKind::Hotp,
            Self::Recovery => FactorKind::Recovery,
        }
    }
}

/// A secret as it lies in the store: encrypted, with the id of the key that opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Which of the keys.
    pub key_id: u32,
    /// Nonce, cipher text and tag.
    pub bytes: Box<[u8]>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(key {})", self.key_id)
    }
}

/// How far an enrolment has been used. Only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Last accepted time step or counter; -1 before the first.
    pub last: i64,
    /// How many steps the device's clock was ahead of ours at the last success; -2 to 2.
    pub drift: i8,
    /// One bit for each recovery code that is used up.
    pub used: u32,
    /// When it last let somebody in.
    pub last_used: Option<UnixTime>,
}

impl Progress {
    /// Of an enrolment that was never used.
    pub const UNUSED: Self = Self { last: -1, drift: 0, used: 0, last_used: None };

    /// The progress once `mark` is used up at `now`; `None` when it was used up before, or is older than
    /// what was (C-022, C-025). Whoever keeps progress decides by this, inside one atomic step.
    #[must_use]
    pub fn after(&self, mark: Mark, now: UnixTime) -> Option<Self> {
        let last_used = self.last_used.max(Some(now));
        match mark {
            Mark::Step { step, drift } => (step > self.last).then_some(Self {
                last: step,
                drift: drift.clamp(-2, 2),
                last_used,
                ..*self
            }),
            Mark::Counter(counter) => {
                (counter > self.last).then_some(Self { last: counter, last_used, ..*self })
            }
            Mark::Index(index) => {
                let bit = 1u32.checked_shl(index.into())?;
                (self.used & bit == 0).then_some(Self { used: self.used | bit, last_used, ..*self })
            }
        }
    }
}

/// One factor registered for one subject.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// Its name.
    pub id: EnrolmentId,
    /// What it was set up with.
    pub parameters: Parameters,
    /// Its seed or hashes, sealed.
    pub sealed: Sealed,
    /// How far it has been used.
    pub progress: Progress,
    /// When it was set up.
    pub created: UnixTime,
}

impl Enrolment {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> FactorKind {
        self.parameters.kind()
    }
}

/// The one thing in an enrolment that a correct code uses up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A time step, and the drift it shows. Good once, and only after all earlier ones (C-025).
    Step {
        /// Number of the step since the epoch.
        step: i64,
        /// Its distance from the server's own step.
        drift: i8,
    },
    /// A counter. Good once, and only after all earlier ones (C-022).
    Counter(i64),
    /// Place of a recovery code in its set, from 0. Good once (C-080).
    Index(u8),
}

impl Mark {
    /// The kind of factor that it belongs to.
    #[must_use]
    pub const fn kind(self) -> FactorKind {
        match self {
            Self::Step { .. } => FactorKind::Totp,
            Self::Counter(_) => FactorKind::Hotp,
            Self::Index(_) => FactorKind::Recovery,
        }
    }
}

/// One enrolment held against a typed code: what it would use up, or `None` when the code does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// Which enrolment.
    pub enrolment: EnrolmentId,
    /// Its kind: failures are counted per kind.
    pub kind: FactorKind,
    /// What the code would use up.
    pub mark: Option<Mark>,
}

/// Whether the first credential of this login was right before the code is looked at. A stranger who has shown nothing
/// must not be able to lock somebody's factor (C-004).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proof {
    /// It was: failures count in the factor's row, and too many of them lock it.
    Proven,
    /// It was not yet, but the login comes from a place where the subject was let in before: failures count in the
    /// factor's row and make it wait. They do not lock it: the place is a network, and the subject's neighbours share it.
    Familiar,
    /// Nothing is proven: they count in a row of their own, which only waits.
    Unproven,
}

/// What came of a typed code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorOutcome {
    /// It was right and is now used up.
    Confirmed(FactorKind),
    /// It fits no enrolment.
    Wrong,
    /// It was right once and has been used: perhaps somebody looks over a shoulder (C-026).
    Replayed(FactorKind),
    /// Too many failures; nothing was compared.
    Locked,
    /// Too many codes in a minute; nothing was compared.
    TooOften,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_good_once_and_nothing_older_is_good_after_it_c_025() {
        let now = UnixTime::from_seconds(1_800_000_000);
        let later = Progress::UNUSED.after(Mark::Step { step: 7, drift: 1 }, now).unwrap();
        assert_eq!(later, Progress { last: 7, drift: 1, used: 0, last_used: Some(now) });
        assert_eq!(later.after(Mark::Step { step: 7, drift: 0 }, now), None);
        assert_eq!(later.after(Mark::Counter(6), now), None);
        assert_eq!(later.after(Mark::Counter(8), UnixTime(0)).unwrap().last_used, Some(now), "never back");
    }

    #[test]
    fn each_recovery_code_is_good_once_in_any_order_c_080() {
        let now = UnixTime::from_seconds(1_800_000_000);
        let later = Progress::UNUSED.after(Mark::Index(9), now).unwrap().after(Mark::Index(0), now).unwrap();
        assert_eq!(later.used, 0b10_0000_0001);
        assert_eq!(later.after(Mark::Index(9), now), None);
        assert_eq!(later.after(Mark::Index(32), now), None, "there is no such code");
    }

    #[test]
    fn every_kind_has_a_word_of_its_own_and_fits_in_a_set() {
        for kind in FactorKind::ALL {
            assert_eq!(FactorKind::from_word(kind.word()), Some(kind));
            assert!(FactorKinds::ALL.contains(kind));
            let only: FactorKinds = [kind].into_iter().collect();
            assert_eq!(only.iter().collect::<Vec<_>>(), [kind]);
        }
        assert!(FactorKinds::default().is_empty());
    }
}
