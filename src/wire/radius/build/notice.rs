//! Packets that a server is told of rather than asked: accounting, and the orders of RFC 5176.

use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::build::{Body, Buffer, DoesNotFit, signed};
use crate::wire::radius::packet::Code;

/// Writes one Accounting-Request, Disconnect-Request or CoA-Request: their authenticator is not chosen but
/// computed over the packet and the secret (RFC 2866 section 3, RFC 5176 section 2.3).
///
/// Disconnect-Request and CoA-Request have a Message-Authenticator, first; an Accounting-Request has
/// none.
pub struct NoticeBuilder<'b> {
    body: Body<'b>,
}

impl<'b> NoticeBuilder<'b> {
    /// Begins a notice. The identifier must not be in use for the same server, for nothing else tells two
    /// notices of the same content apart.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] never for a whole buffer, but is not hidden.
    pub fn new(buffer: &'b mut Buffer, code: Code, identifier: u8) -> Result<Self, DoesNotFit> {
        Ok(Self { body: Body::new(buffer, code, identifier, &[0; 16], signed(code))? })
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

    /// Copies whole attributes, type and length bytes included, as they stand.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] if there is no room for all of them, if they are malformed or if a
    /// Message-Authenticator is among them; nothing was written.
    pub fn raw(&mut self, attributes: &[u8]) -> Result<(), DoesNotFit> {
        self.body.copy(attributes)
    }

    /// Computes Message-Authenticator where there is one and then the Request Authenticator, both with
    /// zeros in place of the latter (RFC 5176 section 3.4). Returns the packet.
    ///
    /// # Errors
    ///
    /// [`DoesNotFit`] cannot happen after [`NoticeBuilder::new`], but is not hidden.
    pub fn sign(mut self, secret: &SharedSecret) -> Result<&'b [u8], DoesNotFit> {
        self.body.close(secret)?;
        let authenticator = secret.seal_of(self.body.written()?);
        self.body.put(4, &authenticator)?;
        self.body.into_packet()
    }
}
