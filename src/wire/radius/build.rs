//! Writes packets: replies to a request we got, requests of our own.

use crate::wire::radius::attribute::{Attributes, MAX_VALUE, split_text};
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::dictionary::{MESSAGE_AUTHENTICATOR, USER_PASSWORD, VENDOR_SPECIFIC};
use crate::wire::radius::packet::{Code, HEADER_LEN, MAX_LEN, Packet};
use crate::wire::radius::password::{TooLong, hide};

pub use notice::NoticeBuilder;

/// Room for the longest packet.
pub type Buffer = [u8; MAX_LEN];

/// An attribute or packet has no room, or what was to be copied into it is not whole attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packet would be longer than 4096 bytes, or an attribute is longer than 253 or malformed")]
pub struct DoesNotFit;

/// What a reply has to take over from the request it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// The request's identifier.
    pub identifier: u8,
    /// The Request Authenticator.
    pub authenticator: [u8; 16],
    /// All Proxy-State attributes of the request, whole, in their order.
    pub proxy_states: Vec<u8>,
}

impl From<&Packet<'_>> for ReplyTo {
    fn from(request: &Packet<'_>) -> Self {
        Self {
            identifier: request.identifier(),
            authenticator: *request.authenticator(),
            proxy_states: request.proxy_states(),
        }
    }
}

/// Writes one reply into a buffer of the caller: Message-Authenticator first, then what is
/// added, then the request's Proxy-State attributes, for which room is kept from the start.
///
/// An Accounting-Response has no Message-Authenticator (RFC 3579 section 3.3, A-134).
pub struct ReplyBuilder<'b, 'r> {
    body: Body<'b>,
    to: &'r ReplyTo,
}

impl<'b, 'r> ReplyBuilder<'b, 'r> {
    /// Begins a reply.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if the Proxy-State attributes leave no room for a reply at all.
    pub fn new(buffer: &'b mut Buffer, code: Code, to: &'r ReplyTo) -> Result<Self, DoesNotFit> {
        let mut body = Body::new(buffer, code, to.identifier, &to.authenticator, signed(code))?;
        let limit = MAX_LEN.checked_sub(to.proxy_states.len()).ok_or(DoesNotFit)?;
        if body.used > limit {
            return Err(DoesNotFit);
        }
        body.limit = limit;
        Ok(Self { body, to })
    }

    /// Adds an attribute; an empty value is left out.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room; nothing was written, and smaller ones may still be added.
    pub fn attribute(&mut self, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        self.body.attribute(kind, value)
    }

    /// Adds a vendor's attribute (RFC 2865 section 5.26); an empty value is left out.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room or the value has more than 247 bytes.
    pub fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        self.body.vendor(vendor, kind, value)
    }

    /// Adds a text, over several attributes of the same type when it is long.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room for all of it; nothing was written.
    pub fn text(&mut self, kind: u8, text: &str) -> Result<(), DoesNotFit> {
        self.body.pieces(kind, split_text(text).map(str::as_bytes))
    }

    /// Copies whole attributes, type and length bytes included, as they stand.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room for all of them, if they are malformed or if a
    /// Message-Authenticator is among them; nothing was written.
    pub fn raw(&mut self, attributes: &[u8]) -> Result<(), DoesNotFit> {
        self.body.copy(attributes)
    }

    /// Adds a value of any length over several attributes of one type, each but the last of them full: an
    /// EAP packet (RFC 3579 section 3.1, A-143).
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room for all of it; nothing was written.
    pub fn long(&mut self, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        self.body.long(kind, value)
    }

    /// Makes the whole reply no longer than `length` bytes, for a request that did not prove who sent it
    /// (D-124).
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if it is longer already, or will be with its Proxy-State attributes.
    pub fn at_most(&mut self, length: usize) -> Result<(), DoesNotFit> {
        let limit = length.min(MAX_LEN).checked_sub(self.to.proxy_states.len()).ok_or(DoesNotFit)?;
        if self.body.used > limit {
            return Err(DoesNotFit);
        }
        self.body.limit = limit;
        Ok(())
    }

    /// Copies the Proxy-State attributes, computes Message-Authenticator over the request's authenticator
    /// and then the Response Authenticator. Returns the packet.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] cannot happen after [`ReplyBuilder::new`] kept the room, but is not hidden.
    pub fn sign(mut self, secret: &SharedSecret) -> Result<&'b [u8], DoesNotFit> {
        self.body.limit = MAX_LEN;
        self.body.raw(&self.to.proxy_states)?;
        self.body.close(secret)?;
        let authenticator = secret.seal_of(self.body.written()?);
        self.body.put(4, &authenticator)?;
        self.body.into_packet()
    }
}

/// Writes one Access-Request or Status-Server of our own, Message-Authenticator first.
pub struct RequestBuilder<'b> {
    body: Body<'b>,
    authenticator: [u8; 16],
}

impl<'b> RequestBuilder<'b> {
    /// Begins a request. `authenticator` must be unpredictable and used once.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] never for a whole buffer, but is not hidden.
    pub fn new(
        buffer: &'b mut Buffer,
        code: Code,
        identifier: u8,
        authenticator: [u8; 16],
    ) -> Result<Self, DoesNotFit> {
        Ok(Self { body: Body::new(buffer, code, identifier, &authenticator, true)?, authenticator })
    }

    /// Copies whole attributes, type and length bytes included, as they stand.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room for all of them, if they are malformed or if a
    /// Message-Authenticator is among them; nothing was written.
    pub fn raw(&mut self, attributes: &[u8]) -> Result<(), DoesNotFit> {
        self.body.copy(attributes)
    }

    /// Adds a value of any length over several attributes of one type, each but the last of them full: an
    /// EAP packet (RFC 3579 section 3.1, A-143).
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room for all of it; nothing was written.
    pub fn long(&mut self, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        self.body.long(kind, value)
    }

    /// Adds an attribute; an empty value is left out.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room.
    pub fn attribute(&mut self, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        self.body.attribute(kind, value)
    }

    /// Adds a vendor's attribute; an empty value is left out.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room or the value has more than 247 bytes.
    pub fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        self.body.vendor(vendor, kind, value)
    }

    /// Adds `password` as a hidden User-Password.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if it has more than 128 bytes or there is no room.
    pub fn password(&mut self, password: &[u8], secret: &SharedSecret) -> Result<(), DoesNotFit> {
        let hidden = hide(password, secret.raw(), &self.authenticator).map_err(|TooLong(_)| DoesNotFit)?;
        self.body.attribute(USER_PASSWORD, &hidden)
    }

    /// Computes Message-Authenticator and returns the packet.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] cannot happen after [`RequestBuilder::new`], but is not hidden.
    pub fn sign(mut self, secret: &SharedSecret) -> Result<&'b [u8], DoesNotFit> {
        self.body.close(secret)?;
        self.body.into_packet()
    }
}

/// Whether packets with this code have a Message-Authenticator: all but accounting.
const fn signed(code: Code) -> bool {
    !matches!(code, Code::AccountingRequest | Code::AccountingResponse)
}

/// Where the 16 bytes of Message-Authenticator stand: it is always the first attribute.
const MAC_AT: usize = HEADER_LEN + 2;

struct Body<'b> {
    buffer: &'b mut Buffer,
    used: usize,
    limit: usize,
    signed: bool,
}

impl<'b> Body<'b> {
    fn new(
        buffer: &'b mut Buffer,
        code: Code,
        identifier: u8,
        authenticator: &[u8; 16],
        signed: bool,
    ) -> Result<Self, DoesNotFit> {
        let mut body = Self { buffer, used: 0, limit: MAX_LEN, signed };
        body.raw(&[code.number(), identifier, 0, 0])?;
        body.raw(authenticator)?;
        if signed {
            body.attribute(MESSAGE_AUTHENTICATOR, &[0; 16])?;
        }
        Ok(body)
    }

    fn copy(&mut self, attributes: &[u8]) -> Result<(), DoesNotFit> {
        let mut walk = Attributes::new(attributes, 0);
        while let Some(attribute) = walk.step().map_err(|_| DoesNotFit)? {
            if attribute.kind == MESSAGE_AUTHENTICATOR {
                return Err(DoesNotFit);
            }
        }
        self.raw(attributes)
    }

    fn long(&mut self, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        self.pieces(kind, value.chunks(MAX_VALUE))
    }

    fn pieces<'v>(&mut self, kind: u8, pieces: impl Iterator<Item = &'v [u8]>) -> Result<(), DoesNotFit> {
        let before = self.used;
        for piece in pieces {
            if let Err(fault) = self.attribute(kind, piece) {
                self.used = before;
                return Err(fault);
            }
        }
        Ok(())
    }

    fn attribute(&mut self, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        if value.is_empty() {
            return Ok(());
        }
        let length = value.len().checked_add(2).filter(|_| value.len() <= MAX_VALUE).ok_or(DoesNotFit)?;
        self.room(length)?;
        self.raw(&[kind, u8::try_from(length).map_err(|_| DoesNotFit)?])?;
        self.raw(value)
    }

    fn vendor(&mut self, vendor: u32, kind: u8, value: &[u8]) -> Result<(), DoesNotFit> {
        if value.is_empty() {
            return Ok(());
        }
        let inner = value.len().checked_add(2).ok_or(DoesNotFit)?;
        let outer = inner.checked_add(6).filter(|outer| *outer <= 255).ok_or(DoesNotFit)?;
        self.room(outer)?;
        let length = |n: usize| u8::try_from(n).map_err(|_| DoesNotFit);
        self.raw(&[VENDOR_SPECIFIC, length(outer)?])?;
        self.raw(&vendor.to_be_bytes())?;
        self.raw(&[kind, length(inner)?])?;
        self.raw(value)
    }

    fn room(&self, length: usize) -> Result<(), DoesNotFit> {
        self.used.checked_add(length).filter(|end| *end <= self.limit).map(|_| ()).ok_or(DoesNotFit)
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<(), DoesNotFit> {
        self.room(bytes.len())?;
        self.put(self.used, bytes)?;
        self.used = self.used.saturating_add(bytes.len());
        Ok(())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) -> Result<(), DoesNotFit> {
        let end = at.checked_add(bytes.len()).ok_or(DoesNotFit)?;
        self.buffer.get_mut(at..end).ok_or(DoesNotFit)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Until now the Request Authenticator stands in the header, which goes into the computation.
    fn close(&mut self, secret: &SharedSecret) -> Result<(), DoesNotFit> {
        let length = u16::try_from(self.used).map_err(|_| DoesNotFit)?;
        self.put(2, &length.to_be_bytes())?;
        if !self.signed {
            return Ok(());
        }
        let mac = secret.mac_of(self.written()?);
        self.put(MAC_AT, &mac)
    }

    fn written(&self) -> Result<&[u8], DoesNotFit> {
        self.buffer.get(..self.used).ok_or(DoesNotFit)
    }

    fn into_packet(self) -> Result<&'b [u8], DoesNotFit> {
        let (buffer, used): (&'b Buffer, usize) = (self.buffer, self.used);
        buffer.get(..used).ok_or(DoesNotFit)
    }
}

mod notice;

#[cfg(test)]
mod tests;
