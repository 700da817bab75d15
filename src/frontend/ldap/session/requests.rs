//! What a client asks for, one message after the other.

use zeroize::Zeroizing;

use crate::base::clock::Now;
use crate::frontend::ldap::clients::Root;
use crate::frontend::ldap::counters::{Closed, Refusal};
use crate::frontend::ldap::operations::{
    self, CRITICAL_CONTROL, ExemptOperation, MALFORMED, NOT_BOUND, NOT_OFFERED, No, Pass, TOO_MANY,
    without_secrets,
};
use crate::frontend::ldap::root::{self, Offers};
use crate::frontend::ldap::session::queue::Full;
use crate::frontend::ldap::session::{Action, Pending, Phase, Session, Ticket};
use crate::frontend::ldap::translate::{self, Arrival, NoLogin};
use crate::login::attempt::{Attempt, AttemptId};
use crate::login::verdict::Reason;
use crate::wire::ldap::answer;
use crate::wire::ldap::ask::{Asked, Bind, ExtendedRequest, Request, abandoned};
use crate::wire::ldap::message::{Message, START_TLS, WHO_AM_I, op};
use crate::wire::ldap::result::ResultCode;

/// A message, and where its octets are.
struct Taken<'a> {
    message: Message<'a>,
    kind: Request,
    fresh: AttemptId,
    whole: &'a [u8],
    /// It waited behind a bind: its octets go along when it is passed on.
    queued: bool,
}

impl Session {
    /// One whole message of the client, as [`crate::wire::ldap::frame::cut`] gives it.
    ///
    /// * `fresh`: names the login that may begin with it; another one for each message.
    pub fn on_message(&mut self, now: Now, fresh: AttemptId, whole: &[u8], out: &mut Vec<Action>) {
        match self.phase {
            Phase::Open | Phase::Binding(_) => {}
            Phase::StartingTls => return self.on_closing(Closed::PlaintextBehindStartTls, out),
            Phase::Ended => return,
        }
        let Ok(message) = Message::read(whole) else { return self.on_closing(Closed::Malformed, out) };
        let kind = Request::of(message.operation.tag);
        self.conduct.counters.operation(kind.into());
        if kind == Request::Unbind {
            return self.on_closing(Closed::Unbind, out);
        }
        if message.id == 0 || self.is_in_use(message.id) {
            return self.on_closing(Closed::MessageId, out);
        }
        if !is_request(message.operation.tag) {
            return self.on_closing(Closed::UnknownOperation, out);
        }
        if self.is_binding() {
            match kind {
                Request::Abandon => self.abandon_while_binding(now, &message, out),
                _ => self.wait(fresh, &message, whole, out),
            }
        } else {
            self.handle(now, &Taken { message, kind, fresh, whole, queued: false }, out);
        }
    }

    /// A number that answers could be mistaken by (B-007).
    fn is_in_use(&self, id: u32) -> bool {
        let is_pending = matches!(&self.phase, Phase::Binding(pending) if pending.id == id);
        is_pending || self.outstanding.contains_key(&id) || self.queue.has(id)
    }

    fn wait(&mut self, fresh: AttemptId, message: &Message<'_>, whole: &[u8], out: &mut Vec<Action>) {
        if let Err(Full) = self.queue.push(message.id, fresh, whole) {
            self.on_closing(Closed::QueueFull, out);
        }
    }

    /// Abandons the bind itself, or something that waits behind it; there is no answer to it (B-025).
    fn abandon_while_binding(&mut self, now: Now, message: &Message<'_>, out: &mut Vec<Action>) {
        let Ok(id) = abandoned(&message.operation) else { return };
        let ticket = match &self.phase {
            Phase::Binding(pending) if pending.id == id => pending.ticket,
            _ => return self.queue.remove(id, cannot_be_abandoned),
        };
        let Some(pending) = self.take_pending(ticket) else { return };
        out.push(Action::CallOff(ticket));
        let (code, text) = translate::reject(Reason::CalledOff);
        self.answer_bind(pending.id, code, text, out);
        self.take_queued(now, out);
    }

    /// Goes on with what waited for the end of a bind.
    pub(super) fn take_queued(&mut self, now: Now, out: &mut Vec<Action>) {
        while matches!(self.phase, Phase::Open) {
            let Some(queued) = self.queue.pop() else { return };
            let Ok(message) = Message::read(&queued.whole) else {
                return self.on_closing(Closed::Fault, out);
            };
            let kind = Request::of(message.operation.tag);
            let (fresh, whole) = (queued.fresh, &queued.whole);
            self.handle(now, &Taken { message, kind, fresh, whole, queued: true }, out);
        }
    }

    fn handle(&mut self, now: Now, taken: &Taken<'_>, out: &mut Vec<Action>) {
        if self.ends().is_some_and(|end| end <= now.steady) {
            return self.on_closing(Closed::TimeOver, out);
        }
        match taken.kind {
            Request::Bind => self.bind(now, taken, out),
            Request::Abandon => self.abandon(taken, out),
            Request::Extended => self.extended(taken, out),
            Request::Search => match Asked::read(&taken.message.operation) {
                Ok(asked) if asked.is_root() => self.root(taken, &asked, out),
                Ok(_) | Err(_) => self.relay(taken, out),
            },
            Request::Unbind
            | Request::Modify
            | Request::Add
            | Request::Delete
            | Request::ModifyDn
            | Request::Compare
            | Request::Unknown => self.relay(taken, out),
        }
    }

    fn bind(&mut self, now: Now, taken: &Taken<'_>, out: &mut Vec<Action>) {
        self.let_go(out);
        let id = taken.message.id;
        let attempt = match self.attempt(now, taken) {
            Ok(attempt) => attempt,
            Err(no) => {
                self.refused(no.why);
                self.answer_bind(id, no.code, no.text, out);
                out.extend(no.exposed.then_some(Action::PasswordExposed));
                return;
            }
        };
        self.binds = self.binds.saturating_add(1);
        let ticket = Ticket(self.binds);
        let typed = attempt.name.clone();
        self.phase = Phase::Binding(Box::new(Pending { id, ticket, attempt: attempt.id, typed }));
        out.push(Action::Begin(ticket, Box::new(attempt)));
    }

    fn attempt(&self, now: Now, taken: &Taken<'_>) -> Result<Attempt, NoLogin> {
        let refused = |no: No| NoLogin { code: no.code, text: no.text, why: no.why, exposed: false };
        let bind = Bind::read(&taken.message.operation).map_err(|_| refused(MALFORMED))?;
        no_critical_control(&taken.message).map_err(refused)?;
        let arrival = Arrival {
            now,
            id: taken.fresh,
            peer: self.conduct.peer,
            listener: &self.conduct.listener,
            certificate: &self.conduct.certificate,
            encrypted: self.conduct.encrypted,
            plain_binds: self.conduct.plain_binds,
        };
        match &self.client {
            Some(client) => translate::read(&bind, client, &arrival),
            None => Err(translate::nobody(&bind, &arrival)),
        }
    }

    /// Passed on only when there is something to end: what is not known is ignored (B-025).
    fn abandon(&mut self, taken: &Taken<'_>, out: &mut Vec<Action>) {
        let Ok(id) = abandoned(&taken.message.operation) else { return };
        if self.outstanding.remove(&id).is_some() {
            // Answers may already be on their way.
            self.tainted = true;
            out.push(taken.forward());
        }
    }

    fn extended(&mut self, taken: &Taken<'_>, out: &mut Vec<Action>) {
        let id = taken.message.id;
        match ExtendedRequest::read(&taken.message.operation) {
            Ok(request) if request.name == START_TLS.as_bytes() => self.start_tls(taken, &request, out),
            Ok(request) if request.name == WHO_AM_I.as_bytes() => match no_critical_control(&taken.message) {
                Ok(()) => out.push(Action::Send(self.who_am_i(id, &request))),
                Err(no) => self.refuse(taken, &no, out),
            },
            Ok(_) => self.relay(taken, out),
            Err(_) => self.refuse(taken, &MALFORMED, out),
        }
    }

    /// RFC 4532: an identity, or an empty one for nobody (B-030).
    fn who_am_i(&self, id: u32, request: &ExtendedRequest<'_>) -> Vec<u8> {
        if request.value.is_some() {
            self.refused(Refusal::Malformed);
            return answer::extended(id, MALFORMED.code, MALFORMED.text, None, None);
        }
        let identity = self.bound.as_ref().map_or("", |bound| &bound.authorization);
        answer::extended(id, ResultCode::SUCCESS, "", None, Some(identity.as_bytes()))
    }

    /// RFC 4511 section 4.14 (B-026). What came behind a bind does not count as coming after it.
    fn start_tls(&mut self, taken: &Taken<'_>, request: &ExtendedRequest<'_>, out: &mut Vec<Action>) {
        let misplaced = |text| No { code: ResultCode::OPERATIONS_ERROR, why: Refusal::StartTls, text };
        let refused = if self.conduct.encrypted {
            Some(misplaced("TLS is established already."))
        } else if !self.conduct.start_tls {
            Some(NOT_OFFERED)
        } else if request.value.is_some() {
            Some(MALFORMED)
        } else if taken.queued || !self.outstanding.is_empty() {
            Some(misplaced("TLS cannot begin while other operations run."))
        } else {
            no_critical_control(&taken.message).err()
        };
        if let Some(no) = refused {
            return self.refuse(taken, &no, out);
        }
        self.let_go(out);
        let consent = answer::extended(taken.message.id, ResultCode::SUCCESS, "", Some(START_TLS), None);
        out.push(Action::Send(consent));
        out.push(Action::StartTls);
        self.phase = Phase::StartingTls;
    }

    fn root(&mut self, taken: &Taken<'_>, asked: &Asked<'_>, out: &mut Vec<Action>) {
        let answered = no_critical_control(&taken.message).and_then(|()| {
            let mechanisms = translate::mechanisms(
                self.client.as_ref(),
                self.conduct.encrypted,
                &self.conduct.certificate,
            );
            let nothing = Root::default();
            let offers = Offers {
                root: self.client.as_ref().map_or(&nothing, |client| &client.root),
                schema: self.bound.as_ref().and_then(|bound| bound.schema.as_deref()),
                start_tls: self.conduct.start_tls && !self.conduct.encrypted,
                password_modify: self.bound.as_ref().is_some_and(|b| self.rights(b).may_change_password()),
                mechanisms: &mechanisms,
            };
            root::answer(taken.message.id, asked, &offers).map_err(No::from)
        });
        match answered {
            Ok(messages) => out.extend(messages.into_iter().map(Action::Send)),
            Err(no) => self.refuse(taken, &no, out),
        }
    }

    /// Passes a request on, as the person who is bound.
    fn relay(&mut self, taken: &Taken<'_>, out: &mut Vec<Action>) {
        match self.may_pass(taken).and_then(|pass| Ok((pass, taken.pass_on()?))) {
            Ok((pass, forward)) => {
                self.outstanding.insert(taken.message.id, taken.kind);
                self.tainted |= !pass.harmless;
                out.extend(self.record(taken, None));
                out.push(forward);
            }
            Err(no) => {
                out.extend(self.record(taken, Some(no.why)));
                self.refuse(taken, &no, out);
            }
        }
    }

    fn may_pass(&self, taken: &Taken<'_>) -> Result<Pass, No> {
        let Some(bound) = &self.bound else {
            return Err(if taken.kind == Request::Extended { NOT_OFFERED } else { NOT_BOUND });
        };
        if self.outstanding.len() >= self.conduct.limits.operations {
            return Err(TOO_MANY);
        }
        let pass = operations::judge(&taken.message, taken.kind, self.rights(bound))?;
        operations::shows_own_password(&taken.message, taken.kind, &bound.authorization)?;
        Ok(pass)
    }

    fn record(&self, taken: &Taken<'_>, refused: Option<Refusal>) -> Option<Action> {
        let (bound, client) = (self.bound.as_ref()?, self.client.as_ref()?);
        let (exemption, _) = bound.exempt.as_ref()?;
        Some(Action::Record(Box::new(ExemptOperation {
            id: taken.message.id,
            attempt: bound.attempt,
            client: client.client.name.clone(),
            who: bound.who.clone(),
            exemption: exemption.clone(),
            source: self.conduct.peer,
            operation: taken.kind.into(),
            refused,
        })))
    }

    /// What has no answer of its own kind ends the connection (B-006).
    fn refuse(&mut self, taken: &Taken<'_>, no: &No, out: &mut Vec<Action>) {
        self.refused(no.why);
        match operations::refusal(taken.message.id, taken.kind, no) {
            Some(bytes) => out.push(Action::Send(bytes)),
            None => self.on_closing(Closed::UnknownOperation, out),
        }
    }
}

impl Taken<'_> {
    fn forward(&self) -> Action {
        if self.queued { Action::ForwardQueued(Zeroizing::new(self.whole.to_vec())) } else { Action::Forward }
    }

    /// The same for what may pass, without what is struck out of it.
    fn pass_on(&self) -> Result<Action, No> {
        if self.kind == Request::Search {
            let asked = Asked::read(&self.message.operation)?;
            if let Some(struck) = without_secrets(self.whole, &asked)? {
                return Ok(Action::ForwardQueued(struck));
            }
        }
        Ok(self.forward())
    }
}

/// Whether a client may send an operation with this tag: one of the application's tags that is no answer.
const fn is_request(tag: u8) -> bool {
    const APPLICATION: u8 = 0x40;
    const CLASS: u8 = 0xc0;
    const CONSTRUCTED: u8 = 0x20;
    let is_answer = matches!(
        tag | CONSTRUCTED,
        op::BIND_RESPONSE
            | op::SEARCH_ENTRY
            | op::SEARCH_DONE
            | op::SEARCH_REFERENCE
            | op::MODIFY_RESPONSE
            | op::ADD_RESPONSE
            | op::DELETE_RESPONSE
            | op::MODIFY_DN_RESPONSE
            | op::COMPARE_RESPONSE
            | op::EXTENDED_RESPONSE
            | op::INTERMEDIATE_RESPONSE
    );
    tag & CLASS == APPLICATION && !is_answer
}

/// Bind, Unbind, Abandon and StartTLS cannot be abandoned; of extended operations we do not look which one it is
/// (RFC 4511 section 4.11).
fn cannot_be_abandoned(whole: &[u8]) -> bool {
    let kind = Message::read(whole).map(|message| Request::of(message.operation.tag));
    matches!(kind, Ok(Request::Bind | Request::Extended))
}

/// What we answer ourselves knows no controls (B-009).
fn no_critical_control(message: &Message<'_>) -> Result<(), No> {
    for control in message.controls() {
        if control?.critical {
            return Err(CRITICAL_CONTROL);
        }
    }
    Ok(())
}
