//! Counter-based one-time codes (RFC 4226).

use std::sync::Arc;

use crate::base::clock::UnixTime;
use crate::factor::otp::{Keyed, Typed};
use crate::gateway::ports::{Place, SecondFactor, Vault};
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorKind, Mark, OtpAlgorithm, Parameters};
use crate::login::verdict::Fault;

/// How many counters are tried from the next one on: codes that were shown but never typed (C-022).
const LOOK_AHEAD: i64 = 10;

/// Judges counter-based codes.
pub struct Hotp {
    vault: Arc<dyn Vault>,
}

impl Hotp {
    /// Opens seeds with `vault`.
    #[must_use]
    pub fn new(vault: Arc<dyn Vault>) -> Self {
        Self { vault }
    }
}

impl SecondFactor for Hotp {
    fn kind(&self) -> FactorKind {
        FactorKind::Hotp
    }

    /// Looks ahead from the next counter, never behind it; all of them are computed, whichever fits.
    fn judge(&self, enrolment: &Enrolment, code: &Code, _now: UnixTime) -> Result<Option<Mark>, Fault> {
        let (Parameters::Hotp { digits }, Code::Digits(typed)) = (enrolment.parameters, code) else {
            return Ok(None);
        };
        let Some(typed) = Typed::new(typed, digits) else { return Ok(None) };
        let seed = self.vault.open(Place::Seed(enrolment.id), &enrolment.sealed)?;
        let Some(seed) = Keyed::new(OtpAlgorithm::Sha1, &seed) else { return Ok(None) };
        let mut found = None;
        for ahead in 1..=LOOK_AHEAD {
            let Some(counter) = enrolment.progress.last.checked_add(ahead) else { break };
            let Ok(number) = u64::try_from(counter) else { continue };
            if typed.is(&seed, number) {
                found = found.or(Some(Mark::Counter(counter)));
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::SeededRandom;
    use crate::base::secret::Secret;
    use crate::login::factor::{EnrolmentId, Progress};
    use crate::store::seal::KeyRing;

    /// RFC 4226 appendix D, seed `12345678901234567890`, counters 0 to 9.
    const RFC_4226_D: [&str; 10] =
        ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];

    struct Lab {
        factor: Hotp,
        enrolment: Enrolment,
    }

    impl Lab {
        fn after(last: i64) -> Self {
            let vault = Arc::new(KeyRing::generate(Arc::new(SeededRandom::new(1))).unwrap());
            let id = EnrolmentId([1; 16]);
            let enrolment = Enrolment {
                id,
                parameters: Parameters::Hotp { digits: 6 },
                sealed: vault.seal(Place::Seed(id), &Secret::copied(b"12345678901234567890")).unwrap(),
                progress: Progress { last, ..Progress::UNUSED },
                created: UnixTime(0),
            };
            Self { factor: Hotp::new(vault), enrolment }
        }

        fn judge(&self, code: &str) -> Option<Mark> {
            let code = Code::read(code.as_bytes()).unwrap();
            self.factor.judge(&self.enrolment, &code, UnixTime(0)).unwrap()
        }
    }

    #[test]
    fn the_codes_of_rfc_4226_appendix_d_are_found_in_order_c_020() {
        for (code, counter) in RFC_4226_D.iter().zip(0..) {
            assert_eq!(Lab::after(counter - 1).judge(code), Some(Mark::Counter(counter)), "{code}");
        }
    }

    #[test]
    fn ten_codes_ahead_are_looked_at_and_none_behind_c_022() {
        assert_eq!(Lab::after(-1).judge(RFC_4226_D[9]), Some(Mark::Counter(9)));
        let eleventh = "403154"; // counter 10 of the same seed, by totp-rs
        assert_eq!(Lab::after(-1).judge(eleventh), None);
        assert_eq!(Lab::after(0).judge(eleventh), Some(Mark::Counter(10)));
        assert_eq!(Lab::after(4).judge(RFC_4226_D[4]), None);
        assert_eq!(Lab::after(i64::MAX).judge(RFC_4226_D[0]), None);
    }

    #[test]
    fn another_length_or_a_recovery_code_fits_no_generator() {
        assert_eq!(Lab::after(-1).judge("0755224"), None);
        assert_eq!(Lab::after(-1).judge("84755224"), None);
        assert_eq!(Lab::after(-1).judge("abcd-efgh-2345-67ab"), None);
    }

    #[test]
    fn a_seed_that_does_not_open_is_a_fault_and_not_a_wrong_code() {
        let mut lab = Lab::after(-1);
        lab.enrolment.id = EnrolmentId([2; 16]);
        let code = Code::read(b"755224").unwrap();
        assert!(lab.factor.judge(&lab.enrolment, &code, UnixTime(0)).is_err());
    }
}
