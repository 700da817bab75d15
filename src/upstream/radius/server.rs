//! One server of an upstream: the way to it, and whether it is worth asking.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use tracing::{info, warn};

use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::upstream::radius::health::{Change, Health, Standing};
use crate::upstream::radius::line::{Line, Response};
use crate::upstream::radius::pace::Pace;
use crate::upstream::radius::request::{Kind, Request};
use crate::upstream::radius::settings::{Service, Settings};
use crate::upstream::radius::socket::Peer;
use crate::upstream::radius::trouble::Trouble;
use crate::upstream::radius::waiting::Heard;
use crate::wire::radius::dictionary::NAS_IDENTIFIER;

/// Which server of its upstream: a conversation goes on with the one that began it (RFC 2865 section 5.24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Which(pub(super) SocketAddr);

impl Which {
    /// The one at this address.
    #[must_use]
    pub const fn at(address: SocketAddr) -> Self {
        Self(address)
    }

    /// Its address and port.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        self.0
    }
}

/// What was counted at one server since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were brought to it, probes left out; copies count once.
    pub asked: u64,
    /// Those that it answered.
    pub answered: u64,
    /// Replies that did not count: no packet, wrong code, wrong authenticator.
    pub refused: u64,
    /// Replies that nobody waited for: late ones and copies.
    pub unmatched: u64,
    /// Replies that counted without Message-Authenticator, since none is demanded of them.
    pub unsigned: u64,
}

#[derive(Debug, Default)]
struct Counters {
    asked: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    unmatched: AtomicU64,
    unsigned: AtomicU64,
}

impl Counters {
    fn heard(&self, heard: Heard) {
        let counter = match heard {
            Heard::Answer { signed: true } => return,
            Heard::Answer { signed: false } => &self.unsigned,
            Heard::Unmatched => &self.unmatched,
            Heard::Refused(_) => &self.refused,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// One server.
pub(super) struct Server {
    upstream: Arc<str>,
    line: Line,
    pace: Pace,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    health: Mutex<Health>,
    doubts: Notify,
    counters: Arc<Counters>,
    signed_only: bool,
    said_unsigned: AtomicBool,
    /// The attributes of a Status-Server request; `None` when none is to be sent.
    status: Option<Box<[u8]>>,
    status_kind: Kind,
}

impl Server {
    pub(super) fn new(
        settings: &Settings,
        address: SocketAddr,
        clock: &Arc<dyn Clock>,
        random: &Arc<dyn Random>,
    ) -> Self {
        let counters = Arc::<Counters>::default();
        let peer = Peer { address, secret: settings.secret.clone(), signed_only: settings.signed_only };
        let listener = {
            let counters = counters.clone();
            Arc::new(move |heard| counters.heard(heard))
        };
        let line = Line::heard_by(peer, settings.pace.clone(), clock.clone(), random.clone(), listener);
        let status = settings.status_server.then(|| named(&settings.nas_identifier));
        Self {
            upstream: settings.name.clone(),
            line,
            pace: settings.pace.clone(),
            clock: clock.clone(),
            random: random.clone(),
            health: Mutex::new(Health::new()),
            doubts: Notify::new(),
            counters,
            signed_only: settings.signed_only,
            said_unsigned: AtomicBool::new(false),
            status,
            status_kind: match settings.service {
                Service::Access => Kind::AccessStatus,
                Service::Accounting => Kind::AccountingStatus,
            },
        }
    }

    /// Which it is.
    pub(super) fn which(&self) -> Which {
        Which(self.line.address())
    }

    /// The way to it.
    pub(super) const fn line(&self) -> &Line {
        &self.line
    }

    /// Its place among the servers of its upstream; lower ones are asked first.
    pub(super) fn rank(&self) -> u8 {
        self.health().rank(self.clock.now().steady, &self.pace)
    }

    /// What is thought of it.
    pub(super) fn standing(&self) -> Standing {
        self.health().standing()
    }

    /// What was counted so far.
    pub(super) fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { asked, answered, refused, unmatched, unsigned } = &*self.counters;
        Tally {
            asked: read(asked),
            answered: read(answered),
            refused: read(refused),
            unmatched: read(unmatched),
            unsigned: read(unsigned),
        }
    }

    /// One request; what comes of it is remembered.
    pub(super) async fn ask(&self, request: &Request<'_>, until: Instant) -> Result<Response, Trouble> {
        let began = self.clock.now().steady;
        let had_its_time = self.line.has_its_time(until);
        self.counters.asked.fetch_add(1, Ordering::Relaxed);
        let asked = self.line.ask(request, until).await;
        let now = self.clock.now().steady;
        let change = match &asked {
            Ok(_) => {
                self.counters.answered.fetch_add(1, Ordering::Relaxed);
                self.health().answered(now)
            }
            // A login that has less time left than a server may take cannot tell a slow server from a dead one.
            Err(Trouble::Silent { .. } | Trouble::Refused { .. }) if !had_its_time => None,
            Err(trouble) => self.health().failed(*trouble, began, now, &self.pace),
        };
        self.tell(change, asked.as_ref().err());
        // The watch may have lain down for as long as a server may that is up.
        if change == Some(Change::Down) || self.standing() == Standing::Doubtful {
            self.doubts.notify_one();
        }
        self.complain_of_unsigned();
        asked
    }

    /// Whether it answers now, by Status-Server; where that is not to be used, whether it answered when it was last
    /// asked something.
    pub(super) async fn probe(&self) -> Result<(), Trouble> {
        let Some(status) = &self.status else {
            let health = self.health();
            return match health.standing() {
                Standing::Up | Standing::Doubtful => Ok(()),
                Standing::Down => Err(Trouble::NoSign),
            };
        };
        let began = self.clock.now().steady;
        let request = Request { kind: self.status_kind, attributes: status, password: None };
        let asked = self.line.ask_once(&request).await;
        let now = self.clock.now().steady;
        let change = match &asked {
            Ok(_) => self.health().answered_status(now),
            Err(trouble) => self.health().missed_status(*trouble, began),
        };
        self.tell(change, asked.as_ref().err());
        self.complain_of_unsigned();
        asked.map(drop)
    }

    /// Runs for ever: asks for signs of life, and closes sockets that are not needed any more.
    pub(super) async fn keep_watch(self: Arc<Self>) {
        loop {
            self.line.tidy();
            let due = self.health().is_due(self.clock.now().steady, &self.pace);
            if due && self.status.is_some() {
                // What comes of it is in `health` and in the log.
                let _ = self.probe().await;
            }
            let patience = self.health().patience(&self.pace);
            let patience = Pace::jittered(patience, &*self.random).unwrap_or(patience);
            // A probe that is not answered takes its time, so that doubts cannot make a flood of them.
            let _ = tokio::time::timeout(patience, self.doubts.notified()).await;
        }
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: Option<Change>, trouble: Option<&Trouble>) {
        let (upstream, server) = (&self.upstream, self.line.address());
        match (change, trouble) {
            (Some(Change::Up), _) => {
                info!(event = "upstream.server-up", %upstream, %server, "the server answers again");
            }
            (Some(Change::Down), Some(trouble)) => {
                warn!(event = "upstream.server-down", %upstream, %server, "the server is of no use: {trouble}");
            }
            (Some(Change::Down) | None, _) => {}
        }
    }

    /// Once, as long as we run: replies to logins without it can be forged by whoever sits in between, or are
    /// not taken; a sign of life without it is a warning of that.
    fn complain_of_unsigned(&self) {
        let unsigned = self.counters.unsigned.load(Ordering::Relaxed) > 0;
        if !unsigned || self.said_unsigned.swap(true, Ordering::Relaxed) {
            return;
        }
        let (upstream, server) = (&self.upstream, self.line.address());
        let harm = if self.signed_only {
            "logins fail if its replies to them have none either"
        } else {
            "whoever sits in between can forge them (CVE-2024-3596)"
        };
        warn!(event = "upstream.reply-unsigned", %upstream, %server, "its replies carry no message-authenticator, so {harm}; update the server");
    }
}

/// NAS-Identifier as an attribute.
fn named(nas_identifier: &str) -> Box<[u8]> {
    let value = nas_identifier.as_bytes();
    let Some(length) = value.len().checked_add(2).and_then(|length| u8::try_from(length).ok()) else {
        return Box::default();
    };
    [&[NAS_IDENTIFIER, length], value].concat().into()
}
