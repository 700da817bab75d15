//! What an enrolment starts with: fresh seeds and codes, seeds from elsewhere, and the texts that carry them
//! to an app.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::base::random::{NoRandomness, Random};
use crate::base::secret::Secret;
use crate::factor::recovery;
use crate::gateway::ports::provision::{CannotProvision, Label, Provision, Provisioned, Shown};
use crate::login::factor::{OtpAlgorithm, Parameters};
use crate::login::verdict::{Fault, FaultKind};

/// Makes seeds and codes.
pub struct Provisioner {
    random: Arc<dyn Random>,
}

impl Provisioner {
    /// Draws from `random`.
    #[must_use]
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self { random }
    }

    fn generator(
        parameters: &Parameters,
        seed: Secret,
        label: &Label<'_>,
    ) -> Result<Provisioned, CannotProvision> {
        check_label(label)?;
        let shown = Shown::Generator { uri: uri(parameters, &seed, label), seed: base32(&seed) };
        Ok(Provisioned { weak: seed.len() < SHORTEST, secret: seed, shown })
    }
}

/// Fewest bytes of a seed that needs no warning: 128 bits (RFC 4226 section 4, R6).
const SHORTEST: usize = 16;
/// Fewest bytes of a seed that may be imported: 80 bits, the tokens of old (C-021).
const SHORTEST_BROUGHT: usize = 10;
/// Most bytes of a seed: the block of SHA-512; a longer key would be hashed first.
const LONGEST: usize = 128;

impl Provision for Provisioner {
    fn fresh(&self, parameters: &Parameters, label: &Label<'_>) -> Result<Provisioned, CannotProvision> {
        check(parameters)?;
        let length = match parameters {
            // As long as the hash's output (RFC 6238 section 5.1).
            Parameters::Totp { algorithm: OtpAlgorithm::Sha512, .. } => 64,
            Parameters::Totp { algorithm: OtpAlgorithm::Sha256, .. } => 32,
            Parameters::Totp { algorithm: OtpAlgorithm::Sha1, .. } | Parameters::Hotp { .. } => 20,
            Parameters::Recovery => {
                let (codes, secret) = recovery::fresh_set(&*self.random).map_err(unable)?;
                return Ok(Provisioned { secret, shown: Shown::Codes(codes), weak: false });
            }
        };
        let mut seed = vec![0; length];
        self.random.fill(&mut seed).map_err(unable)?;
        Self::generator(parameters, Secret::new(seed), label)
    }

    fn brought(
        &self,
        parameters: &Parameters,
        seed: &Secret,
        label: &Label<'_>,
    ) -> Result<Provisioned, CannotProvision> {
        check(parameters)?;
        if *parameters == Parameters::Recovery {
            return Err(CannotProvision::NotASeed);
        }
        let seed = read_base32(seed).ok_or(CannotProvision::NotBase32)?;
        if !(SHORTEST_BROUGHT..=LONGEST).contains(&seed.len()) {
            return Err(CannotProvision::Length(seed.len()));
        }
        Self::generator(parameters, seed, label)
    }
}

fn check(parameters: &Parameters) -> Result<(), CannotProvision> {
    let fits = match parameters {
        Parameters::Totp { digits, period, .. } => (6..=8).contains(digits) && matches!(period, 30 | 60),
        Parameters::Hotp { digits } => (6..=8).contains(digits),
        Parameters::Recovery => true,
    };
    if fits { Ok(()) } else { Err(CannotProvision::Parameters) }
}

fn check_label(label: &Label<'_>) -> Result<(), CannotProvision> {
    let fits = |text: &str| !text.trim().is_empty() && text.len() <= 256;
    if fits(label.issuer) && fits(label.account) { Ok(()) } else { Err(CannotProvision::Label) }
}

/// The address that apps read from a QR code (C-030): issuer as prefix and as parameter, and everything said
/// explicitly, since apps differ in what they take for granted.
fn uri(parameters: &Parameters, seed: &Secret, label: &Label<'_>) -> Secret {
    // Room for the longest: text that grows leaves copies of the seed behind.
    let room = label.issuer.len().saturating_mul(6).saturating_add(label.account.len().saturating_mul(3));
    let mut text = String::with_capacity(room.saturating_add(512));
    text.push_str("otpauth://");
    text.push_str(parameters.kind().word());
    text.push('/');
    escape(&mut text, label.issuer);
    text.push(':');
    escape(&mut text, label.account);
    text.push_str("?secret=");
    data_encoding::BASE32_NOPAD.encode_append(seed.expose(), &mut text);
    text.push_str("&issuer=");
    escape(&mut text, label.issuer);
    // Writing to a String cannot fail.
    let _ = match parameters {
        Parameters::Totp { algorithm, digits, period } => {
            write!(text, "&algorithm={}&digits={digits}&period={period}", algorithm_name(*algorithm))
        }
        Parameters::Hotp { digits } => write!(text, "&algorithm=SHA1&digits={digits}&counter=0"),
        Parameters::Recovery => Ok(()),
    };
    Secret::new(text.into_bytes())
}

const fn algorithm_name(algorithm: OtpAlgorithm) -> &'static str {
    match algorithm {
        OtpAlgorithm::Sha1 => "SHA1",
        OtpAlgorithm::Sha256 => "SHA256",
        OtpAlgorithm::Sha512 => "SHA512",
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 section 2.3).
fn escape(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

fn base32(seed: &Secret) -> Secret {
    Secret::new(data_encoding::BASE32_NOPAD.encode(seed.expose()).into_bytes())
}

/// Reads base 32 as people have it: in either case, in groups, with padding or without.
fn read_base32(text: &Secret) -> Option<Secret> {
    if text.len() > 512 {
        return None;
    }
    let mut kept = Vec::with_capacity(text.len());
    let dropped = |b: &&u8| matches!(b, b' ' | b'-' | b'=');
    kept.extend(text.expose().iter().filter(|b| !dropped(b)).map(u8::to_ascii_uppercase));
    let kept = Secret::new(kept);
    data_encoding::BASE32_NOPAD.decode(kept.expose()).ok().map(Secret::new)
}

fn unable(why: NoRandomness) -> CannotProvision {
    CannotProvision::Unable(Fault::new(FaultKind::Internal, format!("made no seed: {why}")))
}

#[cfg(test)]
mod tests;
