//! Where the servers of a directory are: listed, or named by DNS.

use std::net::{IpAddr, SocketAddr};

use toml::Spanned;

use crate::directory::ldap::config::{Complaints, Kind, LdapConfig, Tls};
use crate::net::tls::Lawful;
use crate::upstream::dns::Dns;
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::discovery::{Service, Sought};
use crate::upstream::ldap::pool::Source;
use crate::upstream::srv::host_name;

/// Most servers that can be listed.
const MOST_SERVERS: usize = 8;
/// Most DNS servers that can be listed.
const MOST_DNS_SERVERS: usize = 4;
/// Ports of LDAP with TLS from the first octet, and of DNS.
const LDAPS: u16 = 636;
const DOMAIN: u16 = 53;

impl LdapConfig {
    /// Where its servers come from.
    pub(super) fn source(&self, complaints: &mut Complaints<'_>) -> Option<Source> {
        match &self.servers {
            Some(servers) => Some(Source::Listed(self.endpoints(servers, complaints))),
            None => self.sought(complaints).map(Source::Dns),
        }
    }

    fn endpoints(&self, servers: &Spanned<Vec<String>>, complaints: &mut Complaints<'_>) -> Vec<Endpoint> {
        let number = servers.get_ref().len();
        if !(1..=MOST_SERVERS).contains(&number) {
            let what = format!("servers has {number} entries, it may have 1 to {MOST_SERVERS}");
            complaints.add(servers.span(), what, "name each server once, the nearest first");
        }
        let default = if self.tls == Tls::Ldaps { LDAPS } else { 389 };
        let mut endpoints = Vec::new();
        for server in servers.get_ref() {
            match endpoint(server, default) {
                Some(endpoint) => {
                    self.not_a_catalogue(endpoint.port, servers.span(), complaints);
                    endpoints.push(endpoint);
                }
                None => complaints.add(
                    servers.span(),
                    format_args!("\"{server}\" is not a server"),
                    "write host, host:port or [address]:port; tls is chosen by the key tls, not by a URL",
                ),
            }
        }
        endpoints
    }

    fn sought(&self, complaints: &mut Complaints<'_>) -> Option<Sought> {
        let (written, key) = match self.kind {
            Kind::ActiveDirectory => (self.domain.as_ref(), "domain"),
            Kind::Ldap => (self.srv_domain.as_ref(), "srv-domain"),
        };
        let Some(written) = written else {
            let hint = format!("write servers = [\"…\"], or {key} = \"corp.example\" to let DNS name them");
            complaints.add(self.base_dn.span(), "there are no servers", &hint);
            return None;
        };
        if self.tls == Tls::None {
            let hint = "remove tls or use \"starttls\", or list the servers";
            let what = "servers that DNS names are known by their certificates alone, and tls is \"none\"";
            complaints.add(written.span(), what, hint);
            return None;
        }
        let domain = host_name(written.get_ref().trim());
        let lawful = domain.as_deref().and_then(|domain| self.lawful(domain, complaints));
        let (Some(domain), Some(lawful)) = (domain, lawful) else {
            let hint = "write it as corp.example, other letters in their form with xn--";
            complaints.add(written.span(), format_args!("{key} is not a DNS name"), hint);
            return None;
        };
        self.port(complaints);
        let near = self.site(&domain, complaints);
        Some(Sought { near, anywhere: self.anywhere(&domain), lawful })
    }

    /// `None` when the domain is no name.
    fn lawful(&self, domain: &str, complaints: &mut Complaints<'_>) -> Option<Lawful> {
        let pinned: &[String] = self.server_names.as_ref().map_or(&[], |names| names.get_ref());
        if let Some(names) = &self.server_names {
            let good = |name: &String| Lawful::new(name.strip_prefix("*.").unwrap_or(name), &[]).is_some();
            if pinned.is_empty() || pinned.len() > 64 || !pinned.iter().all(good) {
                let hint = "write each as dc1.corp.example, or as *.corp.example for all below that";
                complaints.add(names.span(), "server-names are not 1 to 64 names of servers", hint);
                return Lawful::new(domain, &[]);
            }
        }
        Lawful::new(domain, pinned)
    }

    /// A global catalogue knows neither all groups of an account nor all that forbids its use (B-080).
    fn not_a_catalogue(&self, port: u16, at: std::ops::Range<usize>, complaints: &mut Complaints<'_>) {
        if self.kind == Kind::ActiveDirectory && matches!(port, 3268 | 3269) {
            let what = format!("port {port} is that of the global catalogue, which does not know all groups");
            let hint = "use 636 or 389; write further domains as [[directory.other-domain]]";
            complaints.add(at, what, hint);
        }
    }

    fn port(&self, complaints: &mut Complaints<'_>) {
        if let Some(port) = &self.port {
            self.not_a_catalogue(*port.get_ref(), port.span(), complaints);
        }
        if let Some(port) = self.port.as_ref().filter(|port| *port.get_ref() == 0) {
            complaints.add(port.span(), "port is 0", "remove it unless the servers have a port of their own");
        }
    }

    /// Where the domain controllers of a site are ([MS-ADTS] section 6.3.2.3).
    fn site(&self, domain: &str, complaints: &mut Complaints<'_>) -> Option<Service> {
        let site = self.site.as_ref()?;
        let name = site.get_ref().trim();
        if host_name(name).is_none() || name.contains('.') {
            let hint = "write the site's name as Active Directory has it: letters, digits and -";
            complaints.add(site.span(), "site is not the name of a site", hint);
        }
        Some(Service {
            name: format!("_ldap._tcp.{name}._sites.dc._msdcs.{domain}"),
            port: self.port_of_all(),
        })
    }

    fn anywhere(&self, domain: &str) -> Vec<Service> {
        let given = self.port.as_ref().map(|port| *port.get_ref());
        match (self.kind, self.tls) {
            (Kind::ActiveDirectory, _) => {
                vec![Service { name: format!("_ldap._tcp.dc._msdcs.{domain}"), port: self.port_of_all() }]
            }
            (Kind::Ldap, Tls::Ldaps) => vec![
                Service { name: format!("_ldaps._tcp.{domain}"), port: given },
                Service { name: format!("_ldap._tcp.{domain}"), port: self.port_of_all() },
            ],
            (Kind::Ldap, Tls::Starttls | Tls::None) => {
                vec![Service { name: format!("_ldap._tcp.{domain}"), port: given }]
            }
        }
    }

    /// The records of `_ldap` tell the port without TLS.
    fn port_of_all(&self) -> Option<u16> {
        let given = self.port.as_ref().map(|port| *port.get_ref());
        given.or_else(|| (self.tls == Tls::Ldaps).then_some(LDAPS))
    }

    /// Who is asked for names.
    pub(super) fn dns(&self, complaints: &mut Complaints<'_>) -> Dns {
        let Some(written) = &self.dns_servers else { return Dns::System };
        let number = written.get_ref().len();
        if !(1..=MOST_DNS_SERVERS).contains(&number) {
            let what = format!("dns-servers has {number} entries, it may have 1 to {MOST_DNS_SERVERS}");
            complaints.add(written.span(), what, "remove it to ask those of the system");
        }
        let mut servers = Vec::new();
        for text in written.get_ref() {
            let found = endpoint(text, DOMAIN);
            match found.and_then(|found| Some(SocketAddr::new(found.host.parse().ok()?, found.port))) {
                Some(server) => servers.push(server),
                None => complaints.add(
                    written.span(),
                    format_args!("\"{text}\" is not the address of a DNS server"),
                    "write address, address:port or [address]:port",
                ),
            }
        }
        Dns::These(servers)
    }
}

/// A server as it is written: `host`, `host:port` or `[address]:port`.
pub(super) fn endpoint(text: &str, default: u16) -> Option<Endpoint> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (
                host,
                port.strip_prefix(':')
                    .map_or((port.is_empty()).then_some(default), |port| port.parse().ok())?,
            )
        }
        None => match text.rsplit_once(':') {
            Some((host, port)) => (host, port.parse().ok()?),
            None => (text, default),
        },
    };
    let name = !host.is_empty()
        && host.len() <= 253
        && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let address = host.parse::<IpAddr>().is_ok();
    (port != 0 && (name || address)).then(|| Endpoint { host: host.into(), port })
}
