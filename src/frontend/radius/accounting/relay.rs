//! A server that records are passed on to, and that must have them before the device hears that they are kept.

use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::Clock;
use crate::frontend::radius::accounting::report::Report;
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::radius::{Kind, Request, Servers};
use crate::wire::radius::attribute::Attributes;
use crate::wire::radius::dictionary::{MESSAGE_AUTHENTICATOR, PROXY_STATE};
use crate::wire::radius::packet::Code;

/// How long all its servers together may take. Devices send a record again after a few seconds, and the copy waits for
/// the first.
const PATIENCE: Duration = Duration::from_secs(30);

/// Passes records on.
pub struct Relay {
    servers: Servers,
    clock: Arc<dyn Clock>,
}

impl Relay {
    /// Passes records on to `servers`.
    #[must_use]
    pub const fn new(servers: Servers, clock: Arc<dyn Clock>) -> Self {
        Self { servers, clock }
    }

    /// Passes a record on as it came, Class with our note included; Proxy-State is ours to give back.
    ///
    /// # Errors
    ///
    /// A fault when no server has acknowledged it.
    pub async fn pass(&self, report: &Report) -> Result<(), Fault> {
        let mut attributes = Vec::with_capacity(report.whole.len());
        Attributes::new(&report.whole, 0)
            .filter(|attribute| !matches!(attribute.kind, PROXY_STATE | MESSAGE_AUTHENTICATOR))
            .for_each(|attribute| attributes.extend_from_slice(attribute.whole));
        let now = self.clock.now().steady;
        let until = now.checked_add(PATIENCE).unwrap_or(now);
        let request = Request { kind: Kind::Accounting, attributes: &attributes, password: None };
        let (response, which) = self.servers.ask(&request, None, until).await?;
        if response.code() == Code::AccountingResponse {
            return Ok(());
        }
        let what = format!("upstream \"{}\": {} refused a record", self.servers.name(), which.address());
        Err(Fault::new(FaultKind::UpstreamConfusing, what))
    }
}
