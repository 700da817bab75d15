//! What goes into a session and what comes out of it.

use std::net::IpAddr;
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::frontend::ldap::counters::{Closed, Counters, Skipped};
use crate::frontend::ldap::limits::LdapLimits;
use crate::frontend::ldap::operations::ExemptOperation;
use crate::login::attempt::Attempt;
use crate::login::identity::Pseudonym;

/// What the socket side must do, in order.
#[must_use]
#[derive(Debug)]
pub enum Action {
    /// Write this to the client: between two messages of the directory, never inside one that is on its way.
    Send(Vec<u8>),
    /// Start this login; its end comes back by `Session::on_ended` or `Session::on_refused`.
    Begin(Ticket, Box<Attempt>),
    /// Nobody waits for this login any more; its end is of no interest, and what it opened is to be dropped.
    CallOff(Ticket),
    /// Pass the message that was just given to `Session::on_message` to the directory, octet for octet.
    Forward,
    /// Pass this message to the directory: an earlier one, octet for octet, or one with names struck out of it.
    ForwardQueued(Zeroizing<Vec<u8>>),
    /// Let go of the connection to the directory.
    Release {
        /// It may serve the next bind: nothing is outstanding on it, and nothing was left behind.
        reusable: bool,
    },
    /// Begin TLS once everything so far is written: what the client sends now must be TLS (B-026).
    StartTls,
    /// Write what is pending, then close.
    Close(Closed),
    /// Record what an exempt account does. With `refused` empty it stands right before the [`Action::Forward`] or
    /// [`Action::ForwardQueued`] it is about: when it cannot be written, that one is left out and
    /// `Session::on_unrecorded` is called.
    Record(Box<ExemptOperation>),
    /// A password came in the open and was refused; others may have read it (B-028). To be logged without it.
    PasswordExposed,
}

/// The number of a bind on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub(super) u64);

/// What a connection is, and what it may do.
#[derive(Debug, Clone)]
pub struct Conduct {
    /// It is under TLS.
    pub encrypted: bool,
    /// TLS can begin on it.
    pub start_tls: bool,
    /// Passwords may come without TLS (B-028).
    pub plain_binds: bool,
    /// Where it comes from, in canonical form.
    pub peer: IpAddr,
    /// Name of the listener that took it.
    pub listener: Arc<str>,
    /// Names in the verified client certificate, such as `dns:wiki.example.org`; none without one.
    pub certificate: Arc<[Box<str>]>,
    /// What it may cost.
    pub limits: LdapLimits,
    /// Where everything is counted.
    pub counters: Arc<Counters>,
}

/// Who logged in, for a login that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The account's distinguished name; empty where it has none.
    pub name: Box<str>,
    /// There is a connection to the directory that is bound as this person.
    pub has_upstream: bool,
    /// Name of the entry that holds the schema of that directory, where it is known.
    pub schema: Option<Arc<str>>,
    /// Who, anonymously.
    pub who: Option<Pseudonym>,
}

/// What becomes of a message of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passing {
    /// It goes to the client.
    Pass,
    /// It is left out.
    Skip(Skipped),
    /// It is the end: call `Session::on_closing` with this.
    Broken(Closed),
}
