//! The status pages: `/health` for a balancer or a monitor, `/metrics` for Prometheus.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::task::AbortHandle;

use crate::daemon::Stopped;
use crate::daemon::metrics::{self, Sources};
use crate::daemon::reload::Reloads;
use crate::daemon::stock::Stock;
use crate::frontend::ldap::listen::Front as LdapFront;
use crate::frontend::radius::accounting::udp::Front as AccountingFront;
use crate::frontend::radius::clients::{ClientTable, RadiusClient};
use crate::frontend::radius::udp::Front;
use crate::gateway::drive::Gateway;
use crate::gateway::ports::ServerState;
use crate::login::verdict::Fault;
use crate::net::http::{self, Page, Pages};

/// How often the store is tried and counted.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// A secret of this many bytes or less can be guessed from one captured packet.
const WEAK_SECRET: usize = 12;

/// The pages and what they are made of.
pub struct Status {
    stock: Arc<Stock>,
    state: Arc<State>,
    pages: Pages,
    serving: Option<(SocketAddr, AbortHandle)>,
    looked: Option<Instant>,
}

/// The front ends, whose counters and clients the pages tell.
pub struct Fronts {
    /// RADIUS.
    pub radius: Arc<Front>,
    /// Accounting.
    pub accounting: Arc<AccountingFront>,
    /// LDAP.
    pub ldap: Arc<LdapFront>,
}

/// Where the pages are to be served.
#[derive(Debug)]
pub enum Place {
    /// Where they are.
    AsBefore,
    /// Not at all.
    Nowhere,
    /// Here.
    Fresh(SocketAddr, TcpListener),
}

/// Whom we ask, by name, with their servers.
struct Asked {
    directories: Vec<(Arc<str>, Vec<ServerState>)>,
    upstreams: Vec<(Arc<str>, Vec<ServerState>)>,
}

/// Those none of whose servers answers.
fn down(all: &[(Arc<str>, Vec<ServerState>)]) -> Vec<&str> {
    let down = all.iter().filter(|(_, servers)| !servers.iter().any(|server| server.up));
    down.map(|(name, _)| &**name).collect()
}

/// What was seen at the last look.
#[derive(Debug, Default)]
struct State {
    store_failing: AtomicBool,
    subjects: AtomicU64,
    enrolments: AtomicU64,
    sessions: AtomicU64,
}

impl Status {
    /// Not served yet.
    #[must_use]
    pub fn new(stock: Arc<Stock>, gateway: Arc<Gateway>, fronts: Fronts, reloads: Arc<Reloads>) -> Self {
        let state = Arc::new(State::default());
        let Fronts { radius: front, accounting, ldap } = fronts;
        let asked = gateway.clone();
        let registry = metrics::registry(Sources {
            gateway,
            radius: {
                let front = front.clone();
                Arc::new(move || front.counters().all())
            },
            accounting: Arc::new(move || accounting.counters().all()),
            ldap,
            totals: {
                let state = state.clone();
                Arc::new(move || state.totals())
            },
            reloads: Arc::new(move || reloads.counts()),
        });
        let audit = stock.audit.clone();
        let (health, registry) = (state.clone(), Arc::new(registry));
        let pages: Pages = Arc::new(move |path| match path {
            "/health" => {
                let asked = Asked { directories: asked.servers(), upstreams: asked.upstream_servers() };
                Some(health.page(audit.is_failing(), &front.clients(), &asked))
            }
            "/metrics" => Some(match metrics::page(&registry) {
                Ok(body) => Page {
                    status: 200,
                    kind: "application/openmetrics-text; version=1.0.0; charset=utf-8",
                    body,
                },
                Err(_) => Page {
                    status: 500,
                    kind: "text/plain",
                    body: "the metrics could not be written\n".into(),
                },
            }),
            _ => None,
        });
        Self { stock, state, pages, serving: None, looked: None }
    }

    /// Binds `address` unless the pages are served there already; nothing is served by that.
    ///
    /// # Errors
    ///
    /// [`Stopped::System`] when the address cannot be bound.
    pub async fn bind(&self, address: Option<SocketAddr>) -> Result<Place, Stopped> {
        let Some(address) = address else { return Ok(Place::Nowhere) };
        if self.serving.as_ref().is_some_and(|(served, _)| *served == address) {
            return Ok(Place::AsBefore);
        }
        let listener = http::listen(address).await;
        let listener = listener
            .map_err(|error| Stopped::System(format!("status.listen: {address} cannot be bound: {error}")))?;
        Ok(Place::Fresh(address, listener))
    }

    /// Serves the pages at that place from now on, and no longer where they were.
    pub fn change(&mut self, place: Place) {
        let fresh = match place {
            Place::AsBefore => return,
            Place::Nowhere => None,
            Place::Fresh(address, listener) => {
                let bound = listener.local_addr().unwrap_or(address);
                tracing::info!(event = "status.listening", address = %bound, "status pages are served");
                Some((address, tokio::spawn(http::serve(listener, self.pages.clone())).abort_handle()))
            }
        };
        if let Some((_, before)) = self.serving.take() {
            before.abort();
        }
        self.serving = fresh;
    }

    /// Tries and counts the store when it is time to.
    pub async fn look(&mut self) {
        let now = self.stock.clock.now().steady;
        if self.looked.is_some_and(|before| now.saturating_duration_since(before) < LOOK_EVERY) {
            return;
        }
        self.looked = Some(now);
        self.stock.audit.tidy();
        let again = self.stock.audit.try_again(self.stock.clock.now().unix);
        // A disk that hangs is found here again, and keeps a thread of its own meanwhile.
        let _late = tokio::time::timeout(LOOK_EVERY, again).await;
        let store = &self.stock.store;
        let look = async {
            store.probe().await?;
            Ok::<_, Fault>((store.totals().await?, self.stock.sessions.open_sessions().await?))
        };
        match tokio::time::timeout(LOOK_EVERY, look).await {
            Ok(Ok((totals, sessions))) => {
                if self.state.store_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(event = "store.recovered", "the store can be written again");
                }
                self.state.subjects.store(totals.subjects, Ordering::Relaxed);
                self.state.enrolments.store(totals.enrolments, Ordering::Relaxed);
                self.state.sessions.store(sessions, Ordering::Relaxed);
            }
            Ok(Err(fault)) => self.state.store_fails(&fault.what),
            Err(_) => self.state.store_fails("the store did not answer in time"),
        }
    }
}

impl Drop for Status {
    fn drop(&mut self) {
        if let Some((_, serving)) = self.serving.take() {
            serving.abort();
        }
    }
}

impl State {
    fn store_fails(&self, what: &str) {
        if !self.store_failing.swap(true, Ordering::Relaxed) {
            tracing::error!(event = "store.failing", "{what}");
        }
    }

    fn totals(&self) -> Option<[u64; 3]> {
        let failing = self.store_failing.load(Ordering::Relaxed);
        let all = [&self.subjects, &self.enrolments, &self.sessions];
        (!failing).then(|| all.map(|number| number.load(Ordering::Relaxed)))
    }

    /// 200 while logins can be accepted, 503 otherwise. Names the clients that a forger could speak for, too:
    /// for those that need not sign, a second factor protects nothing, and a short secret can be
    /// guessed.
    ///
    /// A directory or an upstream that is down is named, and no reason for 503: logins elsewhere go on, and another gateway would
    /// reach it no better.
    fn page(&self, audit_failing: bool, clients: &ClientTable, asked: &Asked) -> Page {
        let names = |wanted: fn(&RadiusClient) -> bool| {
            clients.iter().filter(|client| wanted(client)).map(|c| &*c.client.name).collect::<Vec<_>>()
        };
        let word = |failing: bool| if failing { "failing" } else { "ok" };
        let store_failing = self.store_failing.load(Ordering::Relaxed);
        let failing = store_failing || audit_failing;
        let body = serde_json::json!({
            "status": word(failing),
            "store": word(store_failing),
            "audit": word(audit_failing),
            "directories_down": down(&asked.directories),
            "upstreams_down": down(&asked.upstreams),
            "unsigned_clients": names(|client| !client.requires_message_authenticator()),
            "weak_secrets": names(|client| client.secret.raw().len() <= WEAK_SECRET),
        });
        Page { status: if failing { 503 } else { 200 }, kind: "application/json", body: format!("{body}\n") }
    }
}
