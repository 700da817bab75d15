//! What a new enrolment starts with.

use crate::base::secret::Secret;
use crate::login::factor::Parameters;
use crate::login::verdict::Fault;

/// Makes what an enrolment starts with, and the texts in which a person gets it.
pub trait Provision: Send + Sync {
    /// A fresh seed for a generator, or a fresh set of codes.
    ///
    /// # Errors
    ///
    /// [`CannotProvision::Unable`] when there is no randomness, [`CannotProvision::Parameters`].
    fn fresh(&self, parameters: &Parameters, label: &Label<'_>) -> Result<Provisioned, CannotProvision>;

    /// The same from a seed that was made elsewhere, written in base 32.
    ///
    /// # Errors
    ///
    /// [`CannotProvision`], for a set of codes too: those are never brought along.
    fn brought(
        &self,
        parameters: &Parameters,
        seed: &Secret,
        label: &Label<'_>,
    ) -> Result<Provisioned, CannotProvision>;
}

/// How an enrolment is called in the app of its owner. Holds the name of a person: no `Debug` output of it.
#[derive(Clone, Copy)]
pub struct Label<'a> {
    /// Who asks for the codes.
    pub issuer: &'a str,
    /// Whose codes they are.
    pub account: &'a str,
}

/// What an enrolment starts with.
#[derive(Debug, Clone)]
pub struct Provisioned {
    /// What is to be sealed.
    pub secret: Secret,
    /// What its owner is shown, once.
    pub shown: Shown,
    /// The seed is shorter than 128 bits, so the administrator must be warned (C-021).
    pub weak: bool,
}

/// What the owner of an enrolment is shown, once.
#[derive(Debug, Clone)]
pub enum Shown {
    /// For an app that makes codes.
    Generator {
        /// The `otpauth://` address, for a QR code.
        uri: Secret,
        /// The seed in base 32, for typing it in.
        seed: Secret,
    },
    /// Codes to be printed.
    Codes(Vec<Secret>),
}

/// Why there is nothing to start with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotProvision {
    /// The seed is not base 32.
    #[error("the seed is not base 32: letters A to Z and digits 2 to 7")]
    NotBase32,
    /// Too short or too long.
    #[error("the seed has {0} bytes; it may have 10 to 128, and should have 20")]
    Length(usize),
    /// Digits or period out of range.
    #[error("a generator has 6 to 8 digits and a period of 30 or 60 seconds")]
    Parameters,
    /// Codes cannot be brought along.
    #[error("recovery codes are made here; they cannot be imported")]
    NotASeed,
    /// An empty or unusable name.
    #[error("the issuer and the account name in the app must not be empty")]
    Label,
    /// We could not.
    #[error(transparent)]
    Unable(#[from] Fault),
}
