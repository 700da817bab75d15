//! What the session wants done.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::base::clock::Now;
use crate::frontend::ldap::conversation::Conversation;
use crate::frontend::ldap::conversation::login::Login;
use crate::frontend::ldap::counters::{Closed, Refusal};
use crate::frontend::ldap::listener::Encryption;
use crate::frontend::ldap::no_tls::NoTls;
use crate::frontend::ldap::session::{Action, Person, Session, Ticket};
use crate::frontend::ldap::stream::Stream;
use crate::gateway::asker::{Ended, Reply};
use crate::login::attempt::Attempt;
use crate::login::verdict::FaultKind;
use crate::upstream::ldap::Bound;

/// How long the last octets of a connection may take.
const FAREWELL: Duration = Duration::from_secs(2);
/// Octets that are still read and thrown away at its end, so that the peer gets our last ones: the rest of a message
/// that was too long has to come first.
const LEFTOVER: usize = 4 * 1024 * 1024;

impl Conversation {
    /// Does what the session wants; `whole` is the message that it was given.
    pub(super) fn act(&mut self, whole: &[u8]) {
        while !self.actions.is_empty() {
            let mut actions = std::mem::take(&mut self.actions).into_iter();
            while let Some(action) = actions.next() {
                match action {
                    // Nothing follows the end.
                    _ if self.closing.is_some() => {}
                    Action::Record(operation) if operation.refused.is_none() => {
                        self.record_first(&operation, actions.by_ref(), whole);
                    }
                    action => self.act_once(action, whole),
                }
            }
        }
    }

    fn act_once(&mut self, action: Action, whole: &[u8]) {
        match action {
            Action::Send(_) if self.mute => {}
            Action::Send(octets) => self.to_client.push(&octets),
            Action::Begin(ticket, attempt) => self.begin(ticket, *attempt),
            Action::CallOff(_) => self.login = None,
            Action::PasswordExposed => self.password_exposed(),
            Action::Forward => self.forward(whole),
            Action::ForwardQueued(queued) => self.forward(&queued),
            Action::Release { reusable } => self.relay.release(reusable),
            Action::StartTls => self.start_tls = true,
            Action::Close(closed) => self.closing = Some(closed),
            Action::Record(operation) => self.record_refused(&operation),
        }
    }

    fn begin(&mut self, ticket: Ticket, attempt: Attempt) {
        self.id = None;
        let gateway = self.front.gateway.clone();
        match gateway.admit(&attempt) {
            Ok(place) => self.login = Some(Login::begin(ticket, gateway, attempt, place)),
            Err(refused) => {
                gateway.tally().refused(refused);
                self.front.complain(
                    self.session.client(),
                    self.peer,
                    Refusal::from(refused).code(),
                    "a bind was turned away by a limit and heard busy; the manual says by which, and how many the metrics count",
                );
                let now = self.front.clock.now();
                self.session.on_refused(now, ticket, refused, &mut self.actions);
            }
        }
    }

    /// The login has ended. If it broke, nobody is let in and nobody is called wrong.
    pub(super) fn logged_in(&mut self, now: Now, ended: Option<Ended>) {
        let Some(Login { ticket, .. }) = self.login.take() else { return };
        let (reply, session, who) = match ended {
            Some(Ended { reply, session, who, .. }) => (reply, session, who),
            None => {
                tracing::error!(
                    event = "ldap.lost",
                    "a login ended by a fault of the program; its client is told that we are unavailable"
                );
                (Reply::Unable(FaultKind::Internal), None, None)
            }
        };
        let bound = session.and_then(|session| session.open::<Bound>());
        let person = Person {
            name: bound.as_ref().map_or("", |bound| bound.name()).into(),
            has_upstream: bound.is_some(),
            schema: bound.as_ref().and_then(|bound| bound.schema().cloned()),
            who,
        };
        if let Some(bound) = bound.filter(|_| self.session.is_waiting_for(ticket)) {
            self.relay.begin(bound);
        }
        self.session.on_ended(now, ticket, &reply, Some(person), &mut self.actions);
    }

    /// When the settings were read again, nothing more is done for a client under those that it has no longer: whoever
    /// is bound must come again, and whoever is not begins anew. A bind that is pending ends first, and so does half an
    /// answer.
    pub(super) fn keep_up_with_settings(&mut self) {
        let waits = self.start_tls || self.recording.is_some() || self.session.is_binding();
        let is_free = self.closing.is_none() && !waits;
        if self.reloads == self.front.reloads() || !is_free || self.relay.is_in_a_message() {
            return;
        }
        self.reloads = self.front.reloads();
        let (conduct, client) = self.front.who(&self.door, self.peer, &self.stream, &self.limits);
        if self.session.is_for(client.as_ref()) {
            return;
        }
        if self.session.is_bound() || client.is_none() {
            self.farewell(Closed::Shutdown);
        } else {
            self.session = Session::new(conduct, client);
        }
    }

    fn forward(&mut self, whole: &[u8]) {
        if let Err(why) = self.relay.forward(whole) {
            self.farewell(why);
        }
    }

    /// Whoever listens on the way has read it (B-028).
    fn password_exposed(&self) {
        self.front.complain(
            self.session.client(),
            self.peer,
            "password-exposed",
            "an application sent a password without TLS; it was refused, but may have been read on the way: have it changed, and let the application use ldaps or StartTLS",
        );
    }

    /// Ends the connection, with a notice where there is somebody to hear it. If the client has half of a message,
    /// anything we say would be taken for its rest, so nothing is said.
    pub(super) fn farewell(&mut self, why: Closed) {
        self.mute = self.relay.is_in_a_message();
        self.session.on_closing(why, &mut self.actions);
        self.act(&[]);
        self.login = None;
        self.recording = None;
        self.relay.release(false);
        self.closing.get_or_insert(why);
    }

    /// Begins TLS, after which nothing that was said before counts (B-026, B-027).
    pub(super) async fn encrypt(&mut self) {
        self.start_tls = false;
        let config = match &self.door.encryption {
            Encryption::StartTls(tls) => tls.config.clone(),
            Encryption::None | Encryption::Tls(_) => return self.farewell(Closed::Handshake),
        };
        if self.inbox.waiting() > 0 {
            return self.farewell(Closed::PlaintextBehindStartTls);
        }
        let plain = std::mem::replace(&mut self.stream, Stream::Gone);
        let handshake = tokio::time::timeout(self.limits.first_message, plain.encrypt(config)).await;
        self.stream = match handshake {
            Ok(Ok(stream)) => stream,
            failed => {
                let no_tls = failed.ok().and_then(Result::err).map(|fault| NoTls::of(&fault));
                self.front.tell_end(&self.door, self.peer, Closed::Handshake, no_tls);
                return self.farewell(Closed::Handshake);
            }
        };
        let (conduct, client) = self.front.who(&self.door, self.peer, &self.stream, &self.limits);
        self.session.on_tls(conduct, client);
    }

    /// Ends the stream so that the peer gets what was written: a socket that is closed with unread octets takes
    /// back what it has sent.
    pub(super) async fn leave(&mut self) {
        let stream = &mut self.stream;
        // Whoever says goodbye says nothing behind it.
        if matches!(self.closing, Some(Closed::Unbind)) && self.inbox.waiting() == 0 {
            return stream.say_goodbye();
        }
        let goodbye = async {
            let _closed_or_not = stream.shutdown().await;
            let mut chunk = [0; 4096];
            let mut left = LEFTOVER;
            while let Ok(count @ 1..) = stream.read(&mut chunk).await {
                left = left.saturating_sub(count);
                if left == 0 {
                    break;
                }
            }
        };
        let _in_time = tokio::time::timeout(FAREWELL, goodbye).await;
    }
}
