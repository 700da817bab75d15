//! A connection on which one request at a time is asked, by whoever holds it: for binds, which nobody else may share.
//!
//! No task stands behind it. A request is written and its answer read by the login that waits for it, so that nothing
//! has to be handed from one task to another. While nobody asks, nobody reads: that the server has ended it, or has
//! said what nobody asked for, is seen when somebody looks.

use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::{Handle, Id};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::upstream::ldap::connection::{
    Answer, Broken, Step, Stream, came, protocol, unasked, unsolicited, used_up,
};
use crate::wire::ldap::frame::{CHUNK, Inbox, MAX_MESSAGE};
use crate::wire::ldap::message::{MAX_MESSAGE_ID, Message};
use crate::wire::ldap::request::unbind;

/// The runtime whose poller hears of a socket: of all that may serve logins, the one that has made the connection. On
/// another one it works as well, but each of its answers wakes a thread more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Home(Option<Id>);

impl Home {
    /// Where this is called.
    pub(crate) fn here() -> Self {
        Self(Handle::try_current().ok().map(|handle| handle.id()))
    }
}

/// One connection; dropping it ends it, with a goodbye when nothing is outstanding.
pub(crate) struct Link {
    /// `None` when somebody else goes on with it.
    stream: Option<Stream>,
    inbox: Inbox,
    last_id: u32,
    /// A request was begun and its answer has not come.
    asking: bool,
    /// It is of no more use.
    broken: bool,
    home: Home,
}

impl Link {
    /// Over a stream on which nothing waits to be read, and nothing was asked that a bind does not undo.
    pub(crate) const fn new(stream: Stream, home: Home) -> Self {
        let inbox = Inbox::new(MAX_MESSAGE);
        Self { stream: Some(stream), inbox, last_id: 0, asking: false, broken: false, home }
    }

    /// Where it was made.
    pub(crate) const fn home(&self) -> Home {
        self.home
    }

    /// Sends one request and waits for its answer, one message with an operation of tag `answer`.
    ///
    /// `build` gets the message id, and gives `None` for what must not be sent. After an error, or when the future was
    /// dropped, the connection is of no more use: a bind cannot be abandoned (RFC 4511 section 4.11).
    pub(crate) async fn ask(
        &mut self,
        answer: u8,
        until: Instant,
        build: impl FnOnce(u32) -> Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Answer, Broken> {
        let id = self.last_id.saturating_add(1);
        if self.asking || self.broken || id >= MAX_MESSAGE_ID {
            return Err(used_up());
        }
        let bytes = build(id).ok_or(Broken::Unsendable)?;
        (self.last_id, self.asking) = (id, true);
        let asked = tokio::time::timeout_at(until, self.exchange(&bytes, id, answer)).await;
        let asked = asked.unwrap_or(Err(Broken::Late(Step::Answer)));
        self.asking = asked.is_err();
        asked
    }

    async fn exchange(&mut self, bytes: &[u8], id: u32, answer: u8) -> Result<Answer, Broken> {
        let stream = self.stream.as_mut().ok_or_else(used_up)?;
        let lost = |error: std::io::Error| Broken::Transport(format!("write: {}", error.kind()));
        stream.write_all(bytes).await.map_err(lost)?;
        stream.flush().await.map_err(lost)?;
        loop {
            while let Some(whole) = self.inbox.take().map_err(protocol)? {
                let message = Message::read(whole).map_err(protocol)?;
                match message.id {
                    0 => unsolicited(&message)?,
                    number if number != id => return Err(unasked()),
                    _ if message.operation.tag != answer => {
                        let tag = message.operation.tag;
                        let what = format!("an operation with tag {tag:#04x} where another belongs");
                        return Err(Broken::Protocol(what));
                    }
                    _ => return Ok(Answer { messages: vec![whole.into()], bytes: whole.len() }),
                }
            }
            poll_fn(|context| self.poll_read(context)).await?;
        }
    }

    /// Puts what has come into the inbox. The space that it is read into lies on the stack, since most connections
    /// wait.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Err(used_up())) };
        let mut space = [const { MaybeUninit::uninit() }; CHUNK];
        let mut chunk = ReadBuf::uninit(&mut space);
        let read = Pin::new(stream).poll_read(context, &mut chunk);
        read.map(|read| came(read, chunk.filled(), &mut self.inbox))
    }

    /// Ready when it is of no more use: the server has ended it, or has said what nobody asked for. Until then
    /// `context` is woken when there is something to look at.
    pub(crate) fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.broken |= self.asking;
        while !self.broken {
            self.broken = self.pass_over().is_err() || self.inbox.waiting() > 0;
            if self.broken {
                break;
            }
            match self.poll_read(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(read) => self.broken = read.is_err(),
            }
        }
        Poll::Ready(())
    }

    /// Passes over notices of something unknown, which harm nothing (RFC 4511 section 4.4).
    fn pass_over(&mut self) -> Result<(), Broken> {
        while let Some(whole) = self.inbox.take().map_err(protocol)? {
            let message = Message::read(whole).map_err(protocol)?;
            if message.id != 0 {
                return Err(unasked());
            }
            unsolicited(&message)?;
        }
        Ok(())
    }

    /// Whether it is of no more use, as far as can be seen without waiting. Costs no system call while nothing has
    /// come.
    pub(crate) fn is_over(&mut self) -> bool {
        // Whoever asks next registers itself in place of the waker that does nothing.
        self.poll_end(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// The stream itself, when nothing waits for an answer and nothing has come that nobody asked for; if not, the
    /// connection ends. No octet is lost: what comes from now on is still in the stream.
    pub(crate) fn into_stream(mut self) -> Option<Stream> {
        if self.is_over() { None } else { self.stream.take() }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // A server in the middle of a request gets no further one.
        let Some(mut stream) = self.stream.take().filter(|_| !self.asking && !self.broken) else { return };
        let goodbye = unbind(self.last_id.saturating_add(1).min(MAX_MESSAGE_ID));
        let mut context = Context::from_waker(Waker::noop());
        // A peer that does not take these few octets at once notices the end anyway.
        if matches!(Pin::new(&mut stream).poll_write(&mut context, &goodbye), Poll::Ready(Ok(_))) {
            let _flushed = Pin::new(&mut stream).poll_flush(&mut context);
            let _closed = Pin::new(&mut stream).poll_shutdown(&mut context);
        }
    }
}

#[cfg(test)]
mod tests;
