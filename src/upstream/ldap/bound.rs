//! A connection that is bound as a person, and what may become of it: it goes back for the next bind, or somebody
//! speaks on it as that person.

use std::fmt;
use std::io::{Error, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use crate::upstream::ldap::connection::{Answer, Broken, Stream, protocol};
use crate::upstream::ldap::dial::Endpoint;
use crate::upstream::ldap::link::{Home, Link};
use crate::upstream::ldap::server::Server;
use crate::wire::ldap::message::LdapResult;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A bind that a server has answered, in whatever way. Dropping it ends the connection.
pub(crate) struct Answered {
    answer: Answer,
    link: Link,
    server: Arc<Server>,
}

impl Answered {
    pub(super) const fn new(answer: Answer, link: Link, server: Arc<Server>) -> Self {
        Self { answer, link, server }
    }

    /// The server.
    pub(crate) fn server(&self) -> &Endpoint {
        self.server.endpoint()
    }

    /// What it said.
    ///
    /// # Errors
    ///
    /// What it said is not what is said to a bind; then the connection is not to be used again.
    pub(crate) fn result(&self) -> Result<LdapResult<'_>, Broken> {
        LdapResult::read(&self.answer.last()?.operation).map_err(protocol)
    }

    /// Nothing more is wanted: the connection serves the next bind.
    pub(crate) fn give_back(self) {
        self.server.keep(self.link);
    }

    /// The connection, which the server has bound as `name`; `schema` as [`Bound::schema`].
    pub(crate) fn bound(self, name: &str, schema: Option<Arc<str>>) -> Bound {
        let server = self.server.endpoint().clone();
        let origin = Origin { name: name.into(), server, pool: Arc::downgrade(&self.server) };
        Bound { link: self.link, origin, schema }
    }
}

/// Where a connection comes from and whose it is.
///
/// The pool is not held: connections outlive a reload, what they came from need not.
struct Origin {
    name: Box<str>,
    server: Endpoint,
    pool: Weak<Server>,
}

impl Origin {
    fn give_back(&self, link: Link) {
        if let Some(pool) = self.pool.upgrade() {
            pool.keep(link);
        }
    }
}

/// A connection on which a right password was accepted and nothing has been asked since. When the server ends it, or
/// says what nobody asked for, it is over. Dropping it ends it.
pub struct Bound {
    link: Link,
    origin: Origin,
    schema: Option<Arc<str>>,
}

impl Bound {
    /// The account's own name, as the directory writes it. Never to be logged.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.origin.name
    }

    /// Which server it leads to.
    #[must_use]
    pub const fn server(&self) -> &Endpoint {
        &self.origin.server
    }

    /// Name of the entry that holds the schema of the directory, where it is known.
    #[must_use]
    pub const fn schema(&self) -> Option<&Arc<str>> {
        self.schema.as_ref()
    }

    /// It is of no more use, as far as can be seen without waiting.
    #[must_use]
    pub fn is_closed(&mut self) -> bool {
        self.link.is_over()
    }

    /// Ready when it is of no more use; until then `context` is woken when there is something to look at.
    pub fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.link.poll_end(context)
    }

    /// Gives the connection back. Before anything else is asked on it there is another bind, which ends what was left
    /// of this one (RFC 4511 section 4.2.1).
    pub fn give_back(self) {
        self.origin.give_back(self.link);
    }

    /// The stream, for the caller alone to speak on. Nothing was asked on it, so every message id is free, and nothing
    /// of what the server says is lost.
    ///
    /// `None` when the connection has ended, or when the server has begun to say what nobody asked for, which ends it.
    #[must_use]
    pub fn into_stream(self) -> Option<Bare> {
        let home = self.link.home();
        let stream = self.link.into_stream()?;
        Some(Bare { stream, home, origin: self.origin })
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("server", &self.origin.server).finish_non_exhaustive()
    }
}

/// The stream of a connection that is bound as a person: LDAP in both directions, under TLS where that is configured.
/// Nobody watches it but the one who holds it. Dropping it ends the connection without an unbind.
pub struct Bare {
    stream: Stream,
    home: Home,
    origin: Origin,
}

impl Bare {
    /// The account's own name, as the directory writes it. Never to be logged.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.origin.name
    }

    /// Which server it leads to.
    #[must_use]
    pub const fn server(&self) -> &Endpoint {
        &self.origin.server
    }

    /// Gives the connection back for the next bind, under message ids that begin anew.
    ///
    /// Only for one on which whole messages were written and flushed, whole messages were read, and every request was
    /// answered to its end. An abandoned request has no end that could be seen: its answers may still come and would
    /// be taken for those to the next bind (RFC 4511 section 4.11). Nor for one on which something was asked that a
    /// new bind does not undo, such as StartTLS. Where something waits to be read, or the connection has ended, this
    /// ends it.
    pub fn give_back(mut self) {
        if self.is_silent() {
            self.origin.give_back(Link::new(self.stream, self.home));
        }
    }

    /// Nothing has come that was not read, nor the end, as far as can be seen without waiting.
    fn is_silent(&mut self) -> bool {
        let mut octet = [0];
        let mut buffer = ReadBuf::new(&mut octet);
        // Whoever reads next registers itself in place of the waker that does nothing.
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.stream).poll_read(&mut context, &mut buffer).is_pending()
    }
}

impl fmt::Debug for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bare").field("server", &self.origin.server).finish_non_exhaustive()
    }
}

impl AsyncRead for Bare {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Bare {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.stream).poll_write(context, octets)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Error>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, octets)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
