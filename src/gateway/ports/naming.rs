//! Who gives accounts their anonymous ids.

use crate::gateway::ports::{Moment, Soon};
use crate::login::identity::{Account, Subject};
use crate::login::verdict::Fault;

/// Gives accounts their anonymous ids.
pub trait Naming: Send + Sync {
    /// The subject behind `account`; a new account gets its id now.
    ///
    /// # Errors
    ///
    /// A fault of the store, or when the site's own number is missing or belongs to another account.
    fn subject(&self, account: Account) -> Soon<'_, Result<Subject, Fault>>;

    /// The same by what was known at `since`, which costs less where others have asked since then.
    ///
    /// # Errors
    ///
    /// As [`Naming::subject`].
    fn subject_since(&self, account: Account, since: Moment) -> Soon<'_, Result<Subject, Fault>> {
        let _any = since;
        self.subject(account)
    }
}
