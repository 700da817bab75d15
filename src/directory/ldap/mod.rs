//! LDAP directories: Active Directory, and any other.

mod active_directory;
mod config;
mod outcome;
mod plain;
mod search;

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;

pub use crate::directory::ldap::config::{
    GroupLookup, Kind, LdapConfig, LdapSettings, OtherDomain, ReadFile, Tls,
};

use crate::base::clock::Clock;
use crate::base::random::{self, NoRandomness, Random};
use crate::base::secret::Secret;
use crate::base::turnstile::Turnstile;
use crate::directory::ldap::active_directory::ActiveDirectory;
use crate::directory::ldap::outcome::of_bind;
use crate::directory::ldap::plain::Plain;
use crate::gateway::ports::{After, Directory, DomainLockout, ServerState, Session, Soon, Verified};
use crate::login::identity::{Account, LoginName};
use crate::login::step::{Changed, PrimaryOutcome};
use crate::login::throttle::LockoutRule;
use crate::login::verdict::Fault;
use crate::upstream::ldap::pool::Pool;
use crate::upstream::ldap::trouble::{Trouble, unhelped};

/// A directory behind one or more LDAP servers.
pub struct LdapDirectory {
    accounts: Accounts,
    /// Whom a password is tried against when there is no such account: the name of no entry.
    nobody: String,
}

/// Where accounts are, and how they are asked for.
enum Accounts {
    /// Active Directory, in one domain or several.
    ActiveDirectory(Box<ActiveDirectory>),
    /// Any other.
    Plain(Box<Plain>),
}

impl Accounts {
    /// The servers that check the password of the entry `dn`, or of nobody.
    fn pool_of(&self, dn: Option<&str>) -> Option<&Pool> {
        match self {
            Self::ActiveDirectory(domains) => domains.pool_of(dn),
            Self::Plain(plain) => Some(plain.pool()),
        }
    }
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
        let nobody = format!("cn={number:032x},{}", settings.base_dn());
        let seed = random::bytes(random)?;
        let pool = move |(access, source)| Pool::start(access, source, seed, clock.clone());
        let accounts = match settings.into_manner() {
            config::Manner::ActiveDirectory(settings, servers) => {
                let pools = servers.into_iter().map(pool).collect();
                Accounts::ActiveDirectory(Box::new(ActiveDirectory::new(settings, pools)))
            }
            config::Manner::Plain(settings, servers) => {
                Accounts::Plain(Box::new(Plain::new(settings, pool(*servers))))
            }
        };
        Ok(Self { accounts, nobody })
    }
}

#[async_trait]
impl Directory for LdapDirectory {
    fn find<'a>(&'a self, name: &'a LoginName, until: Instant) -> Soon<'a, Result<Option<Account>, Fault>> {
        match &self.accounts {
            Accounts::ActiveDirectory(domains) => Soon::later(domains.find(name, until)),
            Accounts::Plain(plain) => Soon::later(plain.find(name, until)),
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
        let Some(pool) = self.accounts.pool_of(account.map(|account| &*account.handle)) else {
            return Ok(PrimaryOutcome::Wrong.into());
        };
        let answered = pool.bind(name, password, until).await?;
        let directory = pool.directory();
        let outcome = match answered.result() {
            Ok(result) => of_bind(directory, answered.server(), &result),
            Err(broken) => {
                return Err(unhelped(directory, 1, Some((answered.server(), Trouble::Broken(broken)))));
            }
        };
        match (account, outcome) {
            (Some(account), Ok(PrimaryOutcome::Correct)) if after == After::GoOn => {
                let session = Some(Session::new(answered.bound(&account.handle, pool.schema())));
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

    fn turnstile(&self, account: Option<&Account>) -> Option<&Arc<Turnstile>> {
        self.accounts.pool_of(account.map(|account| &*account.handle)).map(Pool::turnstile)
    }

    async fn change(
        &self,
        account: &Account,
        old: &Secret,
        new: &Secret,
        until: Instant,
    ) -> Result<Changed, Fault> {
        match &self.accounts {
            Accounts::ActiveDirectory(domains) => domains.change(account, (old, new), until).await,
            // By RFC 3062 an owner changes his password on a connection that he is bound on, which is what he cannot
            // have once it has expired.
            Accounts::Plain(..) => Ok(Changed::Unsupported),
        }
    }

    fn servers(&self) -> Option<Vec<ServerState>> {
        let states = |pool: &Pool| {
            let all = pool.servers().into_iter();
            all.map(|(server, up)| ServerState { name: server.to_string().into(), up }).collect::<Vec<_>>()
        };
        Some(match &self.accounts {
            Accounts::ActiveDirectory(domains) => domains.pools().flat_map(states).collect(),
            Accounts::Plain(plain) => states(plain.pool()),
        })
    }

    async fn probe(&self, until: Instant) -> Result<(), Fault> {
        match &self.accounts {
            Accounts::ActiveDirectory(domains) => domains.probe(until).await,
            Accounts::Plain(plain) => plain.probe(until).await,
        }
    }

    fn usual_lockout(&self) -> Option<LockoutRule> {
        match &self.accounts {
            Accounts::ActiveDirectory(domains) => domains.usual_lockout(),
            Accounts::Plain(..) => None,
        }
    }

    async fn lockouts(&self, until: Instant) -> Vec<DomainLockout> {
        match &self.accounts {
            Accounts::ActiveDirectory(domains) => domains.lockouts(until).await,
            Accounts::Plain(..) => Vec::new(),
        }
    }
}
