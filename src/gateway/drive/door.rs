//! Who may begin, and who may go on.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::base::clock::Now;
use crate::gateway::admit::{Place, Refused, Since};
use crate::gateway::drive::Gateway;
use crate::gateway::ports::Moment;
use crate::login::attempt::{Attempt, ChallengeId};

/// For how long those who begin together know the same. Whoever was held up longer, since one before him waited for the
/// disk, has to know what was revoked meanwhile.
const TOGETHER: Duration = Duration::from_millis(10);

impl Gateway {
    /// A place for a new login. There is none while the store is behind: what it still takes is for those who have begun
    ///
    ///
    /// # Errors
    ///
    /// [`Refused`]: no place, too often, or too much waits for the store.
    pub fn admit(&self, attempt: &Attempt) -> Result<Place, Refused> {
        if self.parts.store.is_behind() {
            return Err(Refused::StoreBehind);
        }
        self.live.load().admission.enter_now(attempt)
    }

    /// What is written anywhere from `now` on need not be known to the logins that begin with this: one look at the store's
    /// files will do for all of them. It is to be taken when they begin, however long they have had their places, or what
    /// an administrator has revoked while they waited would still let somebody in.
    #[must_use]
    pub fn since(&self, now: Now) -> Since {
        Since { moment: self.parts.store.moment(), taken: now.steady }
    }

    /// What others wrote before must be known to a login that goes on `now`.
    pub(super) fn known_since(&self, together: Option<Since>, now: Instant) -> Moment {
        let is_near = |since: &Since| now.saturating_duration_since(since.taken) < TOGETHER;
        together.filter(is_near).map_or_else(|| self.parts.store.moment(), |since| since.moment)
    }

    /// A place for a reply of `client` to the question `id`. Whoever makes up such ids has no part in the places of those
    /// who were asked, nor a rate of his own.
    ///
    /// # Errors
    ///
    /// [`Refused`]: no place, or too often.
    pub fn admit_reply(&self, id: ChallengeId, client: &Arc<str>) -> Result<Place, Refused> {
        let admission = &self.live.load().admission;
        if self.pending.holds(id, client) {
            return admission.resume(client);
        }
        if self.parts.store.is_behind() { Err(Refused::StoreBehind) } else { admission.stray(client) }
    }
}
