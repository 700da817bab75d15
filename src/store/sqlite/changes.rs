//! What logins change of a subject, as values that stand by themselves: to apply them twice is to apply them once.

use rusqlite::{Connection, Result, params};

use crate::base::clock::UnixTime;
use crate::gateway::ports::Counted;
use crate::login::factor::{EnrolmentId, FactorKind, Progress};
use crate::login::identity::Pseudonym;
use crate::login::step::KnownNetwork;
use crate::login::throttle::Failures;
use crate::store::sqlite::bytes::{Put, Take};
use crate::store::sqlite::known::Known;
use crate::store::sqlite::rows;

/// What became of one subject, in part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// How far enrolments are used.
    pub(super) progress: Vec<(EnrolmentId, Progress)>,
    /// Rows of failures; `None` for one that is gone.
    pub(super) failures: Vec<(Counted, Option<Failures>)>,
    /// Day of the last login.
    pub(super) last_day: Option<i64>,
    /// All networks that are remembered.
    pub(super) networks: Option<Vec<KnownNetwork>>,
}

/// Which parts of what is known of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fields(u8);

impl Fields {
    const PROGRESS: Self = Self(1);
    const FAILURES: Self = Self(2);
    const LAST_DAY: Self = Self(4);
    const NETWORKS: Self = Self(8);

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    const fn has(self, one: Self) -> bool {
        self.0 & one.0 > 0
    }

    /// Two of them in a byte.
    pub(super) const fn with(self, older: Self) -> u8 {
        self.0 | older.0 << 4
    }

    /// And back.
    pub(super) const fn both(byte: u8) -> (Self, Self) {
        (Self(byte & 15), Self(byte >> 4))
    }
}

impl Changes {
    pub(super) fn is_empty(&self) -> bool {
        self.fields().is_none()
    }

    /// What they are about.
    pub(super) fn fields(&self) -> Fields {
        let one = |has: bool, fields: Fields| if has { fields } else { Fields::default() };
        one(!self.progress.is_empty(), Fields::PROGRESS)
            .and(one(!self.failures.is_empty(), Fields::FAILURES))
            .and(one(self.last_day.is_some(), Fields::LAST_DAY))
            .and(one(self.networks.is_some(), Fields::NETWORKS))
    }

    /// These parts of all that is known, as changes from whatever was before.
    pub(super) fn of(known: &Known, fields: Fields) -> Self {
        let mut changes = Self::default();
        if fields.has(Fields::PROGRESS) {
            changes.progress = known.enrolments.iter().map(|one| (one.id, one.progress)).collect();
        }
        if fields.has(Fields::FAILURES) {
            changes.failures = Counted::ALL.into_iter().map(|what| (what, known.failures_in(what))).collect();
        }
        changes.last_day = known.history.last_day.filter(|_| fields.has(Fields::LAST_DAY));
        changes.networks = fields.has(Fields::NETWORKS).then(|| known.history.networks.clone());
        changes
    }

    pub(super) fn set_progress(&mut self, id: EnrolmentId, progress: Progress) {
        match self.progress.iter_mut().find(|(one, _)| *one == id) {
            Some((_, known)) => *known = further(known, &progress),
            None => self.progress.push((id, progress)),
        }
    }

    pub(super) fn set_failures(&mut self, what: Counted, failures: Option<Failures>) {
        match self.failures.iter_mut().find(|(one, _)| *one == what) {
            Some((_, known)) => *known = failures,
            None => self.failures.push((what, failures)),
        }
    }

    /// These and what came after them.
    pub(super) fn absorb(&mut self, newer: &Self) {
        for (id, progress) in &newer.progress {
            self.set_progress(*id, *progress);
        }
        for (what, failures) in &newer.failures {
            self.set_failures(*what, *failures);
        }
        self.last_day = newer.last_day.or(self.last_day);
        if newer.networks.is_some() {
            self.networks.clone_from(&newer.networks);
        }
    }

    /// Leaves out all but the progress, which never goes back whatever it is put together with; `false` when there is none.
    pub(super) fn keep_progress(&mut self) -> bool {
        *self = Self { progress: std::mem::take(&mut self.progress), ..Self::default() };
        !self.is_empty()
    }

    /// The latest time that is in them.
    pub(super) fn newest(&self) -> Option<UnixTime> {
        let used = self.progress.iter().filter_map(|(_, progress)| progress.last_used);
        let failed = self.failures.iter().filter_map(|(_, failures)| failures.map(|row| row.last));
        used.chain(failed).max()
    }

    /// Writes them into the tables. What belongs to nobody any more is left out.
    pub(super) fn fold(&self, db: &Connection, who: &Pseudonym) -> Result<()> {
        for (id, progress) in &self.progress {
            rows::put_progress(db, who, *id, progress)?;
        }
        for (what, failures) in &self.failures {
            match failures {
                Some(failures) => rows::put_failures(db, who, *what, failures)?,
                None => rows::drop_failures(db, who, *what)?,
            }
        }
        if let Some(day) = self.last_day {
            db.prepare_cached("UPDATE subject SET last_day = ?2 WHERE pseudonym = ?1")?
                .execute(params![who.as_str(), day])?;
        }
        self.networks.as_ref().map_or(Ok(()), |networks| rows::put_networks(db, who, networks))
    }

    pub(super) fn put(&self, out: &mut Vec<u8>) {
        out.number(length(&self.progress));
        for (id, progress) in &self.progress {
            out.extend_from_slice(&id.0);
            put_progress(out, progress);
        }
        out.number(length(&self.failures));
        for (what, failures) in &self.failures {
            out.push(code(*what));
            match failures {
                None => out.push(0),
                Some(failures) => {
                    out.push(1);
                    put_failures(out, failures);
                }
            }
        }
        out.maybe(self.last_day);
        match &self.networks {
            None => out.push(0),
            Some(networks) => {
                out.push(1);
                put_networks(out, networks);
            }
        }
    }

    pub(super) fn take(from: &mut Take<'_>) -> Option<Self> {
        let mut changes = Self::default();
        for _ in 0..from.number()? {
            let id = EnrolmentId(from.array()?);
            changes.progress.push((id, take_progress(from)?));
        }
        for _ in 0..from.number()? {
            let what = counted(from.byte()?)?;
            let failures = match from.byte()? {
                0 => None,
                1 => Some(take_failures(from)?),
                _ => return None,
            };
            changes.failures.push((what, failures));
        }
        changes.last_day = from.maybe()?;
        changes.networks = match from.byte()? {
            0 => None,
            1 => Some(take_networks(from)?),
            _ => return None,
        };
        Some(changes)
    }
}

/// The progress that has both behind it: it never goes back (C-001), whatever comes in whatever order.
pub(super) fn further(one: &Progress, other: &Progress) -> Progress {
    let later = if other.last_used >= one.last_used { other } else { one };
    Progress {
        last: one.last.max(other.last),
        drift: later.drift,
        used: one.used | other.used,
        last_used: one.last_used.max(other.last_used),
    }
}

pub(super) fn length<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

pub(super) fn put_progress(out: &mut Vec<u8>, progress: &Progress) {
    out.signed(progress.last);
    out.signed(progress.drift.into());
    out.number(progress.used.into());
    out.maybe(progress.last_used.map(|at| at.0));
}

pub(super) fn take_progress(from: &mut Take<'_>) -> Option<Progress> {
    Some(Progress {
        last: from.signed()?,
        drift: i8::try_from(from.signed()?).ok()?,
        used: from.small()?,
        last_used: from.maybe()?.map(UnixTime),
    })
}

pub(super) fn put_failures(out: &mut Vec<u8>, failures: &Failures) {
    out.number(failures.row.into());
    out.signed(failures.wait_until.0);
    out.signed(failures.day);
    out.number(failures.today.into());
    out.push(failures.locked.into());
    out.signed(failures.last.0);
}

pub(super) fn take_failures(from: &mut Take<'_>) -> Option<Failures> {
    Some(Failures {
        row: from.small()?,
        wait_until: UnixTime(from.signed()?),
        day: from.signed()?,
        today: from.small()?,
        locked: from.byte()? == 1,
        last: UnixTime(from.signed()?),
    })
}

pub(super) fn put_networks(out: &mut Vec<u8>, networks: &[KnownNetwork]) {
    out.number(length(networks));
    for network in networks {
        out.number(network.key_id.into());
        out.extend_from_slice(&network.digest);
        out.signed(network.day);
    }
}

pub(super) fn take_networks(from: &mut Take<'_>) -> Option<Vec<KnownNetwork>> {
    let mut networks = Vec::new();
    for _ in 0..from.number()? {
        networks.push(KnownNetwork { key_id: from.small()?, digest: from.array()?, day: from.signed()? });
    }
    Some(networks)
}

/// The number of a row in memory and journal. One that was given away is never given again.
pub(super) const fn code(what: Counted) -> u8 {
    match what {
        Counted::Password => 1,
        Counted::FamiliarPassword => 2,
        Counted::Directory => 3,
        Counted::Unproven => 4,
        Counted::Factor(FactorKind::Totp) => 5,
        Counted::Factor(FactorKind::Hotp) => 6,
        Counted::Factor(FactorKind::Recovery) => 7,
    }
}

pub(super) fn counted(number: u8) -> Option<Counted> {
    Counted::ALL.into_iter().find(|what| code(*what) == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes() -> Changes {
        let network = KnownNetwork { key_id: 3, digest: [7; 32], day: 20_000 };
        Changes {
            progress: vec![(
                EnrolmentId([1; 16]),
                Progress { last: 60_000_000, drift: -2, used: u32::MAX, last_used: Some(UnixTime(5)) },
            )],
            failures: Counted::ALL
                .into_iter()
                .map(|what| (what, Some(Failures { row: 3, locked: true, ..Failures::NONE })))
                .chain([(Counted::Password, None)])
                .collect(),
            last_day: Some(-3),
            networks: Some(vec![network; 16]),
        }
    }

    #[test]
    fn what_was_written_is_read_again_and_nothing_that_was_cut_is() {
        let mut bytes = Vec::new();
        changes().put(&mut bytes);
        assert_eq!(Changes::take(&mut Take(&bytes)), Some(changes()));
        for end in 0..bytes.len() {
            assert_eq!(Changes::take(&mut Take(&bytes[..end])), None, "{end} bytes");
        }
    }

    #[test]
    fn what_comes_later_counts_and_progress_never_goes_back_c_001() {
        let mut all = changes();
        let id = EnrolmentId([1; 16]);
        let older = Changes {
            progress: vec![(id, Progress { last: 5, drift: 1, used: 0, last_used: Some(UnixTime(9)) })],
            failures: vec![(Counted::Directory, None)],
            ..Changes::default()
        };
        all.absorb(&older);
        let (_, progress) = all.progress[0];
        assert_eq!(
            progress,
            Progress { last: 60_000_000, drift: 1, used: u32::MAX, last_used: Some(UnixTime(9)) }
        );
        assert!(all.failures.contains(&(Counted::Directory, None)));
        assert_eq!((all.last_day, all.networks.map(|all| all.len())), (Some(-3), Some(16)));
    }
}
