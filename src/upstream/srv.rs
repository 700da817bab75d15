//! SRV records (RFC 2782): which servers a name of a service means, and in which order they are asked.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// Most servers of one service that are used.
pub(crate) const MAX_SERVERS: usize = 32;

/// One record, as far as it can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Lower numbers are asked first.
    pub(crate) priority: u16,
    /// Among records of one priority, how large a share of all clients asks this one first.
    pub(crate) weight: u16,
    /// Where the service listens; never 0.
    pub(crate) port: u16,
    /// The server's host name, in lower case and without the dot at its end.
    pub(crate) target: Box<str>,
}

impl Record {
    /// What can be used of a record; `None` for one without a server (RFC 2782: a target of `.`), without a port, or
    /// with a name that no server can have. Anybody may have written it.
    pub(crate) fn new((priority, weight, port): (u16, u16, u16), target: &str) -> Option<Self> {
        let target = host_name(target)?;
        (port != 0).then_some(Self { priority, weight, port, target })
    }
}

/// The name of a host in the form in which names are compared; `None` when it is none.
pub(crate) fn host_name(text: &str) -> Option<Box<str>> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
    };
    // What ends in a number would be taken for an address.
    let last = name.rsplit('.').next().unwrap_or_default();
    let named = last.bytes().any(|c| !c.is_ascii_digit());
    (name.len() <= 253 && name.split('.').all(label) && named).then(|| name.into())
}

/// What makes the draw among records differ from one process to the next.
pub(crate) type Seed = [u8; 16];

/// The records in the order in which they are asked: those in `near` first, then those of `all` that are not among
/// them; each group by priority, and by a draw within a priority that follows the weights. Each server comes once, and
/// no more than [`MAX_SERVERS`] do.
///
/// The draw depends on the seed and on the record alone, so that neither asking again nor another record that comes
/// or goes changes who of two is first; connections stay where they are. It gives the distribution of RFC 2782: the
/// smallest of exponential times with the weights as rates falls on each record with the probability of its share.
pub(crate) fn in_order(near: Vec<Record>, all: Vec<Record>, seed: &Seed) -> Vec<Record> {
    let mut seen = HashSet::new();
    let mut ordered = sorted(near, seed);
    ordered.extend(sorted(all, seed));
    ordered.retain(|record| seen.insert((record.target.clone(), record.port)));
    ordered.truncate(MAX_SERVERS);
    ordered
}

fn sorted(records: Vec<Record>, seed: &Seed) -> Vec<Record> {
    let mut drawn: Vec<(f64, f64, Record)> = records
        .into_iter()
        .map(|record| {
            let time = draw(seed, &record);
            // Of weight 0 is what should hardly ever be asked beside others; it has an order of its own.
            let weight = f64::from(record.weight);
            (if record.weight == 0 { f64::INFINITY } else { time / weight }, time, record)
        })
        .collect();
    drawn.sort_by(|one, other| {
        let priority = one.2.priority.cmp(&other.2.priority);
        priority.then(one.0.total_cmp(&other.0)).then(one.1.total_cmp(&other.1))
    });
    drawn.into_iter().map(|(_, _, record)| record).collect()
}

/// An exponentially distributed number, the same each time for the same server.
fn draw(seed: &Seed, record: &Record) -> f64 {
    let hash = Sha256::new()
        .chain_update(seed)
        .chain_update(record.port.to_be_bytes())
        .chain_update(record.target.as_bytes())
        .finalize();
    let number = hash.iter().take(4).fold(0_u32, |number, octet| (number << 8) | u32::from(*octet));
    let uniform = (f64::from(number) + 1.0) / (f64::from(u32::MAX) + 1.0);
    -uniform.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(priority: u16, weight: u16, target: &str) -> Record {
        Record::new((priority, weight, 389), target).unwrap()
    }

    fn names(records: &[Record]) -> Vec<&str> {
        records.iter().map(|record| &*record.target).collect()
    }

    fn seed(number: u32) -> Seed {
        let mut seed = Seed::default();
        seed[..4].copy_from_slice(&number.to_be_bytes());
        seed
    }

    #[test]
    fn records_of_no_server_are_none_rfc_2782() {
        let long = "a.".repeat(130);
        let label = "a".repeat(64);
        for target in [".", "", "a..b", "10.0.0.1", "10.0.0.1.", "dc 1.corp", "dc1/x", "höst", &long, &label]
        {
            assert_eq!(Record::new((0, 0, 389), target), None, "{target}");
        }
        assert_eq!(Record::new((0, 0, 0), "dc1.corp.example"), None);
        assert_eq!(&*record(0, 0, "DC_1.Corp.Example.").target, "dc_1.corp.example");
    }

    #[test]
    fn near_servers_come_first_whatever_their_priority_and_none_comes_twice() {
        let near = vec![record(9, 1, "n2"), record(3, 1, "n1")];
        let all = vec![record(0, 100, "a1"), record(0, 100, "n1"), record(1, 100, "a2"), record(1, 0, "a1")];
        assert_eq!(names(&in_order(near, all, &seed(7))), ["n1", "n2", "a1", "a2"]);
    }

    #[test]
    fn of_one_priority_each_server_is_first_as_often_as_its_weight_says_rfc_2782() {
        let (mut heavy, mut empty) = (0, 0);
        for number in 0..4000 {
            let all = vec![record(1, 30, "heavy"), record(1, 10, "light"), record(1, 0, "empty")];
            let order = in_order(Vec::new(), all, &seed(number));
            heavy += u32::from(&*order[0].target == "heavy");
            empty += u32::from(&*order[2].target == "empty");
        }
        assert!((2850..3150).contains(&heavy), "three of four, not {heavy} of 4000");
        assert_eq!(empty, 4000, "weight 0 comes last");
    }

    #[test]
    fn servers_that_come_and_go_do_not_change_the_order_of_the_others() {
        let all: Vec<Record> = (1..=9).map(|number| record(0, number * 10, &format!("dc{number}"))).collect();
        let before = in_order(Vec::new(), all.clone(), &seed(1));
        for gone in &all {
            let rest: Vec<Record> = all.iter().rev().filter(|record| *record != gone).cloned().collect();
            let kept: Vec<Record> = before.iter().filter(|record| *record != gone).cloned().collect();
            assert_eq!(in_order(Vec::new(), rest, &seed(1)), kept);
        }
        let differs = |number| in_order(Vec::new(), all.clone(), &seed(number)) != before;
        assert!((2..20).any(differs), "another process draws another order");
    }

    #[test]
    fn thousands_of_records_are_cut_down_to_the_most_wanted() {
        let all = (0..3000_u16).rev().map(|number| record(number, 0, &format!("dc{number}"))).collect();
        let order = in_order(Vec::new(), all, &seed(1));
        assert_eq!(order.len(), MAX_SERVERS);
        assert_eq!((&*order[0].target, &*order[31].target), ("dc0", "dc31"));
    }
}
