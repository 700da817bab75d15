//! Ends: of operations, and of connections.

use crate::frontend::ldap::counters::Closed;
use crate::wire::ldap::ask::Request;
use crate::wire::ldap::message::op;
use crate::wire::ldap::result::ResultCode;

/// Whether nothing more comes for this operation. Of one that we do not know, the first answer that is not one of
/// those known to come before the end is the last.
pub(super) fn is_last(request: Request, tag: u8) -> bool {
    let before_the_end = [op::SEARCH_ENTRY, op::SEARCH_REFERENCE, op::INTERMEDIATE_RESPONSE];
    request.answer().map_or(!before_the_end.contains(&tag), |end| end == tag)
}

/// What the client is told when its connection ends (RFC 4511 section 4.4.1, B-029).
pub(super) const fn notice(why: Closed) -> Option<(ResultCode, &'static str)> {
    match why {
        Closed::Unbind
        | Closed::HungUp
        | Closed::PlaintextBehindStartTls
        | Closed::Handshake
        | Closed::UnknownClient
        | Closed::ProxyHeader
        | Closed::ReaderTooSlow => None,
        Closed::Malformed => Some((ResultCode::PROTOCOL_ERROR, "The message is malformed.")),
        Closed::MessageId => Some((ResultCode::PROTOCOL_ERROR, "The message id is zero, or still in use.")),
        Closed::UnknownOperation => {
            Some((ResultCode::PROTOCOL_ERROR, "The operation is not known, or not allowed here."))
        }
        Closed::MessageTooLong => Some((ResultCode::PROTOCOL_ERROR, "The message is longer than allowed.")),
        Closed::QueueFull => Some((ResultCode::BUSY, "Too much was sent before the bind was answered.")),
        Closed::MemoryFull => Some((ResultCode::BUSY, "Too many large messages at once.")),
        Closed::ConnectionsFull | Closed::SourceFull => Some((ResultCode::BUSY, "Too many connections.")),
        Closed::FirstMessageLate | Closed::MessageLate => {
            Some((ResultCode::TIME_LIMIT_EXCEEDED, "The message did not come in time."))
        }
        Closed::Idle => Some((ResultCode::TIME_LIMIT_EXCEEDED, "Nothing happened for too long.")),
        Closed::TimeOver => Some((ResultCode::STRONGER_AUTH_REQUIRED, "The time of this login is over.")),
        Closed::DirectoryLost | Closed::Fault => {
            Some((ResultCode::UNAVAILABLE, "The directory is not available at the moment."))
        }
        Closed::Shutdown => {
            Some((ResultCode::UNAVAILABLE, "The service ends, or its settings have changed."))
        }
    }
}
