//! The applications that may ask, and which of them a connection is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::base::cidr::Prefix;
use crate::login::client::Client;
use crate::login::policy::Exemption;

/// An application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapClient {
    /// The client as a login sees it.
    pub client: Arc<Client>,
    /// How its connections are told from others.
    pub known_by: KnownBy,
    /// What the root entry says of the directory behind it.
    pub root: Root,
    /// Whether operations that change something are refused.
    pub read_only: bool,
    /// Whether references to other servers are left out of search results (B-051).
    pub drops_references: bool,
    /// Whose address the connection's own is.
    pub connection_is: ConnectionIs,
    /// Which name in a certificate says who binds with SASL EXTERNAL; without it, that is not offered.
    pub external: Option<ExternalName>,
    /// Its exemptions, by name.
    pub exempt: HashMap<Arc<str>, Exempt>,
}

/// How the connections of a client are told from others: everything that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownBy {
    /// Where they come from; empty for anywhere.
    pub addresses: Vec<Prefix>,
    /// At which listeners; empty for any.
    pub listeners: Vec<Arc<str>>,
    /// By a name in the client certificate, such as `dns:wiki.example.org`; empty when none is needed.
    pub certificates: Vec<Box<str>>,
}

/// Whose address a connection comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionIs {
    /// The application's: the person's own is not known.
    Application,
    /// The person's, who runs the application on his own machine.
    Person,
}

/// Which name in a client certificate is the login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExternalName {
    /// The one rfc822Name in subjectAltName.
    Email,
    /// The one user principal name in subjectAltName.
    Principal,
    /// The subject, as the account's distinguished name.
    Subject,
}

/// What the root entry says of the directory (RFC 4512 section 5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Root {
    /// Where entries are; empty when the directory has none.
    pub naming_contexts: Vec<Box<str>>,
    /// It is Active Directory, and applications look for its marks.
    pub active_directory: bool,
    /// There is a directory to go on at after a bind. Without it, binds are all there is.
    pub has_entries: bool,
}

/// An exemption as it stands at a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exempt {
    /// What its account may do.
    pub allowed: Allowed,
    /// Whose it is and from where. When that changes the client has changed, so that whoever it let in must come again.
    pub definition: Exemption,
}

/// What an exempt account may do after its bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// Search and compare.
    pub search: bool,
}

/// A connection, as far as it tells who is on it.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// Where it comes from.
    pub address: IpAddr,
    /// Name of the listener that took it.
    pub listener: &'a str,
    /// Names in its verified certificate.
    pub certificate: &'a [Box<str>],
}

/// All applications.
#[derive(Debug, Default)]
pub struct ClientTable {
    clients: Vec<Arc<LdapClient>>,
}

impl ClientTable {
    /// A table of these clients, in the order of the configuration.
    #[must_use]
    pub const fn new(clients: Vec<Arc<LdapClient>>) -> Self {
        Self { clients }
    }

    /// The client that this is: one that names a certificate before one that does not, then the one with the
    /// closest prefix, then one that names the listener.
    #[must_use]
    pub fn find(&self, caller: &Caller<'_>) -> Option<&Arc<LdapClient>> {
        let ranked = self.clients.iter().filter_map(|client| Some((client.known_by.rank(caller)?, client)));
        // The first of those that fit equally well; the check of the settings sees to it that there is one.
        ranked.rev().max_by_key(|(rank, _)| *rank).map(|(_, client)| client)
    }

    /// Whether anybody at this address may be a client once a certificate is shown; nobody else is spoken to.
    #[must_use]
    pub fn may_know(&self, address: IpAddr, listener: &str) -> bool {
        self.clients.iter().any(|client| client.known_by.place(address, listener).is_some())
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<LdapClient>> {
        self.clients.iter()
    }
}

/// Bits of the closest prefix, counted from one, and whether the listener is named.
type Place = (u16, bool);

impl KnownBy {
    fn place(&self, address: IpAddr, listener: &str) -> Option<Place> {
        let fits = self.addresses.iter().filter(|prefix| prefix.contains(address));
        let closest = fits.map(|prefix| u16::from(prefix.bits()).saturating_add(1)).max();
        let at = self.listeners.iter().any(|name| **name == *listener);
        let near = if self.addresses.is_empty() { Some(0) } else { closest };
        near.filter(|_| at || self.listeners.is_empty()).map(|bits| (bits, at))
    }

    fn rank(&self, caller: &Caller<'_>) -> Option<(bool, Place)> {
        let place = self.place(caller.address, caller.listener)?;
        let shown = self.certificates.iter().any(|name| caller.certificate.contains(name));
        (shown || self.certificates.is_empty()).then_some((shown, place))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::login::client::{Capabilities, CodeEntry, PrimaryKind, Typed, WhenUnable};

    fn client(name: &str, addresses: &[&str], listeners: &[&str], certificates: &[&str]) -> Arc<LdapClient> {
        Arc::new(LdapClient {
            client: Arc::new(Client {
                name: name.into(),
                directory: "corp".into(),
                primary: PrimaryKind::Directory,
                entry: CodeEntry { challenge: false, typed: Typed::Appended { digits: 6 } },
                prompt: "".into(),
                can: Capabilities { prompts: false, prompts_relayed: false, tells_address: false },
                login_timeout: Duration::from_secs(20),
                challenge_life: Duration::from_secs(60),
                reject_delay: Duration::ZERO,
                when_unable: WhenUnable::Reject,
                remember: None,
                ..Client::new("", "")
            }),
            known_by: KnownBy {
                addresses: addresses.iter().map(|text| text.parse().unwrap()).collect(),
                listeners: listeners.iter().map(|name| Arc::from(*name)).collect(),
                certificates: certificates.iter().map(|name| Box::from(*name)).collect(),
            },
            root: Root::default(),
            read_only: false,
            drops_references: false,
            connection_is: ConnectionIs::Application,
            external: None,
            exempt: HashMap::new(),
        })
    }

    fn found(table: &ClientTable, address: &str, listener: &str, certificate: &[&str]) -> Option<String> {
        let names: Vec<Box<str>> = certificate.iter().map(|name| Box::from(*name)).collect();
        let caller = Caller { address: address.parse().unwrap(), listener, certificate: &names };
        table.find(&caller).map(|client| client.client.name.to_string())
    }

    #[test]
    fn a_certificate_goes_before_an_address_and_a_close_address_before_a_wide_one() {
        let table = ClientTable::new(vec![
            client("lan", &["10.0.0.0/8"], &[], &[]),
            client("wiki", &["10.0.0.7"], &[], &[]),
            client("forge", &[], &[], &["dns:forge.example"]),
            client("inside", &["10.0.0.0/8"], &["inner"], &[]),
        ]);
        assert_eq!(found(&table, "10.0.0.7", "outer", &[]).as_deref(), Some("wiki"));
        assert_eq!(found(&table, "10.0.0.8", "outer", &[]).as_deref(), Some("lan"));
        assert_eq!(found(&table, "10.0.0.8", "inner", &[]).as_deref(), Some("inside"));
        assert_eq!(found(&table, "10.0.0.7", "outer", &["dns:forge.example"]).as_deref(), Some("forge"));
        assert_eq!(found(&table, "192.0.2.1", "outer", &["dns:other.example"]), None);
    }

    #[test]
    fn whoever_may_still_show_a_certificate_is_heard_and_strangers_are_not() {
        let table =
            ClientTable::new(vec![client("forge", &["10.0.0.0/8"], &["tls"], &["dns:forge.example"])]);
        assert!(table.may_know("10.1.1.1".parse().unwrap(), "tls"));
        assert!(!table.may_know("10.1.1.1".parse().unwrap(), "plain"));
        assert!(!table.may_know("192.0.2.1".parse().unwrap(), "tls"));
        assert_eq!(found(&table, "10.1.1.1", "tls", &[]), None, "without the certificate it is nobody");
    }
}
