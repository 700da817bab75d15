//! The program put together inside the test process as the daemon does it: from a configuration file, with its own store,
//! audit and sockets, and with a clock that the test moves. Commands of the program work on the same folder. Include with
//! `#[path = "support/house.rs"] mod house;` beside `mod lab`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use doorward::base::clock::{Clock, ManualClock, UnixTime};
use doorward::config::Environment;
use doorward::config::settings::Settings;
use doorward::daemon::assemble;
use doorward::daemon::stock::Stock;
use doorward::frontend::ldap::listen;
use doorward::frontend::radius::socket;
use doorward::frontend::radius::udp::Front;
use doorward::gateway::drive::Gateway;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::lab::Lab;

/// Where its clock stands at first: Wednesday, 3 March 2027, 10:00 UTC.
pub const BEGIN: UnixTime = UnixTime(1_804_068_000_000);

pub struct House {
    /// The folder, and commands on it; no program of its own runs there.
    pub lab: Lab,
    pub clock: Arc<ManualClock>,
    /// Of the one listener that the configuration has, if it has one.
    pub ldap: Option<SocketAddr>,
    gateway: Arc<Gateway>,
    /// All sockets close when this is dropped.
    _stop: watch::Sender<bool>,
    _runtime: Runtime,
}

impl House {
    /// With these tables behind the base ones of [`Lab`].
    pub fn start(dir: TempDir, tables: &str) -> Self {
        let mut lab = Lab::prepared(dir, tables);
        let clock = Arc::new(ManualClock::at(BEGIN));
        let file = lab.path("doorward.toml");
        let (mut settings, _) =
            Settings::load(&file, &Environment::default(), BEGIN).unwrap_or_else(|wrong| panic!("{wrong}"));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let inside = runtime.enter();
        let mut stock = runtime.block_on(Stock::open(&settings)).unwrap();
        stock.clock = clock.clone();
        let clients = assemble::clients(&settings).unwrap();
        let live = assemble::live(&mut settings, None, &stock.clock, &stock.random).unwrap();
        let gateway = Arc::new(Gateway::new(stock.parts(), live));
        let (stop, stopped) = watch::channel(false);

        let front = Front::new(clients, gateway.clone(), stock.clock.clone(), stock.random.clone());
        let listener =
            socket::bind(settings.radius.listen[0], &[tokio::runtime::Handle::current()]).unwrap().remove(0);
        lab.radius = listener.local_addr().unwrap();
        runtime.spawn(listener.serve(Arc::new(front), stopped.clone(), Duration::ZERO));

        let front = assemble::ldap_front(&settings, gateway.clone(), &stock);
        let ldap = assemble::listeners(&settings).pop().map(|door| {
            let home = [tokio::runtime::Handle::current()];
            let listener = listen::bind(door.listen[0], &home).unwrap().remove(0);
            let address = listener.local_addr().unwrap();
            let door = Arc::new(ArcSwap::new(door));
            runtime.spawn(listen::serve(listener, door, front, stopped, Duration::ZERO));
            address
        });
        drop(inside);
        Self { lab, clock, ldap, gateway, _stop: stop, _runtime: runtime }
    }

    /// Moves the clock, and does what the daemon does once a second.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.gateway.tidy();
    }

    /// Moves the clock to `seconds` after its beginning.
    pub fn advance_to(&self, seconds: u64) {
        let now = self.clock.now().unix.since(BEGIN);
        self.advance(Duration::from_secs(seconds).checked_sub(now).expect("a time ahead"));
    }
}
