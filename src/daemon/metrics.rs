//! Counters and gauges in Prometheus' text format. Labels come from closed sets, or name a directory or an
//! upstream of the configuration; no name of a person, no pseudonym and no address is ever one.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::daemon::reload::Reloaded;
use crate::frontend::ldap::listen::Front;
use crate::gateway::drive::Gateway;
use crate::gateway::ports::ServerState;
use crate::gateway::tally::BUCKETS_MS;

/// Counters of one front end: (what happened, why, how often).
pub type Counts = Arc<dyn Fn() -> Vec<(&'static str, &'static str, u64)> + Send + Sync>;

/// What the metrics page is made of.
pub struct Sources {
    /// Verdicts, questions, times.
    pub gateway: Arc<Gateway>,
    /// Datagrams of the RADIUS front end.
    pub radius: Counts,
    /// Datagrams of accounting.
    pub accounting: Counts,
    /// Connections and operations of the LDAP front end.
    pub ldap: Arc<Front>,
    /// Subjects, enrolments and open sessions, as last read; `None` while the store does not answer.
    pub totals: Arc<dyn Fn() -> Option<[u64; 3]> + Send + Sync>,
    /// Successful and failed reloads, and whether files of the rules are.
    pub reloads: Arc<dyn Fn() -> Reloaded + Send + Sync>,
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sources")
    }
}

/// The registry of all metrics.
#[must_use]
pub fn registry(sources: Sources) -> Registry {
    let mut registry = Registry::with_prefix("doorward");
    registry.register_collector(Box::new(sources));
    registry
}

/// The page.
///
/// # Errors
///
/// When a number cannot be written, which a `String` never refuses.
pub fn page(registry: &Registry) -> Result<String, fmt::Error> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry)?;
    Ok(text)
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let tally = self.gateway.tally();
        labelled(&mut encoder, "logins", "verdicts by outcome and reason", &tally.verdicts())?;
        labelled(
            &mut encoder,
            "radius_datagrams",
            "datagrams by what was done with them and why",
            &(self.radius)(),
        )?;
        labelled(
            &mut encoder,
            "accounting_datagrams",
            "datagrams of accounting by what was done with them and why",
            &(self.accounting)(),
        )?;
        self.ldap(&mut encoder)?;
        let alarms = self.gateway.alarms().all().map(|(alarm, number)| (alarm.code(), number));
        kinds(&mut encoder, "alarms", "alarms by kind, one for each cause in ten minutes", alarms)?;
        counter(&mut encoder, "questions", "questions put to users", tally.questions())?;
        gauge(&mut encoder, "questions_open", "questions that wait for a reply", self.gateway.questions())?;
        gauge(&mut encoder, "logins_running", "logins that run now", self.gateway.admission().running())?;
        self.servers(&mut encoder)?;
        self.times(&mut encoder)?;
        if let Some([subjects, enrolments, sessions]) = (self.totals)() {
            gauge(&mut encoder, "subjects", "subjects in the store", subjects)?;
            gauge(&mut encoder, "enrolments", "enrolments in the store", enrolments)?;
            gauge(&mut encoder, "sessions_open", "open sessions, as accounting tells", sessions)?;
        }
        let Reloaded { done, failed, files_refused } = (self.reloads)();
        let reloads = [("done", "", done), ("failed", "", failed)];
        labelled(&mut encoder, "reloads", "reloads of the settings", &reloads)?;
        let help = "1 while files that rules look things up in have changed and could not be read: the rules keep what they had";
        gauge(&mut encoder, "rule_files_refused", help, u64::from(files_refused))
    }
}

impl Sources {
    fn ldap(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let counters = self.ldap.counters();
        gauge(encoder, "ldap_connections_open", "LDAP connections that are open", self.ldap.connections())?;
        if let Some(ends) = self.ldap.certificate_ends() {
            let help = "when the first certificate of the listeners ends, in seconds since 1970";
            gauge(encoder, "certificate_ends_timestamp_seconds", help, ends.seconds())?;
        }
        let opened = [("opened", "", counters.all_opened())];
        let closed = counters.all_closed().map(|(why, number)| ("closed", why.code(), number));
        let connections: Vec<_> = opened.into_iter().chain(closed).collect();
        labelled(
            encoder,
            "ldap_connections",
            "LDAP connections by what became of them and why",
            &connections,
        )?;
        let binds: Vec<_> =
            counters.all_bound().map(|(code, number)| ("answered", code.code(), number)).collect();
        labelled(encoder, "ldap_binds", "LDAP binds by the result they were answered with", &binds)?;
        let asked = counters.all_operations().map(|(what, number)| ("asked", what.code(), number));
        let refused = counters.all_refused().map(|(why, number)| ("refused", why.code(), number));
        let skipped = counters.all_skipped().map(|(why, number)| ("answer-left-out", why.code(), number));
        let operations: Vec<_> = asked.chain(refused).chain(skipped).collect();
        let help =
            "LDAP operations that were asked for, requests refused and answers left out, by what and why";
        labelled(encoder, "ldap_operations", help, &operations)?;
        let (received, sent) = counters.all_octets();
        let octets = [("received", "", received), ("sent", "", sent)];
        labelled(encoder, "ldap_octets", "octets of LDAP clients, TLS not counted", &octets)
    }

    fn servers(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "servers of directories by whether they answered when they were last asked";
        servers(encoder, ("directory_servers", "directory", help), &self.gateway.servers())?;
        let help = "servers of upstreams by whether they are thought to answer";
        servers(encoder, ("upstream_servers", "upstream", help), &self.gateway.upstream_servers())
    }

    fn times(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let (buckets, sum_us) = self.gateway.tally().times();
        let ends = BUCKETS_MS.iter().map(|ms| seconds(ms.saturating_mul(1000))).chain([f64::INFINITY]);
        let pairs: Vec<(f64, u64)> = ends.zip(buckets.iter().copied()).collect();
        let count = buckets.iter().sum();
        let help = "time from the first message of a login to its verdict, the user's own included";
        let mut metric =
            encoder.encode_descriptor("login_time", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(seconds(sum_us), count, &pairs, None)
    }
}

#[allow(clippy::cast_precision_loss, reason = "microseconds beyond 2^53 are three centuries")]
fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// How many, not which: the log names them, and those that DNS names come and go. The metric is its name, its label
/// and its help.
fn servers(
    encoder: &mut DescriptorEncoder<'_>,
    (metric, label, help): (&str, &'static str, &str),
    all: &[(Arc<str>, Vec<ServerState>)],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(metric, help, None, MetricType::Gauge)?;
    for (name, servers) in all {
        for (state, up) in [("up", true), ("down", false)] {
            let number = servers.iter().filter(|server| server.up == up).count();
            let labels = [(label, &**name), ("state", state)];
            ConstGauge::new(i64::try_from(number).unwrap_or(i64::MAX))
                .encode(family.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn labelled(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counts: &[(&'static str, &'static str, u64)],
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (outcome, reason, number) in counts {
        let labels = [("outcome", *outcome), ("reason", *reason)];
        ConstCounter::new(*number).encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// A counter for each of some kinds.
fn kinds(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    counts: impl Iterator<Item = (&'static str, u64)>,
) -> fmt::Result {
    let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (kind, number) in counts {
        ConstCounter::new(number).encode(family.encode_family(&[("kind", kind)])?)?;
    }
    Ok(())
}

fn counter(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> fmt::Result {
    ConstCounter::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Counter)?)
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: impl TryInto<i64>,
) -> fmt::Result {
    let value = ConstGauge::new(value.try_into().unwrap_or(i64::MAX));
    value.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
