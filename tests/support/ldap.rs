//! Directories under test, made from the TOML that an administrator would write.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward::base::clock::{Clock, SystemClock};
use doorward::base::problem::Problem;
use doorward::base::random::SystemRandom;
use doorward::base::secret::Secret;
use doorward::directory::ldap::{LdapConfig, LdapDirectory, LdapSettings};
use doorward::gateway::ports::{After, Directory};
use doorward::login::identity::{Account, LoginName};
use doorward::login::step::PrimaryOutcome;
use doorward::login::verdict::Fault;

/// Reads a table and its files.
pub fn settle(toml: &str) -> Result<LdapSettings, Vec<Problem>> {
    let config: LdapConfig = toml::from_str(toml).map_err(|error| vec![Problem::whole(error.to_string())])?;
    let mut problems = Vec::new();
    config.settle(&|path| std::fs::read(path), &mut problems).ok_or(problems)
}

/// A directory and the runtime it lives in.
pub struct Lab {
    runtime: tokio::runtime::Runtime,
    pub directory: Arc<LdapDirectory>,
}

impl Lab {
    /// Starts the directory of this table.
    pub fn new(toml: &str) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let settings = settle(toml).unwrap();
        let start = async { LdapDirectory::start(settings, Arc::new(SystemClock), &SystemRandom).unwrap() };
        let directory = Arc::new(runtime.block_on(start));
        Self { runtime, directory }
    }

    /// Runs something in the directory's runtime.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Runs something beside the test.
    pub fn spawn<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.runtime.spawn(future)
    }

    /// Looks a name up within 10 s.
    pub fn find(&self, name: &str) -> Result<Option<Account>, Fault> {
        self.find_within(name, Duration::from_secs(10))
    }

    /// Looks a name up.
    pub fn find_within(&self, name: &str, time: Duration) -> Result<Option<Account>, Fault> {
        self.block_on(self.directory.find(&login(name), after(time)))
    }

    /// The account that must be there.
    pub fn account(&self, name: &str) -> Account {
        self.find(name).unwrap().unwrap_or_else(|| panic!("no account {name}"))
    }

    /// Tries a password within 10 s; without a name against nobody.
    pub fn verify(&self, account: Option<&Account>, password: &str) -> Result<PrimaryOutcome, Fault> {
        let password = Secret::copied(password.as_bytes());
        let until = after(Duration::from_secs(10));
        let verified = self.block_on(self.directory.verify(account, &password, After::Nothing, until))?;
        Ok(verified.outcome)
    }

    /// Looks the name up and tries the password.
    pub fn log_in(&self, name: &str, password: &str) -> Result<PrimaryOutcome, Fault> {
        let account = self.find(name)?;
        self.verify(account.as_ref(), password)
    }
}

/// A name that may be typed.
pub fn login(name: &str) -> LoginName {
    LoginName::parse(name.as_bytes()).unwrap()
}

/// That long from now.
pub fn after(time: Duration) -> Instant {
    SystemClock.now().steady + time
}
