//! Time-based one-time codes (RFC 6238).

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::factor::otp::{Keyed, Typed};
use crate::gateway::ports::{Place, SecondFactor, Vault};
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorKind, Mark, Parameters, Progress};
use crate::login::verdict::Fault;

/// Steps before and after the expected one that are accepted (C-025).
const WINDOW: i64 = 1;
/// No accepted step is further than this from our own time, whatever the drift (C-027).
const LARGEST_DRIFT: i64 = 2;
/// A drift that was learned longer ago is forgotten: the clock has been set since, or runs elsewhere.
const DRIFT_LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// Judges time-based codes.
pub struct Totp {
    vault: Arc<dyn Vault>,
}

impl Totp {
    /// Opens seeds with `vault`.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>) -> Self {
        Self { vault }
    }
}

impl SecondFactor for Totp {
    fn kind(&self) -> FactorKind {
        FactorKind::Totp
    }

    fn judge(&self, enrolment: &Enrolment, code: &Code, now: UnixTime) -> Result<Option<Mark>, Fault> {
        let (Parameters::Totp { algorithm, digits, period }, Code::Digits(typed)) =
            (enrolment.parameters, code)
        else {
            return Ok(None);
        };
        let Some(typed) = Typed::new(typed, digits) else { return Ok(None) };
        let seed = self.vault.open(Place::Seed(enrolment.id), &enrolment.sealed)?;
        let Some(seed) = Keyed::new(algorithm, &seed) else { return Ok(None) };
        Ok(matching(&typed, &seed, period, &enrolment.progress, now))
    }
}

/// The step that `typed` is the code of, among those acceptable at `now`.
///
/// Those after the last one used come first, the expected one before its neighbours, and no more are computed than it
/// takes to find one. A code of one that was used before fits as often as any other, once in a million: it is looked for
/// only when nothing else fits, so that a replay can be told from a guess. How many were computed tells nothing: a wrong
/// code is held against all of them.
fn matching(typed: &Typed, seed: &Keyed, period: u8, progress: &Progress, now: UnixTime) -> Option<Mark> {
    let here = now.seconds().checked_div_euclid(period.into())?;
    let expected = drift(progress, now);
    let around = [0, -WINDOW, WINDOW].map(|beside| expected.saturating_add(beside));
    let steps = || around.iter().filter_map(|distance| Some((*distance, here.checked_add(*distance)?)));
    let fresh = steps().filter(|(_, step)| *step > progress.last);
    let spent = steps().filter(|(_, step)| *step <= progress.last);
    let mut all = fresh.chain(spent).filter(|(distance, _)| distance.abs() <= LARGEST_DRIFT);
    let is_meant = |step: i64| u64::try_from(step).is_ok_and(|number| typed.is(seed, number));
    let (distance, step) = all.find(|(_, step)| is_meant(*step))?;
    Some(Mark::Step { step, drift: i8::try_from(distance).ok()? })
}

/// How many steps the device is expected to be ahead of us.
fn drift(progress: &Progress, now: UnixTime) -> i64 {
    match progress.last_used {
        Some(at) if now.since(at) < DRIFT_LIFE => {
            i64::from(progress.drift).clamp(-LARGEST_DRIFT, LARGEST_DRIFT)
        }
        Some(_) | None => 0,
    }
}

#[cfg(test)]
mod tests;
