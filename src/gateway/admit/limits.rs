//! The numbers of admission, and what holds where nothing is said.

use std::num::NonZeroU32;

use crate::login::factor::FactorKind;

/// The numbers of admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// New logins at once, all clients together; replies to questions have as many places of their own.
    pub at_once: usize,
    /// The same for one client.
    pub at_once_per_client: usize,
    /// Logins at once from one user address (IPv6: from one /64) at one client.
    pub at_once_per_source: usize,
    /// Logins of one subject that run or wait for their turn; an exempt account has more.
    pub at_once_per_subject: usize,
    /// New logins in a second, all clients together.
    pub per_second: NonZeroU32,
    /// New logins of one client in a second.
    pub client_per_second: NonZeroU32,
    /// New logins from one user address (IPv6: from one /64) at one client in a minute.
    pub source_per_minute: NonZeroU32,
    /// New logins in a minute with names of one realm, at whatever client.
    pub realm_per_minute: NonZeroU32,
    /// New logins of one subject in a minute.
    pub subject_per_minute: NonZeroU32,
    /// Codes of one subject that are compared in a minute.
    pub codes_per_minute: CodesPerMinute,
}

/// How many codes of one subject are compared in a minute, for each kind of factor: what a kind costs, be it attention
/// or money, is spent by whoever tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodesPerMinute(pub [(FactorKind, NonZeroU32); FactorKind::ALL.len()]);

impl CodesPerMinute {
    /// What holds where nothing is said. Nobody types ten codes of a generator in a minute, and nobody needs more than
    /// a few recovery codes.
    #[must_use]
    pub const fn usual(kind: FactorKind) -> u32 {
        match kind {
            FactorKind::Totp => 10,
            // A code of its own for each bind: an application may show several in a minute.
            FactorKind::Hotp => 30,
            FactorKind::Recovery => 5,
        }
    }

    /// `number` for each kind; what cannot be is one.
    #[must_use]
    pub fn each(mut number: impl FnMut(FactorKind) -> u32) -> Self {
        Self(FactorKind::ALL.map(|kind| (kind, NonZeroU32::new(number(kind)).unwrap_or(NonZeroU32::MIN))))
    }
}

impl Default for CodesPerMinute {
    fn default() -> Self {
        Self::each(Self::usual)
    }
}

impl Default for AdmissionLimits {
    /// What holds where nothing is said; docs/configuration.md says why these.
    fn default() -> Self {
        let number = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Self {
            at_once: 10_000,
            at_once_per_client: 2_000,
            at_once_per_source: 64,
            at_once_per_subject: 64,
            per_second: number(5_000),
            client_per_second: number(500),
            source_per_minute: number(120),
            realm_per_minute: number(60_000),
            subject_per_minute: number(30),
            codes_per_minute: CodesPerMinute::default(),
        }
    }
}
