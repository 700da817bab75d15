//! Decides a typed code inside the write transaction (C-001, C-002).

use rusqlite::{Connection, Result};

use crate::base::clock::UnixTime;
use crate::gateway::ports::Counted;
use crate::login::factor::{FactorKind, FactorKinds, FactorOutcome, Try};
use crate::login::identity::Pseudonym;
use crate::login::throttle::{Allowed, Failures, Limits, after_failure, after_success, allowed};
use crate::store::sqlite::rows;

/// As [`crate::gateway::ports::Store::settle`] says; the caller holds the write lock.
pub(super) fn settle(
    db: &Connection,
    who: &Pseudonym,
    tries: &[Try],
    now: UnixTime,
    limits: &Limits,
) -> Result<FactorOutcome> {
    let kinds: FactorKinds = tries.iter().map(|one| one.kind).collect();
    let mut open: Vec<(FactorKind, Option<Failures>)> = Vec::new();
    for kind in kinds.iter() {
        let failures = rows::failures_in(db, who, Counted::Factor(kind))?;
        if allowed(&failures.unwrap_or(Failures::NONE), now, limits) == Allowed::Yes {
            open.push((kind, failures));
        }
    }
    if open.is_empty() && !tries.is_empty() {
        return Ok(FactorOutcome::Locked);
    }
    let (mut good, mut replayed) = (None, None);
    for one in tries {
        let Some((kind, failures)) = open.iter().find(|(kind, _)| *kind == one.kind) else { continue };
        match use_up(db, who, one, now)? {
            Use::Good => good = good.or(Some((*kind, *failures))),
            Use::Spent => replayed = replayed.or(Some(*kind)),
            Use::Misfit => {}
        }
    }
    // A code that was right once is no guess: a client that repeats its last login must not lock its user.
    // And it is used up in every enrolment that it fits: two with one seed are one, not two uses.
    if let Some(kind) = replayed {
        return Ok(FactorOutcome::Replayed(kind));
    }
    if let Some((kind, failures)) = good {
        if let Some(failures) = failures.filter(|f| f.row > 0 || f.wait_until != UnixTime(0)) {
            rows::put_failures(db, who, Counted::Factor(kind), &after_success(&failures))?;
        }
        return Ok(FactorOutcome::Confirmed(kind));
    }
    for (kind, failures) in &open {
        let more = after_failure(&failures.unwrap_or(Failures::NONE), now, limits);
        rows::put_failures(db, who, Counted::Factor(*kind), &more)?;
    }
    Ok(FactorOutcome::Wrong)
}

enum Use {
    /// It was good and is used up now.
    Good,
    /// It was used up before.
    Spent,
    /// It fits no enrolment, or one that was revoked meanwhile.
    Misfit,
}

fn use_up(db: &Connection, who: &Pseudonym, one: &Try, now: UnixTime) -> Result<Use> {
    let Some(mark) = one.mark else { return Ok(Use::Misfit) };
    let Some((kind, before)) = rows::progress_of(db, who, one.enrolment)? else { return Ok(Use::Misfit) };
    if kind != one.kind || kind != mark.kind() {
        return Ok(Use::Misfit);
    }
    let Some(after) = before.after(mark, now) else { return Ok(Use::Spent) };
    if rows::put_progress(db, who, one.enrolment, &before, &after)? { Ok(Use::Good) } else { Ok(Use::Spent) }
}
