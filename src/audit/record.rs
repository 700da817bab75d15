//! A record as one line of JSON: fixed order of keys, fixed words, nothing that needs escaping from outside.

use std::io::Write;
use std::net::IpAddr;

use crate::base::cidr::Prefix;
use crate::base::clock::UnixTime;
use crate::gateway::ports::AuditRecord;
use crate::login::factor::FactorKinds;
use crate::login::policy::{Demand, Seen, Validity};

/// How much of a user's address is kept (F-006).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NetworkPrefix {
    /// Bits of an IPv4 address, 0 to 32.
    pub v4: u8,
    /// Bits of an IPv6 address, 0 to 128.
    pub v6: u8,
}

impl NetworkPrefix {
    /// All of it.
    pub const WHOLE: Self = Self { v4: 32, v6: 128 };
}

/// Puts `record` behind what is in `line`, with a line feed at its end.
///
/// ```json
/// {"time":"2026-11-21T08:30:00.125000Z","event":"login","attempt":"0011223344556677","client":"vpn-1",
///  "subject":"p7f3k","stage":"factor","outcome":"accept","reason":"confirmed","factor":"totp",
///  "rule":"vpn","network":"203.0.113.0/24","elapsed_ms":12.345}
/// ```
///
/// Keys whose value is not known are left out, their order never changes. `time` is UTC (RFC 3339),
/// `elapsed_ms` has the precision of a microsecond. A whole address stands without its length.
pub fn write(line: &mut Vec<u8>, record: &AuditRecord, keep: NetworkPrefix) {
    write_by(line, record, keep, &mut Second::default());
}

/// The same, with the second of the record before it at hand: most are of the same one.
pub(super) fn write_by(line: &mut Vec<u8>, record: &AuditRecord, keep: NetworkPrefix, second: &mut Second) {
    line.extend_from_slice(b"{\"time\":\"");
    second.write(line, record.at);
    plain(line, b"\",\"event\":\"", record.event);
    if let Some(attempt) = record.attempt {
        let mut digits = [0; 16];
        let fits = data_encoding::HEXLOWER.encode_mut_str(&attempt.0, &mut digits);
        plain(line, b",\"attempt\":\"", fits);
    }
    if let Some(client) = &record.client {
        text(line, b",\"client\":\"", client);
    }
    if let Some(pseudonym) = &record.pseudonym {
        plain(line, b",\"subject\":\"", pseudonym.as_str());
    }
    plain(line, b",\"stage\":\"", record.stage);
    plain(line, b",\"outcome\":\"", record.outcome);
    plain(line, b",\"reason\":\"", record.reason);
    if let Some(factor) = record.factor {
        plain(line, b",\"factor\":\"", factor.word());
    }
    if record.shown.iter().count() > 1 {
        kinds(line, b",\"factors\":[", record.shown);
    }
    let causes: [(&[u8], _); 4] = [
        (b",\"rule\":\"", &record.rule),
        (b",\"exemption\":\"", &record.exemption),
        (b",\"missed_exemption\":\"", &record.missed),
        (b",\"on_fault\":\"", &record.on_fault),
    ];
    for (key, name) in causes {
        if let Some(name) = name {
            text(line, key, name);
        }
    }
    if let Some(source) = record.source {
        line.extend_from_slice(b",\"source\":\"");
        address(line, source);
        line.push(b'"');
    }
    if let Some(user) = record.network {
        network(line, user, keep);
    }
    if let Some(seen) = &record.seen {
        what_was_seen(line, seen);
    }
    if let Some(valid) = record.valid {
        bounds(line, valid);
    }
    if let Some((from, to)) = record.octets {
        line.extend_from_slice(b",\"octets_from_user\":");
        number(line, from, 1);
        line.extend_from_slice(b",\"octets_to_user\":");
        number(line, to, 1);
    }
    line.extend_from_slice(b",\"elapsed_ms\":");
    number(line, record.elapsed_us / 1000, 1);
    line.push(b'.');
    number(line, record.elapsed_us % 1000, 3);
    line.extend_from_slice(b"}\n");
}

/// As much of a user's address as is kept.
fn network(line: &mut Vec<u8>, user: IpAddr, keep: NetworkPrefix) {
    let prefix = Prefix::around(user, keep.v4, keep.v6);
    let whole = if prefix.is_v4() { 32 } else { 128 };
    if prefix.bits() == whole {
        line.extend_from_slice(b",\"network\":\"");
        address(line, user);
        line.push(b'"');
    } else {
        show(line, "network", prefix);
    }
}

/// From when and until when a subject may log in; what is left out is no bound.
fn bounds(line: &mut Vec<u8>, valid: Validity) {
    let both: [(&[u8], _); 2] = [(b",\"valid_from\":\"", valid.from), (b",\"valid_until\":\"", valid.until)];
    for (key, at) in both {
        if let Some(at) = at {
            line.extend_from_slice(key);
            Second::default().write(line, at);
            line.push(b'"');
        }
    }
}

/// What the rules saw, for who wants to know what other rules would have made of it.
fn what_was_seen(line: &mut Vec<u8>, seen: &Seen) {
    plain(line, b",\"protocol\":\"", seen.protocol.word());
    if let Some(listener) = &seen.listener {
        text(line, b",\"listener\":\"", listener);
    }
    if let Some(first) = seen.first {
        plain(line, b",\"method\":\"", first.word());
    }
    if let Some(country) = seen.place.country.known() {
        show(line, "country", country);
    }
    if let Some(asn) = seen.place.asn.known() {
        line.extend_from_slice(b",\"asn\":");
        number(line, asn.into(), 1);
    }
    if let Some(groups) = &seen.groups {
        line.extend_from_slice(b",\"groups\":[");
        let mut between: &[u8] = b"\"";
        for group in groups {
            text(line, between, group);
            between = b",\"";
        }
        line.push(b']');
    }
    if let Some(enrolled) = seen.enrolled {
        kinds(line, b",\"enrolled\":[", enrolled);
    }
    if let Some(past) = seen.past {
        line.extend_from_slice(of_flag(past.first_login, [FIRST_LOGIN, NOT_FIRST_LOGIN]));
        if let Some(new) = past.new_network.known() {
            line.extend_from_slice(of_flag(new, [NEW_NETWORK, NO_NEW_NETWORK]));
        }
        if let Some(days) = past.last_login_days.known() {
            line.extend_from_slice(b",\"last_login_days\":");
            number(line, days.into(), 1);
        }
    }
    if let Some(demand) = &seen.demand {
        demanded(line, b",\"demand\":\"", demand);
    }
    if let Some(shadow) = &seen.shadow {
        text(line, b",\"shadow\":\"", shadow.rule.as_deref().unwrap_or(NO_RULE));
        demanded(line, b",\"shadow_then\":\"", &shadow.demand);
    }
}

const FIRST_LOGIN: &[u8] = b",\"first_login\":true";
const NOT_FIRST_LOGIN: &[u8] = b",\"first_login\":false";
const NEW_NETWORK: &[u8] = b",\"new_network\":true";
const NO_NEW_NETWORK: &[u8] = b",\"new_network\":false";

const fn of_flag(flag: bool, [yes, no]: [&'static [u8]; 2]) -> &'static [u8] {
    if flag { yes } else { no }
}

/// In place of a rule's name where none would decide; no rule can have it.
const NO_RULE: &str = "";

/// A second of the day, as it was written last.
#[derive(Debug, Default)]
pub(super) struct Second {
    /// Since the epoch.
    number: Option<i64>,
    /// `2026-11-21T08:30:00.`
    text: Vec<u8>,
}

impl Second {
    /// None yet.
    pub(super) const NONE: Self = Self { number: None, text: Vec::new() };

    /// `2026-11-21T08:30:00.125000Z`; our clock counts milliseconds. A time beyond the year 9999 is cut to it.
    fn write(&mut self, line: &mut Vec<u8>, at: UnixTime) {
        let (at, more) = match jiff::Timestamp::MAX.as_millisecond() {
            last if at.0 > last => (UnixTime(last), jiff::Timestamp::MAX.subsec_nanosecond() / 1000 % 1000),
            _ => (at, 0),
        };
        if self.number != Some(at.seconds()) {
            self.number = Some(at.seconds());
            self.text.clear();
            whole_second(&mut self.text, at);
        }
        line.extend_from_slice(&self.text);
        let millis = at.0.rem_euclid(1000).saturating_mul(1000).saturating_add(more.into());
        number(line, millis.unsigned_abs(), 6);
        line.push(b'Z');
    }
}

fn whole_second(text: &mut Vec<u8>, at: UnixTime) {
    let stamp = jiff::Timestamp::from_second(at.seconds()).unwrap_or(jiff::Timestamp::MIN);
    let time = jiff::tz::TimeZone::UTC.to_datetime(stamp);
    // A year before the first is one that no clock of ours tells; it has no fixed width.
    if let Ok(year) = u64::try_from(time.year()) {
        number(text, year, 4);
    } else {
        let _ = write!(text, "{:04}", time.year());
    }
    let parts = [
        (b'-', time.month()),
        (b'-', time.day()),
        (b'T', time.hour()),
        (b':', time.minute()),
        (b':', time.second()),
    ];
    for (sign, part) in parts {
        text.push(sign);
        number(text, part.unsigned_abs().into(), 2);
    }
    text.push(b'.');
}

/// A number in decimal digits, at least so many; the machinery of `fmt` takes several times as long.
fn number(line: &mut Vec<u8>, number: u64, least: usize) {
    // The largest number has twenty digits.
    let mut digits = [b'0'; 20];
    let (mut left, mut used) = (number, 0_usize);
    for digit in digits.iter_mut().rev() {
        if left == 0 && used >= least {
            break;
        }
        // Below ten.
        *digit = b'0'.saturating_add(u8::try_from(left % 10).unwrap_or(0));
        left /= 10;
        used = used.saturating_add(1);
    }
    line.extend_from_slice(digits.get(digits.len().saturating_sub(used)..).unwrap_or_default());
}

/// An address, as a person would write it.
fn address(line: &mut Vec<u8>, address: IpAddr) {
    match crate::base::cidr::canonical(address) {
        IpAddr::V4(address) => {
            let [first, rest @ ..] = address.octets();
            number(line, first.into(), 1);
            for octet in rest {
                line.push(b'.');
                number(line, octet.into(), 1);
            }
        }
        IpAddr::V6(address) => {
            // Writing into memory cannot fail; here and elsewhere.
            let _ = write!(line, "{address}");
        }
    }
}

/// `,"key":["totp",…]`
fn kinds(line: &mut Vec<u8>, key: &'static [u8], kinds: FactorKinds) {
    line.extend_from_slice(key);
    let mut between: &[u8] = b"\"";
    for kind in kinds.iter() {
        plain(line, between, kind.word());
        between = b",\"";
    }
    line.push(b']');
}

/// What is demanded, as [`Demand`] shows itself.
fn demanded(line: &mut Vec<u8>, key: &'static [u8], demand: &Demand) {
    line.extend_from_slice(key);
    demand.each_word(|word| line.extend_from_slice(word.as_bytes()));
    line.push(b'"');
}

/// `,"key":"value"`, for words that JSON takes as they are; `key` is all that stands before the value.
fn plain(line: &mut Vec<u8>, key: &[u8], value: &str) {
    line.extend_from_slice(key);
    line.extend_from_slice(value.as_bytes());
    line.push(b'"');
}

/// The same for values that show themselves with letters, digits and signs that JSON takes as they are.
fn show(line: &mut Vec<u8>, key: &str, value: impl std::fmt::Display) {
    let _ = write!(line, ",\"{key}\":\"{value}\"");
}

/// `,"key":"value"` with everything escaped that may not stand in JSON or would move a reader's eye
/// (D-104).
fn text(line: &mut Vec<u8>, key: &[u8], value: &str) {
    // Nearly all there is.
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\')) {
        return plain(line, key, value);
    }
    line.extend_from_slice(key);
    for c in value.chars() {
        match c {
            '"' | '\\' => {
                let _ = write!(line, "\\{c}");
            }
            c if crate::base::text::is_hidden(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(line, "\\u{unit:04x}");
                }
            }
            c => {
                let mut bytes = [0; 4];
                line.extend_from_slice(c.encode_utf8(&mut bytes).as_bytes());
            }
        }
    }
    line.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::ports::ExemptLogin;
    use crate::login::attempt::AttemptId;
    use crate::login::client::Protocol;
    use crate::login::factor::{FactorKind, FactorKinds};
    use crate::login::identity::Pseudonym;
    use crate::login::policy::{Country, Demand, First, Input, Past, Place, Shadow};

    fn record() -> AuditRecord {
        AuditRecord {
            at: UnixTime(1_795_249_800_125),
            event: "login",
            attempt: Some(AttemptId([0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77])),
            client: Some("vpn-1".into()),
            pseudonym: Pseudonym::new("p7f3k"),
            stage: "factor",
            outcome: "accept",
            reason: "confirmed",
            factor: Some(FactorKind::Totp),
            shown: FactorKinds::NONE,
            rule: Some("vpn".into()),
            exemption: None,
            missed: None,
            on_fault: None,
            source: None,
            network: "203.0.113.77".parse().ok(),
            octets: None,
            valid: None,
            seen: None,
            elapsed_us: 12_345,
        }
    }

    fn line(record: &AuditRecord, keep: NetworkPrefix) -> String {
        let mut line = Vec::new();
        write(&mut line, record, keep);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn a_record_is_one_line_with_its_keys_in_their_order_f_007() {
        assert_eq!(
            line(&record(), NetworkPrefix { v4: 24, v6: 48 }),
            "{\"time\":\"2026-11-21T08:30:00.125000Z\",\"event\":\"login\",\"attempt\":\"0011223344556677\",\
             \"client\":\"vpn-1\",\"subject\":\"p7f3k\",\"stage\":\"factor\",\"outcome\":\"accept\",\
             \"reason\":\"confirmed\",\"factor\":\"totp\",\"rule\":\"vpn\",\"network\":\"203.0.113.0/24\",\
             \"elapsed_ms\":12.345}\n"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let bare = AuditRecord {
            attempt: None,
            client: None,
            pseudonym: None,
            factor: None,
            rule: None,
            network: None,
            elapsed_us: 7,
            ..record()
        };
        assert_eq!(
            line(&bare, NetworkPrefix::WHOLE),
            "{\"time\":\"2026-11-21T08:30:00.125000Z\",\"event\":\"login\",\"stage\":\"factor\",\
             \"outcome\":\"accept\",\"reason\":\"confirmed\",\"elapsed_ms\":0.007}\n"
        );
    }

    #[test]
    fn what_an_exempt_account_does_is_a_record_with_the_exemption_and_the_whole_source_b_047() {
        let login = ExemptLogin {
            attempt: AttemptId([0xab; 8]),
            client: "wiki".into(),
            who: Pseudonym::new("p7f3k"),
            exemption: "wiki-service".into(),
            source: "::ffff:192.0.2.7".parse().unwrap(),
        };
        let operation = login.operation(UnixTime(1_795_249_800_125), "search", "done", "forwarded");
        assert_eq!(
            line(&operation, NetworkPrefix { v4: 24, v6: 48 }),
            "{\"time\":\"2026-11-21T08:30:00.125000Z\",\"event\":\"exempt-operation\",\
             \"attempt\":\"abababababababab\",\"client\":\"wiki\",\"subject\":\"p7f3k\",\"stage\":\"search\",\
             \"outcome\":\"done\",\"reason\":\"forwarded\",\"exemption\":\"wiki-service\",\
             \"source\":\"192.0.2.7\",\"elapsed_ms\":0.000}\n"
        );
        let elsewhere = AuditRecord { missed: Some("wiki-service".into()), ..record() };
        assert!(line(&elsewhere, NetworkPrefix::WHOLE).contains(",\"missed_exemption\":\"wiki-service\","));
        let blind = AuditRecord { on_fault: Some("store-move".into()), ..record() };
        assert!(
            line(&blind, NetworkPrefix::WHOLE).contains(",\"rule\":\"vpn\",\"on_fault\":\"store-move\",")
        );
    }

    fn seen() -> Seen {
        Seen {
            protocol: Protocol::Radius,
            listener: Some("10.0.0.1:1812".into()),
            first: Some(First::Password),
            place: Place { country: Input::from(Country::new("tr")), asn: Input::Known(64496) },
            groups: Some(vec!["vpn users".into()]),
            enrolled: Some([FactorKind::Totp, FactorKind::Recovery].into_iter().collect()),
            past: Some(Past {
                first_login: false,
                new_network: Input::Known(true),
                last_login_days: Input::Known(3),
            }),
            demand: Some(Demand::one_of([FactorKind::Totp].into_iter().collect())),
            shadow: Some(Shadow { rule: Some("abroad".into()), demand: Demand::NOTHING }),
        }
    }

    #[test]
    fn what_the_rules_saw_is_kept_so_that_other_rules_can_be_asked_later() {
        let told = line(&AuditRecord { seen: Some(seen()), ..record() }, NetworkPrefix::WHOLE);
        let expected = "\"protocol\":\"radius\",\"listener\":\"10.0.0.1:1812\",\"method\":\"password\",\
                        \"country\":\"TR\",\"asn\":64496,\"groups\":[\"vpn users\"],\
                        \"enrolled\":[\"totp\",\"recovery\"],\"first_login\":false,\"new_network\":true,\
                        \"last_login_days\":3,\"demand\":\"totp\",\"shadow\":\"abroad\",\"shadow_then\":\"none\",\
                        \"elapsed_ms\":12.345}\n";
        assert!(told.ends_with(expected), "{told}");
        assert!(serde_json::from_str::<serde_json::Value>(&told).is_ok());
    }

    #[test]
    fn what_the_rules_could_not_see_is_left_out_and_nothing_enrolled_is_told() {
        let nobody = Seen {
            listener: None,
            first: None,
            place: Place::NOWHERE,
            groups: None,
            enrolled: Some(FactorKinds::default()),
            past: None,
            demand: None,
            shadow: None,
            ..seen()
        };
        let told = line(&AuditRecord { seen: Some(nobody), ..record() }, NetworkPrefix::WHOLE);
        let value: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(value["enrolled"], serde_json::json!([]));
        for key in ["listener", "method", "country", "asn", "groups", "first_login", "demand", "shadow"] {
            assert!(value.get(key).is_none(), "{key}: {told}");
        }
    }

    #[test]
    fn of_several_factors_all_are_named_and_one_is_not_named_twice() {
        let one = [FactorKind::Totp].into_iter().collect();
        let alone = line(&AuditRecord { shown: one, ..record() }, NetworkPrefix::WHOLE);
        assert!(!alone.contains("factors"), "{alone}");
        let both = one.with(FactorKind::Recovery);
        let both = line(&AuditRecord { shown: both, ..record() }, NetworkPrefix::WHOLE);
        assert!(both.contains(",\"factor\":\"totp\",\"factors\":[\"totp\",\"recovery\"],"), "{both}");
    }

    #[test]
    fn whoever_is_given_bounds_has_them_in_the_record_and_whoever_is_given_none_has_none() {
        let bounded = |from: Option<i64>, until: Option<i64>| {
            let valid =
                Validity { from: from.map(UnixTime::from_seconds), until: until.map(UnixTime::from_seconds) };
            line(&AuditRecord { valid: Some(valid), ..record() }, NetworkPrefix::WHOLE)
        };
        let both = bounded(Some(1_793_491_200), Some(1_801_440_000));
        let expected = ",\"valid_from\":\"2026-11-01T00:00:00.000000Z\",\
                        \"valid_until\":\"2027-02-01T00:00:00.000000Z\",\"elapsed_ms\":12.345}\n";
        assert!(both.ends_with(expected), "{both}");
        let until = bounded(None, Some(1_801_440_000));
        assert!(until.contains("valid_until") && !until.contains("valid_from"), "{until}");
        assert!(!bounded(None, None).contains("valid"));
    }

    #[test]
    fn the_end_of_a_session_tells_its_octets() {
        let ended = AuditRecord { octets: Some((1, u64::MAX)), ..record() };
        let line = line(&ended, NetworkPrefix::WHOLE);
        assert!(line.contains(",\"octets_from_user\":1,\"octets_to_user\":18446744073709551615,\"elapsed"));
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
    }

    #[test]
    fn an_address_is_shortened_or_whole_f_006() {
        let network = |address: &str, v4, v6| {
            let record = AuditRecord { network: address.parse().ok(), ..record() };
            let line = line(&record, NetworkPrefix { v4, v6 });
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            value["network"].as_str().unwrap().to_owned()
        };
        assert_eq!(network("203.0.113.77", 32, 128), "203.0.113.77");
        assert_eq!(network("::ffff:203.0.113.77", 32, 128), "203.0.113.77");
        assert_eq!(network("2001:db8:1:2::3", 24, 48), "2001:db8:1::/48");
        assert_eq!(network("203.0.113.77", 0, 0), "0.0.0.0/0");
    }

    #[test]
    fn whatever_a_text_holds_the_record_stays_one_line_of_json_d_104() {
        let odd = "a\"b\\c\n\u{1b}[2J\u{202e}ü\u{e0001}";
        let line = line(&AuditRecord { client: Some(odd.into()), ..record() }, NetworkPrefix::WHOLE);
        assert_eq!(line.matches('\n').count(), 1);
        assert!(!line.contains('\u{202e}') && !line.contains('\u{1b}'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["client"], odd);
    }

    #[test]
    fn numbers_are_written_as_anybody_writes_them() {
        let all = (0..=1_100).chain([9_999, 10_000, 123_456_789, u64::MAX / 10, u64::MAX - 1, u64::MAX]);
        for n in all {
            for (least, expected) in [(1, n.to_string()), (3, format!("{n:03}")), (6, format!("{n:06}"))] {
                let mut line = Vec::new();
                number(&mut line, n, least);
                assert_eq!(String::from_utf8(line).unwrap(), expected);
            }
        }
    }

    #[test]
    fn an_address_is_written_as_anybody_writes_it() {
        for text in ["0.0.0.0", "10.200.0.9", "255.255.255.255", "2001:db8::1", "::"] {
            let mut line = Vec::new();
            address(&mut line, text.parse().unwrap());
            assert_eq!(String::from_utf8(line).unwrap(), text);
        }
    }

    #[test]
    fn every_time_there_is_can_be_written() {
        for at in [i64::MIN, -1, 0, i64::MAX] {
            let line = line(&AuditRecord { at: UnixTime(at), ..record() }, NetworkPrefix::WHOLE);
            assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "{line}");
        }
    }
}
