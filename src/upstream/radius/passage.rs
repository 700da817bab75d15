//! What of a device's request goes on to an upstream, and what of its answer goes back: attributes whole and in their
//! order, each side's State its own.

use zeroize::Zeroizing;

use crate::login::verdict::{Fault, FaultKind};
use crate::upstream::radius::line::Response;
use crate::upstream::radius::server::Which;
use crate::wire::radius::attribute::{Attribute, Attributes, MAX_VALUE, vendor_attributes};
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::dictionary::{
    ARAP_PASSWORD, CHAP_CHALLENGE, CHAP_PASSWORD, CLASS, EAP_MESSAGE, FILTER_ID, MESSAGE_AUTHENTICATOR,
    MICROSOFT, NAS_IDENTIFIER, PROXY_STATE, REPLY_MESSAGE, SESSION_TIMEOUT, STATE, USER_NAME, USER_PASSWORD,
    VENDOR_SPECIFIC, entry, vendor_entry,
};
use crate::wire::radius::hidden::{Opened, Scheme};
use crate::wire::radius::packet::{Code, Packet};

/// Idle-Timeout and Termination-Action (RFC 2865 sections 5.28 and 5.29).
const IDLE_TIMEOUT: u8 = 28;
const TERMINATION_ACTION: u8 = 29;
/// Attributes that no Access-Request has (RFC 2865 section 5.44): a device that sends one wants to have a say in its
/// own authorisation.
const ONLY_IN_REPLIES: [u8; 6] =
    [REPLY_MESSAGE, FILTER_ID, CLASS, SESSION_TIMEOUT, IDLE_TIMEOUT, TERMINATION_ACTION];
/// The same among Microsoft's (RFC 2548): MS-CHAP-Error, MS-MPPE-Encryption-Policy and -Types, MS-CHAP-Domain,
/// MS-CHAP-MPPE-Keys, MS-MPPE-Send-Key, MS-MPPE-Recv-Key, MS-CHAP2-Success.
const MICROSOFT_ONLY_IN_REPLIES: [u8; 8] = [2, 7, 8, 10, 12, 16, 17, 26];
/// Microsoft's proofs (RFC 2548 section 2): MS-CHAP-Response, MS-CHAP-CPW-1 and -2, MS-CHAP-LM-Enc-PW and
/// -NT-Enc-PW, MS-CHAP-Challenge, MS-CHAP2-Response, MS-CHAP2-CPW.
const MICROSOFT_PROOFS: [u8; 8] = [1, 3, 4, 5, 6, 11, 25, 27];

/// What goes on to the upstream of a device's request.
pub struct Forwarded {
    attributes: Zeroizing<Vec<u8>>,
    has_proof: bool,
    is_named: bool,
}

impl Forwarded {
    /// Takes over from an Access-Request what an upstream may see: everything but User-Password, which is hidden
    /// anew for each server, Message-Authenticator, our State, Proxy-State, which the reply to the device gets back
    /// and what only a server may say.
    ///
    /// `name` goes on in place of User-Name; `None` leaves it as typed, and so does every method whose proof is
    /// computed over it. A CHAP response without CHAP-Challenge gets one: the Request Authenticator that it
    /// was made for does not go on.
    #[must_use]
    pub fn read(request: &Packet<'_>, name: Option<&str>) -> Self {
        let name = name.map(str::as_bytes).filter(|name| !name.is_empty() && name.len() <= MAX_VALUE);
        let name = name.filter(|_| !request.attributes().any(|attribute| is_proof(&attribute)));
        let mut attributes = Zeroizing::new(Vec::with_capacity(request.attribute_bytes().len()));
        for attribute in request.attributes().filter(goes_on) {
            match name.filter(|_| attribute.kind == USER_NAME) {
                Some(name) => append(&mut attributes, USER_NAME, name),
                None => attributes.extend_from_slice(attribute.whole),
            }
        }
        if request.has(CHAP_PASSWORD) && !request.has(CHAP_CHALLENGE) {
            append(&mut attributes, CHAP_CHALLENGE, request.authenticator());
        }
        let has_proof = request.attributes().any(|attribute| is_proof(&attribute));
        Self { attributes, has_proof, is_named: request.has(NAS_IDENTIFIER) }
    }

    /// It holds a proof of its own: CHAP, MS-CHAP or EAP.
    #[must_use]
    pub const fn has_proof(&self) -> bool {
        self.has_proof
    }

    /// It is a part of an EAP conversation.
    #[must_use]
    pub fn is_eap(&self) -> bool {
        self.all().any(|attribute| attribute.kind == EAP_MESSAGE)
    }

    /// The attributes of a request to the upstream.
    ///
    /// * `with_password`: User-Password is sent, so every other proof stays here.
    /// * `state`: the upstream's State, of its last challenge.
    /// * `nas_identifier`: ours, for a device that gave none.
    #[must_use]
    pub fn attributes(
        &self,
        with_password: bool,
        state: Option<&[u8]>,
        nas_identifier: &str,
    ) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.attributes.len().saturating_add(2 * MAX_VALUE)));
        for attribute in self.all().filter(|attribute| !(with_password && is_proof(attribute))) {
            out.extend_from_slice(attribute.whole);
        }
        if let Some(state) = state {
            append(&mut out, STATE, state);
        }
        if !self.is_named {
            append(&mut out, NAS_IDENTIFIER, nas_identifier.as_bytes());
        }
        out
    }

    fn all(&self) -> Attributes<'_> {
        Attributes::new(&self.attributes, 0)
    }
}

impl std::fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Forwarded(…)")
    }
}

fn goes_on(attribute: &Attribute<'_>) -> bool {
    match attribute.kind {
        USER_PASSWORD | MESSAGE_AUTHENTICATOR | STATE | PROXY_STATE => false,
        VENDOR_SPECIFIC => {
            !is_broken_microsoft(attribute) && !has_microsoft(attribute.value, &MICROSOFT_ONLY_IN_REPLIES)
        }
        kind => !ONLY_IN_REPLIES.contains(&kind),
    }
}

/// A credential other than User-Password, or what belongs to one.
fn is_proof(attribute: &Attribute<'_>) -> bool {
    match attribute.kind {
        CHAP_PASSWORD | CHAP_CHALLENGE | ARAP_PASSWORD | EAP_MESSAGE => true,
        VENDOR_SPECIFIC => has_microsoft(attribute.value, &MICROSOFT_PROOFS),
        _ => false,
    }
}

fn has_microsoft(value: &[u8], kinds: &[u8]) -> bool {
    vendor_attributes(value).is_some_and(|mut pieces| {
        pieces.any(|piece| piece.vendor == MICROSOFT && kinds.contains(&piece.kind))
    })
}

/// Of Microsoft's, and its inside cannot be read: a server that reads it all the same may find a proof, a new password
/// or a key in it that was looked for here in vain.
fn is_broken_microsoft(attribute: &Attribute<'_>) -> bool {
    attribute.kind == VENDOR_SPECIFIC
        && attribute.value.starts_with(&MICROSOFT.to_be_bytes())
        && vendor_attributes(attribute.value).is_none()
}

/// Adds an attribute; one without a value, or with one that is too long, is left out.
fn append(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    let length = value.len().checked_add(2).and_then(|length| u8::try_from(length).ok());
    if let Some(length) = length.filter(|_| !value.is_empty()) {
        out.extend_from_slice(&[kind, length]);
        out.extend_from_slice(value);
    }
}

/// One attribute of an answer. A vendor's attribute that holds several pieces counts as several.
pub struct Piece {
    vendor: Option<u32>,
    kind: u8,
    whole: Zeroizing<Vec<u8>>,
    opened: Option<Opened>,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Piece({:?}, {}, …)", self.vendor, self.kind)
    }
}

impl Piece {
    /// The vendor, for a vendor's attribute whose inside can be read.
    #[must_use]
    pub const fn vendor(&self) -> Option<u32> {
        self.vendor
    }

    /// The type, the vendor's own for a vendor's attribute.
    #[must_use]
    pub const fn kind(&self) -> u8 {
        self.kind
    }

    /// It is this attribute.
    #[must_use]
    pub fn is(&self, vendor: Option<u32>, kind: u8) -> bool {
        (self.vendor, self.kind) == (vendor, kind)
    }

    /// The value as it came; hidden still, where it was.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        let header = if self.vendor.is_some() { 8 } else { 2 };
        self.whole.get(header..).unwrap_or_default()
    }

    /// The attribute as it came, to be copied into a packet. Of no use to others where [`Piece::opened`] is.
    #[must_use]
    pub fn whole(&self) -> &[u8] {
        &self.whole
    }

    /// What was hidden in it with the upstream's secret; to be hidden anew for whoever gets it.
    #[must_use]
    pub const fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }
}

/// An answer of an upstream. Gone from memory when it is dropped.
pub struct Answered {
    from: Which,
    code: Code,
    state: Option<Box<[u8]>>,
    pieces: Vec<Piece>,
}

impl std::fmt::Debug for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answered").field("from", &self.from).field("code", &self.code).finish_non_exhaustive()
    }
}

impl Answered {
    /// Takes a reply apart: Message-Authenticator and Proxy-State are between us and the server and stay behind,
    /// State is kept for the next request, what is hidden is opened with `secret`.
    ///
    /// # Errors
    ///
    /// A fault when something hidden does not open: an accept without its keys is another one.
    pub fn read(response: &Response, from: Which, secret: &SharedSecret) -> Result<Self, Fault> {
        match response.packet() {
            Some(packet) => Self::of(&packet, response.request_authenticator(), from, secret),
            None => Err(confusing(from, "its reply cannot be read")),
        }
    }

    /// As [`Answered::read`], of a packet that was found authentic for the request with `authenticator`.
    ///
    /// # Errors
    ///
    /// As [`Answered::read`].
    pub fn of(
        packet: &Packet<'_>,
        authenticator: &[u8; 16],
        from: Which,
        secret: &SharedSecret,
    ) -> Result<Self, Fault> {
        let mut answered =
            Self { from, code: packet.code(), state: packet.find(STATE).map(Into::into), pieces: Vec::new() };
        let mut pieces = Vec::new();
        let unopened = || {
            confusing(
                from,
                "a key or password in its reply is not hidden as RFC 2548 and RFC 2868 say; look into its settings for keys",
            )
        };
        for attribute in packet.attributes() {
            // It may well be a key, and an accept without its keys is another one.
            if is_broken_microsoft(&attribute) {
                return Err(unopened());
            }
            if !matches!(attribute.kind, MESSAGE_AUTHENTICATOR | PROXY_STATE | STATE) {
                split(&attribute, &mut pieces);
            }
        }
        for mut piece in pieces {
            piece.open(secret, authenticator).map_err(|()| unopened())?;
            answered.pieces.push(piece);
        }
        Ok(answered)
    }

    /// The server that gave it.
    #[must_use]
    pub const fn from(&self) -> Which {
        self.from
    }

    /// What it says.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The upstream's State: for the upstream alone.
    #[must_use]
    pub fn state(&self) -> Option<&[u8]> {
        self.state.as_deref()
    }

    /// Its attributes in their order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The values of all standard attributes of a type, in their order.
    pub fn all(&self, kind: u8) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().filter(move |piece| piece.is(None, kind)).map(Piece::value)
    }

    /// The value of the first attribute of a type.
    #[must_use]
    pub fn find(&self, vendor: Option<u32>, kind: u8) -> Option<&[u8]> {
        self.pieces.iter().find(|piece| piece.is(vendor, kind)).map(Piece::value)
    }
}

fn confusing(from: Which, what: &str) -> Fault {
    Fault::new(FaultKind::UpstreamConfusing, format!("upstream server {}: {what}", from.address()))
}

fn split(attribute: &Attribute<'_>, out: &mut Vec<Piece>) {
    let inside = (attribute.kind == VENDOR_SPECIFIC).then(|| vendor_attributes(attribute.value)).flatten();
    let Some(inside) = inside else {
        let whole = Zeroizing::new(attribute.whole.to_vec());
        out.push(Piece { vendor: None, kind: attribute.kind, whole, opened: None });
        return;
    };
    for piece in inside {
        let mut value = Zeroizing::new(Vec::with_capacity(MAX_VALUE));
        value.extend_from_slice(&piece.vendor.to_be_bytes());
        append_piece(&mut value, piece.kind, piece.value);
        // No more than it needs: hundreds of them fit into one reply, and thousands of replies are kept.
        let mut whole = Zeroizing::new(Vec::with_capacity(value.len().saturating_add(2)));
        append(&mut whole, VENDOR_SPECIFIC, &value);
        out.push(Piece { vendor: Some(piece.vendor), kind: piece.kind, whole, opened: None });
    }
}

/// The same as [`append`], but a piece without a value is kept: its vendor knows what it means.
fn append_piece(out: &mut Vec<u8>, kind: u8, value: &[u8]) {
    if let Some(length) = value.len().checked_add(2).and_then(|length| u8::try_from(length).ok()) {
        out.extend_from_slice(&[kind, length]);
        out.extend_from_slice(value);
    }
}

impl Piece {
    fn open(&mut self, secret: &SharedSecret, authenticator: &[u8; 16]) -> Result<(), ()> {
        let row = match self.vendor {
            Some(vendor) => vendor_entry(vendor, self.kind),
            None => entry(self.kind),
        };
        if let Some(scheme) = row.and_then(Scheme::of) {
            let opened = scheme.open(self.value(), secret.raw(), authenticator).map_err(|_| ())?;
            self.opened = Some(opened);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
