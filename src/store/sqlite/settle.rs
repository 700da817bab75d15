//! Decides a typed code, and counts a wrong password, inside the write transaction (C-001, C-002).

use rusqlite::{Connection, Result};

use crate::base::clock::UnixTime;
use crate::gateway::ports::{Counted, WrongPassword};
use crate::login::factor::{FactorKind, FactorKinds, FactorOutcome, Proof, Try};
use crate::login::identity::Pseudonym;
use crate::login::throttle::{
    Allowed, Failures, Limits, after_directory_failure, after_failure, after_success, allowed,
};
use crate::store::sqlite::rows;

/// As [`crate::gateway::ports::Store::settle`] says; the caller holds the write lock.
pub(super) fn settle(
    db: &Connection,
    who: &Pseudonym,
    tries: &[Try],
    now: UnixTime,
    limits: &Limits,
    standing: Proof,
) -> Result<FactorOutcome> {
    let kinds: FactorKinds = tries.iter().map(|one| one.kind).collect();
    let unproven = match standing {
        Proof::Unproven => Some(rows::failures_in(db, who, Counted::Unproven)?.unwrap_or(Failures::NONE)),
        Proof::Proven | Proof::Familiar => None,
    };
    let counting = match standing {
        Proof::Proven => *limits,
        Proof::Familiar | Proof::Unproven => waiting(limits),
    };
    let mut open: Vec<(FactorKind, Failures)> = Vec::new();
    for kind in kinds.iter() {
        let failures = rows::failures_in(db, who, Counted::Factor(kind))?.unwrap_or(Failures::NONE);
        if is_open(&failures, unproven.as_ref(), now, limits) {
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
        // A success ends the row that its own failure would have lengthened (C-005).
        let (what, failures) =
            unproven.map_or((Counted::Factor(kind), failures), |failures| (Counted::Unproven, failures));
        if failures.row > 0 || failures.wait_until != UnixTime(0) {
            rows::put_failures(db, who, what, &after_success(&failures))?;
        }
        return Ok(FactorOutcome::Confirmed(kind));
    }
    match unproven {
        // One guess, however many kinds it was held against.
        Some(failures) if !open.is_empty() => {
            let more = after_failure(&failures, now, &counting);
            rows::put_failures(db, who, Counted::Unproven, &more)?;
        }
        Some(_) => {}
        None => {
            for (kind, failures) in &open {
                let more = after_failure(failures, now, &counting);
                rows::put_failures(db, who, Counted::Factor(*kind), &more)?;
            }
        }
    }
    Ok(FactorOutcome::Wrong)
}

/// Whether codes of a kind may be looked at: by its own row, or by that of codes from strangers, whom only a lock of
/// the kind itself stops besides.
fn is_open(of_kind: &Failures, unproven: Option<&Failures>, now: UnixTime, limits: &Limits) -> bool {
    let by_kind = allowed(of_kind, now, limits);
    unproven.map_or(by_kind == Allowed::Yes, |failures| {
        by_kind != Allowed::Locked && allowed(failures, now, &waiting(limits)) == Allowed::Yes
    })
}

/// The same limits without a lock: nobody without the password must be able to lock somebody's factor (C-004).
const fn waiting(limits: &Limits) -> Limits {
    Limits { per_day: 0, ..*limits }
}

/// As [`crate::gateway::ports::Store::count_wrong_password`] says; the caller holds the write lock.
pub(super) fn count_wrong_password(
    db: &Connection,
    who: &Pseudonym,
    now: UnixTime,
    how: &WrongPassword,
) -> Result<()> {
    let own = if how.familiar { Counted::FamiliarPassword } else { Counted::Password };
    let before = rows::failures_in(db, who, own)?.unwrap_or(Failures::NONE);
    rows::put_failures(db, who, own, &after_failure(&before, now, &how.limits))?;
    let before = rows::failures_in(db, who, Counted::Directory)?.unwrap_or(Failures::NONE);
    let after = after_directory_failure(&before, now, how.directory_window);
    rows::put_failures(db, who, Counted::Directory, &after)
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
