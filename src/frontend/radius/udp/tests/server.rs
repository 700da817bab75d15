//! A server on the loopback interface with the real gateway, and a device that asks it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;

use tokio::net::UdpSocket;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::base::clock::{Clock, SystemClock};
use crate::base::random::SystemRandom;
use crate::frontend::radius::lab::{radius_client, secret};
use crate::frontend::radius::socket::{Listener, bind};
use crate::frontend::radius::udp::Front;
use crate::frontend::radius::udp::tests::world::World;
use crate::frontend::radius::udp::tests::{PATIENCE, table};
use crate::gateway::admit::{Admission, AdmissionLimits, CodesPerMinute};
use crate::gateway::drive::{Gateway, Live, Parts, Shown};
use crate::gateway::ports::Directory;
use crate::gateway::spray::{Spray, SprayLimits};
use crate::login::policy::Policy;
use crate::login::throttle::FlowLimits;
use crate::wire::radius::packet::Packet;

/// This runtime, for so many sockets.
pub(super) fn homes(sockets: usize) -> Vec<Handle> {
    vec![Handle::current(); sockets]
}

pub(super) struct Server {
    pub(super) world: Arc<World>,
    pub(super) front: Arc<Front>,
    pub(super) stop: watch::Sender<bool>,
    pub(super) tasks: Vec<JoinHandle<usize>>,
    pub(super) address: SocketAddr,
}

impl Server {
    /// A server on a free port of `address` whose directory answers `permits` times.
    pub(super) fn start(address: &str, sockets: usize, permits: usize) -> Self {
        Self::with(address, sockets, permits, 100)
    }

    pub(super) fn with(address: &str, sockets: usize, permits: usize, places: usize) -> Self {
        Self::by(Arc::new(SystemClock), address, sockets, (permits, places))
    }

    /// The same with a clock of its own.
    pub(super) fn by(
        clock: Arc<dyn Clock>,
        address: &str,
        sockets: usize,
        (permits, places): (usize, usize),
    ) -> Self {
        let world = Arc::new(World::new(permits));
        let rate = NonZeroU32::new(10_000).unwrap();
        let limits = AdmissionLimits {
            at_once: places,
            at_once_per_client: places,
            client_per_second: rate,
            source_per_minute: rate,
            subject_per_minute: rate,
            codes_per_minute: CodesPerMinute::each(|_| rate.get()),
            ..AdmissionLimits::default()
        };
        let parts = Parts {
            store: world.clone(),
            naming: world.clone(),
            factors: vec![world.clone()],
            audit: world.clone(),
            vault: world.clone(),
            clock: clock.clone(),
            random: Arc::new(SystemRandom),
        };
        let directories: HashMap<Arc<str>, Arc<dyn Directory>> =
            HashMap::from([("main".into(), world.clone() as Arc<dyn Directory>)]);
        let admission = Arc::new(Admission::new(limits, ["vpn".into()], &clock));
        let live = Live {
            places: Arc::new(crate::gateway::ports::places::Nowhere),
            policy: Arc::new(Policy::default()),
            limits: FlowLimits::default(),
            directories,
            upstreams: HashMap::new(),
            admission,
            spray: Arc::new(Spray::new(SprayLimits::default(), &clock, &SystemRandom)),
            shown: Shown { v4: 32, v6: 128 },
        };
        let gateway = Arc::new(Gateway::new(parts, live));
        let front = Arc::new(Front::new(table(radius_client("vpn")), gateway, clock, Arc::new(SystemRandom)));
        let listeners = bind(address.parse().unwrap(), &homes(sockets)).unwrap();
        let address = listeners[0].local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let serve =
            |listener: Listener| tokio::spawn(listener.serve(front.clone(), stopped.clone(), PATIENCE));
        let tasks = listeners.into_iter().map(serve).collect();
        Self { world, front, stop, tasks, address }
    }

    pub(super) async fn device(&self) -> Device {
        let local = if self.address.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
        Device(UdpSocket::bind(local).await.unwrap())
    }

    /// Waits until the directory was asked `count` times.
    pub(super) async fn asked(&self, count: u32) {
        let mut asked = self.world.asked.subscribe();
        timeout(PATIENCE, asked.wait_for(|asked| *asked >= count)).await.unwrap().unwrap();
    }

    pub(super) fn count(&self, what: &str, why: &str) -> u64 {
        let all = self.front.counters().all();
        all.iter().find(|(w, y, _)| (*w, *y) == (what, why)).unwrap().2
    }
}

pub(super) struct Device(UdpSocket);

impl Device {
    pub(super) async fn send(&self, to: SocketAddr, packet: &[u8]) {
        self.0.send_to(packet, to).await.unwrap();
    }

    pub(super) async fn hear(&self) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 65_535];
        let (length, from) = timeout(PATIENCE, self.0.recv_from(&mut buffer)).await.unwrap().unwrap();
        buffer.truncate(length);
        (buffer, from)
    }

    pub(super) async fn ask(&self, to: SocketAddr, packet: &[u8]) -> Vec<u8> {
        self.send(to, packet).await;
        let (reply, from) = self.hear().await;
        assert_eq!(from, to, "A-060");
        let authenticator = *Packet::parse(packet).unwrap().authenticator();
        let parsed = Packet::parse(&reply).unwrap();
        assert_eq!(secret("s3cret").check_reply(&parsed, &authenticator, true), Ok(()));
        reply
    }
}
