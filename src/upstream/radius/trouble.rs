//! Why a server was of no help, and what is said about it: whose move it is.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::base::random::NoRandomness;
use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::radius::waiting::Refused;
use crate::wire::radius::authenticator::NotAuthentic;
use crate::wire::radius::build::DoesNotFit;

/// Why a server was of no help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing came back.
    Silent {
        /// How often it was asked.
        copies: u8,
        /// For how long.
        waited: Duration,
    },
    /// Something came back, but nothing that counts.
    Refused {
        /// How often it was asked.
        copies: u8,
        /// What was wrong with the last.
        why: Refused,
    },
    /// Its system says that nothing listens there.
    NotListening,
    /// It did not answer what it was asked last, and is not to be asked for a sign of life.
    NoSign,
    /// Our system does not send there.
    Unsendable(io::ErrorKind),
    /// All places for requests to it are taken.
    Full,
    /// The request is longer than a packet may be.
    DoesNotFit,
    /// The system gave no randomness.
    NoRandomness,
}

impl From<NoRandomness> for Trouble {
    fn from(_: NoRandomness) -> Self {
        Self::NoRandomness
    }
}

impl From<DoesNotFit> for Trouble {
    fn from(_: DoesNotFit) -> Self {
        Self::DoesNotFit
    }
}

impl Trouble {
    /// Whether another server may be asked: only when this one had its time or cannot be reached, and when
    /// another would fare better.
    pub(super) const fn leaves_to_others(self) -> bool {
        match self {
            Self::Silent { .. }
            | Self::Refused { .. }
            | Self::NotListening
            | Self::NoSign
            | Self::Unsendable(_) => true,
            Self::Full | Self::DoesNotFit | Self::NoRandomness => false,
        }
    }

    /// Whether the server may have seen what was sent.
    const fn may_have_seen(self) -> bool {
        match self {
            Self::Silent { .. } | Self::Refused { .. } => true,
            Self::NotListening
            | Self::NoSign
            | Self::Unsendable(_)
            | Self::Full
            | Self::DoesNotFit
            | Self::NoRandomness => false,
        }
    }

    fn fault(self, what: String) -> Fault {
        let fault = Fault::new(self.kind(), advised(what, self));
        if self.may_have_seen() { fault.after_asking() } else { fault }
    }

    /// Whether it says something about the server, rather than about us.
    pub(super) const fn is_a_sign(self) -> bool {
        self.leaves_to_others()
    }

    /// What to look at.
    const fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Silent { .. } | Self::NoSign => {
                "check that it runs, that it takes this gateway's address as a client, and that both have the same secret, as most servers drop what is signed with another"
            }
            Self::Refused { why: Refused::NotAuthentic(NotAuthentic::Unsigned), .. } => {
                "update it so that it signs, as replies without can be forged (CVE-2024-3596), or set message-authenticator = \"off\" for this upstream"
            }
            Self::Refused { why: Refused::NotAuthentic(_), .. } => {
                "compare the secret here with the one for this gateway there"
            }
            Self::Refused { why: Refused::Malformed(_) | Refused::Code(_), .. } => {
                "check that this is the port of its RADIUS service"
            }
            Self::NotListening => "check that it runs, and its address and port",
            Self::Unsendable(_) => "check this machine's network and packet filter",
            Self::Full => "look at why it answers so slowly",
            Self::DoesNotFit | Self::NoRandomness => return None,
        })
    }

    const fn kind(self) -> FaultKind {
        match self {
            Self::Silent { .. } | Self::NotListening | Self::NoSign | Self::Unsendable(_) => {
                FaultKind::UpstreamUnreachable
            }
            Self::Refused { .. } => FaultKind::UpstreamConfusing,
            Self::Full => FaultKind::Overloaded,
            Self::DoesNotFit | Self::NoRandomness => FaultKind::Internal,
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent { copies, waited } => {
                write!(f, "no answer to {} in {} ms", Times(*copies), waited.as_millis())
            }
            Self::Refused { copies, why } => {
                write!(f, "it answered {}, but no answer counts: {why}", Times(*copies))
            }
            Self::NotListening => f.write_str("nothing listens there"),
            Self::NoSign => f.write_str("no answer when it was last asked"),
            Self::Unsendable(kind) => write!(f, "nothing can be sent there ({kind})"),
            Self::Full => {
                f.write_str("as many requests as it may be given at once were running all the time")
            }
            Self::DoesNotFit => f.write_str(
                "the request would be longer than a packet may be, or its password than 128 bytes",
            ),
            Self::NoRandomness => f.write_str("the system gave no randomness"),
        }
    }
}

struct Times(u8);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("one request"),
            n => write!(f, "{n} copies of a request"),
        }
    }
}

/// What is said when no server helped: what became of each, and what to look at first.
pub(super) fn unhelped(upstream: &str, tried: &[(SocketAddr, Trouble)]) -> Fault {
    let confusing = tried.iter().find(|(_, trouble)| matches!(trouble, Trouble::Refused { .. }));
    let Some((_, telling)) = confusing.or(tried.first()) else {
        let what = format!("upstream \"{upstream}\": no time was left to ask a server");
        return Fault::new(FaultKind::UpstreamUnreachable, what);
    };
    let mut what = format!("upstream \"{upstream}\"");
    for (at, (server, trouble)) in tried.iter().enumerate() {
        let before = if at == 0 { ": " } else { "; " };
        what.extend([before, &server.to_string(), ": ", &trouble.to_string()]);
    }
    let fault = telling.fault(what);
    if tried.iter().any(|(_, trouble)| trouble.may_have_seen()) { fault.after_asking() } else { fault }
}

/// What is said when no server gave a sign of life.
pub(super) fn lifeless(upstream: &str, tried: &[(SocketAddr, Trouble)]) -> Fault {
    let mut fault = unhelped(upstream, tried);
    if tried.iter().any(|(_, trouble)| matches!(trouble, Trouble::Silent { .. })) {
        fault.what.push_str("; if it does not know Status-Server (RFC 5997), set status-server = false");
    }
    fault
}

/// What is said when the one server that can go on with a conversation did not.
pub(super) fn lost(upstream: &str, server: SocketAddr, trouble: Trouble) -> Fault {
    let what = format!(
        "upstream \"{upstream}\": {server}, which began this conversation and alone can go on with it: {trouble}"
    );
    trouble.fault(what)
}

/// What is said when the server of a conversation is no server of the upstream any more.
pub(super) fn forgotten(upstream: &str, server: SocketAddr) -> Fault {
    let what = format!(
        "upstream \"{upstream}\": {server}, which began this conversation and alone can go on with it, is not among the servers any more; the settings were changed meanwhile, and the next login will find the others"
    );
    Fault::new(FaultKind::UpstreamUnreachable, what)
}

fn advised(what: String, trouble: Trouble) -> String {
    match trouble.advice() {
        Some(advice) => what + "; " + advice,
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Trouble = Trouble::Silent { copies: 3, waited: Duration::from_secs(5) };

    fn at(host: u8) -> SocketAddr {
        ([10, 0, 0, host], 1812).into()
    }

    #[test]
    fn a_wrong_secret_is_told_from_silence_and_comes_first() {
        let wrong = Refused::NotAuthentic(NotAuthentic::ResponseAuthenticator);
        let fault = unhelped("nps", &[(at(5), SILENT), (at(6), Trouble::Refused { copies: 1, why: wrong })]);
        assert_eq!(fault.kind, FaultKind::UpstreamConfusing);
        assert_eq!(
            fault.what,
            "upstream \"nps\": 10.0.0.5:1812: no answer to 3 copies of a request in 5000 ms; 10.0.0.6:1812: it answered one request, but no answer counts: the response authenticator does not fit; the shared secrets may differ; compare the secret here with the one for this gateway there"
        );
    }

    #[test]
    fn silence_says_what_to_look_at_there() {
        let fault = unhelped("nps", &[(at(5), SILENT)]);
        assert_eq!(fault.kind, FaultKind::UpstreamUnreachable);
        assert!(fault.what.contains("takes this gateway's address as a client"), "{fault}");
        assert!(fault.what.contains("the same secret"), "{fault}");
    }

    #[test]
    fn a_reply_without_proof_names_the_setting_that_decides() {
        let why = Refused::NotAuthentic(NotAuthentic::Unsigned);
        let fault = unhelped("nps", &[(at(5), Trouble::Refused { copies: 1, why })]);
        assert!(fault.what.contains("message-authenticator = \"off\""), "{fault}");
    }

    #[test]
    fn without_time_nobody_is_blamed() {
        assert_eq!(unhelped("nps", &[]).what, "upstream \"nps\": no time was left to ask a server");
    }
}
