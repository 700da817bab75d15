//! What became of each exemption and each fault mode: how it was used, from where, and what speaks against it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::base::clock::UnixTime;
use crate::cli::audit::files::{time, word};

/// An exemption that was not used for so long is better taken away.
const UNUSED: SignedDuration = SignedDuration::from_hours(30 * 24);
/// A place that was first seen within so long is worth a look.
const NEW: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What ends within so long is told before it does.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// Most names, and most places of each, that are told apart: the file may be damaged.
const MOST: usize = 1000;

/// All exemptions and fault modes, by name.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// By name.
    pub(super) exemptions: BTreeMap<String, Use>,
    /// Fault modes by name.
    pub(super) faults: BTreeMap<String, ModeUse>,
    /// First and last record that was read.
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

/// One fault mode.
#[derive(Debug, Default)]
pub(super) struct ModeUse {
    /// Logins that it let in.
    pub(super) accepted: Times,
    /// Logins that came under it and were not let in.
    pub(super) refused: Times,
}

/// One exemption.
#[derive(Debug, Default)]
pub(super) struct Use {
    /// It stands in the settings.
    pub(super) configured: bool,
    /// Binds that it let in.
    pub(super) binds: Times,
    /// Binds at its place that were not let in.
    pub(super) rejected: Times,
    /// Operations after such binds that were done, and that were refused.
    pub(super) operations: Times,
    pub(super) refused: Times,
    /// Binds that it let in, by the address of the client's connection.
    pub(super) sources: BTreeMap<String, Times>,
    /// Logins of its account that it is not for, by client, outcome and reason.
    pub(super) elsewhere: BTreeMap<[String; 3], Times>,
}

/// How often something happened, and when first and last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) count: u64,
    pub(super) span: Option<(Timestamp, Timestamp)>,
}

/// What is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Unused,
    NewSource,
    Elsewhere,
    NotConfigured,
    OpenEnded,
    ExpiresSoon,
    Expired,
}

impl Mark {
    /// The fixed word for programs.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::NewSource => "new-source",
            Self::Elsewhere => "elsewhere",
            Self::NotConfigured => "not-configured",
            Self::OpenEnded => "open-ended",
            Self::ExpiresSoon => "expires-soon",
            Self::Expired => "expired",
        }
    }

    /// What its last day says.
    pub(super) fn of_end(until: Option<UnixTime>, now: Timestamp) -> Option<Self> {
        let Some(until) = until else { return Some(Self::OpenEnded) };
        let soon = now.checked_add(SOON).unwrap_or(Timestamp::MAX).as_millisecond();
        match until.0 {
            end if end <= now.as_millisecond() => Some(Self::Expired),
            end if end <= soon => Some(Self::ExpiresSoon),
            _ => None,
        }
    }

    /// What a person should make of it.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Unused => "not used in the last 30 days: take it away if its application is gone",
            Self::NewSource => "used from an address that was first seen in the last 7 days",
            Self::Elsewhere => {
                "its account logged in where it is not exempt: nobody but its application should"
            }
            Self::NotConfigured => "it stands in the records and no longer in the settings",
            Self::OpenEnded => "it has no valid-until, so nobody will ask whether it is still needed",
            Self::ExpiresSoon => "it ends within the next 14 days: renew it or tell its owner",
            Self::Expired => "it has ended: take it away",
        }
    }
}

impl Times {
    fn one_more(&mut self, at: Timestamp) {
        self.count = self.count.saturating_add(1);
        self.span = wider(self.span, at);
    }
}

impl Uses {
    /// No uses of the exemptions and the fault modes that the settings have.
    pub(super) fn of<'a>(
        exemptions: impl IntoIterator<Item = &'a str>,
        faults: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let one = |name: &str| (name.to_owned(), Use { configured: true, ..Use::default() });
        let mode = |name: &str| (name.to_owned(), ModeUse::default());
        Self {
            exemptions: exemptions.into_iter().map(one).collect(),
            faults: faults.into_iter().map(mode).collect(),
            span: None,
        }
    }

    /// Takes a record in, unless it is from before `since`.
    pub(super) fn look(&mut self, record: &Value, since: Option<Timestamp>) {
        let Some(at) = time(record).filter(|at| since.is_none_or(|since| *at >= since)) else { return };
        self.span = wider(self.span, at);
        let text = |key| word(record, key).unwrap_or("-").to_owned();
        let (event, outcome) = (word(record, "event"), word(record, "outcome"));
        if let Some(used) =
            word(record, "exemption").and_then(|name| of_key(&mut self.exemptions, name.to_owned()))
        {
            match (event, outcome) {
                (Some("login"), Some("accept")) => {
                    used.binds.one_more(at);
                    if let Some(times) = of_key(&mut used.sources, text("source")) {
                        times.one_more(at);
                    }
                }
                (Some("login"), _) => used.rejected.one_more(at),
                (Some("exempt-operation"), Some("done")) => used.operations.one_more(at),
                (Some("exempt-operation"), _) => used.refused.one_more(at),
                (Some(_) | None, _) => {}
            }
        }
        if event == Some("login")
            && let Some(used) =
                word(record, "on_fault").and_then(|name| of_key(&mut self.faults, name.to_owned()))
        {
            let times = if outcome == Some("accept") { &mut used.accepted } else { &mut used.refused };
            times.one_more(at);
        }
        let missed = word(record, "missed_exemption").map(ToOwned::to_owned);
        if let Some(used) = missed.and_then(|name| of_key(&mut self.exemptions, name)) {
            let how = [text("client"), text("outcome"), text("reason")];
            if let Some(times) = of_key(&mut used.elsewhere, how) {
                times.one_more(at);
            }
        }
    }
}

impl Use {
    /// What is worth a look at `now`.
    pub(super) fn marks(&self, now: Timestamp) -> Vec<Mark> {
        let ago = |span| now.checked_sub(span).unwrap_or(Timestamp::MIN);
        let marks = [
            (self.configured && self.last().is_none_or(|last| last < ago(UNUSED)), Mark::Unused),
            (
                self.binds.span.is_some_and(|(first, _)| first < ago(NEW)) && self.has_new(ago(NEW)),
                Mark::NewSource,
            ),
            (!self.elsewhere.is_empty(), Mark::Elsewhere),
            (!self.configured, Mark::NotConfigured),
        ];
        marks.into_iter().filter(|(there, _)| *there).map(|(_, mark)| mark).collect()
    }

    /// When it last let somebody in, or somebody it let in did something.
    pub(super) fn last(&self) -> Option<Timestamp> {
        [self.binds, self.operations].iter().filter_map(|times| Some(times.span?.1)).max()
    }

    fn has_new(&self, since: Timestamp) -> bool {
        self.sources.values().any(|times| times.span.is_some_and(|(first, _)| first >= since))
    }
}

fn wider(span: Option<(Timestamp, Timestamp)>, at: Timestamp) -> Option<(Timestamp, Timestamp)> {
    span.map_or(Some((at, at)), |(first, last)| Some((first.min(at), last.max(at))))
}

fn of_key<K: Ord, V: Default>(map: &mut BTreeMap<K, V>, key: K) -> Option<&mut V> {
    if map.len() >= MOST && !map.contains_key(&key) {
        return None;
    }
    Some(map.entry(key).or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn day(text: &str) -> Timestamp {
        format!("{text}T12:00:00Z").parse().unwrap()
    }

    fn bind(on: &str, source: &str) -> Value {
        json!({
            "time": format!("{on}T12:00:00Z"), "event": "login", "client": "wiki", "outcome": "accept",
            "reason": "exempt", "exemption": "wiki-service", "source": source,
        })
    }

    fn after(records: &[Value]) -> Uses {
        let mut uses = Uses::of(["wiki-service"], ["store-move"]);
        records.iter().for_each(|record| uses.look(record, None));
        uses
    }

    fn marks(records: &[Value]) -> Vec<Mark> {
        after(records).exemptions["wiki-service"].marks(day("2026-11-22"))
    }

    #[test]
    fn one_that_was_never_used_or_not_for_thirty_days_is_marked() {
        assert_eq!(marks(&[]), [Mark::Unused]);
        assert_eq!(marks(&[bind("2026-10-22", "192.0.2.7")]), [Mark::Unused]);
        assert_eq!(marks(&[bind("2026-10-23", "192.0.2.7")]), []);
    }

    #[test]
    fn logins_under_a_fault_mode_are_counted_by_whether_it_let_them_in_and_alarms_are_none() {
        let login = |on: &str, event: &str, outcome: &str| json!({ "time": format!("{on}T12:00:00Z"), "event": event, "outcome": outcome, "on_fault": "store-move" });
        let uses = after(&[
            login("2026-11-20", "login", "accept"),
            login("2026-11-21", "login", "accept"),
            login("2026-11-22", "login", "unable"),
            login("2026-11-22", "alarm", "raised"),
        ]);
        let used = &uses.faults["store-move"];
        assert_eq!(used.accepted, Times { count: 2, span: Some((day("2026-11-20"), day("2026-11-21"))) });
        assert_eq!(used.refused.count, 1);
    }

    #[test]
    fn an_operation_of_a_connection_that_was_bound_long_ago_is_a_use() {
        let search = json!({
            "time": "2026-11-21T12:00:00Z", "event": "exempt-operation", "stage": "search",
            "outcome": "done", "exemption": "wiki-service",
        });
        let uses = after(&[bind("2026-10-01", "192.0.2.7"), search]);
        let used = &uses.exemptions["wiki-service"];
        assert_eq!(used.marks(day("2026-11-22")), []);
        assert_eq!((used.binds.count, used.operations.count), (1, 1));
    }

    #[test]
    fn a_new_source_is_one_of_this_week_beside_older_use() {
        let new = bind("2026-11-20", "192.0.2.8");
        assert_eq!(marks(&[bind("2026-11-01", "192.0.2.7"), new.clone()]), [Mark::NewSource]);
        assert_eq!(marks(&[bind("2026-11-19", "192.0.2.7"), new]), [], "the exemption itself is new");
        let old = [bind("2026-11-01", "192.0.2.7"), bind("2026-11-20", "192.0.2.7")];
        assert_eq!(marks(&old), [], "the same as ever");
    }

    #[test]
    fn logins_of_its_account_elsewhere_are_told_by_client_and_outcome() {
        let elsewhere = |reason: &str| {
            json!({
                "time": "2026-11-21T12:00:00Z", "event": "login", "client": "vpn", "outcome": "reject",
                "reason": reason, "missed_exemption": "wiki-service", "source": "203.0.113.7",
            })
        };
        let uses = after(&[
            bind("2026-11-21", "192.0.2.7"),
            elsewhere("wrong-password"),
            elsewhere("wrong-password"),
            elsewhere("not-enrolled"),
        ]);
        let used = &uses.exemptions["wiki-service"];
        assert_eq!(used.marks(day("2026-11-22")), [Mark::Elsewhere]);
        let told: Vec<_> = used.elsewhere.iter().map(|(how, times)| (how.join(" "), times.count)).collect();
        assert_eq!(told, [("vpn reject not-enrolled".into(), 1), ("vpn reject wrong-password".into(), 2)]);
        assert_eq!(used.binds.count, 1, "they are no uses of it");
    }

    #[test]
    fn one_that_the_settings_no_longer_have_is_told_all_the_same() {
        let mut record = bind("2026-11-21", "192.0.2.7");
        record["exemption"] = "old".into();
        assert_eq!(after(&[record]).exemptions["old"].marks(day("2026-11-22")), [Mark::NotConfigured]);
    }

    #[test]
    fn what_was_not_let_in_is_counted_apart_and_nothing_from_before_counts() {
        let mut wrong = bind("2026-11-21", "192.0.2.7");
        wrong["outcome"] = "reject".into();
        let mut uses = Uses::of(["wiki-service"], ["store-move"]);
        for record in [bind("2026-11-01", "192.0.2.9"), wrong, bind("2026-11-21", "192.0.2.7")] {
            uses.look(&record, Some(day("2026-11-20")));
        }
        let used = &uses.exemptions["wiki-service"];
        assert_eq!((used.binds.count, used.rejected.count, used.sources.len()), (1, 1, 1));
        assert_eq!(uses.span, Some((day("2026-11-21"), day("2026-11-21"))));
    }

    #[test]
    fn names_without_end_in_a_damaged_file_take_no_memory_without_end() {
        let mut uses = Uses::default();
        for n in 0..5000 {
            let mut record = bind("2026-11-21", &format!("source {n}"));
            uses.look(&record, None);
            record["exemption"] = format!("name {n}").into();
            uses.look(&record, None);
        }
        assert_eq!(uses.exemptions.len(), MOST);
        assert_eq!(uses.exemptions["wiki-service"].sources.len(), MOST);
        assert_eq!(uses.exemptions["wiki-service"].binds.count, 5000);
    }

    #[test]
    fn the_end_of_an_exemption_is_told_before_and_after_it_comes() {
        let mark = |until: Option<&str>| {
            let until = until.map(|text| UnixTime(day(text).as_millisecond()));
            Mark::of_end(until, day("2026-11-22"))
        };
        assert_eq!(mark(None), Some(Mark::OpenEnded));
        assert_eq!(mark(Some("2026-11-22")), Some(Mark::Expired));
        assert_eq!(mark(Some("2026-12-06")), Some(Mark::ExpiresSoon));
        assert_eq!(mark(Some("2026-12-07")), None);
    }
}
