//! One connection: a task that owns the socket and matches answers to requests by message id.
//!
//! A directory is not trusted to be kind: messages, answers, queues and waiting requests all have limits,
//! and what breaks the protocol ends the connection.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::wire::ldap::frame::{CHUNK, Inbox, MAX_MESSAGE};
use crate::wire::ldap::message::{ExtendedResponse, MAX_MESSAGE_ID, Message, NOTICE_OF_DISCONNECTION, op};
use crate::wire::ldap::request::{abandon, unbind};
use crate::wire::ldap::result::ResultCode;

/// Most requests that wait for answers on one connection.
const MAX_PENDING: usize = 256;
/// Most messages in one answer.
const MAX_ANSWER_MESSAGES: usize = 4096;
/// Most octets in one answer.
const MAX_ANSWER_BYTES: usize = 2 * MAX_MESSAGE;
/// Most octets in all unfinished answers of one connection together.
const MAX_HELD_BYTES: usize = 4 * MAX_MESSAGE;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// The connection could not be made, or ended; another one may work.
    #[error("{0}")]
    Transport(String),
    /// The server ended it with a notice (B-029).
    #[error("the server ended the connection: {0}")]
    Disconnected(ResultCode),
    /// The server sent what it must not.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
    /// The answer is larger than anything we ask for.
    #[error("an answer has more than {MAX_ANSWER_MESSAGES} messages or {MAX_ANSWER_BYTES} octets")]
    TooLarge,
    /// Too many requests wait already.
    #[error("{MAX_PENDING} requests wait on this connection already")]
    Full,
    /// The request is one that must never be sent (B-041).
    #[error("the request must not be sent")]
    Unsendable,
    /// No answer in time; whether the server is alive is told separately.
    #[error("no answer in time")]
    Late,
}

/// What came for one request: whole messages, the last one carrying the result.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    messages: Vec<Box<[u8]>>,
    bytes: usize,
}

impl Answer {
    /// The messages in the order they came.
    pub(crate) fn messages(&self) -> impl Iterator<Item = Result<Message<'_>, Broken>> {
        self.messages.iter().map(|whole| Message::read(whole).map_err(protocol))
    }

    /// The one with the result.
    pub(crate) fn last(&self) -> Result<Message<'_>, Broken> {
        let whole = self.messages.last().ok_or_else(|| Broken::Protocol("an empty answer".into()))?;
        Message::read(whole).map_err(protocol)
    }
}

/// Anything malformed is the peer's fault.
pub(crate) fn protocol(flaw: impl std::fmt::Display) -> Broken {
    Broken::Protocol(flaw.to_string())
}

enum Job {
    Send {
        id: u32,
        bytes: Zeroizing<Vec<u8>>,
        ends_with: u8,
        reply: oneshot::Sender<Result<Answer, Broken>>,
    },
    /// Nobody waits for this any more.
    Forget {
        id: u32,
    },
}

#[derive(Debug, Default)]
struct Shared {
    next_id: AtomicU32,
    received: AtomicU64,
    closed: AtomicBool,
}

/// A handle to one connection; the connection ends when the handle is dropped.
#[derive(Debug)]
pub(crate) struct Connection {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The driver says goodbye when the last sender is gone; one that hangs in a write is cut off.
        if self.is_closed() {
            self.driver.abort();
        }
    }
}

impl Connection {
    /// Starts the driver over a stream on which nothing waits to be read.
    pub(crate) fn start<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let (jobs, inbox) = mpsc::channel(MAX_PENDING);
        let shared = Arc::new(Shared::default());
        let (reader, writer) = tokio::io::split(stream);
        let driver = Driver {
            reader,
            writer,
            jobs: inbox,
            pending: HashMap::new(),
            held: 0,
            out: Vec::new(),
            written: 0,
            shared: shared.clone(),
        };
        let driver = tokio::spawn(driver.run()).abort_handle();
        Self { jobs, shared, driver }
    }

    /// It is of no more use.
    pub(crate) fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Acquire)
    }

    /// Ends it for everybody who shares it.
    pub(crate) fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        self.driver.abort();
    }

    /// Number of messages that have come so far: if it stands still the peer may be gone.
    pub(crate) fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Acquire)
    }

    /// Sends one request and waits for its answer, which ends with an operation of tag `ends_with`.
    ///
    /// `build` gets the message id, and gives `None` for what must not be sent. Dropping the future abandons the request.
    pub(crate) async fn request(
        &self,
        ends_with: u8,
        until: Instant,
        build: impl FnOnce(u32) -> Option<Zeroizing<Vec<u8>>>,
    ) -> Result<Answer, Broken> {
        let id = self.shared.next_id.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if id >= MAX_MESSAGE_ID {
            self.close();
            return Err(Broken::Transport("the connection has used up its message ids".into()));
        }
        let (reply, answer) = oneshot::channel();
        let bytes = build(id).ok_or(Broken::Unsendable)?;
        let job = Job::Send { id, bytes, ends_with, reply };
        self.jobs.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Broken::Full,
            mpsc::error::TrySendError::Closed(_) => Broken::Transport("the connection is closed".into()),
        })?;
        let mut guard = Waiting { jobs: &self.jobs, id: Some(id) };
        match tokio::time::timeout_at(until, answer).await {
            Err(_) => Err(Broken::Late),
            Ok(answered) => {
                guard.id = None;
                answered.unwrap_or_else(|_| Err(Broken::Transport("the connection was closed".into())))
            }
        }
    }
}

/// Tells the driver when nobody waits any more, however that came about.
struct Waiting<'a> {
    jobs: &'a mpsc::Sender<Job>,
    id: Option<u32>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // When the queue is full the driver finds out by itself: the place is swept with the next job.
            let _ = self.jobs.try_send(Job::Forget { id });
        }
    }
}

struct Pending {
    ends_with: u8,
    answer: Answer,
    reply: oneshot::Sender<Result<Answer, Broken>>,
}

struct Driver<S> {
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    jobs: mpsc::Receiver<Job>,
    pending: HashMap<u32, Pending>,
    /// Octets in the answers of all of them.
    held: usize,
    /// What is being written; one message at a time, so that a peer that does not read costs one.
    out: Vec<Zeroizing<Vec<u8>>>,
    written: usize,
    shared: Arc<Shared>,
}

impl<S: AsyncRead + AsyncWrite> Driver<S> {
    async fn run(mut self) {
        let end = self.converse().await;
        self.shared.closed.store(true, Ordering::Release);
        self.jobs.close();
        for (_, pending) in self.pending.drain() {
            let _ = pending.reply.send(Err(end.clone()));
        }
        while let Ok(job) = self.jobs.try_recv() {
            if let Job::Send { reply, .. } = job {
                let _ = reply.send(Err(end.clone()));
            }
        }
    }

    /// Reads and writes until one side is done, and says why.
    async fn converse(&mut self) -> Broken {
        let mut inbox = Inbox::new(MAX_MESSAGE);
        let mut chunk = vec![0; CHUNK];
        loop {
            let idle = self.out.is_empty();
            tokio::select! {
                job = self.jobs.recv(), if idle => match job {
                    Some(job) => self.accept(job),
                    None => return self.leave().await,
                },
                wrote = write_on(&mut self.writer, &self.out, &mut self.written), if !idle => match wrote {
                    Ok(()) => {
                        self.out.clear();
                        self.written = 0;
                    }
                    Err(error) => return Broken::Transport(format!("write: {}", error.kind())),
                },
                read = self.reader.read(&mut chunk) => {
                    let received = match read {
                        Ok(0) => return Broken::Transport("the server closed the connection".into()),
                        Ok(count) => chunk.get(..count).unwrap_or_default(),
                        Err(error) => return Broken::Transport(format!("read: {}", error.kind())),
                    };
                    if let Err(broken) = self.received(&mut inbox, received) {
                        return broken;
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
        Broken::Transport("the connection was given up".into())
    }

    fn accept(&mut self, job: Job) {
        match job {
            Job::Send { id, bytes, ends_with, reply } => {
                if self.pending.len() >= MAX_PENDING {
                    self.pending.retain(|_, pending| !pending.reply.is_closed());
                    self.held = self.pending.values().map(|pending| pending.answer.bytes).sum();
                }
                if self.pending.len() >= MAX_PENDING {
                    let _ = reply.send(Err(Broken::Full));
                    return;
                }
                self.pending.insert(id, Pending { ends_with, answer: Answer::default(), reply });
                self.out.push(bytes);
            }
            Job::Forget { id } => {
                let Some(pending) = self.pending.remove(&id) else { return };
                self.held = self.held.saturating_sub(pending.answer.bytes);
                // A bind cannot be abandoned (RFC 4511 section 4.11); its connection is given up instead.
                if pending.ends_with == op::SEARCH_DONE {
                    let next = self.shared.next_id.fetch_add(1, Ordering::AcqRel).saturating_add(1);
                    self.out.push(abandon(next.min(MAX_MESSAGE_ID), id));
                }
            }
        }
    }

    fn received(&mut self, inbox: &mut Inbox, bytes: &[u8]) -> Result<(), Broken> {
        inbox.push(bytes).map_err(protocol)?;
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
        // An answer to something that was given up meanwhile is no mistake of the server.
        let Some(pending) = self.pending.get_mut(&message.id) else { return Ok(()) };
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

/// Writes all of `out`; may be dropped at any await and called again, since `written` counts.
async fn write_on<S: AsyncWrite>(
    writer: &mut WriteHalf<S>,
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
