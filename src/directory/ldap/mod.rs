//! LDAP directories: Active Directory, and any other.

mod active_directory;
mod config;
mod outcome;
mod plain;
mod search;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

pub use crate::directory::ldap::config::{GroupLookup, Kind, LdapConfig, LdapSettings, ReadFile, Tls};

use crate::base::clock::Clock;
use crate::base::random::{self, NoRandomness, Random};
use crate::base::secret::Secret;
use crate::directory::ldap::active_directory::ActiveDirectory;
use crate::directory::ldap::outcome::of_bind;
use crate::gateway::ports::{After, Directory, ServerState, Session, Verified};
use crate::login::identity::{Account, LoginName};
use crate::login::step::PrimaryOutcome;
use crate::login::verdict::Fault;
use crate::upstream::ldap::pool::Pool;
use crate::upstream::ldap::trouble::{Trouble, unhelped};

/// A directory behind one or more LDAP servers.
pub struct LdapDirectory {
    pool: Pool,
    manner: Manner,
    base_dn: String,
    /// Whom a password is tried against when there is no such account: the name of no entry.
    nobody: String,
}

enum Manner {
    ActiveDirectory(Box<ActiveDirectory>),
    Plain(Box<plain::Settings>),
}

impl LdapDirectory {
    /// A directory as configured. Must be called inside a runtime, since it starts the tasks that watch its
    /// servers; nothing is connected before the first question.
    ///
    /// # Errors
    ///
    /// Without randomness there is no name for nobody.
    pub fn start(
        settings: LdapSettings,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
    ) -> Result<Self, NoRandomness> {
        // Unguessable, so that nobody can create the entry.
        let number = u128::from_be_bytes(random::bytes(random)?);
        let base_dn = settings.base_dn().to_owned();
        let nobody = format!("cn={number:032x},{base_dn}");
        let (access, source, manner) = settings.into_parts();
        let manner = match manner {
            config::Manner::ActiveDirectory(settings) => {
                Manner::ActiveDirectory(Box::new(ActiveDirectory::new(settings)))
            }
            config::Manner::Plain(settings) => Manner::Plain(Box::new(settings)),
        };
        let pool = Pool::start(access, source, random::bytes(random)?, clock);
        Ok(Self { pool, manner, base_dn, nobody })
    }
}

#[async_trait]
impl Directory for LdapDirectory {
    async fn find(&self, name: &LoginName, until: Instant) -> Result<Option<Account>, Fault> {
        match &self.manner {
            Manner::ActiveDirectory(domain) => domain.find(&self.pool, name, until).await,
            Manner::Plain(settings) => plain::find(settings, &self.pool, name, until).await,
        }
    }

    async fn verify(
        &self,
        account: Option<&Account>,
        password: &Secret,
        after: After,
        until: Instant,
    ) -> Result<Verified, Fault> {
        if password.is_empty() || password.expose().contains(&0) {
            return Ok(PrimaryOutcome::Wrong.into());
        }
        let name = account.map_or(self.nobody.as_str(), |account| &account.handle);
        // An empty name would be an anonymous bind, which succeeds.
        if name.trim().is_empty() {
            return Ok(PrimaryOutcome::Wrong.into());
        }
        let answered = self.pool.bind(name, password, until).await?;
        let directory = self.pool.directory();
        let outcome = match answered.result() {
            Ok(result) => of_bind(directory, answered.server(), &result),
            Err(broken) => {
                return Err(unhelped(directory, 1, Some((answered.server(), Trouble::Broken(broken)))));
            }
        };
        match (account, outcome) {
            (Some(account), Ok(PrimaryOutcome::Correct)) if after == After::GoOn => {
                let session = Some(Session::new(answered.bound(&account.handle, self.pool.schema())));
                Ok(Verified { outcome: PrimaryOutcome::Correct, session })
            }
            (account, outcome) => {
                answered.give_back();
                let outcome = outcome?;
                // Whatever a server says about nobody, nobody is let in.
                Ok(if account.is_some() { outcome } else { PrimaryOutcome::Wrong }.into())
            }
        }
    }

    fn servers(&self) -> Option<Vec<ServerState>> {
        let all = self.pool.servers().into_iter();
        Some(all.map(|(server, up)| ServerState { name: server.to_string().into(), up }).collect())
    }

    async fn probe(&self, until: Instant) -> Result<(), Fault> {
        self.pool.probe(until).await?;
        search::base(&self.pool, &self.base_dn, until).await
    }
}
