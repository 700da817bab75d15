//! What a running program tells of itself: counters, connections, memory. Include with
//! `#[path = "support/watch.rs"] mod watch;` beside `mod lab`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::lab::{Lab, PATIENCE};

impl Lab {
    /// How many LDAP connections have ended for this reason.
    pub fn closed(&self, why: &str) -> usize {
        self.metric(&format!("doorward_ldap_connections_total{{outcome=\"closed\",reason=\"{why}\"}} "))
    }

    /// How many LDAP connections are open.
    pub fn open(&self) -> usize {
        self.metric("doorward_ldap_connections_open ")
    }

    /// The number behind this beginning of a line.
    #[track_caller]
    pub fn metric(&self, line: &str) -> usize {
        let page = self.page("/metrics");
        let found = page.lines().find_map(|text| text.strip_prefix(line));
        found.unwrap_or_else(|| panic!("no {line} in {page}")).parse().unwrap()
    }

    /// Waits until so many connections have ended for this reason; more must not.
    #[track_caller]
    pub fn waits_for_closed(&self, why: &str, count: usize) {
        wait(|| self.closed(why) >= count, || format!("{why}: {} of {count}", self.closed(why)));
        assert_eq!(self.closed(why), count, "{why}");
    }

    /// The most memory that the program has ever had, in KiB.
    pub fn most_memory(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

pub fn now() -> Instant {
    SystemClock.now().steady
}

/// Waits until `done`, looking often.
#[track_caller]
pub fn wait(done: impl Fn() -> bool, what: impl Fn() -> String) {
    let until = now() + PATIENCE;
    while !done() {
        assert!(now() < until, "{}", what());
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// Files for a thousand connections at both ends; the program inherits it.
pub fn with_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(8192, |most| most.min(8192));
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap();
    }
}
