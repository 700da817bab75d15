//! EAP packets inside RADIUS (RFC 3748 section 4, RFC 3579 section 3.1): joined, read as far as a server in
//! between needs, and the one that ends a conversation.

use crate::wire::radius::dictionary::EAP_MESSAGE;
use crate::wire::radius::packet::Packet;
use crate::wire::reader::Reader;

/// Length of code, identifier and length, in bytes.
const HEADER: usize = 4;

/// What an EAP packet is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EapCode {
    /// 1, from the server.
    Request,
    /// 2, from the peer.
    Response,
    /// 3, from the server: the end.
    Success,
    /// 4, from the server: the end.
    Failure,
    /// Any other number.
    Other(u8),
}

/// The method that a request asks for and a response answers (RFC 3748 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EapType(pub u8);

impl EapType {
    /// Who are you?
    pub const IDENTITY: Self = Self(1);
    /// A text for the user; nothing may stand beside an end of the conversation.
    pub const NOTIFICATION: Self = Self(2);
    /// Not this method, rather another one.
    pub const NAK: Self = Self(3);
    /// Tunnelled TLS (RFC 5281).
    pub const TTLS: Self = Self(21);
    /// Protected EAP.
    pub const PEAP: Self = Self(25);
}

/// What the EAP-Message attributes of one packet hold.
#[derive(Clone, PartialEq, Eq)]
pub enum Eap {
    /// Nothing: the device asks us to begin (RFC 3579 section 2.1).
    Start,
    /// One whole EAP packet.
    Message(EapPacket),
}

/// One whole EAP packet, without what stood behind its end.
#[derive(Clone, PartialEq, Eq)]
pub struct EapPacket {
    bytes: Vec<u8>,
    code: EapCode,
    identifier: u8,
    kind: Option<EapType>,
}

/// Why EAP-Message attributes hold no EAP packet: the RADIUS packet is to be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEap {
    /// There is no room for a header.
    #[error("the eap packet has {0} bytes, fewer than its header")]
    TooShort(usize),
    /// The length field counts more than was received, or less than a header.
    #[error("the eap packet says that it has {said} bytes, and {got} were received")]
    Length {
        /// What the length field says.
        said: u16,
        /// Number of bytes received.
        got: usize,
    },
    /// A request or response without a type, or an end with something behind it.
    #[error("the eap packet with code {0} has a length that does not suit it")]
    Form(u8),
}

impl Eap {
    /// Joins and reads the EAP-Message attributes of a packet, in their order; `None` if there
    /// are none. Bytes behind the end of the EAP packet are left out.
    ///
    /// # Errors
    ///
    /// [`BadEap`].
    pub fn read(packet: &Packet<'_>) -> Result<Option<Self>, BadEap> {
        if !packet.has(EAP_MESSAGE) {
            return Ok(None);
        }
        let joined: Vec<u8> = packet.all(EAP_MESSAGE).flatten().copied().collect();
        if joined.is_empty() {
            return Ok(Some(Self::Start));
        }
        EapPacket::read(joined).map(|message| Some(Self::Message(message)))
    }
}

impl EapPacket {
    /// Reads one EAP packet from the front of `bytes` (RFC 3748 section 4).
    ///
    /// # Errors
    ///
    /// [`BadEap`].
    pub fn read(mut bytes: Vec<u8>) -> Result<Self, BadEap> {
        let got = bytes.len();
        let short = BadEap::TooShort(got);
        let mut reader = Reader::new(&bytes);
        let number = reader.u8().ok_or(short)?;
        let identifier = reader.u8().ok_or(short)?;
        let said = reader.u16().ok_or(short)?;
        let length = usize::from(said);
        if !(HEADER..=got).contains(&length) {
            return Err(BadEap::Length { said, got });
        }
        let kind = reader.u8().filter(|_| length > HEADER).map(EapType);
        let code = EapCode::from(number);
        let suits = match code {
            EapCode::Request | EapCode::Response => kind.is_some(),
            EapCode::Success | EapCode::Failure => kind.is_none(),
            EapCode::Other(_) => true,
        };
        if !suits {
            return Err(BadEap::Form(number));
        }
        bytes.truncate(length);
        Ok(Self { bytes, code, identifier, kind })
    }

    /// What it is for.
    #[must_use]
    pub const fn code(&self) -> EapCode {
        self.code
    }

    /// The number that pairs a response with its request.
    #[must_use]
    pub const fn identifier(&self) -> u8 {
        self.identifier
    }

    /// The type of a request or response; of no other packet.
    #[must_use]
    pub const fn kind(&self) -> Option<EapType> {
        match self.code {
            EapCode::Request | EapCode::Response => self.kind,
            _ => None,
        }
    }

    /// The whole packet, to be cut into EAP-Message attributes by
    /// [`crate::wire::radius::build::ReplyBuilder::long`].
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name that a response to Identity gives, which may be another than the user's own
    /// (RFC 3748 section 5.1); `None` in any other packet.
    #[must_use]
    pub fn identity(&self) -> Option<&[u8]> {
        let answers = self.code == EapCode::Response && self.kind == Some(EapType::IDENTITY);
        self.bytes.get(HEADER.saturating_add(1)..).filter(|_| answers)
    }
}

/// What an EAP packet holds may be a password.
impl std::fmt::Debug for EapPacket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("EapPacket");
        shown.field("code", &self.code).field("identifier", &self.identifier).field("kind", &self.kind);
        shown.field("length", &self.bytes.len()).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Eap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Start => f.write_str("Start"),
            Self::Message(message) => message.fmt(f),
        }
    }
}

impl From<u8> for EapCode {
    fn from(number: u8) -> Self {
        match number {
            1 => Self::Request,
            2 => Self::Response,
            3 => Self::Success,
            4 => Self::Failure,
            other => Self::Other(other),
        }
    }
}

/// The EAP-Failure that ends the conversation whose last response had `identifier`.
#[must_use]
pub const fn failure(identifier: u8) -> [u8; HEADER] {
    [4, identifier, 0, 4]
}

#[cfg(test)]
mod tests;
