//! From a login to RADIUS: what the gateway says → reply. What an accept says of somebody is in
//! `crate::frontend::radius::granted`.

use crate::frontend::radius::clients::{RadiusClient, Which};
use crate::frontend::radius::counters::{Dropped, Sent};
use crate::frontend::radius::granted::accept;
use crate::frontend::radius::method::Shape;
use crate::frontend::radius::translate::Fresh;
use crate::gateway::drive::{Ended, Reply};
use crate::login::attempt::ChallengeId;
use crate::login::client::{PrimaryKind, WhenUnable};
use crate::login::relay::Held;
use crate::login::step::Prompt;
use crate::login::verdict::{FaultKind, REJECTED_TEXT};
use crate::upstream::radius::passage::Answered;
use crate::wire::radius::build::{Buffer, DoesNotFit, ReplyBuilder, ReplyTo};
use crate::wire::radius::dictionary::{
    EAP_MESSAGE, MICROSOFT, MS_CHAP_ERROR, PROMPT, REPLY_MESSAGE, SESSION_TIMEOUT, STATE,
};
use crate::wire::radius::eap::failure;
use crate::wire::radius::mschap::{ErrorCode, error_value};
use crate::wire::radius::packet::Code;

/// The value of Prompt that keeps the reply from being shown (RFC 2869 section 5.10).
const NO_ECHO: [u8; 4] = [0; 4];
/// What a challenge says when its prompt is empty: clients hang without a Reply-Message (E-002).
const BARE_PROMPT: &str = "Code:";

/// Whom a reply is for, what it has to look like and with which secret it is signed.
#[derive(Clone, Copy)]
pub struct Addressee<'a> {
    /// Who asked.
    pub client: &'a RadiusClient,
    /// With which of his secrets.
    pub which: Which,
    /// What the reply takes over from the request.
    pub to: &'a ReplyTo,
    /// Length of the request, if it did not prove who sent it.
    pub unproven: Option<usize>,
    /// The form that the request demands.
    pub shape: &'a Shape,
    /// Randomness of the request.
    pub fresh: &'a Fresh,
}

/// Writes what the gateway says as a packet. The one table from outcomes to replies; every accept needs
/// a [`crate::login::verdict::Grant`].
///
/// # Errors
///
/// [`Dropped`] when the device is to hear nothing.
pub fn write<'b>(
    buffer: &'b mut Buffer,
    addressee: &Addressee<'_>,
    ended: &Ended,
) -> Result<(Sent, &'b [u8]), Dropped> {
    match &ended.reply {
        Reply::Accept(grant) => {
            let parts = (ended.held.as_ref(), ended.badge.as_deref());
            accept(buffer, addressee, grant, parts).map(|bytes| (Sent::Accept, bytes))
        }
        // The same bytes for every reason that says something of anybody (A-063, A-067, D-100).
        Reply::Reject(reason) => {
            refuse(buffer, addressee, reason.sentence()).map(|bytes| (Sent::Reject, bytes))
        }
        Reply::Ask(id, prompt) => {
            challenge(buffer, addressee, *id, prompt).map(|bytes| (Sent::Challenge, bytes))
        }
        Reply::Unable(kind) if is_silent(*kind, addressee.client.client.when_unable) => Err(Dropped::Unable),
        Reply::Unable(_) => refuse(buffer, addressee, REJECTED_TEXT).map(|bytes| (Sent::Reject, bytes)),
    }
}

/// A rejection would keep the device from trying its next server: for want of a place it is never sent
/// for other faults only where the client is set to hear it.
const fn is_silent(kind: FaultKind, when_unable: WhenUnable) -> bool {
    match kind {
        FaultKind::Overloaded => true,
        FaultKind::DirectoryUnreachable
        | FaultKind::DirectoryRefusedUs
        | FaultKind::DirectoryConfusing
        | FaultKind::UnclearAccount
        | FaultKind::UpstreamUnreachable
        | FaultKind::UpstreamConfusing
        | FaultKind::StoreUnavailable
        | FaultKind::AuditUnavailable
        | FaultKind::KeyMissing
        | FaultKind::TimedOut
        | FaultKind::Internal => match when_unable {
            WhenUnable::Silence => true,
            WhenUnable::Reject => false,
        },
    }
}

/// Writes the one Access-Reject with `text`, for a login and for a request that is none. To EAP it speaks EAP: a failure, and no
/// text beside it; to MS-CHAP it gives MS-CHAP-Error, always with the same code (A-100, B-085).
///
/// # Errors
///
/// [`Dropped`] when there is no room for it.
pub fn refuse<'b>(buffer: &'b mut Buffer, to: &Addressee<'_>, text: &str) -> Result<&'b [u8], Dropped> {
    let mut reply = ReplyBuilder::new(buffer, Code::AccessReject, to.to)?;
    match to.shape {
        Shape::Eap { identifier, .. } => reply.attribute(EAP_MESSAGE, &failure(*identifier))?,
        Shape::MsChap { version, identifier } => {
            keep_small(&mut reply, to)?;
            let code = ErrorCode::Authentication;
            let error = error_value(*version, *identifier, code, &to.fresh.challenge, text);
            reply.vendor(MICROSOFT, MS_CHAP_ERROR, &error)?;
            let _left_out = reply.text(REPLY_MESSAGE, text);
        }
        Shape::Plain => {
            keep_small(&mut reply, to)?;
            // The text is optional: where there is no room the device gets the bare rejection.
            let _left_out = reply.text(REPLY_MESSAGE, text);
        }
    }
    Ok(reply.sign(to.client.secret(to.which))?)
}

/// A question is put once a password was found right, which proves as much as can be had. Where the device itself
/// checks passwords, nothing has proved anything yet. EAP is always proven.
fn challenge<'b>(
    buffer: &'b mut Buffer,
    to: &Addressee<'_>,
    id: ChallengeId,
    prompt: &Prompt,
) -> Result<&'b [u8], Dropped> {
    let mut reply = ReplyBuilder::new(buffer, Code::AccessChallenge, to.to)?;
    if to.client.client.primary == PrimaryKind::CheckedByClient {
        keep_small(&mut reply, to)?;
    }
    reply.attribute(STATE, id.text().as_bytes())?;
    match &prompt.relay {
        Some(held) => upstreams_own(&mut reply, to, held)?,
        // EAP has no place for a question of ours; one that was put elsewhere is not answered by EAP.
        None if matches!(to.shape, Shape::Eap { .. }) => return Err(Dropped::NotOurs),
        None => {
            let text = if prompt.text.trim().is_empty() { BARE_PROMPT } else { &prompt.text };
            reply.text(REPLY_MESSAGE, text)?;
            no_echo(&mut reply, to)?;
        }
    }
    Ok(reply.sign(to.client.secret(to.which))?)
}

/// The question of an upstream, and nothing else of its answer.
fn upstreams_own(reply: &mut ReplyBuilder<'_, '_>, to: &Addressee<'_>, held: &Held) -> Result<(), Dropped> {
    let answered = held.get::<Answered>().ok_or(Dropped::NotOurs)?;
    if matches!(to.shape, Shape::Eap { .. }) {
        let message: Vec<u8> = answered.all(EAP_MESSAGE).flatten().copied().collect();
        if message.is_empty() {
            return Err(Dropped::NotOurs);
        }
        reply.long(EAP_MESSAGE, &message)?;
    } else {
        let mut texts = answered.all(REPLY_MESSAGE).filter(|text| !text.is_empty()).peekable();
        if texts.peek().is_none() {
            reply.text(REPLY_MESSAGE, BARE_PROMPT)?;
        }
        texts.try_for_each(|text| reply.attribute(REPLY_MESSAGE, text))?;
        match answered.all(PROMPT).next() {
            Some(prompt) => reply.attribute(PROMPT, prompt)?,
            None => no_echo(reply, to)?,
        }
    }
    // How long the device waits for the user, or for the peer (RFC 3579 section 2.3); we do not wait longer.
    if let Some(seconds) = answered.all(SESSION_TIMEOUT).find_map(seconds) {
        let most = u32::try_from(to.client.client.challenge_life.as_secs()).unwrap_or(u32::MAX);
        reply.attribute(SESSION_TIMEOUT, &seconds.min(most).max(1).to_be_bytes())?;
    }
    Ok(())
}

fn no_echo(reply: &mut ReplyBuilder<'_, '_>, to: &Addressee<'_>) -> Result<(), DoesNotFit> {
    if to.client.hide_answer { reply.attribute(PROMPT, &NO_ECHO) } else { Ok(()) }
}

/// A number of seconds; none is no number.
pub(super) fn seconds(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes).filter(|seconds| *seconds > 0)
}

/// A request that proved nothing gets no answer longer than itself (D-124).
pub(super) fn keep_small(reply: &mut ReplyBuilder<'_, '_>, to: &Addressee<'_>) -> Result<(), DoesNotFit> {
    to.unproven.map_or(Ok(()), |length| reply.at_most(length))
}

/// Writes the answer to Status-Server: an Access-Accept without any authorization.
///
/// # Errors
///
/// [`Dropped`] when the request's Proxy-State leaves no room.
pub fn alive<'b>(
    buffer: &'b mut Buffer,
    client: &RadiusClient,
    which: Which,
    to: &ReplyTo,
) -> Result<&'b [u8], Dropped> {
    let reply = ReplyBuilder::new(buffer, Code::AccessAccept, to)?;
    Ok(reply.sign(client.secret(which))?)
}

impl From<DoesNotFit> for Dropped {
    fn from(DoesNotFit: DoesNotFit) -> Self {
        Self::DoesNotFit
    }
}
