//! Who may begin, and who may go on.

use std::sync::Arc;

use crate::gateway::admit::{Place, Refused};
use crate::gateway::drive::Gateway;
use crate::login::attempt::{Attempt, ChallengeId};

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
        let place = self.live.load().admission.enter_now(attempt)?;
        Ok(self.noted(place))
    }

    /// What is written anywhere from now on need not be known to whoever has this place.
    fn noted(&self, mut place: Place) -> Place {
        place.since = Some(self.parts.store.moment());
        place
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
            return admission.resume(client).map(|place| self.noted(place));
        }
        if self.parts.store.is_behind() {
            Err(Refused::StoreBehind)
        } else {
            admission.stray(client).map(|place| self.noted(place))
        }
    }
}
