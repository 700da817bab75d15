use std::sync::atomic::Ordering;
use std::time::Duration;

use super::*;
use crate::gateway::ports::Naming;
use crate::login::factor::{FactorKind, FactorOutcome, OtpAlgorithm, Proof, Try};
use crate::login::throttle::Limits;
use crate::subjects::tests::{Lab, account, wait};

const LABEL: Label<'static> = Label { issuer: "Example", account: "anna" };
const TOTP: Parameters = Parameters::Totp { algorithm: OtpAlgorithm::Sha1, digits: 6, period: 30 };
const HOTP: Parameters = Parameters::Hotp { digits: 6 };
/// `12345678901234567890`, the seed of RFC 4226 appendix D.
const RFC_SEED: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn anna(lab: &Lab) -> Pseudonym {
    wait(lab.names(&[]).subject(account("corp", b"guid-1", "Anna"))).unwrap().pseudonym
}

fn secret(text: &str) -> Secret {
    Secret::copied(text.as_bytes())
}

/// What an app with this seed shows now.
fn code_now(lab: &Lab, begun: &Begun) -> Secret {
    let Shown::Generator { uri, .. } = begun.shown() else { panic!("no generator") };
    let app = totp_rs::Totp::from_url_unchecked(uri.expose_str().unwrap()).unwrap();
    let now = u64::try_from(lab.clock.now().unix.seconds()).unwrap();
    secret(&app.generate(now).to_string())
}

/// Types `code` at a login, as the gateway would have it settled.
fn log_in(lab: &Lab, who: &Pseudonym, code: &Secret) -> FactorOutcome {
    let now = lab.clock.now().unix;
    let code = Code::read(code.expose()).unwrap();
    let record = wait(lab.store().recall(who)).unwrap();
    let factors = crate::factor::all(&lab.vault());
    let judge = |e: &Enrolment| {
        let factor = factors.iter().find(|factor| factor.kind() == e.kind()).unwrap();
        Try { enrolment: e.id, kind: e.kind(), mark: factor.judge(e, &code, now).unwrap() }
    };
    let tries: Vec<Try> = record.enrolments.iter().map(judge).collect();
    wait(lab.store().settle(who, &tries, now, &Limits::FACTOR, Proof::Proven)).unwrap()
}

#[test]
fn a_begun_enrolment_is_stored_only_after_a_correct_code_which_is_used_up_by_it_c_010() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    let begun = wait(enrolling.begin(&who, TOTP, &LABEL)).unwrap();
    assert!(wait(lab.store().recall(&who)).unwrap().enrolments.is_empty());

    for wrong in ["000000", "12345", "nonsense", ""] {
        let got = wait(enrolling.confirm(&begun, &secret(wrong), false));
        assert_eq!(got, Err(CannotEnrol::WrongCode), "{wrong}");
    }
    assert!(wait(lab.store().recall(&who)).unwrap().enrolments.is_empty());

    let code = code_now(&lab, &begun);
    let id = wait(enrolling.confirm(&begun, &code, false)).unwrap();
    assert_eq!(wait(lab.store().recall(&who)).unwrap().enrolments[0].id, id);
    assert_eq!(log_in(&lab, &who, &code), FactorOutcome::Replayed(FactorKind::Totp));
    lab.clock.advance(Duration::from_secs(30));
    assert_eq!(log_in(&lab, &who, &code_now(&lab, &begun)), FactorOutcome::Confirmed(FactorKind::Totp));
    assert_eq!(lab.recorded(), ["admin.enrol asked done asked totp", "admin.enrol ended done enrolled totp"]);
}

#[test]
fn replacing_forgets_the_other_generators_of_the_kind_and_nothing_else() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    for (replaces, letter) in [(false, "A"), (false, "B"), (true, "C")] {
        let begun = wait(enrolling.begin(&who, TOTP, &LABEL)).unwrap();
        wait(enrolling.confirm(&begun, &code_now(&lab, &begun), replaces)).unwrap();
        if !replaces {
            wait(enrolling.import(&who, HOTP, &secret(&letter.repeat(32)), 0, &LABEL)).unwrap();
        }
    }
    let mut kinds: Vec<FactorKind> =
        wait(lab.store().recall(&who)).unwrap().enrolments.iter().map(Enrolment::kind).collect();
    kinds.sort();
    assert_eq!(kinds, [FactorKind::Totp, FactorKind::Hotp, FactorKind::Hotp]);
}

#[test]
fn each_recovery_code_lets_in_once_and_a_new_set_voids_the_old_one_c_080() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    let old = wait(enrolling.recovery_codes(&who)).unwrap();
    assert_eq!(log_in(&lab, &who, &old[3]), FactorOutcome::Confirmed(FactorKind::Recovery));
    assert_eq!(log_in(&lab, &who, &old[3]), FactorOutcome::Replayed(FactorKind::Recovery));
    let new = wait(enrolling.recovery_codes(&who)).unwrap();
    assert_eq!(log_in(&lab, &who, &old[4]), FactorOutcome::Wrong);
    assert_eq!(log_in(&lab, &who, &new[3]), FactorOutcome::Confirmed(FactorKind::Recovery));
    assert_eq!(wait(lab.store().recall(&who)).unwrap().enrolments.len(), 1);
}

#[test]
fn an_imported_generator_goes_on_from_its_counter() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    let import = |next| wait(enrolling.import(&who, HOTP, &secret(RFC_SEED), next, &LABEL));
    assert!(matches!(import(-1), Err(CannotEnrol::Counter)));
    assert!(!import(3).unwrap().weak);
    assert_eq!(log_in(&lab, &who, &secret("359152")), FactorOutcome::Wrong, "counter 2 is behind");
    assert_eq!(log_in(&lab, &who, &secret("969429")), FactorOutcome::Confirmed(FactorKind::Hotp));
}

#[test]
fn a_short_imported_seed_works_and_is_pointed_out_c_021() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    assert!(wait(enrolling.import(&who, TOTP, &secret("GEZDGNBVGY3TQOJQ"), 0, &LABEL)).unwrap().weak);
    let refused = wait(enrolling.import(&who, TOTP, &secret("GEZDGNBV"), 0, &LABEL)).unwrap_err();
    assert_eq!(refused, CannotEnrol::Provision(CannotProvision::Length(5)));
}

#[test]
fn revoking_and_unlocking_say_whether_there_was_anything() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    let id = wait(enrolling.import(&who, HOTP, &secret(RFC_SEED), 0, &LABEL)).unwrap().id;
    for _ in 0..Limits::FACTOR.free {
        assert_eq!(log_in(&lab, &who, &secret("000000")), FactorOutcome::Wrong);
    }
    assert_eq!(log_in(&lab, &who, &secret("755224")), FactorOutcome::Locked);
    let hotp = Counted::Factor(FactorKind::Hotp);
    assert_eq!(wait(enrolling.unlock(&who, hotp)), Ok(true));
    assert_eq!(wait(enrolling.unlock(&who, hotp)), Ok(false));
    assert_eq!(log_in(&lab, &who, &secret("755224")), FactorOutcome::Confirmed(FactorKind::Hotp));
    assert_eq!(wait(enrolling.revoke(&who, id)), Ok(true));
    assert_eq!(wait(enrolling.revoke(&who, id)), Ok(false));
    assert_eq!(
        lab.recorded()[2..],
        [
            "admin.unlock asked done asked hotp",
            "admin.unlock ended done released hotp",
            "admin.unlock asked done asked hotp",
            "admin.unlock ended done nothing-there hotp",
            "admin.revoke asked done asked hotp",
            "admin.revoke ended done revoked hotp",
            "admin.revoke asked done asked -",
            "admin.revoke ended done nothing-there -",
        ]
    );
}

#[test]
fn a_seed_is_not_enrolled_twice_so_that_no_code_is_good_twice_c_021() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    let first = wait(enrolling.import(&who, HOTP, &secret(RFC_SEED), 5, &LABEL)).unwrap().id;
    for parameters in [HOTP, TOTP, Parameters::Hotp { digits: 8 }] {
        let again = wait(enrolling.import(&who, parameters, &secret(RFC_SEED), 0, &LABEL));
        assert_eq!(again.err(), Some(CannotEnrol::SameSeed));
    }
    assert_eq!(wait(enrolling.revoke(&who, first)), Ok(true));
    assert!(wait(enrolling.import(&who, HOTP, &secret(RFC_SEED), 0, &LABEL)).is_ok());
}

#[test]
fn an_act_that_cannot_be_recorded_does_not_happen_d_117() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    lab.acts.broken.store(true, Ordering::SeqCst);
    let got = wait(enrolling.recovery_codes(&who)).unwrap_err();
    assert!(matches!(got, CannotEnrol::Unable(fault) if fault.kind == FaultKind::AuditUnavailable));
    assert!(wait(lab.store().recall(&who)).unwrap().enrolments.is_empty());
}

#[test]
fn an_unknown_subject_and_a_seventeenth_enrolment_are_refused() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    let nobody = Pseudonym::new("nobody").unwrap();
    assert_eq!(wait(enrolling.begin(&nobody, TOTP, &LABEL)).unwrap_err(), CannotEnrol::UnknownSubject);
    for letter in ('A'..='Z').take(MOST) {
        let seed = secret(&letter.to_string().repeat(32));
        wait(enrolling.import(&who, HOTP, &seed, 0, &LABEL)).unwrap();
    }
    assert_eq!(wait(enrolling.begin(&who, TOTP, &LABEL)).unwrap_err(), CannotEnrol::TooMany);
    let set = wait(enrolling.begin(&who, Parameters::Recovery, &LABEL));
    assert_eq!(set.unwrap_err(), CannotEnrol::NotAGenerator);
}

#[test]
fn nothing_that_is_begun_shows_its_seed_in_debug_output() {
    let lab = Lab::new();
    let who = anna(&lab);
    let begun = wait(lab.enrolling().begin(&who, TOTP, &LABEL)).unwrap();
    let Shown::Generator { seed, .. } = begun.shown() else { panic!("no generator") };
    let text = format!("{begun:?}");
    assert!(!text.contains(seed.expose_str().unwrap()) && !text.contains("otpauth"), "{text}");
}

#[test]
fn days_of_a_subject_are_set_under_record_and_not_without_d_117() {
    let lab = Lab::new();
    let (who, enrolling) = (anna(&lab), lab.enrolling());
    let until = Some(lab.clock.now().unix);
    assert_eq!(wait(enrolling.set_validity(&who, None, until)), Ok(true));
    assert_eq!(wait(lab.store().recall(&who)).unwrap().history.valid_until, until);
    let nobody = Pseudonym::new("nobody").unwrap();
    assert_eq!(wait(enrolling.set_validity(&nobody, None, None)), Ok(false));
    let expected = [
        "admin.validity asked done asked -",
        "admin.validity ended done bounded -",
        "admin.validity asked done asked -",
        "admin.validity ended done nothing-there -",
    ];
    assert_eq!(lab.recorded(), expected);
    let dates = lab.dates();
    assert_eq!(dates[..2], [Some(Validity { from: None, until }); 2], "asked and ended");
    assert_eq!(dates[2..], [Some(Validity::default()); 2]);
    lab.acts.broken.store(true, Ordering::SeqCst);
    assert!(wait(enrolling.set_validity(&who, None, None)).is_err());
    assert_eq!(wait(lab.store().recall(&who)).unwrap().history.valid_until, until, "nothing has changed");
}
