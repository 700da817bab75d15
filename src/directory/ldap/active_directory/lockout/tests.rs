use super::*;
use crate::base::clock::{Clock, ManualClock};

const NOW: UnixTime = UnixTime::from_seconds(1_795_325_400);
const MINUTE: u64 = 60;

fn minutes(n: u64) -> Duration {
    Duration::from_secs(n * MINUTE)
}

fn read(threshold: &str, window: &str, duration: &str) -> Option<LockoutRule> {
    let [a, b, c] = OF_DOMAIN;
    let written: [(&str, &[u8]); 3] =
        [(a, threshold.as_bytes()), (b, window.as_bytes()), (c, duration.as_bytes())];
    let given: Vec<_> = written.into_iter().filter(|(_, value)| !value.is_empty()).collect();
    rule(&Record::made(&given), OF_DOMAIN)
}

#[test]
fn a_policy_is_read_in_tenths_of_microseconds_below_nothing() {
    let half_an_hour = "-18000000000";
    let expected = LockoutRule { threshold: 5, window: minutes(30), lasts: Some(minutes(30)) };
    assert_eq!(read("5", half_an_hour, half_an_hour), Some(expected));
    for for_ever in ["", "0", "-9223372036854775808"] {
        let expected = LockoutRule { lasts: None, ..expected };
        assert_eq!(read("5", half_an_hour, for_ever), Some(expected), "{for_ever}");
    }
}

#[test]
fn a_domain_that_never_locks_is_told_from_one_that_does_not_tell() {
    let never = read("0", "", "").unwrap();
    assert_eq!((never.threshold, never.of_account(9)), (0, None));
    assert_eq!(read("", "-18000000000", ""), None);
    assert_eq!(read("5", "", ""), None, "no window");
    assert_eq!(read("five", "-18000000000", ""), None);
}

/// badPasswordTime so many seconds from now.
fn wrong(count: &str, seconds: i64) -> Record {
    let time = ((NOW.seconds() + seconds + 11_644_473_600) * 10_000_000).to_string();
    Record::made(&[("badPwdCount", count.as_bytes()), ("badPasswordTime", time.as_bytes())])
}

#[test]
fn wrong_passwords_count_until_the_window_after_the_last_one_has_passed_b_087() {
    let of = |record: &Record| counted(record, minutes(30), NOW);
    for (seconds, count) in [(0, 3), (-30 * 60, 3), (-31 * 60, 3), (-31 * 60 - 1, 0), (-86_400, 0)] {
        assert_eq!(of(&wrong("3", seconds)), count, "{seconds} s");
    }
    assert_eq!(of(&wrong("3", 600)), 3, "a clock ahead of ours");
    assert_eq!(of(&wrong("-1", 0)), 0);
    assert_eq!(of(&Record::made(&[("badPwdCount", b"3")])), 0, "no time");
    assert_eq!(of(&Record::made(&[("badPwdCount", b"3"), ("badPasswordTime", b"0")])), 0, "never");
    assert_eq!(of(&Record::made(&[])), 0);
}

#[test]
fn a_policy_that_can_no_longer_be_read_holds_and_is_asked_for_again_sooner() {
    let clock = ManualClock::at(NOW);
    let start = clock.now().steady;
    let rule = LockoutRule { threshold: 3, window: minutes(30), lasts: None };
    let fault = || Err(Fault::new(FaultKind::DirectoryUnreachable, "it is away"));

    let known = Reading::default().after(Ok(rule), start, "corp");
    assert!(known.is_fresh(start + LIFE - minutes(1)) && !known.is_fresh(start + LIFE));
    let kept = known.after(fault(), start + LIFE, "corp");
    assert_eq!(kept.rule, Some(rule));
    assert!(kept.complained && kept.is_fresh(start + LIFE) && !kept.is_fresh(start + LIFE + RETRY));
    let again = kept.after(Ok(LockoutRule { threshold: 4, ..rule }), start + LIFE + RETRY, "corp");
    assert_eq!((again.rule.map(|rule| rule.threshold), again.complained), (Some(4), false));

    let never = Reading::default().after(fault(), start, "corp");
    assert_eq!((never.rule, never.is_fresh(start)), (None, true), "not with every login");
}

#[test]
fn the_head_of_a_domain_is_named_by_its_dns_name() {
    let realm = |domain: &str| Realm {
        base: "OU=People,DC=eu,DC=corp,DC=example".into(),
        domain: domain.into(),
        netbios: None,
        suffixes: Vec::new(),
    };
    assert_eq!(head(&realm("eu.corp.example")), "DC=eu,DC=corp,DC=example");
}
