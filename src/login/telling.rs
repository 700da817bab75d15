//! What a client is told about whom it lets in: its group, its network, its address. Which rules make it and how it
//! is written on the wire is the front end's.

use std::fmt;
use std::sync::Arc;

use crate::login::identity::Account;

/// The rules of one client.
pub trait Tell: Send + Sync {
    /// What the client is told about `account`, by those of its rules that are named in `only`; by all without it.
    ///
    /// # Errors
    ///
    /// [`Untold`] when something that must be told cannot be: then nobody is let in, since a client that hears less
    /// may allow more.
    fn tell(&self, account: &Account, only: Option<&[Arc<str>]>) -> Result<Told, Untold>;

    /// What an administrator has to look at when [`Tell::tell`] fails for `account`, in words that hold no value of it.
    fn why_not(&self, account: &Account, only: Option<&[Arc<str>]>) -> Option<String> {
        self.tell(account, only).err().map(|untold| untold.to_string())
    }
}

/// Something that a client must be told about an account is not to be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an attribute that the client must be told cannot be made for this account")]
pub struct Untold;

/// What a client is told, in its front end's own form.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Told(Arc<[u8]>);

impl Told {
    /// Takes what the front end has written.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        Self(bytes.into())
    }

    /// What was written.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Told(…)")
    }
}

/// The rules of a client, shared by its logins.
#[derive(Clone)]
pub struct Telling(Arc<dyn Tell>);

impl Telling {
    /// Shares `rules`.
    #[must_use]
    pub fn new(rules: impl Tell + 'static) -> Self {
        Self(Arc::new(rules))
    }

    /// As [`Tell::tell`].
    ///
    /// # Errors
    ///
    /// As [`Tell::tell`].
    pub fn tell(&self, account: &Account, only: Option<&[Arc<str>]>) -> Result<Told, Untold> {
        self.0.tell(account, only)
    }

    /// As [`Tell::why_not`].
    #[must_use]
    pub fn why_not(&self, account: &Account, only: Option<&[Arc<str>]>) -> Option<String> {
        self.0.why_not(account, only)
    }
}

impl PartialEq for Telling {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Telling {}

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telling(…)")
    }
}
