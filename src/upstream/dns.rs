//! Questions to DNS: services (SRV) and addresses. What it answers is believed by nobody who has not seen a
//! certificate (B-073).

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts, ServerOrderingStrategy,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::rr::RData;

use crate::upstream::srv::Record;

/// How long one DNS server may take before the next is asked.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);
/// Most addresses of one host that are tried.
pub(crate) const MAX_ADDRESSES: usize = 8;
/// The text in front of what the system says about a name.
const SYSTEM_SAYS: &str = "failed to lookup address information: ";

/// Where questions go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dns {
    /// Where the system's go: `/etc/resolv.conf` for services, and all that the system knows for addresses.
    System,
    /// To these, in this order, and nowhere else.
    These(Vec<SocketAddr>),
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// The answer is that there is nothing of the kind.
    #[error("there is no such name")]
    NoSuchName,
    /// It cannot be told.
    #[error("{0}")]
    Failed(String),
}

/// What DNS says of a service.
#[derive(Debug)]
pub(crate) struct Services {
    /// The records that can be used, in no order.
    pub(crate) records: Vec<Record>,
    /// How long they may be kept.
    pub(crate) ttl: Duration,
}

impl fmt::Display for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the system's DNS"),
            Self::These(servers) => {
                f.write_str("DNS at ")?;
                for (index, server) in servers.iter().enumerate() {
                    write!(f, "{}{server}", if index == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
        }
    }
}

impl Dns {
    /// The records of one service, for instance `_ldap._tcp.corp.example`.
    pub(crate) async fn services(&self, name: &str) -> Result<Services, NoAnswer> {
        let resolver = self.resolver()?;
        let found = resolver.srv_lookup(format!("{name}.")).await.map_err(|error| no_answer(&error))?;
        let (mut records, mut ttl) = (Vec::new(), u32::MAX);
        for answer in found.answers() {
            if let RData::SRV(record) = &answer.data {
                let numbers = (record.priority, record.weight, record.port);
                records.extend(Record::new(numbers, &record.target.to_ascii()));
                ttl = ttl.min(answer.ttl);
            }
        }
        Ok(Services { records, ttl: Duration::from_secs(ttl.into()) })
    }

    /// The addresses of one host.
    pub(crate) async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NoAnswer> {
        if let Ok(address) = host.parse() {
            return Ok(vec![address]);
        }
        let addresses: Vec<IpAddr> = match self {
            Self::System => {
                let found = tokio::net::lookup_host((host, 0)).await;
                let found = found.map_err(|error| {
                    let text = error.to_string();
                    NoAnswer::Failed(text.strip_prefix(SYSTEM_SAYS).unwrap_or(&text).to_lowercase())
                })?;
                found.map(|address| address.ip()).take(MAX_ADDRESSES).collect()
            }
            Self::These(_) => {
                let resolver = self.resolver()?;
                let found =
                    resolver.lookup_ip(format!("{host}.")).await.map_err(|error| no_answer(&error))?;
                found.iter().take(MAX_ADDRESSES).collect()
            }
        };
        if addresses.is_empty() { Err(NoAnswer::NoSuchName) } else { Ok(addresses) }
    }

    /// Made anew for each question: the system's settings may have changed, and nothing must be remembered longer than
    /// we remember it ourselves.
    fn resolver(&self) -> Result<TokioResolver, NoAnswer> {
        let provider = TokioRuntimeProvider::default();
        let mut builder = match self {
            Self::System => TokioResolver::builder(provider)
                .map_err(|error| NoAnswer::Failed(format!("/etc/resolv.conf cannot be used: {error}")))?,
            Self::These(servers) => {
                let servers = servers.iter().map(|server| name_server(*server)).collect();
                let config = ResolverConfig::from_parts(None, Vec::new(), servers);
                let mut builder = TokioResolver::builder_with_config(config, provider);
                *builder.options_mut() = ours();
                builder
            }
        };
        builder.options_mut().cache_size = 0;
        builder.build().map_err(|error| no_answer(&error))
    }
}

fn ours() -> ResolverOpts {
    let mut options = ResolverOpts::default();
    options.timeout = SERVER_TIMEOUT;
    options.attempts = 2;
    options.num_concurrent_reqs = 1;
    options.use_hosts_file = ResolveHosts::Never;
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    options
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn no_answer(error: &NetError) -> NoAnswer {
    NoAnswer::Failed(match error {
        NetError::Dns(DnsError::NoRecordsFound(_)) => return NoAnswer::NoSuchName,
        NetError::Dns(DnsError::ResponseCode(code)) => {
            format!("the answer is an error: {}", code.to_string().to_lowercase())
        }
        NetError::Timeout => "no answer in time".into(),
        NetError::NoConnections => "no DNS server can be reached".into(),
        NetError::Io(error) => format!("no DNS server can be reached: {}", error.kind()),
        NetError::Proto(_) => "the answer is malformed".into(),
        other => other.to_string(),
    })
}
