//! When the domain locks accounts, as the service account can read it (B-087).

use std::sync::Arc;
use std::time::Duration;

use doorward::base::clock::{Clock, ManualClock, SystemClock};
use doorward::login::step::PrimaryOutcome;
use doorward::login::throttle::{Lockout, LockoutRule};

use crate::support::ldap::Lab;
use crate::support::samba::{PASSWORD, Samba};
use crate::{lab, table};

const fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * 60)
}

/// The service account may read the fine-grained policies.
const READABLE: [&str; 4] = [
    "dsacl",
    "set",
    "--objectdn=CN=Password Settings Container,CN=System,DC=lab,DC=test",
    "--sddl=(A;CI;GR;;;AU)",
];

#[test]
fn an_account_tells_when_its_domain_locks_it_and_how_far_that_is_away_b_087() {
    let Some(samba) = Samba::start() else { return };
    samba.tool(&[
        "domain",
        "passwordsettings",
        "set",
        "--account-lockout-threshold=6",
        "--reset-account-lockout-after=20",
        "--account-lockout-duration=45",
    ]);
    let lab = lab(&samba, "ldaps", "");
    let carl = || lab.account("carl").lockout;
    let counted = |counted| Some(Lockout { threshold: 6, window: minutes(20), counted });
    assert_eq!(carl(), counted(0));
    for n in 1..=3 {
        assert_eq!(lab.log_in("carl", "wrong"), Ok(PrimaryOutcome::Wrong));
        assert_eq!(carl(), counted(n));
    }
    assert_eq!(lab.account("anna").lockout, counted(0), "each account by itself");
    assert_eq!(lab.log_in("carl", PASSWORD), Ok(PrimaryOutcome::Correct));
    assert_eq!(carl(), counted(0));
    let domains = lab.lockouts();
    assert_eq!(domains.len(), 1);
    let rule = LockoutRule { threshold: 6, window: minutes(20), lasts: Some(minutes(45)) };
    assert_eq!((&*domains[0].domain, &domains[0].rule), ("lab.test", &Ok(rule)));
}

#[test]
fn a_policy_that_changes_is_read_again_after_ten_minutes_and_not_with_every_login() {
    let Some(samba) = Samba::start() else { return };
    let clock = Arc::new(ManualClock::at(SystemClock.now().unix));
    let lab = Lab::at(&table(&samba, "ldaps", ""), clock.clone());
    let threshold = || lab.account("anna").lockout.map(|lockout| lockout.threshold);
    assert_eq!(threshold(), Some(3));
    samba.tool(&["domain", "passwordsettings", "set", "--account-lockout-threshold=9"]);
    clock.advance(minutes(9));
    assert_eq!(threshold(), Some(3));
    clock.advance(minutes(1));
    assert_eq!(threshold(), Some(9));
    samba.tool(&["domain", "passwordsettings", "set", "--account-lockout-threshold=0"]);
    clock.advance(minutes(10));
    assert_eq!(threshold(), None, "it never locks");
}

#[test]
fn a_fine_grained_policy_goes_before_that_of_the_domain_once_it_may_be_read() {
    let Some(samba) = Samba::start() else { return };
    samba.tool(&[
        "domain",
        "passwordsettings",
        "pso",
        "create",
        "Careful",
        "10",
        "--account-lockout-threshold=2",
        "--reset-account-lockout-after=60",
        "--account-lockout-duration=0",
    ]);
    samba.tool(&["domain", "passwordsettings", "pso", "apply", "Careful", "VPN Users"]);
    let clock = Arc::new(ManualClock::at(SystemClock.now().unix));
    let lab = Lab::at(&table(&samba, "ldaps", ""), clock.clone());
    let threshold = |name: &str| lab.account(name).lockout.map(|lockout| (lockout.threshold, lockout.window));
    assert_eq!(threshold("anna"), Some((3, minutes(30))), "nobody lets us read it");
    assert_eq!(lab.lockouts()[0].finer, []);

    samba.tool(&READABLE);
    clock.advance(minutes(1));
    assert_eq!(threshold("anna"), Some((2, minutes(60))));
    assert_eq!(threshold("carl"), Some((3, minutes(30))), "not in the group");
    let rule = LockoutRule { threshold: 2, window: minutes(60), lasts: None };
    assert_eq!(lab.lockouts()[0].finer, [("Careful".into(), rule)]);
}
