//! A new password in place of the old one (B-093).

use doorward::login::identity::Standing;
use doorward::login::step::{Changed, PrimaryOutcome};

use crate::lab;
use crate::support::samba::{PASSWORD, Samba};

const NEW: &str = "Neu:\"Wört 2 \\ €";

#[test]
fn a_password_that_must_be_changed_is_changed_with_the_old_one_and_counts_at_once_b_093() {
    let Some(samba) = Samba::start() else { return };
    for (tls, name) in [("ldaps", "mustchange"), ("starttls", "aged"), ("ldaps", "carl")] {
        let lab = lab(&samba, tls, "");
        let before = lab.account(name);
        assert_eq!(lab.change(&before, PASSWORD, NEW), Ok(Changed::Done), "{name}");
        let after = lab.account(name);
        assert_ne!(before.stamp, after.stamp, "{name}");
        assert_eq!(lab.verify(Some(&after), PASSWORD), Ok(PrimaryOutcome::Wrong), "{name}");
        assert_eq!(after.standing, Standing::Active, "{name}");
        assert_eq!(lab.verify(Some(&after), NEW), Ok(PrimaryOutcome::Correct), "{name}");
    }
}

#[test]
fn the_domain_refuses_what_its_policy_forbids_and_the_old_password_stays_b_093() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let carl = lab.account("carl");
    for new in ["short", "alllowercaseletters", PASSWORD, ""] {
        assert_eq!(lab.change(&carl, PASSWORD, new), Ok(Changed::Refused), "{new}");
    }
    assert_eq!(lab.verify(Some(&carl), PASSWORD), Ok(PrimaryOutcome::Correct));
}

#[test]
fn nobody_changes_a_password_without_the_old_one_b_093() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let anna = lab.account("anna");
    for old in ["wrong", "", "\""] {
        assert_eq!(lab.change(&anna, old, NEW), Ok(Changed::WrongOld), "{old}");
    }
    assert_eq!(lab.verify(Some(&anna), PASSWORD), Ok(PrimaryOutcome::Correct));
}

#[test]
fn a_wrong_old_password_counts_in_the_domain_as_any_other_does_b_087() {
    let Some(samba) = Samba::start() else { return };
    let lab = lab(&samba, "ldaps", "");
    let locked = lab.account("locked");
    for _ in 0..3 {
        assert_eq!(lab.change(&locked, "wrong", NEW), Ok(Changed::WrongOld));
    }
    assert_eq!(lab.account("locked").standing, Standing::Locked);
    assert_eq!(lab.change(&locked, PASSWORD, NEW), Ok(Changed::WrongOld), "not while it is locked");
}
