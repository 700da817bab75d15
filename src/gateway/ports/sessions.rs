//! Sessions that devices keep open for people we let in, as their accounting tells.

use std::sync::Arc;

use async_trait::async_trait;

use crate::base::clock::UnixTime;
use crate::login::attempt::AttemptId;
use crate::login::factor::Sealed;
use crate::login::identity::Pseudonym;
use crate::login::verdict::Fault;

/// Which session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionKey {
    /// The client, by its name in the configuration.
    pub client: Arc<str>,
    /// Digest of what tells one device behind the client from another.
    pub device: [u8; 16],
    /// Digest of the device's own name for the session.
    pub session: [u8; 16],
}

impl SessionKey {
    /// What the seal of its marks is bound to: the session alone.
    #[must_use]
    pub fn place(&self) -> [u8; 32] {
        let mut place = [0; 32];
        let (device, session) = place.split_at_mut(16);
        device.copy_from_slice(&self.device);
        session.copy_from_slice(&self.session);
        place
    }
}

/// One open session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// Which.
    pub key: SessionKey,
    /// Whose.
    pub pseudonym: Pseudonym,
    /// The login that it began with.
    pub attempt: AttemptId,
    /// What the device wants to hear when it is to end the session.
    pub marks: Sealed,
    /// When we first heard of it.
    pub since: UnixTime,
    /// When we last heard of it.
    pub heard: UnixTime,
}

/// What became of news about a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noted {
    /// It was not known before.
    New,
    /// It was, and is still open.
    Known,
    /// Its subject is not known any more: nothing is kept.
    Nobody,
    /// As many are open as may be: the one that was silent for longest made room.
    MadeRoom,
}

/// Keeps the open sessions. As with the store, every call is one atomic step and durable when it returns.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// A session is open. `since` of one that is known stays. At most `most` are kept.
    ///
    /// # Errors
    ///
    /// Here and below: a fault when the store cannot be read or written; then nothing was changed.
    async fn note_session(&self, session: OpenSession, most: u64) -> Result<Noted, Fault>;

    /// A session has ended; gives it back if it was known.
    ///
    /// # Errors
    ///
    /// As above.
    async fn end_session(&self, key: &SessionKey) -> Result<Option<OpenSession>, Fault>;

    /// A device has begun anew, so all its sessions have ended; how many there were.
    ///
    /// # Errors
    ///
    /// As above.
    async fn end_sessions_at(&self, client: &str, device: &[u8; 16]) -> Result<u64, Fault>;

    /// The open sessions of a subject, the oldest first.
    ///
    /// # Errors
    ///
    /// As above.
    async fn sessions_of(&self, who: &Pseudonym) -> Result<Vec<OpenSession>, Fault>;

    /// Forgets the sessions that were last heard of before `before`; how many there were.
    ///
    /// # Errors
    ///
    /// As above.
    async fn forget_silent_sessions(&self, before: UnixTime) -> Result<u64, Fault>;

    /// Number of open sessions.
    ///
    /// # Errors
    ///
    /// As above.
    async fn open_sessions(&self) -> Result<u64, Fault>;

    /// Replaces the seal of a session's marks, when it is still as it was.
    ///
    /// # Errors
    ///
    /// As above.
    async fn rekey_session(&self, key: &SessionKey, before: &Sealed, after: Sealed) -> Result<bool, Fault>;
}

/// Tells devices what to do with the sessions that they keep open.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Tells the device of `session` to end it, more than once if need be, and waits for what it says.
    async fn end(&self, session: &OpenSession) -> Fate;
}

/// What became of the order to end a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The device has ended it.
    Ended,
    /// The device has no such session: it had ended before.
    Gone,
    /// The device says no, for this cause.
    Refused(String),
    /// The device did not say anything that counts.
    Silent(String),
    /// The device was not told, for this cause.
    NotTold(String),
}

impl Fate {
    /// Whether the session is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Ended | Self::Gone)
    }

    /// Its fixed word.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Gone => "gone",
            Self::Refused(_) => "refused",
            Self::Silent(_) => "no-answer",
            Self::NotTold(_) => "not-told",
        }
    }

    /// The cause and what to do about it, where there is one.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Ended | Self::Gone => None,
            Self::Refused(why) | Self::Silent(why) | Self::NotTold(why) => Some(why),
        }
    }
}
