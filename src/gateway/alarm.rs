//! What somebody should look at now: one line in the log, one record in the audit and a counter, once for each cause in
//! ten minutes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use governor::Quota;

use crate::base::bounded::BoundedMap;
use crate::base::clock::Clock;
use crate::gateway::admit::keyed::{Rate, Ticks, rate};
use crate::gateway::spray::{Found, Sign};
use crate::login::attempt::Origin;
use crate::login::identity::Pseudonym;

/// The kinds of alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alarm {
    /// One password fails with many names.
    Spray,
    /// Many names fail from one source.
    Stuffing,
    /// One name fails from many sources.
    Guessing,
    /// An account for emergencies was let in.
    BreakGlass,
    /// An exemption that is watched was used.
    ExemptionUsed,
    /// A directory would soon lock an account; it is not asked any more.
    LockoutGuard,
    /// A factor could not be checked, and somebody was let in all the same.
    FaultMode,
}

impl Alarm {
    /// All of them, for metrics and the manual.
    pub const ALL: [Self; 7] = [
        Self::Spray,
        Self::Stuffing,
        Self::Guessing,
        Self::BreakGlass,
        Self::ExemptionUsed,
        Self::LockoutGuard,
        Self::FaultMode,
    ];

    /// The fixed word in audit and metrics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Spray => "spray",
            Self::Stuffing => "stuffing",
            Self::Guessing => "guessing",
            Self::BreakGlass => "break-glass",
            Self::ExemptionUsed => "exemption-used",
            Self::LockoutGuard => "lockout-guard",
            Self::FaultMode => "fault-mode",
        }
    }

    /// The fixed word in the log.
    #[must_use]
    pub const fn event(self) -> &'static str {
        match self {
            Self::Spray => "alarm.spray",
            Self::Stuffing => "alarm.stuffing",
            Self::Guessing => "alarm.guessing",
            Self::BreakGlass => "alarm.break-glass",
            Self::ExemptionUsed => "alarm.exemption-used",
            Self::LockoutGuard => "alarm.lockout-guard",
            Self::FaultMode => "alarm.fault-mode",
        }
    }

    /// What has happened, for whoever reads the log.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Spray => "one password fails with many names; logins with it are slowed",
            Self::Stuffing => "many names fail from one source; its logins are slowed",
            Self::Guessing => {
                "one name fails from many sources; its logins from unfamiliar places are slowed"
            }
            Self::BreakGlass => "an account for emergencies was let in",
            Self::ExemptionUsed => "an exemption that is watched was used",
            Self::LockoutGuard => {
                "an account has so many wrong passwords that its directory would soon lock it; the directory is not \
                 asked about it for a while"
            }
            Self::FaultMode => {
                "factors cannot be checked, and people are let in as [[on-fault]] says; look at the faults in the log"
            }
        }
    }

    /// Whether strangers choose how many causes there are. Of those only some are written in a minute; the rest is
    /// counted.
    const fn is_by_strangers(self) -> bool {
        match self {
            Self::Spray | Self::Stuffing | Self::Guessing | Self::LockoutGuard => true,
            Self::BreakGlass | Self::ExemptionUsed | Self::FaultMode => false,
        }
    }

    /// Whether it is about one account, so that its anonymous id belongs to it.
    pub(in crate::gateway) const fn names_subject(self) -> bool {
        match self {
            Self::Spray | Self::Stuffing | Self::FaultMode => false,
            Self::Guessing | Self::BreakGlass | Self::ExemptionUsed | Self::LockoutGuard => true,
        }
    }
}

impl From<Sign> for Alarm {
    fn from(sign: Sign) -> Self {
        match sign {
            Sign::NamesWithPassword => Self::Spray,
            Sign::NamesFromSource => Self::Stuffing,
            Sign::SourcesOnName => Self::Guessing,
        }
    }
}

/// What an alarm is about, as far as two of one kind are one cause.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cause {
    /// A source, a password or a name, by its digest.
    Digest(u64),
    /// An account.
    Subject(Pseudonym),
    /// Something of the configuration by its name.
    Named(Arc<str>),
    /// The same, used by an account at a client and from somewhere: whoever uses it elsewhere a moment later may be
    /// somebody else.
    Used(Arc<str>, Option<Pseudonym>, Arc<str>, Origin),
}

impl From<Found> for Cause {
    fn from(found: Found) -> Self {
        Self::Digest(found.key)
    }
}

/// What is to be done about an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raise {
    /// It is written down.
    Write,
    /// It is counted alone: too many of its kind are written already.
    Count,
    /// Nothing: it was raised a short while ago.
    Nothing,
}

/// How long an alarm holds for its cause.
pub const QUIET: Duration = Duration::from_secs(10 * 60);
/// Most causes that are remembered of a kind; the oldest makes room.
const MOST_CAUSES: usize = 10_000;
/// Most alarms of one kind that strangers can have written in a minute.
const WRITTEN_PER_MINUTE: u32 = 20;

/// Which alarms were raised.
pub struct Alarms {
    kinds: [Kind; Alarm::ALL.len()],
    ticks: Ticks,
}

struct Kind {
    alarm: Alarm,
    raised: AtomicU64,
    causes: Mutex<BoundedMap<Cause, ()>>,
    written: Rate,
}

impl Alarms {
    /// None yet.
    #[must_use]
    pub fn new(clock: &Arc<dyn Clock>) -> Self {
        let ticks = Ticks::new(clock);
        let quota = Quota::per_minute(WRITTEN_PER_MINUTE.try_into().unwrap_or(std::num::NonZeroU32::MIN));
        let kind = |alarm| Kind {
            alarm,
            raised: AtomicU64::new(0),
            causes: Mutex::new(BoundedMap::new(MOST_CAUSES, QUIET)),
            written: rate(quota, &ticks),
        };
        Self { kinds: Alarm::ALL.map(kind), ticks }
    }

    /// Counts an alarm unless its cause has had one in the last ten minutes, and says what else is to be done.
    #[must_use]
    pub fn raise(&self, alarm: Alarm, cause: Cause, now: Instant) -> Raise {
        let Some(kind) = self.kinds.iter().find(|kind| kind.alarm == alarm) else { return Raise::Nothing };
        let mut causes = kind.causes.lock().unwrap_or_else(PoisonError::into_inner);
        if causes.get(&cause, now).is_some() {
            return Raise::Nothing;
        }
        causes.insert(cause, (), now);
        drop(causes);
        kind.raised.fetch_add(1, Ordering::Relaxed);
        self.ticks.note(now);
        if alarm.is_by_strangers() && kind.written.check().is_err() {
            return Raise::Count;
        }
        Raise::Write
    }

    /// How many were raised of each kind.
    pub fn all(&self) -> impl Iterator<Item = (Alarm, u64)> + '_ {
        self.kinds.iter().map(|kind| (kind.alarm, kind.raised.load(Ordering::Relaxed)))
    }

    /// Drops what is too old.
    pub fn tidy(&self, now: Instant) {
        for kind in &self.kinds {
            kind.causes.lock().unwrap_or_else(PoisonError::into_inner).expire(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::clock::{ManualClock, UnixTime};
    use std::collections::HashSet;

    fn alarms() -> (Alarms, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at(UnixTime(0)));
        let dynamic: Arc<dyn Clock> = clock.clone();
        (Alarms::new(&dynamic), clock)
    }

    fn count(alarms: &Alarms, of: Alarm) -> u64 {
        alarms.all().find(|(alarm, _)| *alarm == of).unwrap().1
    }

    #[test]
    fn every_kind_has_words_of_its_own() {
        let codes: HashSet<_> = Alarm::ALL.iter().map(|alarm| alarm.code()).collect();
        assert_eq!(codes.len(), Alarm::ALL.len());
        for alarm in Alarm::ALL {
            assert_eq!(alarm.event(), format!("alarm.{}", alarm.code()));
        }
    }

    #[test]
    fn a_cause_has_one_alarm_in_ten_minutes_and_then_another() {
        let (alarms, clock) = alarms();
        let raise = |alarm, n| alarms.raise(alarm, Cause::Digest(n), clock.now().steady);
        assert_eq!(raise(Alarm::Spray, 1), Raise::Write);
        for _ in 0..100 {
            assert_eq!(raise(Alarm::Spray, 1), Raise::Nothing);
        }
        assert_eq!(raise(Alarm::Spray, 2), Raise::Write, "another cause");
        assert_eq!(raise(Alarm::Guessing, 1), Raise::Write, "another kind");
        clock.advance(QUIET - Duration::from_millis(1));
        assert_eq!(raise(Alarm::Spray, 1), Raise::Nothing, "however long it goes on");
        clock.advance(Duration::from_millis(1));
        assert_eq!(raise(Alarm::Spray, 1), Raise::Write);
        assert_eq!((count(&alarms, Alarm::Spray), count(&alarms, Alarm::Guessing)), (3, 1));
    }

    #[test]
    fn strangers_cannot_fill_the_log_with_alarms_and_all_are_counted_d_112() {
        let (alarms, clock) = alarms();
        let raise = |alarm, n| alarms.raise(alarm, Cause::Digest(n), clock.now().steady);
        let written = (0..50_000).filter(|n| raise(Alarm::Guessing, *n) == Raise::Write).count();
        assert_eq!(written, 20);
        assert_eq!(count(&alarms, Alarm::Guessing), 50_000);
        clock.advance(Duration::from_secs(60));
        let written = (50_000..60_000).filter(|n| raise(Alarm::Guessing, *n) == Raise::Write).count();
        assert_eq!(written, 20, "as many in the next minute");
        let kind = alarms.kinds.iter().find(|kind| kind.alarm == Alarm::Guessing).unwrap();
        assert_eq!(kind.causes.lock().unwrap().len(), MOST_CAUSES);
    }

    #[test]
    fn each_use_of_an_account_for_emergencies_by_somebody_else_or_from_elsewhere_is_written() {
        let (alarms, clock) = alarms();
        for n in 0..1000_u16 {
            let [_, last] = n.to_be_bytes();
            let origin = Origin { peer: [192, 0, 2, 1].into(), user: Some([198, 51, 100, last].into()) };
            let who = Pseudonym::new(&format!("p{}", n / 256));
            let cause = Cause::Used("fire".into(), who, "vpn".into(), origin);
            let at = clock.now().steady;
            assert_eq!(alarms.raise(Alarm::BreakGlass, cause.clone(), at), Raise::Write, "{n}");
            assert_eq!(alarms.raise(Alarm::BreakGlass, cause, at), Raise::Nothing);
        }
    }

    #[test]
    fn what_is_too_old_is_dropped() {
        let (alarms, clock) = alarms();
        assert_eq!(alarms.raise(Alarm::Spray, Cause::Digest(1), clock.now().steady), Raise::Write);
        clock.advance(QUIET);
        alarms.tidy(clock.now().steady);
        assert!(alarms.kinds.iter().all(|kind| kind.causes.lock().unwrap().is_empty()));
    }
}
