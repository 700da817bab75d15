//! The task behind a connection: it owns the socket and matches answers to requests by message id.
//!
//! A directory is not trusted to be kind: messages, answers, queues and waiting requests all have limits,
//! and what breaks the protocol ends the connection.

use std::collections::HashMap;
use std::future::poll_fn;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use crate::upstream::ldap::connection::{Answer, Broken, Job, Shared, Stream, protocol};
use crate::upstream::ldap::dial::is_tls;
use crate::wire::ldap::frame::{CHUNK, Inbox, MAX_MESSAGE};
use crate::wire::ldap::message::{ExtendedResponse, MAX_MESSAGE_ID, Message, NOTICE_OF_DISCONNECTION, op};
use crate::wire::ldap::request::{abandon, unbind};

/// Most requests that wait for answers on one connection.
pub(super) const MAX_PENDING: usize = 256;
/// Most messages in one answer.
pub(super) const MAX_ANSWER_MESSAGES: usize = 4096;
/// Most octets in one answer.
pub(super) const MAX_ANSWER_BYTES: usize = 2 * MAX_MESSAGE;
/// Most octets in all unfinished answers of one connection together.
const MAX_HELD_BYTES: usize = 4 * MAX_MESSAGE;

/// Drives one connection to its end.
pub(super) async fn drive(stream: Stream, jobs: mpsc::Receiver<Job>, shared: Arc<Shared>) {
    let (reader, writer) = tokio::io::split(stream);
    let driver = Driver {
        reader,
        writer,
        jobs,
        pending: HashMap::new(),
        held: 0,
        out: Vec::new(),
        written: 0,
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
    reader: ReadHalf<Stream>,
    writer: WriteHalf<Stream>,
    jobs: mpsc::Receiver<Job>,
    pending: HashMap<u32, Pending>,
    /// Octets in the answers of all of them.
    held: usize,
    /// What is being written; one message at a time, so that a peer that does not read costs one.
    out: Vec<Zeroizing<Vec<u8>>>,
    written: usize,
    /// Some request was given up before its answer came, which may come all the same.
    abandoned: bool,
    shared: Arc<Shared>,
}

/// How a driver's work ends.
enum End {
    /// The connection is of no more use.
    Over(Broken),
    /// Somebody else goes on with the stream.
    HandOver(oneshot::Sender<Stream>),
}

impl From<Broken> for End {
    fn from(broken: Broken) -> Self {
        Self::Over(broken)
    }
}

impl Driver {
    async fn run(mut self) {
        let end = self.converse().await;
        self.shared.closed.store(true, Ordering::Release);
        self.jobs.close();
        let (broken, taker) = match end {
            End::Over(broken) => (broken, None),
            End::HandOver(taker) => (given_up(), Some(taker)),
        };
        for (_, pending) in self.pending.drain() {
            let _ = pending.reply.send(Err(broken.clone()));
        }
        while let Ok(job) = self.jobs.try_recv() {
            if let Job::Send { reply, .. } = job {
                let _ = reply.send(Err(broken.clone()));
            }
        }
        if let Some(taker) = taker {
            // One that has changed its mind ends the connection.
            let _ = taker.send(self.reader.unsplit(self.writer));
        }
    }

    /// Reads and writes until one side is done, and says why.
    async fn converse(&mut self) -> End {
        let mut inbox = Inbox::new(MAX_MESSAGE);
        loop {
            let idle = self.out.is_empty();
            tokio::select! {
                job = self.jobs.recv(), if idle => match job {
                    Some(Job::HandOver(taker)) => {
                        let quiet = inbox.waiting() == 0 && self.is_quiet().await;
                        return if quiet { End::HandOver(taker) } else { unasked().into() };
                    }
                    Some(Job::Send { id, bytes, ends_with, reply }) => self.send(id, bytes, ends_with, reply),
                    Some(Job::Forget { id }) => self.forget(id),
                    None => return self.leave().await.into(),
                },
                wrote = write_on(&mut self.writer, &self.out, &mut self.written), if !idle => match wrote {
                    Ok(()) => {
                        self.out.clear();
                        self.written = 0;
                    }
                    Err(error) => return Broken::Transport(format!("write: {}", error.kind())).into(),
                },
                read = read_some(&mut self.reader, &mut inbox) => {
                    if let Err(broken) = read.and_then(|()| self.received(&mut inbox)) {
                        return broken.into();
                    }
                }
            }
        }
    }

    async fn leave(&mut self) -> Broken {
        let goodbye = unbind(MAX_MESSAGE_ID);
        // Nobody waits; a peer that does not take it in a second will notice the end anyway.
        let second = std::time::Duration::from_secs(1);
        let _ = tokio::time::timeout(second, async {
            self.writer.write_all(&goodbye).await?;
            self.writer.shutdown().await
        })
        .await;
        given_up()
    }

    /// No answer can come any more, and nothing has come that was not read, nor the end.
    async fn is_quiet(&mut self) -> bool {
        if self.abandoned || !self.pending.is_empty() {
            return false;
        }
        let mut octet = [0];
        let mut buffer = ReadBuf::new(&mut octet);
        let reader = &mut self.reader;
        poll_fn(|context| Poll::Ready(Pin::new(&mut *reader).poll_read(context, &mut buffer).is_pending()))
            .await
    }

    fn send(
        &mut self,
        id: u32,
        bytes: Zeroizing<Vec<u8>>,
        ends_with: u8,
        reply: oneshot::Sender<Result<Answer, Broken>>,
    ) {
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
        self.out.push(bytes);
    }

    fn forget(&mut self, id: u32) {
        let Some(pending) = self.pending.remove(&id) else { return };
        self.abandoned = true;
        self.held = self.held.saturating_sub(pending.answer.bytes);
        // A bind cannot be abandoned (RFC 4511 section 4.11); its connection is given up instead.
        if pending.ends_with == op::SEARCH_DONE {
            let next = self.shared.next_id.fetch_add(1, Ordering::AcqRel).saturating_add(1);
            self.out.push(abandon(next.min(MAX_MESSAGE_ID), id));
        }
    }

    fn received(&mut self, inbox: &mut Inbox) -> Result<(), Broken> {
        while let Some(whole) = inbox.take().map_err(protocol)? {
            self.shared.received.fetch_add(1, Ordering::AcqRel);
            self.sort(whole)?;
        }
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

fn given_up() -> Broken {
    Broken::Transport("the connection was given up".into())
}

fn unasked() -> Broken {
    Broken::Protocol("an answer without a request".into())
}

fn unsolicited(message: &Message<'_>) -> Result<(), Broken> {
    if message.operation.tag != op::EXTENDED_RESPONSE {
        return Err(Broken::Protocol("an answer without a request".into()));
    }
    let notice = ExtendedResponse::read(&message.operation).map_err(protocol)?;
    if notice.name == Some(NOTICE_OF_DISCONNECTION) {
        return Err(Broken::Disconnected(notice.result.code));
    }
    Ok(())
}

/// Puts what comes next into `inbox`. The space that it is read into lies on the stack, since most connections wait,
/// and only for what comes; may be dropped at any await, for until it is done nothing was read.
async fn read_some(reader: &mut ReadHalf<Stream>, inbox: &mut Inbox) -> Result<(), Broken> {
    poll_fn(|context| {
        let mut space = [const { MaybeUninit::uninit() }; CHUNK];
        let mut chunk = ReadBuf::uninit(&mut space);
        Pin::new(&mut *reader).poll_read(context, &mut chunk).map(|read| match read {
            Ok(()) if chunk.filled().is_empty() => {
                Err(Broken::Transport("the server closed the connection".into()))
            }
            Ok(()) if inbox.waiting() == 0 && is_tls(chunk.filled()) => {
                Err(Broken::Transport("the server speaks TLS where LDAP belongs".into()))
            }
            Ok(()) => inbox.push(chunk.filled()).map_err(protocol),
            Err(error) => Err(Broken::Transport(format!("read: {}", error.kind()))),
        })
    })
    .await
}

/// Writes all of `out`; may be dropped at any await and called again, since `written` counts.
async fn write_on(
    writer: &mut WriteHalf<Stream>,
    out: &[Zeroizing<Vec<u8>>],
    written: &mut usize,
) -> std::io::Result<()> {
    let mut before = 0_usize;
    for message in out {
        let end = before.saturating_add(message.len());
        while *written < end {
            let rest = message.get(written.saturating_sub(before)..).unwrap_or_default();
            let count = writer.write(rest).await?;
            if count == 0 {
                return Err(std::io::ErrorKind::WriteZero.into());
            }
            *written = written.saturating_add(count);
        }
        before = end;
    }
    writer.flush().await
}

#[cfg(test)]
mod tests;
