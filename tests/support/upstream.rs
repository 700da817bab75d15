//! Our side of an upstream: its settings, the questions, and what a device's request brings with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::random::{Random, SystemRandom};
use doorward::base::secret::Secret;
use doorward::gateway::ports::upstream::{Question, Upstream};
use doorward::login::relay::{Heard, Held, Passage};
use doorward::login::verdict::Fault;
use doorward::primary::radius::Relay;
use doorward::upstream::radius::passage::Forwarded;
use doorward::upstream::radius::{Pace, Servers, Service, Settings};
use doorward::wire::radius::build::{Buffer, RequestBuilder};
use doorward::wire::radius::packet::{Code, MAX_LEN, Packet};

use crate::support::radius_server::shared;

/// Servers that share this secret, sign every answer, and are not probed.
pub fn settings(servers: Vec<SocketAddr>, secret: &str, pace: Pace) -> Settings {
    Settings {
        name: "nps".into(),
        servers,
        secret: shared(secret),
        signed_only: true,
        service: Service::Access,
        status_server: false,
        nas_identifier: "doorward".into(),
        pace,
    }
}

/// To be called inside a runtime.
pub fn start(settings: &Settings) -> Servers {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    Servers::start(settings, &clock, &random)
}

/// What a device's request with these attributes brings.
pub fn passage(attributes: &[u8]) -> Passage {
    let mut buffer: Buffer = [0; MAX_LEN];
    let mut request = RequestBuilder::new(&mut buffer, Code::AccessRequest, 3, [5; 16]).unwrap();
    request.raw(attributes).unwrap();
    let bytes = request.sign(&shared("the device's secret")).unwrap();
    Passage::new(Forwarded::read(&Packet::parse(bytes).unwrap(), None))
}

/// One question, to be answered by then.
pub async fn ask(
    relay: &Relay,
    passage: &Passage,
    password: Option<&str>,
    earlier: Option<&Held>,
    until: Instant,
) -> Result<Heard, Fault> {
    let password = password.map(|text| Secret::copied(text.as_bytes()));
    relay.ask(Question { passage, password: password.as_ref(), earlier }, until).await
}
