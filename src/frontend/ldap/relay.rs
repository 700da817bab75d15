//! The connection to the directory that carries what a person asks after his bind, octet for octet.
//!
//! It was bound as that person by the check of his password, and serves him alone. While nothing is asked it
//! stays with the directory's own client, so that an application which only binds costs no more than that.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::frontend::ldap::outgoing::Outgoing;
use crate::upstream::ldap::{Bare, Bound};
use crate::wire::ldap::passage::{Passage, Piece};

/// Longest message of a directory that is passed on. It is not held, so the limit is against nonsense alone.
const LONGEST_ANSWER: u64 = 256 * 1024 * 1024;
/// Octets that are read at once.
pub(super) const CHUNK: usize = 16 * 1024;

/// What is to be done with a message of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It goes to the client.
    Passes,
    /// Nobody gets it.
    Skipped,
    /// It is not what a directory may send; that ends the connection.
    Breaks,
}

/// The directory is lost: it ended the connection, broke the protocol, or had gone before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lost;

type Opening = Pin<Box<dyn Future<Output = Option<Bare>> + Send>>;

enum State {
    None,
    /// With the directory's own client.
    Bound(Bound),
    /// Being taken over from it.
    Opening(Opening),
    /// Ours.
    Open(Box<Bare>),
}

/// One person's connection to the directory, or none.
pub(super) struct Relay {
    state: State,
    to_directory: Outgoing,
    passage: Passage,
    /// Whether what follows of the message that began last goes to the client.
    passing: bool,
    /// More of that message is to come.
    inside: bool,
}

impl Relay {
    pub(super) fn none() -> Self {
        Self {
            state: State::None,
            to_directory: Outgoing::default(),
            passage: Passage::new(LONGEST_ANSWER),
            passing: false,
            inside: false,
        }
    }

    /// The person's bind has succeeded on this connection.
    pub(super) fn begin(&mut self, bound: Bound) {
        *self = Self { state: State::Bound(bound), ..Self::none() };
    }

    /// The person is no longer there. `reusable`: what he asked has been answered and has left no trace, so the
    /// next bind may use the connection.
    pub(super) fn release(&mut self, reusable: bool) {
        let clean = reusable && self.to_directory.is_empty() && self.passage.is_between_messages();
        match std::mem::replace(self, Self::none()).state {
            State::Bound(bound) if clean => bound.give_back(),
            State::Open(bare) if clean => bare.give_back(),
            State::None | State::Bound(_) | State::Opening(_) | State::Open(_) => {}
        }
    }

    /// Passes a message of the client on.
    ///
    /// # Errors
    ///
    /// [`Lost`] when there is no connection.
    pub(super) fn forward(&mut self, whole: &[u8]) -> Result<(), Lost> {
        self.state = match std::mem::replace(&mut self.state, State::None) {
            State::None => return Err(Lost),
            State::Bound(bound) => State::Opening(Box::pin(bound.into_stream())),
            other @ (State::Opening(_) | State::Open(_)) => other,
        };
        self.to_directory.push(whole);
        Ok(())
    }

    /// The directory does not take what waits for it already.
    pub(super) const fn is_backed_up(&self) -> bool {
        self.to_directory.is_enough()
    }

    /// Sends what waits, and with `wants_answers` reads what has come. `judge` is asked once for each message, by
    /// its number and operation; what passes goes to `client`. Ready when octets have come or the directory is lost.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        wants_answers: bool,
        client: &mut Outgoing,
        judge: &mut dyn FnMut(u32, u8) -> Fate,
    ) -> Poll<Result<(), Lost>> {
        if let State::Opening(opening) = &mut self.state {
            match opening.as_mut().poll(cx) {
                Poll::Ready(Some(bare)) => self.state = State::Open(Box::new(bare)),
                Poll::Ready(None) => return self.lose(),
                Poll::Pending => return Poll::Pending,
            }
        }
        let State::Open(bare) = &mut self.state else { return Poll::Pending };
        if matches!(self.to_directory.poll(&mut **bare, cx, &mut 0), Poll::Ready(Err(_))) {
            return self.lose();
        }
        if !wants_answers {
            return Poll::Pending;
        }
        let mut space = [const { MaybeUninit::uninit() }; CHUNK];
        let mut chunk = ReadBuf::uninit(&mut space);
        let read: io::Result<()> = match Pin::new(&mut **bare).poll_read(cx, &mut chunk) {
            Poll::Ready(read) => read,
            Poll::Pending => return Poll::Pending,
        };
        if read.is_err() || chunk.filled().is_empty() || self.pass(chunk.filled(), client, judge).is_err() {
            return self.lose();
        }
        Poll::Ready(Ok(()))
    }

    fn pass(
        &mut self,
        received: &[u8],
        client: &mut Outgoing,
        judge: &mut dyn FnMut(u32, u8) -> Fate,
    ) -> Result<(), Lost> {
        let Self { passing, inside, .. } = self;
        let each = |piece: Piece<'_>| {
            let bytes = match piece {
                Piece::Begins { id, tag, bytes, whole } => {
                    *inside = !whole;
                    *passing = match judge(id, tag) {
                        Fate::Passes => true,
                        Fate::Skipped => false,
                        Fate::Breaks => return Err(Lost),
                    };
                    bytes
                }
                Piece::Continues { bytes, ends } => {
                    *inside = !ends;
                    bytes
                }
            };
            if *passing {
                client.push(bytes);
            }
            Ok(())
        };
        self.passage.feed(received, each).map_err(|_| Lost)
    }

    /// The client has got a part of a message. Until the rest has come nothing else may be sent to it.
    pub(super) const fn is_in_a_message(&self) -> bool {
        self.passing && self.inside
    }

    fn lose(&mut self) -> Poll<Result<(), Lost>> {
        self.state = State::None;
        Poll::Ready(Err(Lost))
    }
}
