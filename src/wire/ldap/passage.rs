//! An upstream's answers on their way through, without holding them.
//!
//! What must be known of a message to let it pass (whose it is, and what) stands in its first 38 octets; the
//! rest is handed on as it comes. So an answer of ten mebibytes costs no more memory than one of ten octets,
//! and a slow reader stops the socket it is read from.

use crate::wire::ldap::ber::{Flaw, INTEGER, Reader, SEQUENCE, header};
use crate::wire::ldap::frame::BadFrame;
use crate::wire::ldap::message::message_id;

/// Room for the head of a message that has not arrived whole. The longest head has 38 octets: three tags,
/// three lengths of nine octets, and a number of eight.
const HELD: usize = 64;

/// A part of a message, to be handed on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A message begins.
    Begins {
        /// Number of the request it belongs to; 0 for an unsolicited notice.
        id: u32,
        /// Tag of its operation.
        tag: u8,
        /// Its first octets, from the tag of the message on.
        bytes: &'a [u8],
        /// These are all of it. The network may cut any message, so a short one can come in parts as well.
        whole: bool,
    },
    /// The message that began last goes on.
    Continues {
        /// Its next octets; at least one.
        bytes: &'a [u8],
        /// These are its last ones.
        ends: bool,
    },
}

/// Why [`Passage::feed`] stopped. Nothing may be fed after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended<E> {
    /// The stream is of no further use.
    #[error(transparent)]
    Broken(#[from] BadFrame),
    /// The receiver of the pieces wanted no more.
    #[error("the receiver of the pieces stopped: {0}")]
    Stopped(E),
}

/// Cuts a stream into pieces of messages; holds nothing but the head of one.
#[derive(Debug)]
pub struct Passage {
    /// Octets of a head that is incomplete.
    held: [u8; HELD],
    held_octets: usize,
    /// Octets of the message that began last that have not come yet.
    outstanding: usize,
    limit: usize,
    /// Once the place in the stream is lost, nothing behind it may be taken for a message.
    broken: Option<BadFrame>,
}

impl Passage {
    /// A passage for messages of at most `limit` octets.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { held: [0; HELD], held_octets: 0, outstanding: 0, limit, broken: None }
    }

    /// Hands out what was received, piece by piece and in order. All pieces joined are all octets fed, but
    /// for the incomplete head of a message, which comes out with the octets that complete it.
    ///
    /// # Errors
    ///
    /// [`Ended::Broken`] when a message is longer than the limit, is not a SEQUENCE, has no number from 0 to
    /// 2^31 - 1 or no operation that fits into it; the messages before it have been handed out, none of its
    /// octets has. [`Ended::Stopped`] with the error of `each`. All calls after an error end with
    /// [`Ended::Broken`].
    pub fn feed<E>(
        &mut self,
        received: &[u8],
        mut each: impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), Ended<E>> {
        if let Some(broken) = self.broken {
            return Err(Ended::Broken(broken));
        }
        let ended = self.pass(received, &mut each);
        self.broken = match &ended {
            Ok(()) => None,
            Err(Ended::Broken(bad)) => Some(*bad),
            Err(Ended::Stopped(_)) => Some(BadFrame::Stopped),
        };
        ended
    }

    /// All octets fed so far were whole messages.
    #[must_use]
    pub const fn is_between_messages(&self) -> bool {
        self.held_octets == 0 && self.outstanding == 0 && self.broken.is_none()
    }

    fn pass<E>(
        &mut self,
        received: &[u8],
        each: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), Ended<E>> {
        let mut rest = received;
        while !rest.is_empty() {
            if self.outstanding > 0 {
                let (bytes, behind) = split(rest, self.outstanding);
                self.outstanding = self.outstanding.saturating_sub(bytes.len());
                rest = behind;
                each(Piece::Continues { bytes, ends: self.outstanding == 0 }).map_err(Ended::Stopped)?;
            } else if self.held_octets > 0 {
                rest = self.complete_head(rest, each)?;
            } else if let Some(head) = head(rest, self.limit)? {
                let (bytes, behind) = split(rest, head.total);
                rest = behind;
                self.begin(head, bytes, each)?;
            } else {
                self.hold(rest);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Puts the octets received behind those held; returns what is left when the message has begun.
    fn complete_head<'a, E>(
        &mut self,
        received: &'a [u8],
        each: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<&'a [u8], Ended<E>> {
        let before = self.held_octets;
        self.hold(received);
        // A copy, because the pieces borrow from it while the state changes.
        let held = self.held;
        let together = held.get(..self.held_octets).unwrap_or_default();
        let Some(head) = head(together, self.limit)? else { return Ok(&[]) };
        let (bytes, _) = split(together, head.total);
        self.held_octets = 0;
        let taken = bytes.len().saturating_sub(before);
        self.begin(head, bytes, each)?;
        Ok(received.get(taken..).unwrap_or_default())
    }

    fn begin<E>(
        &mut self,
        head: Head,
        bytes: &[u8],
        each: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), Ended<E>> {
        self.outstanding = head.total.saturating_sub(bytes.len());
        let whole = self.outstanding == 0;
        each(Piece::Begins { id: head.id, tag: head.tag, bytes, whole }).map_err(Ended::Stopped)
    }

    fn hold(&mut self, received: &[u8]) {
        let free = self.held.get_mut(self.held_octets..).unwrap_or_default();
        let count = free.len().min(received.len());
        if let (Some(to), Some(from)) = (free.get_mut(..count), received.get(..count)) {
            to.copy_from_slice(from);
        }
        self.held_octets = self.held_octets.saturating_add(count);
    }
}

/// What stands at the beginning of a message.
#[derive(Clone, Copy)]
struct Head {
    id: u32,
    tag: u8,
    /// Octets of the whole message.
    total: usize,
}

/// Reads the head of the message that `stream` begins with, or `None` while it is incomplete. Never looks
/// behind the message's announced end, where the next one begins.
fn head(stream: &[u8], limit: usize) -> Result<Option<Head>, BadFrame> {
    if let Some(&found) = stream.first().filter(|tag| **tag != SEQUENCE) {
        return Err(BadFrame::NotLdap(Flaw::Tag { expected: SEQUENCE, found }));
    }
    let Some(outer) = header(stream).map_err(BadFrame::NotLdap)? else { return Ok(None) };
    let total = outer.header.saturating_add(outer.value);
    if total > limit {
        return Err(BadFrame::TooLong { announced: total, limit });
    }
    let (message, _) = split(stream, total);
    let inside = message.get(outer.header..).unwrap_or_default();
    match number_and_tag(inside, outer.value).map_err(BadFrame::NotLdap)? {
        Some((id, tag)) => Ok(Some(Head { id, tag, total })),
        None if message.len() == total => Err(BadFrame::NotLdap(Flaw::Truncated)),
        None => Ok(None),
    }
}

/// Number and operation's tag out of the inside of a message, which will have `room` octets; `None` while it
/// is too little of it.
fn number_and_tag(inside: &[u8], room: usize) -> Result<Option<(u32, u8)>, Flaw> {
    let Some(number) = header(inside)? else { return Ok(None) };
    if number.tag != INTEGER {
        return Err(Flaw::Tag { expected: INTEGER, found: number.tag });
    }
    if number.value > 8 {
        return Err(Flaw::IntegerRange);
    }
    let number_octets = number.header.saturating_add(number.value);
    let Some((number, behind)) = inside.split_at_checked(number_octets) else { return Ok(None) };
    let number = Reader::new(number).element().and_then(|element| message_id(&element));
    let id = number.map_err(|malformed| malformed.flaw)?;
    let Some(operation) = header(behind)? else { return Ok(None) };
    let needed = number_octets.saturating_add(operation.header).saturating_add(operation.value);
    if needed > room { Err(Flaw::Truncated) } else { Ok(Some((id, operation.tag))) }
}

/// The first `count` octets, or all when there are fewer, and the rest.
fn split(bytes: &[u8], count: usize) -> (&[u8], &[u8]) {
    bytes.split_at_checked(count).unwrap_or((bytes, &[]))
}

#[cfg(test)]
mod tests;
