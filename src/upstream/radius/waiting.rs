//! Which requests of one socket wait for their replies, and which datagram is the reply to one of them. No sockets,
//! no time.

use std::collections::{HashMap, VecDeque};

use tokio::sync::oneshot;

use crate::upstream::radius::request::Kind;
use crate::wire::radius::authenticator::{NotAuthentic, SharedSecret};
use crate::wire::radius::dictionary::{EAP_MESSAGE, MESSAGE_AUTHENTICATOR};
use crate::wire::radius::packet::{Code, Packet, ParseError};

/// Why a reply did not count. The request goes on waiting for a better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is no packet.
    #[error("{0}")]
    Malformed(#[from] ParseError),
    /// Its code answers another kind of request.
    #[error("a reply with code {}, which does not answer the request", .0.number())]
    Code(Code),
    /// It does not prove that the server wrote it for this request.
    #[error("{0}")]
    NotAuthentic(#[from] NotAuthentic),
}

/// Why a request will not be answered on this socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The server's system says that nothing listens there.
    NotListening,
}

/// What was made of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// A request has its reply.
    Answer {
        /// It carries a Message-Authenticator, or is of a kind that needs none.
        signed: bool,
    },
    /// Nobody waits for it: late, a copy, or a stranger's.
    Unmatched,
    /// Somebody waits, but it does not count.
    Refused(Refused),
}

/// A reply that counts, as it came, without padding; or why there will be none.
pub(super) type Outcome = Result<Box<[u8]>, Ended>;

/// One that waits.
struct Open {
    kind: Kind,
    /// The Request Authenticator; nothing was sent as long as there is none.
    authenticator: Option<[u8; 16]>,
    to: oneshot::Sender<Outcome>,
    refused: Option<Refused>,
}

/// The requests of one socket that wait.
pub(super) struct Waiting {
    /// Identifiers that are not in use, the one that has been free for longest first.
    free: VecDeque<u8>,
    open: HashMap<u8, Open>,
}

impl Waiting {
    /// Nobody waits. Identifiers begin at `first`, so that they tell nothing about how many requests there were.
    pub(super) fn new(first: u8) -> Self {
        Self { free: (0..=u8::MAX).map(|n| first.wrapping_add(n)).collect(), open: HashMap::new() }
    }

    /// One more waits: its identifier, and where its reply comes. `None` when all identifiers are in use. Nothing
    /// answers it before [`Waiting::aim`].
    pub(super) fn begin(&mut self, kind: Kind) -> Option<(u8, oneshot::Receiver<Outcome>)> {
        let identifier = self.free.pop_front()?;
        let (to, from) = oneshot::channel();
        self.open.insert(identifier, Open { kind, authenticator: None, to, refused: None });
        Some((identifier, from))
    }

    /// It is about to be sent with this Request Authenticator.
    pub(super) fn aim(&mut self, identifier: u8, authenticator: [u8; 16]) {
        if let Some(open) = self.open.get_mut(&identifier) {
            open.authenticator = Some(authenticator);
        }
    }

    /// It does not wait any more. Tells why the last reply to it did not count, if one came.
    ///
    /// To be called once for each [`Waiting::begin`], answered or not: only then is the identifier free again.
    pub(super) fn end(&mut self, identifier: u8) -> Option<Refused> {
        let refused = self.open.remove(&identifier).and_then(|open| open.refused);
        self.free.push_back(identifier);
        refused
    }

    /// Why the last reply to it did not count.
    pub(super) fn refused(&self, identifier: u8) -> Option<Refused> {
        self.open.get(&identifier).and_then(|open| open.refused)
    }

    /// Nobody waits.
    pub(super) fn is_idle(&self) -> bool {
        self.free.len() > usize::from(u8::MAX)
    }

    /// A datagram came from the server's address and port. The checks and their order are those of A-045.
    pub(super) fn hear(&mut self, datagram: &[u8], secret: &SharedSecret, signed_only: bool) -> Heard {
        let Some(identifier) = datagram.get(1) else { return Heard::Unmatched };
        let Some(open) = self.open.get_mut(identifier).filter(|open| !open.to.is_closed()) else {
            return Heard::Unmatched;
        };
        let Some(authenticator) = open.authenticator else { return Heard::Unmatched };
        match judge(open.kind, &authenticator, datagram, secret, signed_only) {
            Ok(reply) => {
                let signed = reply.has(MESSAGE_AUTHENTICATOR) || !open.kind.ought_to_be_signed();
                let bytes = reply.bytes().into();
                if let Some(open) = self.open.remove(identifier) {
                    // Whoever waited may have gone in this very moment; then nobody wants to know.
                    let _gone = open.to.send(Ok(bytes));
                }
                Heard::Answer { signed }
            }
            Err(refused) => {
                open.refused = Some(refused);
                Heard::Refused(refused)
            }
        }
    }

    /// None of those that wait will be answered.
    pub(super) fn end_all(&mut self, why: Ended) {
        for (_, open) in self.open.drain() {
            let _gone = open.to.send(Err(why));
        }
    }
}

fn judge<'a>(
    kind: Kind,
    authenticator: &[u8; 16],
    datagram: &'a [u8],
    secret: &SharedSecret,
    signed_only: bool,
) -> Result<Packet<'a>, Refused> {
    let reply = Packet::parse(datagram)?;
    if !kind.is_answered_by(reply.code()) {
        return Err(Refused::Code(reply.code()));
    }
    // EAP is never taken unsigned, whatever is agreed for the rest.
    let signed_only = signed_only && kind.may_demand_signature() || reply.has(EAP_MESSAGE);
    secret.check_reply(&reply, authenticator, signed_only)?;
    Ok(reply)
}

#[cfg(test)]
mod tests;
