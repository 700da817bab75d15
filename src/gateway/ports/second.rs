//! Second factors whose codes are typed.

use crate::base::clock::UnixTime;
use crate::login::credential::Code;
use crate::login::factor::{Enrolment, FactorKind, Mark};
use crate::login::verdict::Fault;

/// A kind of second factor whose codes are typed.
pub trait SecondFactor: Send + Sync {
    /// Which kind.
    fn kind(&self) -> FactorKind;

    /// What `code` would use up of `enrolment` at `now`; `None` when it does not fit. A mark that was used
    /// before is returned all the same: only the store can tell, atomically.
    ///
    /// # Errors
    ///
    /// A fault when the seed cannot be unsealed.
    fn judge(&self, enrolment: &Enrolment, code: &Code, now: UnixTime) -> Result<Option<Mark>, Fault>;
}
