//! `[limits]` apart from wrong passwords and codes: how many logins at once, how often, and from when on somebody who
//! tries many names is slowed.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::base::table::{Reader, Table};
use crate::config::file;
use crate::gateway::admit::{AdmissionLimits, CodesPerMinute};
use crate::gateway::spray::SprayLimits;
use crate::login::factor::FactorKind;

const MINUTE: Duration = Duration::from_secs(60);
/// More than any machine does.
const MANY: u32 = 1_000_000;

/// The numbers of admission in `[limits]`.
pub(in crate::config) fn admission(reader: &mut Reader<'_, '_>, none: &Table) -> AdmissionLimits {
    let usual = AdmissionLimits::default();
    let logins = count(reader, "logins", MANY, usual.at_once);
    let logins_per_client = count(reader, "logins-per-client", MANY, usual.at_once_per_client.min(logins));
    if let Some(node) = reader.node("logins-per-client").filter(|_| logins_per_client > logins) {
        let what = format!("logins-per-client is {logins_per_client}, more than logins, which is {logins}");
        reader.wrong(&node.place, what, "lower it, or raise logins");
    }
    AdmissionLimits {
        at_once: logins,
        at_once_per_client: logins_per_client,
        at_once_per_source: count(reader, "source-at-once", MANY, usual.at_once_per_source),
        at_once_per_subject: count(reader, "subject-at-once", 10_000, usual.at_once_per_subject),
        per_second: rate(reader, "logins-per-second", MANY, usual.per_second),
        client_per_second: rate(reader, "client-per-second", 100_000, usual.client_per_second),
        source_per_minute: rate(reader, "source-per-minute", MANY, usual.source_per_minute),
        realm_per_minute: rate(reader, "realm-per-minute", 100 * MANY, usual.realm_per_minute),
        subject_per_minute: rate(reader, "subject-per-minute", 100_000, usual.subject_per_minute),
        codes_per_minute: codes(reader, none),
    }
}

/// `limits.codes-per-minute`
fn codes(outer: &mut Reader<'_, '_>, none: &Table) -> CodesPerMinute {
    let table = outer.table("codes-per-minute").unwrap_or(none);
    let known = file::LIMITS_CODES_PER_MINUTE;
    let mut reader = Reader::new(table, "limits: codes-per-minute", known, outer.out());
    CodesPerMinute::each(|kind: FactorKind| {
        reader.whole(kind.word(), 1..=100_000, CodesPerMinute::usual(kind))
    })
}

/// `limits.spray`
pub(in crate::config) fn spray(outer: &mut Reader<'_, '_>, none: &Table) -> SprayLimits {
    let usual = SprayLimits::default();
    let table = outer.table("spray").unwrap_or(none);
    let mut reader = Reader::new(table, "limits: spray", file::LIMITS_SPRAY, outer.out());
    SprayLimits {
        window: reader.duration("window", MINUTE..=60 * MINUTE, usual.window),
        names_per_source: reader.whole("names-per-source", 0..=1000, usual.names_per_source),
        names_per_password: reader.whole("names-per-password", 0..=1000, usual.names_per_password),
        sources_per_name: reader.whole("sources-per-name", 0..=1000, usual.sources_per_name),
        slowed_per_minute: rate(&mut reader, "slowed-per-minute", 1000, usual.slowed_per_minute),
    }
}

fn count(reader: &mut Reader<'_, '_>, key: &str, most: u32, usual: usize) -> usize {
    let number = reader.whole(key, 1..=most, u32::try_from(usual).unwrap_or(most));
    usize::try_from(number).unwrap_or(usual)
}

fn rate(reader: &mut Reader<'_, '_>, key: &str, most: u32, usual: NonZeroU32) -> NonZeroU32 {
    NonZeroU32::new(reader.whole(key, 1..=most, usual.get())).unwrap_or(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_factor_has_its_key() {
        let words = FactorKind::ALL.map(FactorKind::word);
        assert_eq!(file::LIMITS_CODES_PER_MINUTE, words);
    }
}
