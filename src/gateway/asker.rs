//! Who waits for a verdict, and what a front end gets to hear.

use std::sync::Arc;

use tokio::sync::watch;

use crate::gateway::ports::{After, Session};
use crate::login::attempt::ChallengeId;
use crate::login::identity::Pseudonym;
use crate::login::relay::Held;
use crate::login::step::Prompt;
use crate::login::verdict::{FaultKind, Grant, Reason};

/// What a front end tells its client.
#[must_use]
#[derive(Debug)]
pub enum Reply {
    /// Put this to the user; his answer comes back under the id.
    Ask(ChallengeId, Prompt),
    /// Let him in.
    Accept(Grant),
    /// Keep him out.
    Reject(Reason),
    /// We could not find out; the client's `when-unable` says what it hears.
    Unable(FaultKind),
}

/// The end of a login's round, for the front end.
#[must_use]
#[derive(Debug)]
pub struct Ended {
    /// What to tell the client.
    pub reply: Reply,
    /// What the password opened; only with [`Reply::Accept`], and only where the asker wants to go on.
    pub session: Option<Session>,
    /// Who it was, as far as it is known; for records of what he does next.
    pub who: Option<Pseudonym>,
    /// What the client's upstream said when it agreed; only with [`Reply::Accept`].
    pub held: Option<Held>,
    /// The sealed note of this login for the client's accounting; only with [`Reply::Accept`].
    pub badge: Option<Arc<[u8]>>,
}

impl Ended {
    /// A reply with nothing beside it.
    pub(in crate::gateway) const fn bare(reply: Reply) -> Self {
        Self { reply, session: None, who: None, held: None, badge: None }
    }
}

/// Who waits for the verdict.
#[derive(Debug, Clone)]
pub struct Asker {
    pub(in crate::gateway) after: After,
    gone: Option<watch::Receiver<bool>>,
}

impl Asker {
    /// One that is there to the end, or of whom it cannot be known, and that wants nothing but the verdict.
    #[must_use]
    pub const fn patient() -> Self {
        Self { after: After::Nothing, gone: None }
    }

    /// One that goes on as the person who logs in, and is gone once `gone` holds `true` or its sender is dropped.
    #[must_use]
    pub const fn going_on(gone: watch::Receiver<bool>) -> Self {
        Self { after: After::GoOn, gone: Some(gone) }
    }

    /// It is there to the end.
    #[must_use]
    pub(in crate::gateway) const fn stays(&self) -> bool {
        self.gone.is_none()
    }

    /// Nobody waits any more.
    #[must_use]
    pub(in crate::gateway) fn is_gone(&self) -> bool {
        self.gone.as_ref().is_some_and(|gone| *gone.borrow() || gone.has_changed().is_err())
    }

    /// Waits until nobody waits any more; for ever with one that stays to the end.
    pub(in crate::gateway) async fn left(&self) {
        match self.gone.clone() {
            // An error says that the sender was dropped.
            Some(mut gone) => drop(gone.wait_for(|gone| *gone).await),
            None => std::future::pending().await,
        }
    }
}
