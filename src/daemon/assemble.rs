//! Settings → directories, admission, clients.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::clock::Clock;
use crate::base::random::Random;
use crate::config::settings::{
    DirectoryKind, DirectorySettings, GeoSettings, RadiusClientSettings, Settings, UpstreamSettings,
};
use crate::daemon::stock::Stock;
use crate::directory::file::FileDirectory;
use crate::directory::ldap::LdapDirectory;
use crate::frontend::ldap;
use crate::frontend::radius::accounting;
use crate::frontend::radius::accounting::orders::Devices;
use crate::frontend::radius::clients::{ClientTable, RadiusClient};
use crate::gateway::admit::Admission;
use crate::gateway::drive::{Gateway, Live, Shown};
use crate::gateway::ports::places::Places;
use crate::gateway::ports::sessions::Orders;
use crate::gateway::ports::{Directory, Upstream};
use crate::gateway::spray::Spray;
use crate::geo::Databases;
use crate::login::client::Client;
use crate::login::throttle::FlowLimits;
use crate::login::verdict::{Fault, FaultKind};
use crate::primary::radius::Relay;
use crate::upstream::radius::{self, Pace, Servers, Service};
use crate::wire::radius::authenticator::SharedSecret;

/// The directories by name.
pub type Directories = HashMap<Arc<str>, Arc<dyn Directory>>;

/// Password hashes that are computed at the same time; each takes a core for tens of milliseconds and
/// 19 MiB of memory.
fn hashing_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The upstreams by name.
pub type Upstreams = HashMap<Arc<str>, Arc<dyn Upstream>>;

/// Everything that a reload exchanges. Takes the directories out of `settings`; keeps what was seen
/// `before` where nothing in its limits would change.
///
/// # Errors
///
/// A fault when a directory cannot be made.
pub fn live(
    settings: &mut Settings,
    before: Option<(Arc<Admission>, Arc<Spray>)>,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> Result<Live, Fault> {
    let clients: Vec<Arc<str>> = settings.clients.iter().map(|c| c.login.name.clone()).collect();
    let limits = settings.limits.admission;
    let (admission, spray) = before.unzip();
    let admission = admission
        .filter(|before| before.is_for(&limits, &clients))
        .unwrap_or_else(|| Arc::new(Admission::new(limits, clients, clock)));
    let spray = spray
        .filter(|before| before.is_for(&settings.limits.spray))
        .unwrap_or_else(|| Arc::new(Spray::new(settings.limits.spray, clock, &**random)));
    let directories = directories(settings, clock, &**random)?;
    let upstreams = upstreams(settings, clock, random)?;
    Ok(Live {
        policy: settings.policy.clone(),
        limits: FlowLimits {
            remember_networks: days(settings.remember_networks),
            ..settings.limits.failures
        },
        directories,
        upstreams,
        admission,
        spray,
        shown: Shown { v4: settings.audit.v4, v6: settings.audit.v6 },
        places: places(&settings.geo)?,
    })
}

/// Reads the databases of countries and autonomous systems that there are.
///
/// # Errors
///
/// A fault when one of them is none, or is damaged.
pub fn places(settings: &GeoSettings) -> Result<Arc<dyn Places>, Fault> {
    let databases = Databases::open(settings.country.as_deref(), settings.asn.as_deref());
    Ok(Arc::new(databases.map_err(|unusable| Fault::new(FaultKind::Internal, unusable.to_string()))?))
}

/// Whole days, begun ones included.
fn days(time: Option<Duration>) -> u32 {
    let seconds = time.unwrap_or_default().as_secs();
    u32::try_from(seconds.div_ceil(24 * 60 * 60)).unwrap_or(u32::MAX)
}

/// Makes the directories out of their settings, which are taken out. To be called inside the runtime: they start tasks of their own.
///
/// # Errors
///
/// A fault when one cannot be made.
pub fn directories(
    settings: &mut Settings,
    clock: &Arc<dyn Clock>,
    random: &dyn Random,
) -> Result<Directories, Fault> {
    let all = std::mem::take(&mut settings.directories);
    all.into_iter().map(|one| Ok((one.name.clone(), directory(one, clock, random)?))).collect()
}

fn directory(
    settings: DirectorySettings,
    clock: &Arc<dyn Clock>,
    random: &dyn Random,
) -> Result<Arc<dyn Directory>, Fault> {
    Ok(match settings.kind {
        DirectoryKind::File { users, .. } => {
            Arc::new(FileDirectory::new(settings.name, users, hashing_threads()))
        }
        DirectoryKind::Ldap { settings: ldap, .. } => {
            let ldap = ldap.with_attributes(settings.attributes);
            let no_name = |_| Fault::new(FaultKind::Internal, "the system gave no randomness");
            Arc::new(LdapDirectory::start(ldap, clock.clone(), random).map_err(no_name)?)
        }
    })
}

/// Makes the upstreams. To be called inside the runtime: they start tasks of their own.
///
/// # Errors
///
/// A fault for what the check of the settings should have found: an empty secret.
pub fn upstreams(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> Result<Upstreams, Fault> {
    let made = settings.upstreams.iter().map(|one| {
        let servers = Servers::start(&upstream(one)?, clock, random);
        let relay: Arc<dyn Upstream> = Arc::new(Relay::new(servers));
        Ok((one.name.clone(), relay))
    });
    made.collect()
}

fn upstream(settings: &UpstreamSettings) -> Result<radius::Settings, Fault> {
    let name = &settings.name;
    let empty = |_| Fault::new(FaultKind::Internal, format!("the secret of upstream \"{name}\" is empty"));
    Ok(radius::Settings {
        name: name.clone(),
        servers: settings.servers.clone(),
        secret: SharedSecret::new(settings.secret.clone()).map_err(empty)?,
        signed_only: settings.signed_only,
        service: Service::Access,
        status_server: settings.status_server,
        nas_identifier: settings.nas_identifier.clone(),
        pace: Pace::new(settings.server_timeout),
    })
}

/// The upstream that has to have accounting before it is acknowledged; `None` when records are kept here alone. To be
/// called inside the runtime, as [`upstreams`].
///
/// # Errors
///
/// A fault for what the check of the settings should have found: no such upstream, an empty secret.
pub fn accounting_relay(
    settings: &Settings,
    stock: &Stock,
) -> Result<Option<accounting::relay::Relay>, Fault> {
    let Some(wanted) = &settings.accounting.relay else { return Ok(None) };
    let nobody = || Fault::new(FaultKind::Internal, format!("there is no upstream \"{wanted}\""));
    let one = settings.upstreams.iter().find(|one| one.name == *wanted).ok_or_else(nobody)?;
    let mut upstream = upstream(one)?;
    upstream.service = Service::Accounting;
    upstream.servers.iter_mut().for_each(|server| server.set_port(one.accounting_port));
    // One machine may be listed with two ports for logins.
    let mut seen = std::collections::HashSet::new();
    upstream.servers.retain(|server| seen.insert(*server));
    let servers = Servers::start(&upstream, &stock.clock, &stock.random);
    Ok(Some(accounting::relay::Relay::new(servers, stock.clock.clone())))
}

/// The RADIUS clients by address.
///
/// # Errors
///
/// A fault for what the check of the settings should have found: an empty secret, a prefix twice.
pub fn clients(settings: &Settings) -> Result<ClientTable, Fault> {
    let mut table = ClientTable::default();
    let speaking = settings.clients.iter().filter_map(|client| Some((&client.login, client.radius()?)));
    for (login, client) in speaking {
        let taken = |(prefix, other)| {
            Fault::new(
                FaultKind::Internal,
                format!("{prefix} belongs to clients \"{}\" and \"{other}\"", login.name),
            )
        };
        table
            .add(
                radius_client(login, client, settings.radius.answer_memory)?,
                client.addresses.iter().copied(),
            )
            .map_err(taken)?;
    }
    Ok(table)
}

fn radius_client(
    login: &Arc<Client>,
    settings: &RadiusClientSettings,
    answer_memory: Duration,
) -> Result<RadiusClient, Fault> {
    let empty =
        |_| Fault::new(FaultKind::Internal, format!("the secret of client \"{}\" is empty", login.name));
    let secret = SharedSecret::new(settings.secret.clone()).map_err(empty)?;
    let mut client = RadiusClient::new(login.clone(), secret);
    client.previous_secret =
        settings.previous_secret.clone().map(SharedSecret::new).transpose().map_err(empty)?;
    client.message_authenticator = settings.message_authenticator;
    client.answer_memory = answer_memory;
    client.limit_proxy_state = settings.limit_proxy_state;
    client.address_from.clone_from(&settings.user_address_from);
    client.charset = settings.password_charset.clone();
    client.ways.clone_from(&settings.ways);
    client.passing.clone_from(&settings.passing);
    client.disconnect_port = settings.disconnect_port;
    Ok(client)
}

/// Tells devices to end sessions.
///
/// # Errors
///
/// As [`clients`].
pub fn orders(settings: &Settings, stock: &Stock) -> Result<Arc<dyn Orders>, Fault> {
    let Stock { clock, random, keys, .. } = stock;
    Ok(Arc::new(Devices::new(clients(settings)?, keys.clone(), clock.clone(), random.clone())))
}

/// The applications that speak LDAP, in the order of the configuration.
#[must_use]
pub fn ldap_clients(settings: &Settings) -> ldap::clients::ClientTable {
    let speaking = settings.clients.iter().filter_map(|client| client.ldap().cloned());
    ldap::clients::ClientTable::new(speaking.collect())
}

/// The listeners as they are served.
#[must_use]
pub fn listeners(settings: &Settings) -> Vec<Arc<ldap::listener::ListenerSettings>> {
    settings.listeners.iter().map(|listener| Arc::new(listener.settings.clone())).collect()
}

/// The LDAP front end. It serves nobody until a listener is opened.
#[must_use]
pub fn ldap_front(settings: &Settings, gateway: Arc<Gateway>, stock: &Stock) -> Arc<ldap::listen::Front> {
    let (clock, random) = (stock.clock.clone(), stock.random.clone());
    Arc::new(ldap::listen::Front::new(ldap_clients(settings), settings.ldap, gateway, clock, random))
}
