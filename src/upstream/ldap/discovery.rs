//! Servers that DNS names (SRV records, RFC 2782), looked for again and again in the background.
//!
//! What DNS says decides whom we ask, never whom we believe: that is for the certificate (B-073). While DNS is away the
//! last good list stays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tracing::{info, warn};

use crate::login::verdict::{Fault, FaultKind};
use crate::net::tls::Lawful;
use crate::upstream::dns::{NoAnswer, Services};
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::roster::Roster;
use crate::upstream::srv::{Record, Seed, in_order};

/// A list is kept at least so long, whatever DNS says.
const SHORTEST: Duration = Duration::from_secs(5);
/// And at most so long.
const LONGEST: Duration = Duration::from_secs(3600);
/// How soon is asked again after there was no list.
const RETRY: Duration = Duration::from_secs(10);
/// How soon is asked again when no server was of help.
const SOON: Duration = Duration::from_secs(1);
/// Time for one question.
const PATIENCE: Duration = Duration::from_secs(8);

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Sought {
    /// The servers of the site, which are asked before all others.
    pub(crate) near: Option<Service>,
    /// Names of the service; the first that exists counts.
    pub(crate) anywhere: Vec<Service>,
    /// Which names a server may have.
    pub(crate) lawful: Lawful,
}

/// One name of the service.
#[derive(Debug)]
pub(crate) struct Service {
    /// For instance `_ldap._tcp.corp.example`.
    pub(crate) name: String,
    /// The port, whatever the records say.
    pub(crate) port: Option<u16>,
}

/// What the last look has brought.
#[derive(Debug, Clone, Default)]
struct Seen {
    /// There is a list, of now or of before.
    listed: bool,
    /// Why there is no fresh one; `None` when there is.
    trouble: Option<Arc<str>>,
    /// How many looks there were.
    looks: u64,
}

/// The task that looks. It ends when this is dropped.
pub(crate) struct Discovery {
    directory: Arc<str>,
    seen: watch::Receiver<Seen>,
    again: Arc<Notify>,
    worker: AbortHandle,
}

impl Drop for Discovery {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Discovery {
    /// Starts to look for servers, and puts what is found into `roster`. Must be called inside a runtime.
    pub(crate) fn start(sought: Sought, seed: Seed, roster: Arc<Roster>) -> Self {
        let (tell, seen) = watch::channel(Seen::default());
        let again = Arc::new(Notify::new());
        let directory = roster.access().directory.clone();
        let worker = Worker { sought, seed, roster, tell, again: again.clone(), last: Vec::new() };
        let worker = tokio::spawn(worker.run()).abort_handle();
        Self { directory, seen, again, worker }
    }

    /// Waits until there is a list, if there was no look yet.
    ///
    /// # Errors
    ///
    /// There is none, and why, and whose move it is.
    pub(crate) async fn ready(&self, until: Instant) -> Result<(), Fault> {
        let mut seen = self.seen.clone();
        let looked = tokio::time::timeout_at(until.into(), seen.wait_for(|seen| seen.looks > 0)).await;
        let trouble = match looked {
            Ok(Ok(seen)) if seen.listed => return Ok(()),
            Ok(Ok(seen)) => seen.trouble.clone().unwrap_or_default(),
            Ok(Err(_)) | Err(_) => "DNS did not name its servers in time; check dns-servers".into(),
        };
        self.again.notify_one();
        Err(Fault::new(
            FaultKind::DirectoryUnreachable,
            format!("directory \"{}\": {trouble}", self.directory),
        ))
    }

    /// No server was of help: DNS is asked again soon, and the fault tells if the list is an old one.
    pub(crate) fn unhelped(&self, mut fault: Fault) -> Fault {
        self.again.notify_one();
        if let Some(trouble) = &self.seen.borrow().trouble {
            fault.what = format!("{}; its servers are those of before: {trouble}", fault.what);
        }
        fault
    }
}

struct Worker {
    sought: Sought,
    seed: Seed,
    roster: Arc<Roster>,
    tell: watch::Sender<Seen>,
    again: Arc<Notify>,
    /// The last good list.
    last: Vec<Endpoint>,
}

impl Worker {
    async fn run(mut self) {
        loop {
            let wait = self.look().await;
            let asked = async {
                self.again.notified().await;
                tokio::time::sleep(SOON).await;
            };
            // Either way it is time.
            let _whichever = timeout(wait, asked).await;
        }
    }

    /// One look; how long what it brought may be kept.
    async fn look(&mut self) -> Duration {
        let (wait, trouble) = match self.found().await {
            Ok((servers, ttl)) => {
                self.take(servers);
                (ttl.clamp(SHORTEST, LONGEST), None)
            }
            Err(trouble) => (RETRY, Some(trouble)),
        };
        let directory = &self.roster.access().directory;
        if let Some(trouble) = &trouble
            && self.tell.borrow().trouble.as_deref() != Some(trouble)
        {
            warn!(event = "directory.servers-not-found", directory = %directory, "{trouble}");
        }
        self.tell.send_modify(|seen| {
            seen.listed = !self.last.is_empty();
            seen.looks = seen.looks.saturating_add(1);
            seen.trouble = trouble.map(Arc::from);
        });
        wait
    }

    fn take(&mut self, servers: Vec<Endpoint>) {
        if servers == self.last {
            return;
        }
        let names: Vec<String> = servers.iter().map(ToString::to_string).collect();
        let directory = &self.roster.access().directory;
        info!(event = "directory.servers-found", directory = %directory, servers = names.join(", "), "DNS names its servers");
        self.roster.replace(&servers);
        self.last = servers;
    }

    /// The list as it is now, and how long it may be kept.
    async fn found(&self) -> Result<(Vec<Endpoint>, Duration), String> {
        let (near, anywhere) = tokio::join!(self.near(), self.anywhere());
        let (anywhere, mut ttl) = anywhere?;
        let near = match near {
            Ok((near, near_ttl)) => {
                ttl = ttl.min(near_ttl);
                near
            }
            // Whom the site prefers is not to be forgotten because one question was lost.
            Err(trouble) if !self.last.is_empty() => return Err(trouble),
            Err(_) => {
                ttl = RETRY;
                Vec::new()
            }
        };
        let records = in_order(self.lawful(near), self.lawful(anywhere), &self.seed);
        if records.is_empty() {
            let names = self.sought.anywhere.iter().map(|one| one.name.as_str()).collect::<Vec<_>>();
            return Err(format!(
                "{} names no server for {} that could be asked; check its records, and server-names",
                self.roster.access().dns,
                names.join(" or ")
            ));
        }
        let servers =
            records.into_iter().map(|record| Endpoint { host: record.target.into(), port: record.port });
        Ok((servers.collect(), ttl))
    }

    /// Where the names of servers are pinned, others are not even asked.
    fn lawful(&self, mut records: Vec<Record>) -> Vec<Record> {
        let lawful = &self.sought.lawful;
        records.retain(|record| lawful.takes_the_domain() || lawful.permits(&record.target));
        records
    }

    /// A site without servers of its own is none that matters.
    async fn near(&self) -> Result<(Vec<Record>, Duration), String> {
        let Some(service) = &self.sought.near else { return Ok((Vec::new(), LONGEST)) };
        match self.ask(service).await {
            Ok(services) => Ok((services.records, services.ttl)),
            Err(NoAnswer::NoSuchName) => Ok((Vec::new(), LONGEST)),
            Err(NoAnswer::Failed(why)) => Err(self.not_told(service, &why)),
        }
    }

    async fn anywhere(&self) -> Result<(Vec<Record>, Duration), String> {
        for service in &self.sought.anywhere {
            match self.ask(service).await {
                Ok(services) => return Ok((services.records, services.ttl)),
                Err(NoAnswer::NoSuchName) => {}
                Err(NoAnswer::Failed(why)) => return Err(self.not_told(service, &why)),
            }
        }
        let names: Vec<&str> = self.sought.anywhere.iter().map(|service| service.name.as_str()).collect();
        Err(format!(
            "{} knows no {}; check the domain's name, and dns-servers: they must know the domain",
            self.roster.access().dns,
            names.join(" and no ")
        ))
    }

    async fn ask(&self, service: &Service) -> Result<Services, NoAnswer> {
        let asked = timeout(PATIENCE, self.roster.access().dns.services(&service.name)).await;
        let late = || NoAnswer::Failed("no answer in time".into());
        let mut services = asked.unwrap_or_else(|_| Err(late()))?;
        if let Some(port) = service.port {
            services.records.iter_mut().for_each(|record| record.port = port);
        }
        Ok(services)
    }

    fn not_told(&self, service: &Service, why: &str) -> String {
        format!(
            "{} does not tell the servers of {}: {why}; check dns-servers, or the DNS of this machine",
            self.roster.access().dns,
            service.name
        )
    }
}
