//! The devices that may ask, with their secrets and what is demanded of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;

use crate::base::cidr::{Prefix, PrefixTable, canonical};
use crate::frontend::radius::address::AddressSource;
use crate::frontend::radius::charset::Charset;
use crate::frontend::radius::duplicates::ANSWER_LIFE;
use crate::frontend::radius::method::Way;
use crate::frontend::radius::passing::Passing;
use crate::login::client::{Client, PrimaryKind};
use crate::wire::radius::authenticator::{Proof, SharedSecret};
use crate::wire::radius::packet::Packet;

/// A device, or a group of devices with one secret.
pub struct RadiusClient {
    /// The client as a login sees it.
    pub client: Arc<Client>,
    /// The shared secret.
    pub secret: SharedSecret,
    /// The secret before it, accepted while devices are changed over.
    pub previous_secret: Option<SharedSecret>,
    /// Whether its requests must carry Message-Authenticator.
    pub message_authenticator: MessageAuthenticator,
    /// Without Message-Authenticator no Proxy-State either.
    pub limit_proxy_state: bool,
    /// Where its requests give the user's address, in the order to look.
    pub address_from: Vec<AddressSource>,
    /// How it writes passwords.
    pub charset: Charset,
    /// The ways to log in that it may use. All but a password need an upstream.
    pub ways: Vec<Way>,
    /// What goes on to it of its upstream's attributes.
    pub passing: Passing,
    /// Tells it not to show what the user types in reply to a question (RFC 2869 section 5.10).
    pub hide_answer: bool,
    /// How long its answers are kept for copies of their requests; more than [`ANSWER_LIFE`] counts as that.
    pub answer_memory: Duration,
    /// Where it takes orders to end sessions (RFC 5176); `None` when it takes none.
    pub disconnect_port: Option<u16>,
    /// What it has shown so far; starts with nothing.
    pub learned: Learned,
}

/// Whether a valid Message-Authenticator has come from a client.
#[derive(Debug, Default)]
pub struct Learned(AtomicBool);

/// Whether requests must carry Message-Authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageAuthenticator {
    /// Always.
    Required,
    /// From the first valid one on.
    Auto,
    /// Never; replies to such a client can be forged.
    Off,
}

/// Which of a client's secrets a request was made with; its answer is made with the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The secret in use.
    Current,
    /// The one before.
    Previous,
}

impl RadiusClient {
    /// A client with the strict defaults: Message-Authenticator required, address from Calling-Station-Id
    /// and Tunnel-Client-Endpoint.
    #[must_use]
    pub fn new(client: Arc<Client>, secret: SharedSecret) -> Self {
        Self {
            client,
            secret,
            previous_secret: None,
            message_authenticator: MessageAuthenticator::Required,
            limit_proxy_state: true,
            address_from: vec![AddressSource::CallingStationId, AddressSource::TunnelClientEndpoint],
            charset: Charset::default(),
            ways: vec![Way::Pap],
            passing: Passing::default(),
            hide_answer: true,
            answer_memory: ANSWER_LIFE,
            disconnect_port: None,
            learned: Learned::default(),
        }
    }

    /// Whether it may log people in this way.
    #[must_use]
    pub fn may_use(&self, way: Way) -> bool {
        let has_upstream = self.client.primary == PrimaryKind::Upstream;
        self.ways.contains(&way) && (way == Way::Pap || has_upstream)
    }

    /// Whether a request without Message-Authenticator is dropped now.
    #[must_use]
    pub fn requires_message_authenticator(&self) -> bool {
        match self.message_authenticator {
            MessageAuthenticator::Required => true,
            MessageAuthenticator::Auto => self.has_signed(),
            MessageAuthenticator::Off => false,
        }
    }

    /// Whether a valid Message-Authenticator has come from this client.
    #[must_use]
    pub fn has_signed(&self) -> bool {
        self.learned.0.load(Ordering::Relaxed)
    }

    /// A valid Message-Authenticator has come.
    pub fn note_signed(&self) {
        // Reading first keeps the cache line shared between the sockets.
        if !self.has_signed() {
            self.learned.0.store(true, Ordering::Relaxed);
        }
    }

    /// The secret that a request was made with.
    #[must_use]
    pub fn secret(&self, which: Which) -> &SharedSecret {
        match which {
            Which::Current => &self.secret,
            Which::Previous => self.previous_secret.as_ref().unwrap_or(&self.secret),
        }
    }

    /// Holds a request's Message-Authenticator against both secrets, the current one first.
    #[must_use]
    pub fn check(&self, packet: &Packet<'_>) -> (Proof, Which) {
        let proof = self.secret.check_request(packet);
        if proof == Proof::Wrong
            && self.previous_secret.as_ref().is_some_and(|old| old.check_request(packet) == Proof::Valid)
        {
            return (Proof::Valid, Which::Previous);
        }
        (proof, Which::Current)
    }
}

/// All clients by address; the longest prefix wins.
#[derive(Default)]
pub struct ClientTable {
    by_address: PrefixTable<Arc<RadiusClient>>,
    /// Those of a single address, which is the longest prefix there is.
    singles: HashMap<IpAddr, Arc<RadiusClient>, RandomState>,
    all: Vec<Arc<RadiusClient>>,
}

impl ClientTable {
    /// Adds a client under its addresses. Gives back the first of them that another client has already.
    ///
    /// # Errors
    ///
    /// The prefix that is taken, and by whom; the table is then of no use.
    pub fn add(
        &mut self,
        client: RadiusClient,
        addresses: impl IntoIterator<Item = Prefix>,
    ) -> Result<(), (Prefix, Arc<str>)> {
        let client = Arc::new(client);
        for prefix in addresses {
            if let Some(other) = self.by_address.insert(prefix, client.clone()) {
                return Err((prefix, other.client.name.clone()));
            }
            if let Some(address) = prefix.single() {
                self.singles.insert(address, client.clone());
            }
        }
        self.all.push(client);
        Ok(())
    }

    /// The client that has `address`.
    #[must_use]
    pub fn get(&self, address: IpAddr) -> Option<&Arc<RadiusClient>> {
        let address = canonical(address);
        self.singles.get(&address).or_else(|| self.by_address.get(address))
    }

    /// All clients in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = &RadiusClient> {
        self.all.iter().map(|client| &**client)
    }

    /// Takes over from the table before a reload which clients have shown that they can sign.
    pub fn learn_from(&self, before: &Self) {
        for client in &self.all {
            let signed = |old: &&Arc<RadiusClient>| old.client.name == client.client.name && old.has_signed();
            if before.all.iter().any(|old| signed(&old)) {
                client.note_signed();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::radius::lab::{radius_client, secret};

    fn table(clients: Vec<(RadiusClient, &str)>) -> Result<ClientTable, (Prefix, Arc<str>)> {
        let mut table = ClientTable::default();
        for (client, address) in clients {
            table.add(client, [address.parse().unwrap()])?;
        }
        Ok(table)
    }

    #[test]
    fn a_025_a_026_the_longest_prefix_of_the_peer_names_the_client() {
        let table =
            table(vec![(radius_client("wide"), "10.0.0.0/8"), (radius_client("one"), "10.1.2.3")]).unwrap();
        let name = |address: &str| table.get(address.parse().unwrap()).map(|c| c.client.name.to_string());
        assert_eq!(name("10.1.2.3").as_deref(), Some("one"));
        assert_eq!(name("::ffff:10.1.2.3").as_deref(), Some("one"));
        assert_eq!(name("10.1.2.4").as_deref(), Some("wide"));
        assert_eq!(name("192.0.2.1"), None);
    }

    #[test]
    fn two_clients_cannot_share_an_address() {
        let (prefix, by) =
            table(vec![(radius_client("a"), "10.0.0.1"), (radius_client("b"), "10.0.0.1/32")]).err().unwrap();
        assert_eq!((prefix.to_string().as_str(), &*by), ("10.0.0.1/32", "a"));
    }

    #[test]
    fn a_038_what_a_client_has_shown_survives_a_reload_under_its_name() {
        let auto =
            |name| RadiusClient { message_authenticator: MessageAuthenticator::Auto, ..radius_client(name) };
        let before = table(vec![(auto("a"), "10.0.0.1"), (auto("b"), "10.0.0.2")]).unwrap();
        before.get(IpAddr::from([10, 0, 0, 1])).unwrap().note_signed();
        let after = table(vec![(auto("b"), "10.0.0.1"), (auto("a"), "10.0.0.2")]).unwrap();
        after.learn_from(&before);
        let required: Vec<_> =
            after.iter().map(|c| (c.client.name.to_string(), c.requires_message_authenticator())).collect();
        assert_eq!(required, [("b".to_owned(), false), ("a".to_owned(), true)]);
    }

    #[test]
    fn only_auto_learns() {
        let client = |mode| RadiusClient { message_authenticator: mode, ..radius_client("a") };
        for (mode, before, after) in [
            (MessageAuthenticator::Required, true, true),
            (MessageAuthenticator::Auto, false, true),
            (MessageAuthenticator::Off, false, false),
        ] {
            let client = client(mode);
            assert_eq!(client.requires_message_authenticator(), before, "{mode:?}");
            client.note_signed();
            assert_eq!(client.requires_message_authenticator(), after, "{mode:?}");
        }
    }

    #[test]
    fn without_a_previous_secret_the_current_one_is_used() {
        let client = RadiusClient { previous_secret: Some(secret("old")), ..radius_client("a") };
        assert_eq!(client.secret(Which::Previous).raw().expose(), b"old");
        assert_eq!(radius_client("a").secret(Which::Previous).raw(), radius_client("a").secret.raw());
    }
}
