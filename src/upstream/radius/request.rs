//! What is asked of a server, without what changes with every server and every try: identifier, authenticator and
//! what is hidden with them.

use crate::base::secret::Secret;
use crate::wire::radius::authenticator::SharedSecret;
use crate::wire::radius::build::{Buffer, DoesNotFit, NoticeBuilder, RequestBuilder};
use crate::wire::radius::packet::{Code, MAX_LEN};

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Access-Request.
    Access,
    /// Status-Server at the port of Access-Requests.
    AccessStatus,
    /// Accounting-Request.
    Accounting,
    /// Status-Server at the port of Accounting-Requests.
    AccountingStatus,
    /// Disconnect-Request, to a device (RFC 5176).
    Disconnect,
    /// CoA-Request, to a device (RFC 5176).
    Coa,
}

impl Kind {
    /// The code of the request.
    pub(super) const fn code(self) -> Code {
        match self {
            Self::Access => Code::AccessRequest,
            Self::AccessStatus | Self::AccountingStatus => Code::StatusServer,
            Self::Accounting => Code::AccountingRequest,
            Self::Disconnect => Code::DisconnectRequest,
            Self::Coa => Code::CoaRequest,
        }
    }

    /// Whether a reply with this code answers it. A sign of life is an Access-Accept or an Accounting-Response and
    /// nothing else.
    pub(super) const fn is_answered_by(self, code: Code) -> bool {
        match self {
            Self::Access => matches!(
                code,
                Code::AccessAccept | Code::AccessReject | Code::AccessChallenge | Code::ProtocolError
            ),
            Self::AccessStatus => matches!(code, Code::AccessAccept),
            Self::Accounting => matches!(code, Code::AccountingResponse | Code::ProtocolError),
            Self::AccountingStatus => matches!(code, Code::AccountingResponse),
            Self::Disconnect => matches!(code, Code::DisconnectAck | Code::DisconnectNak),
            Self::Coa => matches!(code, Code::CoaAck | Code::CoaNak),
        }
    }

    /// Whether Message-Authenticator may be demanded of its replies.
    ///
    /// Not for a sign of life: it decides nothing about a person, and servers from before July 2024 that were told to
    /// sign their answers to logins do not sign this one. Its Response Authenticator is checked all the same.
    pub(super) const fn may_demand_signature(self) -> bool {
        matches!(self, Self::Access)
    }

    /// Whether a reply without Message-Authenticator is one of a server that ought to be updated; those to notices have
    /// none, or need none.
    pub(super) const fn ought_to_be_signed(self) -> bool {
        matches!(self, Self::Access | Self::AccessStatus)
    }

    /// Whether its authenticator is computed over the packet instead of drawn (RFC 2866 section 3, RFC 5176
    /// section 2.3).
    const fn is_notice(self) -> bool {
        matches!(self, Self::Accounting | Self::Disconnect | Self::Coa)
    }
}

/// A request before it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// What it is for.
    pub kind: Kind,
    /// Its attributes, whole, in their order; without User-Password and Message-Authenticator.
    pub attributes: &'a [u8],
    /// Goes into User-Password, hidden for each server anew. Access-Request alone has one.
    pub password: Option<&'a Secret>,
}

impl Request<'_> {
    /// The packet, Message-Authenticator first where there is one. `authenticator` is fresh; a notice
    /// computes its own.
    pub(super) fn write<'b>(
        &self,
        buffer: &'b mut Buffer,
        identifier: u8,
        authenticator: [u8; 16],
        secret: &SharedSecret,
    ) -> Result<&'b [u8], DoesNotFit> {
        if self.kind.is_notice() {
            let mut packet = NoticeBuilder::new(buffer, self.kind.code(), identifier)?;
            packet.raw(self.attributes)?;
            return packet.sign(secret);
        }
        let mut packet = RequestBuilder::new(buffer, self.kind.code(), identifier, authenticator)?;
        packet.raw(self.attributes)?;
        if let Some(password) = self.password {
            packet.password(password.expose(), secret)?;
        }
        packet.sign(secret)
    }
}

/// Room for one packet.
pub(super) const EMPTY: Buffer = [0; MAX_LEN];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::radius::authenticator::Proof;
    use crate::wire::radius::packet::Packet;
    use crate::wire::radius::password::reveal;

    #[test]
    fn a_043_a_request_begins_with_its_proof_and_a_170_hides_the_password_for_its_own_authenticator() {
        let secret = SharedSecret::new(Secret::copied(b"a secret of the upstream")).unwrap();
        let password = Secret::copied(b"correct horse");
        let attributes = [1, 6, b'a', b'n', b'n', b'a', 33, 3, 1, 33, 3, 2];
        let request = Request { kind: Kind::Access, attributes: &attributes, password: Some(&password) };
        for authenticator in [[1; 16], [2; 16]] {
            let mut buffer = EMPTY;
            let bytes = request.write(&mut buffer, 9, authenticator, &secret).unwrap();
            let packet = Packet::parse(bytes).unwrap();
            assert_eq!((packet.code(), packet.identifier()), (Code::AccessRequest, 9));
            assert_eq!(packet.attributes().next().unwrap().kind, 80);
            assert_eq!(secret.check_request(&packet), Proof::Valid);
            assert_eq!(&packet.attribute_bytes()[18..30], attributes, "order is kept (A-172)");
            let hidden = packet.find(2).unwrap();
            assert_eq!(reveal(hidden, secret.raw(), &authenticator).unwrap(), password);
        }
    }

    #[test]
    fn a_134_a_136_a_notice_computes_its_authenticator_and_only_orders_to_devices_are_signed() {
        let secret = SharedSecret::new(Secret::copied(b"s")).unwrap();
        for (kind, signed) in [(Kind::Accounting, false), (Kind::Disconnect, true), (Kind::Coa, true)] {
            let request = Request { kind, attributes: &[44, 3, b'x'], password: None };
            let mut buffer = EMPTY;
            let packet = Packet::parse(request.write(&mut buffer, 9, [1; 16], &secret).unwrap()).unwrap();
            assert!(secret.proves_notice(&packet), "{kind:?}");
            assert_eq!((packet.code(), packet.has(80)), (kind.code(), signed));
        }
    }

    #[test]
    fn a_request_that_is_too_long_is_refused_and_not_cut() {
        let secret = SharedSecret::new(Secret::copied(b"s")).unwrap();
        let mut attributes = Vec::new();
        while attributes.len() < 4096 - 20 - 18 {
            attributes.extend([26, 255]);
            attributes.extend([0; 253]);
        }
        let request = Request { kind: Kind::Access, attributes: &attributes, password: None };
        assert_eq!(request.write(&mut { EMPTY }, 0, [0; 16], &secret), Err(DoesNotFit));
    }
}
