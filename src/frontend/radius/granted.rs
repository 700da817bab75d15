//! What an Access-Accept says of somebody who is let in, whatever way he took: what our rules tell, what his upstream
//! said, keys, the end of the session.

use crate::frontend::radius::answer::{Addressee, keep_small, seconds};
use crate::frontend::radius::counters::Dropped;
use crate::frontend::radius::method::Shape;
use crate::frontend::radius::passing::is_key;
use crate::gateway::badge;
use crate::login::client::PrimaryKind;
use crate::login::relay::Held;
use crate::login::verdict::{Basis, Grant};
use crate::upstream::radius::passage::{Answered, Piece};
use crate::wire::radius::attribute::{Attribute, Attributes, vendor_attributes};
use crate::wire::radius::build::{Buffer, DoesNotFit, ReplyBuilder};
use crate::wire::radius::dictionary::{
    CLASS, EAP_MESSAGE, REPLY_MESSAGE, SESSION_TIMEOUT, USER_NAME, VENDOR_SPECIFIC, is_administrative,
};
use crate::wire::radius::hidden::Salts;
use crate::wire::radius::packet::{Code, HEADER_LEN};

/// What accompanies a grant: what the upstream said, and our note for the device's accounting.
type Parts<'a> = (Option<&'a Held>, Option<&'a [u8]>);

/// Writes an Access-Accept. Where there is no room for all of it the device hears nothing: one that hears less may
/// allow more.
pub(super) fn accept<'b>(
    buffer: &'b mut Buffer,
    to: &Addressee<'_>,
    grant: &Grant,
    (held, badge): Parts<'_>,
) -> Result<&'b [u8], Dropped> {
    let answered = match held {
        Some(held) => Some(held.get::<Answered>().ok_or(Dropped::NotOurs)?),
        None => None,
    };
    let mut reply = ReplyBuilder::new(buffer, Code::AccessAccept, to.to)?;
    if !proves_something(to, grant) {
        keep_small(&mut reply, to)?;
    }
    let told = grant.told().bytes();
    let mut salts = Salts::new(to.fresh.salt);
    eap(&mut reply, to, told, answered)?;
    for piece in answered.iter().flat_map(|answered| answered.pieces()) {
        if is_key(piece.vendor(), piece.kind()) {
            copy(&mut reply, to, piece, &mut salts)?;
        }
    }
    for attribute in Attributes::new(told, HEADER_LEN) {
        if attribute.kind != SESSION_TIMEOUT {
            reply.raw(attribute.whole)?;
        }
    }
    for piece in answered.iter().flat_map(|answered| answered.pieces()) {
        if passes(to, piece, told) {
            copy(&mut reply, to, piece, &mut salts)?;
        }
    }
    if let Some(shortest) = shortest_session(grant, told, answered) {
        reply.attribute(SESSION_TIMEOUT, &shortest.to_be_bytes())?;
    }
    if let Some(badge) = badge {
        reply.attribute(CLASS, badge)?;
    }
    // Last, and only if there is room: it is a word to the user and no order to the device. EAP has no place for it
    // (RFC 3579 section 2.6.5).
    if let Some(offer) = grant.offer().filter(|_| !matches!(to.shape, Shape::Eap { .. })) {
        let _left_out = reply.text(REPLY_MESSAGE, offer);
    }
    Ok(reply.sign(to.client.secret(to.which))?)
}

/// Whoever is let in by a password or a code has proved more than a signature would.
fn proves_something(to: &Addressee<'_>, grant: &Grant) -> bool {
    let trusted = to.client.client.primary == PrimaryKind::CheckedByClient;
    !trusted || matches!(grant.basis(), Basis::Confirmed(_) | Basis::Remembered(_) | Basis::FaultFactor(_))
}

/// EAP-Success and User-Name: whom the upstream confirms, or the name as it came.
fn eap(
    reply: &mut ReplyBuilder<'_, '_>,
    to: &Addressee<'_>,
    told: &[u8],
    answered: Option<&Answered>,
) -> Result<(), DoesNotFit> {
    let Shape::Eap { identifier, name } = to.shape else { return Ok(()) };
    reply.attribute(EAP_MESSAGE, &[3, *identifier, 0, 4])?;
    if is_told(told, None, USER_NAME) {
        return Ok(());
    }
    let confirmed = answered.and_then(|answered| answered.find(None, USER_NAME));
    reply.attribute(USER_NAME, confirmed.unwrap_or(name))
}

/// Whether an attribute of the upstream's goes on to the device: only what is listed for it, no administrator's rights
/// unless it may have them, and nothing that our own rules tell in its place.
fn passes(to: &Addressee<'_>, piece: &Piece, told: &[u8]) -> bool {
    let passing = &to.client.passing;
    let in_eap = matches!(to.shape, Shape::Eap { .. });
    let (vendor, kind) = (piece.vendor(), piece.kind());
    // A note of ours can only be that of another login: accounting would take this one for it.
    let is_forged = (vendor, kind) == (None, CLASS) && badge::looks_like_one(piece.value());
    passing.lists(vendor, kind, in_eap)
        && !is_forged
        && (passing.administrative || !Attributes::new(piece.whole(), 0).any(|one| is_administrative(&one)))
        && !is_told(told, vendor, kind)
}

fn is_told(told: &[u8], vendor: Option<u32>, kind: u8) -> bool {
    let fits = |attribute: Attribute<'_>| match vendor {
        None => attribute.kind == kind,
        Some(vendor) if attribute.kind == VENDOR_SPECIFIC => vendor_attributes(attribute.value)
            .is_some_and(|mut all| all.any(|one| (one.vendor, one.kind) == (vendor, kind))),
        Some(_) => false,
    };
    Attributes::new(told, HEADER_LEN).any(fits)
}

/// What was hidden is hidden again with the secret of this device and for this request.
fn copy(
    reply: &mut ReplyBuilder<'_, '_>,
    to: &Addressee<'_>,
    piece: &Piece,
    salts: &mut Salts,
) -> Result<(), DoesNotFit> {
    let Some(opened) = piece.opened() else { return reply.raw(piece.whole()) };
    let secret = to.client.secret(to.which).raw();
    let value = opened.hide(salts, secret, &to.to.authenticator).map_err(|_| DoesNotFit)?;
    match piece.vendor() {
        Some(vendor) => reply.vendor(vendor, piece.kind(), &value),
        None => reply.attribute(piece.kind(), &value),
    }
}

/// Whoever sets an end to the session, the earliest counts.
fn shortest_session(grant: &Grant, told: &[u8], answered: Option<&Answered>) -> Option<u32> {
    let ours = grant.session().map(|ends| u32::try_from(ends.as_secs()).unwrap_or(u32::MAX).max(1));
    let ruled = Attributes::new(told, HEADER_LEN)
        .filter(|attribute| attribute.kind == SESSION_TIMEOUT)
        .filter_map(|attribute| seconds(attribute.value));
    let theirs = answered.iter().flat_map(|answered| answered.all(SESSION_TIMEOUT)).filter_map(seconds);
    ours.into_iter().chain(ruled).chain(theirs).min()
}
