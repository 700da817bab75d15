//! Whether an account may be used, as a search shows it: for logins whose password nobody binds with (B-086).
//!
//! userWorkstations is not judged. It names Windows computers from which somebody may log on; a VPN device or an
//! application is none, and what name it gives itself says nothing about the computer in front of the person. Where a
//! password is tried by a bind, the domain controller judges it by its own rules.

use crate::base::clock::UnixTime;
use crate::directory::ldap::search::Record;
use crate::login::identity::Standing;

/// userAccountControl and its computed sister (MS-ADTS 2.2.16).
const ACCOUNT_DISABLE: i64 = 0x2;
const LOCKOUT: i64 = 0x10;
const DONT_EXPIRE_PASSWORD: i64 = 0x1_0000;
const PASSWORD_EXPIRED: i64 = 0x80_0000;
/// accountExpires of an account that does not (MS-ADTS 3.1.1.1, beside 0).
const NEVER: i64 = i64::MAX;
/// Seconds from 1601 to 1970.
const WINDOWS_EPOCH: i64 = 11_644_473_600;
/// Octets of logonHours: a bit for every hour of a week (MS-ADTS 2.2.7, MS-SAMR 2.2.6.5).
const WEEK: usize = 21;

/// The standing of an account at `now`.
///
/// What forbids every use goes before what a new password would end.
///
/// # Errors
///
/// The name of an attribute that every account has and this one came without.
pub(super) fn of(record: &Record, now: UnixTime) -> Result<Standing, &'static str> {
    const CONTROL: &str = "userAccountControl";
    const COMPUTED: &str = "msDS-User-Account-Control-Computed";
    let control = record.number(CONTROL).ok_or(CONTROL)?;
    let computed = record.number(COMPUTED).ok_or(COMPUTED)?;
    let expires = record.number("accountExpires").unwrap_or(0);
    let expired = expires != 0 && expires != NEVER && unix_seconds(expires) <= now.seconds();
    let never_set = record.number("pwdLastSet") == Some(0) && control & DONT_EXPIRE_PASSWORD == 0;
    Ok(if control & ACCOUNT_DISABLE != 0 {
        Standing::Disabled
    } else if expired {
        Standing::Expired
    } else if computed & LOCKOUT != 0 {
        Standing::Locked
    } else if record.first("logonHours").is_some_and(|week| !is_open(week, now)) {
        Standing::OutsideHours
    } else if never_set {
        Standing::MustChange
    } else if computed & PASSWORD_EXPIRED != 0 {
        Standing::PasswordExpired
    } else {
        Standing::Active
    })
}

/// From tenths of microseconds since 1601 (MS-DTYP 2.3.3).
pub(super) const fn unix_seconds(file_time: i64) -> i64 {
    (file_time / 10_000_000).saturating_sub(WINDOWS_EPOCH)
}

/// Whether the hour of `now` is among those of `week`, which begins with Sunday in UTC, the lowest bit of each octet
/// first. What has another length tells nothing, so no hour is open.
fn is_open(week: &[u8], now: UnixTime) -> bool {
    /// The first of January 1970 was a Thursday.
    const FIRST_WEEKDAY: i64 = 4;
    let hours = now.seconds().div_euclid(3600);
    let hour = hours.saturating_add(FIRST_WEEKDAY * 24).rem_euclid(7 * 24);
    let (octet, bit) = (usize::try_from(hour / 8).unwrap_or(WEEK), hour % 8);
    week.len() == WEEK && week.get(octet).is_some_and(|octet| octet >> bit & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::ldap::search::Record;

    /// 2026-11-22 05:30 UTC, a Sunday.
    const NOW: UnixTime = UnixTime::from_seconds(1_795_325_400);

    fn standing(attributes: &[(&str, &[u8])]) -> Result<Standing, &'static str> {
        of(&Record::made(attributes), NOW)
    }

    fn with(control: i64, computed: i64, more: &[(&str, &[u8])]) -> Standing {
        let (control, computed) = (control.to_string(), computed.to_string());
        let mut attributes: Vec<(&str, &[u8])> = vec![
            ("userAccountControl", control.as_bytes()),
            ("msDS-User-Account-Control-Computed", computed.as_bytes()),
        ];
        attributes.extend(more);
        standing(&attributes).unwrap()
    }

    /// accountExpires so many seconds from now.
    fn expires(seconds: i64) -> Vec<u8> {
        ((NOW.seconds() + seconds + WINDOWS_EPOCH) * 10_000_000).to_string().into_bytes()
    }

    #[test]
    fn every_state_of_an_account_is_told_apart_b_086() {
        assert_eq!(with(512, 0, &[]), Standing::Active);
        assert_eq!(with(514, 0, &[]), Standing::Disabled);
        assert_eq!(with(512, LOCKOUT, &[]), Standing::Locked);
        assert_eq!(
            with(512, PASSWORD_EXPIRED, &[("pwdLastSet", b"133500000000000000")]),
            Standing::PasswordExpired
        );
        assert_eq!(with(512, PASSWORD_EXPIRED, &[("pwdLastSet", b"0")]), Standing::MustChange);
        assert_eq!(
            with(0x1_0200, 0, &[("pwdLastSet", b"0")]),
            Standing::Active,
            "its password never expires"
        );
        for (seconds, standing) in [(-1, Standing::Expired), (0, Standing::Expired), (1, Standing::Active)] {
            assert_eq!(with(512, 0, &[("accountExpires", &expires(seconds))]), standing, "{seconds}");
        }
        for never in ["0", "9223372036854775807"] {
            assert_eq!(with(512, 0, &[("accountExpires", never.as_bytes())]), Standing::Active, "{never}");
        }
    }

    #[test]
    fn what_a_new_password_does_not_end_goes_first() {
        let closed: &[(&str, &[u8])] = &[("logonHours", &[0; WEEK]), ("pwdLastSet", b"0")];
        assert_eq!(with(512, PASSWORD_EXPIRED, closed), Standing::OutsideHours);
        assert_eq!(with(512, PASSWORD_EXPIRED | LOCKOUT, closed), Standing::Locked);
        assert_eq!(with(514, PASSWORD_EXPIRED | LOCKOUT, closed), Standing::Disabled);
    }

    #[test]
    fn an_account_whose_state_may_not_be_read_is_no_active_one() {
        assert_eq!(standing(&[]), Err("userAccountControl"));
        assert_eq!(standing(&[("userAccountControl", b"512")]), Err("msDS-User-Account-Control-Computed"));
    }

    #[test]
    fn logon_hours_are_a_week_in_utc_that_begins_with_sunday() {
        // Sunday, 05:00 to 06:00 UTC: the sixth bit.
        let mut week = [0; WEEK];
        week[0] = 1 << 5;
        assert!(is_open(&week, NOW));
        for seconds in [-3600, 3600, 24 * 3600, -24 * 3600] {
            assert!(!is_open(&week, UnixTime::from_seconds(NOW.seconds() + seconds)), "{seconds}");
        }
        let closed_now = week.map(|octet| !octet);
        assert!(!is_open(&closed_now, NOW));
        assert!(is_open(&closed_now, UnixTime::from_seconds(NOW.seconds() + 3600)));
        // The last hour of the week, before 1970 as well.
        let mut week = [0; WEEK];
        week[20] = 0x80;
        let saturday = UnixTime::from_seconds(NOW.seconds() - 6 * 3600);
        assert!(is_open(&week, saturday));
        assert!(is_open(&week, UnixTime::from_seconds(saturday.seconds() - 3000 * 7 * 24 * 3600)));
    }

    #[test]
    fn hours_that_cannot_be_read_are_closed() {
        for length in [0, 1, 20, 22] {
            assert!(!is_open(&vec![0xff; length], NOW), "{length}");
        }
    }

    #[test]
    fn windows_time_is_converted() {
        assert_eq!(unix_seconds(133_500_000_000_000_000), 1_705_526_400);
        assert_eq!(unix_seconds(0), -WINDOWS_EPOCH);
    }
}
