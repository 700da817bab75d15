//! The connection to the directory that carries what a person asks after his bind, octet for octet.
//!
//! It was bound as that person by the check of his password, and serves him alone. While nothing is asked it
//! stays with the directory's own client, so that an application which only binds costs no more than that.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};

use crate::frontend::ldap::answers::Answers;
use crate::frontend::ldap::counters::Closed;
use crate::frontend::ldap::outgoing::Outgoing;
use crate::frontend::ldap::session::Passing;
use crate::upstream::ldap::{Bare, Bound};

/// Octets that are read at once.
pub(super) const CHUNK: usize = 16 * 1024;

enum State {
    None,
    /// With the directory's own client.
    Bound(Box<Bound>),
    /// Ours.
    Open(Box<Bare>),
}

/// One person's connection to the directory, or none.
pub(super) struct Relay {
    state: State,
    to_directory: Outgoing,
    answers: Answers,
}

impl Relay {
    pub(super) fn none() -> Self {
        Self { state: State::None, to_directory: Outgoing::secret(), answers: Answers::default() }
    }

    /// The person's bind has succeeded on this connection.
    pub(super) fn begin(&mut self, bound: Bound) {
        *self = Self { state: State::Bound(Box::new(bound)), ..Self::none() };
    }

    /// The person is no longer there. `reusable`: what he asked has been answered and has left no trace, so the
    /// next bind may use the connection.
    pub(super) fn release(&mut self, reusable: bool) {
        let clean = reusable && self.to_directory.is_empty() && self.answers.is_between_messages();
        match std::mem::replace(self, Self::none()).state {
            State::Bound(bound) if clean => bound.give_back(),
            State::Open(bare) if clean => bare.give_back(),
            State::None | State::Bound(_) | State::Open(_) => {}
        }
    }

    /// Passes a message of the client on.
    ///
    /// # Errors
    ///
    /// There is no connection.
    pub(super) fn forward(&mut self, whole: &[u8]) -> Result<(), Closed> {
        self.state = match std::mem::replace(&mut self.state, State::None) {
            State::None => return Err(Closed::DirectoryLost),
            State::Bound(bound) => State::Open(Box::new(bound.into_stream().ok_or(Closed::DirectoryLost)?)),
            open @ State::Open(_) => open,
        };
        self.to_directory.push(whole);
        Ok(())
    }

    /// The directory does not take what waits for it already.
    pub(super) const fn is_backed_up(&self) -> bool {
        self.to_directory.is_enough()
    }

    /// Octets that the directory has not taken yet.
    pub(super) const fn waiting(&self) -> usize {
        self.to_directory.waiting()
    }

    /// Sends what waits, and with `wants_answers` reads what has come. `judge` is asked once for each message, by
    /// its number and operation; what passes goes to `client`. Ready when octets have come, or with an error when the
    /// directory is lost: it ended the connection, broke the protocol, or had gone before.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        wants_answers: bool,
        client: &mut Outgoing,
        judge: &mut dyn FnMut(u32, u8) -> Passing,
    ) -> Poll<Result<(), Closed>> {
        if let State::Bound(bound) = &mut self.state
            && bound.poll_closed(cx).is_ready()
        {
            // Nobody has asked anything yet: what comes next is told that the directory is gone.
            self.state = State::None;
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
        if read.is_err() || chunk.filled().is_empty() {
            return self.lose();
        }
        let passed = self.answers.pass(chunk.filled(), judge, &mut |bytes| client.push(bytes));
        if passed.is_err() {
            self.state = State::None;
        }
        Poll::Ready(passed)
    }

    /// The client has got a part of a message. Until the rest has come nothing else may be sent to it.
    pub(super) const fn is_in_a_message(&self) -> bool {
        self.answers.is_in_a_message()
    }

    fn lose(&mut self) -> Poll<Result<(), Closed>> {
        self.state = State::None;
        Poll::Ready(Err(Closed::DirectoryLost))
    }
}
