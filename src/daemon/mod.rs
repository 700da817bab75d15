//! Puts it together: the recipe of start, life and end.

mod accounting;
pub mod alone;
pub mod assemble;
pub mod audit;
pub mod doors;
pub mod keys;
pub mod listeners;
pub mod logging;
pub mod metrics;
pub mod notify;
pub mod open_files;
pub mod reload;
mod serving;
pub mod signing;
pub mod status;
pub mod stock;
mod watch;
mod workers;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::base::clock::{Clock, Now, SystemClock};
pub use crate::config::Warning;
use crate::config::settings::{LogFormat, LogLevel, Settings};
use crate::config::{Environment, Kept, Problems};
use crate::daemon::accounting::Accounting;
use crate::daemon::alone::{Alone, alone};
use crate::daemon::doors::Doors;
use crate::daemon::listeners::{Listeners, Trade};
use crate::daemon::logging::LevelHandle;
use crate::daemon::reload::{Reloads, Retired};
use crate::daemon::signing::Signing;
use crate::daemon::status::{Fronts, Status};
use crate::daemon::stock::Stock;
use crate::daemon::watch::Watch;
use crate::daemon::workers::Workers;
use crate::frontend::ldap::listen::Front as LdapFront;
use crate::frontend::radius::udp::Front;
use crate::gateway::drive::Gateway;
use crate::login::verdict::Fault;

/// Between two rounds of housekeeping.
const ROUND: Duration = Duration::from_secs(1);
/// A time of day that was set by more than this, in milliseconds, is worth a line (D-116).
const JUMP: u64 = 5_000;

/// Why the program did not start, or ended by itself.
#[derive(Debug)]
pub enum Stopped {
    /// The configuration is wrong.
    Configuration(Problems),
    /// Store, keys, audit or a directory could not be opened.
    Fault(Fault),
    /// A socket could not be bound, or the system refused something else.
    System(String),
    /// A task that runs as long as the program ended by itself.
    Internal(String),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(problems) => problems.fmt(f),
            Self::Fault(fault) => fault.fmt(f),
            Self::System(what) | Self::Internal(what) => f.write_str(what),
        }
    }
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// Reads the settings at `path` with the environment of this process.
///
/// # Errors
///
/// All problems at once.
pub fn load(path: &Path) -> Result<(Settings, Vec<Warning>), Problems> {
    Settings::load(path, &Environment::of_process(), SystemClock.now().unix)
}

/// As [`load`], beside logins that go on; takes over what did not change since `kept` was read.
///
/// # Errors
///
/// All problems at once.
fn load_beside(path: &Path, kept: &Kept) -> Result<(Settings, Vec<Warning>), Problems> {
    Settings::load_beside(path, &Environment::of_process(), SystemClock.now().unix, kept)
}

/// Runs until told to stop.
///
/// # Errors
///
/// [`Stopped`] when it could not start, or ended by itself.
pub fn run(config: &Path) -> Result<(), Stopped> {
    let (settings, warnings) = load(config).map_err(Stopped::Configuration)?;
    let log = logging::start(level(settings.log.level), format(settings.log.format));
    for warning in &warnings {
        tracing::warn!(event = "config.warning", "{warning}");
    }
    // A core dump would hold passwords.
    if let Err(error) = rustix::process::setrlimit(
        rustix::process::Resource::Core,
        rustix::process::Rlimit { current: Some(0), maximum: Some(0) },
    ) {
        tracing::warn!(event = "daemon.core-dumps", "core dumps could not be switched off: {error}");
    }
    open_files::raise();
    let runtime = runtime(settings.radius.workers)?;
    let outcome = runtime
        .block_on(Daemon::start(config.to_owned(), settings, log))
        .and_then(|daemon| runtime.block_on(daemon.live()));
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

fn runtime(workers: u32) -> Result<tokio::runtime::Runtime, Stopped> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Ok(workers @ 1..) = usize::try_from(workers) {
        builder.worker_threads(workers);
    }
    builder
        .enable_all()
        .build()
        .map_err(|error| Stopped::System(format!("the runtime could not start: {error}")))
}

/// The running program.
pub struct Daemon {
    config: PathBuf,
    log: LevelHandle,
    stock: Arc<Stock>,
    gateway: Arc<Gateway>,
    front: Arc<Front>,
    listeners: Listeners,
    accounting: Accounting,
    ldap: Arc<LdapFront>,
    doors: Doors,
    status: Status,
    signing: Signing,
    reloads: Arc<Reloads>,
    kept: Arc<Kept>,
    retired: Retired,
    /// The files that rules look things up in.
    watch: Watch,
    drain: Duration,
    /// Time of the last round.
    seen: Now,
    /// The last to end: connections to directories may live there that others use as well.
    workers: Workers,
    _alone: Alone,
}

impl Daemon {
    /// Opens everything, binds the sockets, begins to serve.
    ///
    /// # Errors
    ///
    /// [`Stopped`].
    pub async fn start(config: PathBuf, mut settings: Settings, log: LevelHandle) -> Result<Self, Stopped> {
        let alone = alone(&settings.store)?;
        let stock = Arc::new(Stock::open(&settings).await?);
        let clients = assemble::clients(&settings)?;
        let kept = Arc::new(Kept::of(&settings));
        let live = assemble::live(&mut settings, None, &stock.clock, &stock.random)?;
        let gateway = Arc::new(Gateway::new(stock.parts(), live));
        let front = Front::new(clients, gateway.clone(), stock.clock.clone(), stock.random.clone());
        let front = Arc::new(front);
        let signing = Signing::read(stock.store.clone()).await?;
        signing.tell(&front);
        let reloads = Arc::new(Reloads::default());
        let workers = Workers::start(settings.radius.workers)?;
        let mut listeners =
            Listeners::new(Trade::Logins(front.clone()), workers.homes(), settings.drain_timeout);
        let sockets = listeners.bind(&settings.radius.listen)?;
        listeners.change(sockets);
        let mut accounting = Accounting::new(&settings, &stock)?;
        let bound = accounting.bind(&settings)?;
        accounting.change(bound);
        let ldap = assemble::ldap_front(&settings, gateway.clone(), &stock);
        open_files::compare(&settings);
        let mut doors = Doors::new(ldap.clone(), workers.homes(), settings.drain_timeout);
        let bound = doors.bind(&assemble::listeners(&settings))?;
        doors.change(bound);
        let fronts =
            Fronts { radius: front.clone(), accounting: accounting.front().clone(), ldap: ldap.clone() };
        let mut status = Status::new(stock.clone(), gateway.clone(), fronts, reloads.clone());
        let place = status.bind(settings.status).await?;
        status.change(place);
        let drain = settings.drain_timeout;
        let seen = stock.clock.now();
        let watch = Watch::new(&settings, seen);
        Ok(Self {
            config,
            log,
            stock,
            gateway,
            front,
            listeners,
            accounting,
            ldap,
            doors,
            status,
            signing,
            reloads,
            kept,
            retired: Retired::default(),
            watch,
            drain,
            seen,
            workers,
            _alone: alone,
        })
    }

    /// Where RADIUS is answered.
    #[must_use]
    pub fn addresses(&self) -> Vec<std::net::SocketAddr> {
        self.listeners.addresses()
    }

    /// Where LDAP is answered.
    #[must_use]
    pub fn ldap_addresses(&self) -> Vec<std::net::SocketAddr> {
        self.doors.addresses().collect()
    }

    /// Clients of all protocols.
    fn clients(&self) -> usize {
        self.front.clients().iter().count().saturating_add(self.ldap.clients().iter().count())
    }

    /// Serves until SIGTERM or SIGINT; SIGHUP reads the settings again.
    ///
    /// # Errors
    ///
    /// [`Stopped::Internal`] when a task that should run for ever has ended.
    pub async fn live(mut self) -> Result<(), Stopped> {
        let (mut hangup, mut terminate, mut interrupt) = (
            handler(SignalKind::hangup())?,
            handler(SignalKind::terminate())?,
            handler(SignalKind::interrupt())?,
        );
        let mut round = tokio::time::interval(ROUND);
        round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let clients = self.clients();
        tracing::info!(event = "daemon.ready", clients, "ready");
        notify::ready(&format!("{clients} clients"));
        loop {
            tokio::select! {
                biased;
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hangup.recv() => self.reload().await,
                ended = self.listeners.ended() => return Err(Stopped::Internal(ended)),
                ended = self.accounting.ended() => return Err(Stopped::Internal(ended)),
                ended = self.doors.ended() => return Err(Stopped::Internal(ended)),
                _ = round.tick() => self.round().await,
            }
        }
        self.stop().await;
        Ok(())
    }

    /// Housekeeping, once a second. The watchdog is fed at its end, when gateway, store, runtime and each worker have had
    /// their turn, so a stuck program is started anew.
    async fn round(&mut self) {
        self.watch_the_clock();
        self.gateway.tidy();
        self.retired.tidy();
        self.gateway.look_again().await;
        self.watch.turn(&self.gateway, &self.reloads, self.stock.clock.now()).await;
        self.signing.learn(&self.front).await;
        self.doors.watch_certificates(self.stock.clock.now());
        self.accounting.tidy(self.stock.clock.now());
        self.status.look().await;
        if self.workers.all_had_a_turn() {
            notify::alive();
        }
    }

    /// Time-based codes and rules about hours follow the time of day, so whoever sets it should be seen
    /// (C-028). Used codes stay used whatever it says.
    fn watch_the_clock(&mut self) {
        let now = self.stock.clock.now();
        let jumped_ms = now.jumped_since(std::mem::replace(&mut self.seen, now));
        if jumped_ms.unsigned_abs() > JUMP {
            tracing::warn!(
                event = "clock.jumped",
                jumped_ms,
                "the time of day was set; time-based codes and hours in rules follow it"
            );
        }
    }

    async fn stop(mut self) {
        tracing::info!(event = "daemon.stopping", "no new logins are taken; running ones end");
        notify::stopping();
        self.signing.learn(&self.front).await;
        self.gateway.hurry();
        let (radius, ldap, accounting) = tokio::join!(
            self.listeners.stop(self.drain),
            self.doors.stop(self.drain),
            self.accounting.stop(self.drain)
        );
        let cut_off = radius.saturating_add(ldap).saturating_add(accounting);
        tracing::info!(event = "daemon.stopped", cut_off, "stopped");
    }
}

fn handler(kind: SignalKind) -> Result<Signal, Stopped> {
    signal(kind).map_err(|error| Stopped::System(format!("a signal cannot be handled: {error}")))
}

const fn level(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    }
}

const fn format(format: LogFormat) -> logging::Format {
    match format {
        LogFormat::Text => logging::Format::Text,
        LogFormat::Json => logging::Format::Json,
    }
}
