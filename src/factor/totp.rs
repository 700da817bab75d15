//! Time-based one-time codes (RFC 6238).

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::UnixTime;
use crate::base::secret::Secret;
use crate::factor::otp::Typed;
use crate::gateway::ports::{Place, SecondFactor, Vault};
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorKind, Mark, OtpAlgorithm, Parameters, Progress};
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
        Ok(matching(&typed, algorithm, &seed, period, &enrolment.progress, now))
    }
}

/// The step that `typed` is the code of, among those acceptable at `now`.
///
/// All of them are computed, whichever fits. When more than one does, the first that is still unused is
/// meant, or else the last of the used ones.
fn matching(
    typed: &Typed,
    algorithm: OtpAlgorithm,
    seed: &Secret,
    period: u8,
    progress: &Progress,
    now: UnixTime,
) -> Option<Mark> {
    let here = now.seconds().checked_div_euclid(period.into())?;
    let expected = drift(progress, now);
    let mut fresh = None;
    let mut spent = None;
    for distance in expected.saturating_sub(WINDOW)..=expected.saturating_add(WINDOW) {
        let step = here.checked_add(distance)?;
        let Ok(number) = u64::try_from(step) else { continue };
        let fits = typed.is(algorithm, seed, number) && distance.abs() <= LARGEST_DRIFT;
        if fits {
            let mark = Mark::Step { step, drift: i8::try_from(distance).ok()? };
            if step > progress.last {
                fresh = fresh.or(Some(mark));
            } else {
                spent = Some(mark);
            }
        }
    }
    fresh.or(spent)
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
