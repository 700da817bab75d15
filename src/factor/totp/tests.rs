use proptest::prelude::*;

use super::*;
use crate::base::random::SeededRandom;
use crate::base::secret::Secret;
use crate::login::factor::{EnrolmentId, OtpAlgorithm};
use crate::store::seal::KeyRing;

const SHA1_SEED: &[u8] = b"12345678901234567890";
const SHA256_SEED: &[u8] = b"12345678901234567890123456789012";
const SHA512_SEED: &[u8] = b"1234567890123456789012345678901234567890123456789012345678901234";

struct Lab {
    factor: Totp,
    enrolment: Enrolment,
}

impl Lab {
    fn new(algorithm: OtpAlgorithm, digits: u8, period: u8) -> Self {
        let vault = Arc::new(KeyRing::generate(Arc::new(SeededRandom::new(1))).unwrap());
        let id = EnrolmentId([1; 16]);
        let seed = match algorithm {
            OtpAlgorithm::Sha1 => SHA1_SEED,
            OtpAlgorithm::Sha256 => SHA256_SEED,
            OtpAlgorithm::Sha512 => SHA512_SEED,
        };
        let enrolment = Enrolment {
            id,
            parameters: Parameters::Totp { algorithm, digits, period },
            sealed: vault.seal(Place::Seed(id), &Secret::copied(seed)).unwrap(),
            progress: Progress::UNUSED,
            created: UnixTime(0),
        };
        Self { factor: Totp::new(vault), enrolment }
    }

    fn sha1() -> Self {
        Self::new(OtpAlgorithm::Sha1, 6, 30)
    }

    fn used(mut self, last: i64, drift: i8, last_used: i64) -> Self {
        let last_used = Some(UnixTime::from_seconds(last_used));
        self.enrolment.progress = Progress { last, drift, used: 0, last_used };
        self
    }

    fn judge(&self, code: &str, seconds: i64) -> Option<Mark> {
        let code = Code::read(code.as_bytes()).unwrap();
        self.factor.judge(&self.enrolment, &code, UnixTime::from_seconds(seconds)).unwrap()
    }
}

/// The code of a step, by an implementation that is not ours.
fn code_by_totp_rs(
    algorithm: totp_rs::Algorithm,
    seed: &[u8],
    digits: u8,
    period: u64,
    seconds: u64,
) -> String {
    totp_rs::Builder::new()
        .with_algorithm(algorithm)
        .with_digits(digits)
        .with_step_duration(period)
        .with_secret(seed.to_vec())
        .build_noncompliant()
        .generate(seconds)
        .to_string()
}

fn code_of_step(step: i64) -> String {
    code_by_totp_rs(totp_rs::Algorithm::SHA1, SHA1_SEED, 6, 30, u64::try_from(step * 30).unwrap())
}

/// RFC 6238 appendix B; the last line is beyond 32-bit time.
const RFC_6238_B: [(i64, &str, &str, &str); 6] = [
    (59, "94287082", "46119246", "90693936"),
    (1_111_111_109, "07081804", "68084774", "25091201"),
    (1_111_111_111, "14050471", "67062674", "99943326"),
    (1_234_567_890, "89005924", "91819424", "93441116"),
    (2_000_000_000, "69279037", "90698825", "38618901"),
    (20_000_000_000, "65353130", "77737706", "47863826"),
];

#[test]
fn the_codes_of_rfc_6238_appendix_b_are_found_with_all_three_hashes_c_024() {
    for (seconds, sha1, sha256, sha512) in RFC_6238_B {
        for (algorithm, code) in
            [(OtpAlgorithm::Sha1, sha1), (OtpAlgorithm::Sha256, sha256), (OtpAlgorithm::Sha512, sha512)]
        {
            let found = Lab::new(algorithm, 8, 30).judge(code, seconds);
            assert_eq!(
                found,
                Some(Mark::Step { step: seconds / 30, drift: 0 }),
                "{algorithm:?} at {seconds}"
            );
        }
    }
}

#[test]
fn one_step_before_and_after_is_accepted_and_no_more_c_025() {
    let (lab, here) = (Lab::sha1(), 60_000_000);
    for distance in -4i8..=4 {
        let step = here + i64::from(distance);
        let expected = (distance.abs() <= 1).then_some(Mark::Step { step, drift: distance });
        assert_eq!(lab.judge(&code_of_step(step), here * 30 + 29), expected, "{distance} steps away");
    }
}

#[test]
fn a_known_drift_moves_the_window_and_never_beyond_two_steps_c_027() {
    let here = 60_000_000;
    for (drift, accepted) in [(0, -1..=1), (1, 0..=2), (2, 1..=2), (-1, -2..=0), (-2, -2..=-1), (100, 1..=2)]
    {
        let lab = Lab::sha1().used(here - 10, drift, here * 30 - 300);
        for distance in -4i8..=4 {
            let step = here + i64::from(distance);
            let expected = accepted.contains(&distance).then_some(Mark::Step { step, drift: distance });
            assert_eq!(lab.judge(&code_of_step(step), here * 30), expected, "drift {drift}, {distance} away");
        }
    }
}

#[test]
fn a_drift_that_was_not_seen_for_ninety_days_is_forgotten() {
    let (here, day) = (60_000_000, 86_400);
    let judged = |age: i64| {
        let lab = Lab::sha1().used(1, 2, here * 30 - age);
        lab.judge(&code_of_step(here - 1), here * 30)
    };
    assert_eq!(judged(89 * day), None);
    assert_eq!(judged(90 * day), Some(Mark::Step { step: here - 1, drift: -1 }));
}

#[test]
fn a_used_code_is_recognised_so_that_its_replay_can_be_told_from_a_guess_c_026() {
    let here = 60_000_000;
    let lab = Lab::sha1().used(here, 0, here * 30);
    assert_eq!(lab.judge(&code_of_step(here), here * 30), Some(Mark::Step { step: here, drift: 0 }));
}

#[test]
fn a_step_that_is_still_unused_is_preferred_when_two_steps_have_one_code() {
    // The first two neighbouring steps of this seed that have the same six digits.
    let step = 910_737;
    let code = code_of_step(step);
    assert_eq!(code, code_of_step(step + 1));
    let at = step * 30;
    assert_eq!(Lab::sha1().judge(&code, at), Some(Mark::Step { step, drift: 0 }));
    let used = Lab::sha1().used(step, 0, at);
    assert_eq!(used.judge(&code, at), Some(Mark::Step { step: step + 1, drift: 1 }));
}

#[test]
fn a_time_before_the_first_step_is_no_panic_and_no_match() {
    assert_eq!(Lab::sha1().judge("755224", -1_000_000), None);
    assert_eq!(Lab::sha1().judge("755224", 0), Some(Mark::Step { step: 0, drift: 0 }));
    assert_eq!(Lab::sha1().judge("755224", i64::MIN), None);
    assert_eq!(Lab::sha1().judge("755224", i64::MAX), None);
}

#[test]
fn a_seed_that_does_not_open_is_a_fault_and_not_a_wrong_code() {
    let mut lab = Lab::sha1();
    lab.enrolment.id = EnrolmentId([2; 16]);
    assert!(lab.factor.judge(&lab.enrolment, &Code::read(b"755224").unwrap(), UnixTime(0)).is_err());
}

proptest! {
    #[test]
    fn every_code_of_another_implementation_is_found(
        seconds in 0i64..40_000_000_000, digits in 6u8..=8, minute: bool, which in 0usize..3,
    ) {
        let (ours, theirs, seed) = [
            (OtpAlgorithm::Sha1, totp_rs::Algorithm::SHA1, SHA1_SEED),
            (OtpAlgorithm::Sha256, totp_rs::Algorithm::SHA256, SHA256_SEED),
            (OtpAlgorithm::Sha512, totp_rs::Algorithm::SHA512, SHA512_SEED),
        ][which];
        let period = if minute { 60 } else { 30 };
        let lab = Lab::new(ours, digits, period);
        let code = code_by_totp_rs(theirs, seed, digits, period.into(), u64::try_from(seconds).unwrap());
        // One of the neighbours may have the same code once in a million.
        let Some(Mark::Step { step, .. }) = lab.judge(&code, seconds) else {
            return Err(TestCaseError::fail("not found"));
        };
        prop_assert!((step - seconds / i64::from(period)).abs() <= 1);
    }
}
