//! A deed on its way: who waits for it, and how it ended.

use tokio::sync::oneshot;

use crate::login::identity::Pseudonym;
use crate::login::verdict::Fault;
use crate::store::sqlite::deed::{Deed, Done};
use crate::store::sqlite::line::Seat;

/// Who is to hear of a deed, and his place among those who wait.
pub(super) struct Reply {
    to: oneshot::Sender<Result<Done, Fault>>,
    _seat: Seat,
}

impl Reply {
    pub(super) const fn new(to: oneshot::Sender<Result<Done, Fault>>, seat: Seat) -> Self {
        Self { to, _seat: seat }
    }
}

/// A deed that waits.
pub(super) struct Job {
    pub(super) who: Pseudonym,
    pub(super) deed: Deed,
    pub(super) reply: Reply,
}

/// A deed that is done, and somebody who is to hear of it.
pub(super) struct Ending {
    pub(super) reply: Reply,
    pub(super) end: Result<Done, Fault>,
}

impl Ending {
    pub(super) fn tell(self) {
        // Nobody waits any more when the login ran out of time.
        let _ = self.reply.to.send(self.end);
    }
}
