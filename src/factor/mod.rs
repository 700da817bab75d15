//! One file per second factor, and the registry of them.
//!
//! A factor judges: it says what a code would use up. Whether that is still there only the store can tell.

pub mod hotp;
mod otp;
pub mod provision;
pub mod recovery;
pub mod totp;

use std::sync::Arc;

use crate::gateway::ports::{SecondFactor, Vault};

/// Every factor there is; a new one is one more line.
#[must_use]
pub fn all(vault: &Arc<dyn Vault>) -> Vec<Arc<dyn SecondFactor>> {
    vec![
        Arc::new(totp::Totp::new(vault.clone())),
        Arc::new(hotp::Hotp::new(vault.clone())),
        Arc::new(recovery::Recovery::new(vault.clone())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::SeededRandom;
    use crate::login::factor::FactorKind;
    use crate::store::seal::KeyRing;

    #[test]
    fn every_kind_is_registered_once() {
        let vault: Arc<dyn Vault> = Arc::new(KeyRing::generate(Arc::new(SeededRandom::new(1))).unwrap());
        let kinds: Vec<FactorKind> = all(&vault).iter().map(|factor| factor.kind()).collect();
        assert_eq!(kinds, FactorKind::ALL);
    }
}
