//! One connection: requests go in, each waits for its own answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::upstream::ldap::dial::is_tls;
use crate::upstream::ldap::driver::{self, MAX_ANSWER_BYTES, MAX_ANSWER_MESSAGES, MAX_PENDING};
use crate::wire::ldap::frame::Inbox;
use crate::wire::ldap::message::{ExtendedResponse, MAX_MESSAGE_ID, Message, NOTICE_OF_DISCONNECTION, op};
use crate::wire::ldap::result::ResultCode;

/// What a connection runs over: TCP, bare or under TLS.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Transport for S {}

/// One of them, of whichever kind.
pub(crate) type Stream = Box<dyn Transport>;

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
    #[error("{0}")]
    Late(Step),
}

/// What was waited for when time ran out: each has another cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Step {
    /// The addresses of the server.
    #[error("its name was not resolved in time; check dns-servers, or the DNS of this machine")]
    Name,
    /// The connection.
    #[error("no connection in time; is it running, and does a firewall let us through?")]
    Connect,
    /// The answer to StartTLS.
    #[error("connected, but StartTLS was not answered in time; is that port for LDAP without TLS?")]
    StartTls,
    /// The end of the handshake.
    #[error("connected, but TLS did not come about in time; is that port for TLS?")]
    Handshake,
    /// The answer to a request.
    #[error("connected, but no answer in time; look at its load and its log")]
    Answer,
    /// A turn, while others were waiting for the server.
    #[error("no connection in time, others were waiting for one already; look at its load and its log")]
    Turn,
}

/// What came for one request: whole messages, the last one carrying the result.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(super) messages: Vec<Box<[u8]>>,
    pub(super) bytes: usize,
}

impl Answer {
    /// The messages in the order they came.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> impl Iterator<Item = Result<Message<'_>, Broken>> {
        self.messages.iter().map(|whole| Message::read(whole).map_err(protocol))
    }

    /// The messages in the order they came, as they came.
    pub(crate) fn into_messages(self) -> impl Iterator<Item = Box<[u8]>> {
        self.messages.into_iter()
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

/// No further request can be asked on it.
pub(super) fn used_up() -> Broken {
    Broken::Transport("the connection has used up its message ids, or is closed".into())
}

/// A message that belongs to no request.
pub(super) fn unasked() -> Broken {
    Broken::Protocol("an answer without a request".into())
}

/// A message of number 0: a notice that the server ends the connection ends it (B-029), any other notice is passed
/// over (RFC 4511 section 4.4).
pub(super) fn unsolicited(message: &Message<'_>) -> Result<(), Broken> {
    if message.operation.tag != op::EXTENDED_RESPONSE {
        return Err(unasked());
    }
    let notice = ExtendedResponse::read(&message.operation).map_err(protocol)?;
    if notice.name == Some(NOTICE_OF_DISCONNECTION) {
        return Err(Broken::Disconnected(notice.result.code));
    }
    Ok(())
}

/// Puts what a read of the stream brought into `inbox`.
pub(super) fn came(read: std::io::Result<()>, octets: &[u8], inbox: &mut Inbox) -> Result<(), Broken> {
    match read {
        Ok(()) if octets.is_empty() => Err(Broken::Transport("the server closed the connection".into())),
        Ok(()) if inbox.waiting() == 0 && is_tls(octets) => {
            Err(Broken::Transport("the server speaks TLS where LDAP belongs".into()))
        }
        Ok(()) => inbox.push(octets).map_err(protocol),
        Err(error) => Err(Broken::Transport(format!("read: {}", error.kind()))),
    }
}

/// The octets of a request.
pub(crate) enum Request {
    /// Without a secret.
    Open(Vec<u8>),
    /// There may be a password in it: wiped when it is gone.
    Secret(Zeroizing<Vec<u8>>),
}

impl Request {
    /// All of them.
    pub(super) fn octets(&self) -> &[u8] {
        match self {
            Self::Open(octets) => octets,
            Self::Secret(octets) => octets,
        }
    }
}

impl From<Vec<u8>> for Request {
    fn from(octets: Vec<u8>) -> Self {
        Self::Open(octets)
    }
}

impl From<Zeroizing<Vec<u8>>> for Request {
    fn from(octets: Zeroizing<Vec<u8>>) -> Self {
        Self::Secret(octets)
    }
}

/// What the driver is told to do.
pub(super) enum Job {
    /// Send this, and give the answer to whoever waits.
    Send { id: u32, request: Request, ends_with: u8, reply: oneshot::Sender<Result<Answer, Broken>> },
    /// Nobody waits for this any more.
    Forget { id: u32 },
}

/// What the handle and the driver both know.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) next_id: AtomicU32,
    pub(super) received: AtomicU64,
    pub(super) closed: AtomicBool,
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
    pub(crate) fn start(stream: Stream) -> Self {
        let (jobs, inbox) = mpsc::channel(MAX_PENDING);
        let shared = Arc::new(Shared::default());
        let driver = tokio::spawn(driver::drive(stream, inbox, shared.clone())).abort_handle();
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
    pub(crate) async fn request<R: Into<Request>>(
        &self,
        ends_with: u8,
        until: Instant,
        build: impl FnOnce(u32) -> Option<R>,
    ) -> Result<Answer, Broken> {
        let id = self.shared.next_id.fetch_add(1, Ordering::AcqRel).saturating_add(1);
        if id >= MAX_MESSAGE_ID {
            self.close();
            return Err(used_up());
        }
        let (reply, answer) = oneshot::channel();
        let request = build(id).ok_or(Broken::Unsendable)?.into();
        let job = Job::Send { id, request, ends_with, reply };
        self.jobs.try_send(job).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => Broken::Full,
            mpsc::error::TrySendError::Closed(_) => Broken::Transport("the connection is closed".into()),
        })?;
        let mut guard = Waiting { jobs: &self.jobs, id: Some(id) };
        match tokio::time::timeout_at(until, answer).await {
            Err(_) => Err(Broken::Late(Step::Answer)),
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
