//! The task behind a connection: it owns the socket and matches answers to requests by message id.
//!
//! A directory is not trusted to be kind: messages, answers, queues and waiting requests all have limits,
//! and what breaks the protocol ends the connection.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{mpsc, oneshot};
use zeroize::{Zeroize, Zeroizing};

use crate::upstream::ldap::connection::{
    Answer, Broken, Job, Shared, Stream, came, protocol, unasked, unsolicited,
};
use crate::wire::ldap::frame::{CHUNK, Inbox, MAX_MESSAGE};
use crate::wire::ldap::message::{MAX_MESSAGE_ID, Message, op};
use crate::wire::ldap::request::{abandon, unbind};

/// Most requests that wait for answers on one connection.
pub(super) const MAX_PENDING: usize = 256;
/// Most messages in one answer.
pub(super) const MAX_ANSWER_MESSAGES: usize = 4096;
/// Most octets in one answer.
pub(super) const MAX_ANSWER_BYTES: usize = 2 * MAX_MESSAGE;
/// Most octets in all unfinished answers of one connection together.
const MAX_HELD_BYTES: usize = 4 * MAX_MESSAGE;

/// Octets that are written at once, when so much waits.
const BATCH: usize = CHUNK;

/// Drives one connection to its end.
pub(super) async fn drive(stream: Stream, jobs: mpsc::Receiver<Job>, shared: Arc<Shared>) {
    let driver = Driver {
        stream,
        jobs,
        inbox: Inbox::new(MAX_MESSAGE),
        pending: HashMap::new(),
        held: 0,
        out: Zeroizing::default(),
        written: 0,
        unflushed: false,
        abandoned: false,
        shared,
    };
    driver.run().await;
}

struct Pending {
    ends_with: u8,
    answer: Answer,
    reply: oneshot::Sender<Result<Answer, Broken>>,
}

struct Driver {
    stream: Stream,
    jobs: mpsc::Receiver<Job>,
    inbox: Inbox,
    pending: HashMap<u32, Pending>,
    /// Octets in the answers of all of them.
    held: usize,
    /// What is being written: the requests that waited when it was begun, so that those of many logins cost one
    /// system call. No more are taken until it has left, so that a peer that does not read costs no more than that.
    out: Zeroizing<Vec<u8>>,
    written: usize,
    unflushed: bool,
    /// Some request was given up before its answer came, which may come all the same.
    abandoned: bool,
    shared: Arc<Shared>,
}

impl Driver {
    async fn run(mut self) {
        let end = poll_fn(|context| self.poll(context)).await;
        self.shared.closed.store(true, Ordering::Release);
        self.jobs.close();
        let broken = match end {
            Some(broken) => broken,
            None => self.leave().await,
        };
        for (_, pending) in self.pending.drain() {
            let _ = pending.reply.send(Err(broken.clone()));
        }
        while let Ok(job) = self.jobs.try_recv() {
            if let Job::Send { reply, .. } = job {
                let _ = reply.send(Err(broken.clone()));
            }
        }
    }

    /// Reads and writes until one side is done, and says why; nothing when all handles are gone.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Broken>> {
        // What has come first, since it makes room.
        while let Poll::Ready(read) = self.poll_read(context) {
            if let Err(broken) = read.and_then(|()| self.received()) {
                return Poll::Ready(Some(broken));
            }
        }
        loop {
            match self.poll_write(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => {
                    let broken = Broken::Transport(format!("write: {}", error.kind()));
                    return Poll::Ready(Some(broken));
                }
                Poll::Pending => return Poll::Pending,
            }
            while self.out.len() < BATCH {
                match self.jobs.poll_recv(context) {
                    Poll::Ready(Some(Job::Send { id, request, ends_with, reply })) => {
                        self.send(id, request.octets(), ends_with, reply);
                    }
                    Poll::Ready(Some(Job::Forget { id })) => self.forget(id),
                    Poll::Ready(None) => return Poll::Ready(None),
                    Poll::Pending if self.out.is_empty() => return Poll::Pending,
                    Poll::Pending => break,
                }
            }
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        // On the stack, since most connections wait.
        let mut space = [const { MaybeUninit::uninit() }; CHUNK];
        let mut chunk = ReadBuf::uninit(&mut space);
        let read = Pin::new(&mut self.stream).poll_read(context, &mut chunk);
        read.map(|read| came(read, chunk.filled(), &mut self.inbox))
    }

    /// Ready when everything has left.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.stream).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written = self.written.saturating_add(count),
            }
            self.unflushed = true;
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(context))?;
            self.unflushed = false;
        }
        if self.written > 0 {
            // Wiped, since there may be a password in it; its memory serves the next requests.
            self.out.as_mut_slice().zeroize();
            self.out.clear();
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }

    async fn leave(&mut self) -> Broken {
        let goodbye = unbind(MAX_MESSAGE_ID);
        // Nobody waits; a peer that does not take it in a second will notice the end anyway.
        let second = std::time::Duration::from_secs(1);
        let _ = tokio::time::timeout(second, async {
            self.stream.write_all(&goodbye).await?;
            self.stream.shutdown().await
        })
        .await;
        Broken::Transport("the connection was given up".into())
    }

    fn send(&mut self, id: u32, bytes: &[u8], ends_with: u8, reply: oneshot::Sender<Result<Answer, Broken>>) {
        if self.pending.len() >= MAX_PENDING {
            self.pending.retain(|_, pending| !pending.reply.is_closed());
            self.abandoned = true;
            self.held = self.pending.values().map(|pending| pending.answer.bytes).sum();
        }
        if self.pending.len() >= MAX_PENDING {
            let _ = reply.send(Err(Broken::Full));
            return;
        }
        self.pending.insert(id, Pending { ends_with, answer: Answer::default(), reply });
        self.write(bytes);
    }

    /// Puts a message behind what is to be written. Where that has to grow, no copy stays behind.
    fn write(&mut self, bytes: &[u8]) {
        let needed = self.out.len().saturating_add(bytes.len());
        if needed > self.out.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(1024).next_power_of_two()));
            larger.extend_from_slice(&self.out);
            self.out = larger;
        }
        self.out.extend_from_slice(bytes);
    }

    fn forget(&mut self, id: u32) {
        let Some(pending) = self.pending.remove(&id) else { return };
        self.abandoned = true;
        self.held = self.held.saturating_sub(pending.answer.bytes);
        // A bind cannot be abandoned (RFC 4511 section 4.11); its connection is given up instead.
        if pending.ends_with == op::SEARCH_DONE {
            let next = self.shared.next_id.fetch_add(1, Ordering::AcqRel).saturating_add(1);
            self.write(&abandon(next.min(MAX_MESSAGE_ID), id));
        }
    }

    fn received(&mut self) -> Result<(), Broken> {
        let mut inbox = std::mem::replace(&mut self.inbox, Inbox::new(MAX_MESSAGE));
        while let Some(whole) = inbox.take().map_err(protocol)? {
            self.shared.received.fetch_add(1, Ordering::AcqRel);
            self.sort(whole)?;
        }
        self.inbox = inbox;
        Ok(())
    }

    /// Gives a message to the one who waits for it.
    fn sort(&mut self, whole: &[u8]) -> Result<(), Broken> {
        let message = Message::read(whole).map_err(protocol)?;
        if message.id == 0 {
            return unsolicited(&message);
        }
        let Some(pending) = self.pending.get_mut(&message.id) else {
            // An answer to something that was given up meanwhile is no mistake of the server.
            return if self.abandoned { Ok(()) } else { Err(unasked()) };
        };
        let tag = message.operation.tag;
        let ends = tag == pending.ends_with;
        let continues = pending.ends_with == op::SEARCH_DONE
            && matches!(tag, op::SEARCH_ENTRY | op::SEARCH_REFERENCE | op::INTERMEDIATE_RESPONSE);
        if !ends && !continues {
            return Err(Broken::Protocol(format!("an operation with tag {tag:#04x} where another belongs")));
        }
        pending.answer.bytes = pending.answer.bytes.saturating_add(whole.len());
        self.held = self.held.saturating_add(whole.len());
        let too_large = pending.answer.bytes > MAX_ANSWER_BYTES
            || pending.answer.messages.len() >= MAX_ANSWER_MESSAGES
            || self.held > MAX_HELD_BYTES;
        if too_large {
            return Err(Broken::TooLarge);
        }
        pending.answer.messages.push(whole.into());
        if ends && let Some(done) = self.pending.remove(&message.id) {
            self.held = self.held.saturating_sub(done.answer.bytes);
            let _ = done.reply.send(Ok(done.answer));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
