//! One connection: a message of the client, the end of a login or the head of an answer in, what to do out. No
//! sockets, no clock, no randomness.
//!
//! A connection is nobody's until a bind has ended with a [`crate::login::verdict::Grant`], and nobody's again from
//! the first octet of the next bind (B-021). While a bind is pending nothing is executed, passed on or answered; what
//! comes behind it waits in a bounded queue (B-022). What is passed on goes to the directory on a connection that is
//! bound as the person, under the client's own message ids, so that requests and answers stay the octets they were.

mod action;
mod ends;
mod queue;
mod requests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::base::clock::Now;
use crate::frontend::ldap::clients::{Allowed, LdapClient};
use crate::frontend::ldap::counters::{Closed, Refusal, Skipped};
use crate::frontend::ldap::operations::{self, NOT_RECORDED, Rights};
pub use crate::frontend::ldap::session::action::{Action, Conduct, Passing, Person, Ticket};
use crate::frontend::ldap::session::ends::{is_last, notice};
use crate::frontend::ldap::session::queue::Queue;
use crate::frontend::ldap::translate;
use crate::gateway::admit::Refused;
use crate::gateway::drive::Reply;
use crate::login::attempt::AttemptId;
use crate::login::identity::{LoginName, Pseudonym};
use crate::login::verdict::{Basis, Grant};
use crate::wire::ldap::answer;
use crate::wire::ldap::ask::Request;
use crate::wire::ldap::frame::BadFrame;
use crate::wire::ldap::message::op;
use crate::wire::ldap::result::ResultCode;

/// One connection.
pub struct Session {
    conduct: Conduct,
    client: Option<Arc<LdapClient>>,
    phase: Phase,
    bound: Option<Box<Bound>>,
    /// Operations that wait for their answers. Never more than `limits.operations`.
    outstanding: HashMap<u32, Request>,
    /// Something is left behind on the connection to the directory, or may still come on it.
    tainted: bool,
    queue: Queue,
    binds: u64,
}

enum Phase {
    Open,
    Binding(Box<Pending>),
    StartingTls,
    Ended,
}

/// A bind without an answer.
struct Pending {
    id: u32,
    ticket: Ticket,
    attempt: AttemptId,
    typed: LoginName,
}

/// Somebody whom a grant let in.
struct Bound {
    /// As RFC 4513 section 5.2.1.8 writes it.
    authorization: Box<str>,
    has_upstream: bool,
    schema: Option<Arc<str>>,
    who: Option<Pseudonym>,
    attempt: AttemptId,
    until: Option<Instant>,
    remembered: bool,
    exempt: Option<(Arc<str>, Allowed)>,
}

impl Session {
    /// A connection on which nothing has come yet. Without a `client` only a certificate can still tell who it is, and
    /// nobody can bind.
    #[must_use]
    pub fn new(conduct: Conduct, client: Option<Arc<LdapClient>>) -> Self {
        Self {
            conduct,
            client,
            phase: Phase::Open,
            bound: None,
            outstanding: HashMap::new(),
            tainted: false,
            queue: Queue::default(),
            binds: 0,
        }
    }

    /// TLS stands, after [`Action::StartTls`]. Nothing is kept of what was before (B-027).
    pub fn on_tls(&mut self, conduct: Conduct, client: Option<Arc<LdapClient>>) {
        if matches!(self.phase, Phase::StartingTls) {
            let binds = self.binds;
            *self = Self { binds, ..Self::new(conduct, client) };
        }
    }

    /// The end of a login. `person`: whom it let in.
    ///
    /// A login that was called off changes nothing, whatever its end.
    pub fn on_ended(
        &mut self,
        now: Now,
        ticket: Ticket,
        reply: &Reply,
        person: Option<Person>,
        out: &mut Vec<Action>,
    ) {
        let Some(pending) = self.take_pending(ticket) else { return };
        let (code, bytes) = translate::write(pending.id, reply);
        self.conduct.counters.bound(code);
        if let Reply::Accept(grant) = reply {
            self.bound = Some(Box::new(self.let_in(grant, &pending, person, now)));
        }
        out.push(Action::Send(bytes));
        self.take_queued(now, out);
    }

    /// The login was not even begun.
    pub fn on_refused(&mut self, now: Now, ticket: Ticket, why: Refused, out: &mut Vec<Action>) {
        let Some(pending) = self.take_pending(ticket) else { return };
        let (code, text) = translate::busy();
        self.conduct.counters.refused(why.into());
        self.answer_bind(pending.id, code, text, out);
        self.take_queued(now, out);
    }

    /// The record of what an exempt account did could not be written: it is not done.
    pub fn on_unrecorded(&mut self, id: u32, out: &mut Vec<Action>) {
        let Some(kind) = self.outstanding.remove(&id) else { return };
        self.conduct.counters.refused(NOT_RECORDED.why);
        out.extend(operations::refusal(id, kind, &NOT_RECORDED).map(Action::Send));
    }

    /// The head of a message of the directory; once for each message. What ends an operation makes it forgotten.
    ///
    /// * `id`, `tag`: of the message and of its operation.
    #[must_use]
    pub fn on_answer(&mut self, id: u32, tag: u8) -> Passing {
        let passing = self.judge_answer(id, tag);
        if let Passing::Skip(why) = passing {
            self.conduct.counters.skipped(why);
            // A directory that answers what nobody asked might have answered the next bind already.
            self.tainted |= !matches!(why, Skipped::Reference);
        }
        passing
    }

    fn judge_answer(&mut self, id: u32, tag: u8) -> Passing {
        // An unsolicited notice: there is one, and it says that the connection ends (RFC 4511 section 4.4.1).
        if id == 0 && tag == op::EXTENDED_RESPONSE {
            return Passing::Broken(Closed::DirectoryLost);
        }
        let Some(request) = self.outstanding.get(&id).copied() else {
            return Passing::Skip(Skipped::NotOutstanding);
        };
        if !request.may_be_answered_by(tag) {
            return Passing::Skip(Skipped::WrongAnswer);
        }
        if is_last(request, tag) {
            self.outstanding.remove(&id);
        }
        match &self.client {
            Some(client) if client.drops_references && tag == op::SEARCH_REFERENCE => {
                Passing::Skip(Skipped::Reference)
            }
            _ => Passing::Pass,
        }
    }

    /// What the client sends is no LDAP, or too long a message (B-003, B-006).
    pub fn on_bad_frame(&mut self, bad: &BadFrame, out: &mut Vec<Action>) {
        let why = match bad {
            BadFrame::TooLong { .. } => Closed::MessageTooLong,
            BadFrame::NotLdap(_) => Closed::Malformed,
            BadFrame::Overfull | BadFrame::Stopped => Closed::Fault,
        };
        self.on_closing(why, out);
    }

    /// The connection ends for this reason: the login that runs is called off, the directory let go of, the client
    /// told if there is a notice for it. The first reason counts.
    pub fn on_closing(&mut self, why: Closed, out: &mut Vec<Action>) {
        let before = std::mem::replace(&mut self.phase, Phase::Ended);
        // Behind the consent to TLS nothing may go out in the open.
        let may_speak = !matches!(before, Phase::StartingTls);
        match before {
            Phase::Ended => return,
            Phase::Binding(pending) => out.push(Action::CallOff(pending.ticket)),
            Phase::Open | Phase::StartingTls => {}
        }
        self.tainted |= why == Closed::DirectoryLost;
        self.let_go(out);
        self.queue = Queue::default();
        if let Some((code, text)) = notice(why).filter(|_| may_speak) {
            out.push(Action::Send(answer::notice_of_disconnection(code, text)));
        }
        self.conduct.counters.closed(why);
        out.push(Action::Close(why));
    }

    /// Whether whole messages are wanted. They are while a bind is pending, so that its end is heard.
    #[must_use]
    pub const fn wants_messages(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Binding(_))
    }

    /// Longest message now, in octets (B-003).
    #[must_use]
    pub const fn most_octets(&self) -> usize {
        if self.is_bound() { self.conduct.limits.size } else { self.conduct.limits.size_before_bind }
    }

    /// A bind is pending.
    #[must_use]
    pub const fn is_binding(&self) -> bool {
        matches!(self.phase, Phase::Binding(_))
    }

    /// The end of this login is still of interest.
    #[must_use]
    pub fn is_waiting_for(&self, ticket: Ticket) -> bool {
        matches!(&self.phase, Phase::Binding(pending) if pending.ticket == ticket)
    }

    /// Somebody is bound.
    #[must_use]
    pub const fn is_bound(&self) -> bool {
        self.bound.is_some()
    }

    /// When the hours of the rule are over that let the person in: then [`Session::on_closing`] with
    /// [`Closed::TimeOver`].
    #[must_use]
    pub fn ends(&self) -> Option<Instant> {
        self.bound.as_ref().and_then(|bound| bound.until)
    }

    /// The name of the client, if it is known.
    #[must_use]
    pub fn client(&self) -> Option<&Arc<str>> {
        self.client.as_ref().map(|client| &client.client.name)
    }

    /// Whether this is still the client, with the same settings.
    #[must_use]
    pub fn is_for(&self, client: Option<&Arc<LdapClient>>) -> bool {
        self.client.as_ref() == client
    }

    /// Operations that wait for their answers.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }

    /// Messages that wait for the end of a bind, and their octets.
    #[must_use]
    pub fn queued(&self) -> (usize, usize) {
        (self.queue.len(), self.queue.octets())
    }

    fn take_pending(&mut self, ticket: Ticket) -> Option<Pending> {
        if !self.is_waiting_for(ticket) {
            return None;
        }
        match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Binding(pending) => Some(*pending),
            Phase::Open | Phase::StartingTls | Phase::Ended => None,
        }
    }

    /// The only way to become somebody.
    fn let_in(&self, grant: &Grant, pending: &Pending, person: Option<Person>, now: Now) -> Bound {
        let nobody = || Person { name: "".into(), has_upstream: false, schema: None, who: None };
        let person = person.unwrap_or_else(nobody);
        let authorization = if person.name.is_empty() {
            format!("u:{}", pending.typed.typed())
        } else {
            format!("dn:{}", person.name)
        };
        let allowed = |name: &Arc<str>| Some(self.client.as_ref()?.exempt.get(name)?.allowed);
        // An exemption that this client knows nothing of allows nothing beyond the bind.
        let exempt =
            grant.exemption().map(|name| (name.clone(), allowed(name).unwrap_or(Allowed { search: false })));
        Bound {
            authorization: authorization.into(),
            has_upstream: person.has_upstream,
            schema: person.schema,
            who: person.who,
            attempt: pending.attempt,
            until: grant.session().and_then(|session| now.steady.checked_add(session)),
            remembered: matches!(grant.basis(), Basis::Remembered(_)),
            exempt,
        }
    }

    /// The connection is nobody's again, at once (B-021). Answers that are outstanding never come.
    fn let_go(&mut self, out: &mut Vec<Action>) {
        if self.bound.take().is_some_and(|bound| bound.has_upstream) {
            out.push(Action::Release { reusable: self.outstanding.is_empty() && !self.tainted });
        }
        self.outstanding = HashMap::new();
        self.tainted = false;
    }

    fn rights(&self, bound: &Bound) -> Rights {
        Rights {
            has_upstream: bound.has_upstream,
            read_only: self.client.as_ref().is_none_or(|client| client.read_only),
            encrypted: self.conduct.encrypted,
            remembered: bound.remembered,
            exempt: bound.exempt.as_ref().map(|(_, allowed)| *allowed),
        }
    }

    fn answer_bind(&self, id: u32, code: ResultCode, text: &str, out: &mut Vec<Action>) {
        self.conduct.counters.bound(code);
        out.push(Action::Send(answer::bind(id, code, text)));
    }

    fn refused(&self, why: Refusal) {
        self.conduct.counters.refused(why);
    }
}

#[cfg(test)]
mod tests;
