//! What kinds of requests there are, and what may answer them.

use crate::wire::ldap::message::op;

/// What kind of request a tag is, as far as RFC 4511 sections 4.2 to 4.12 name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Request {
    /// BindRequest.
    Bind,
    /// UnbindRequest.
    Unbind,
    /// SearchRequest.
    Search,
    /// ModifyRequest.
    Modify,
    /// AddRequest.
    Add,
    /// DelRequest.
    Delete,
    /// ModifyDNRequest.
    ModifyDn,
    /// CompareRequest.
    Compare,
    /// AbandonRequest.
    Abandon,
    /// ExtendedRequest.
    Extended,
    /// No request that the RFC names.
    Unknown,
}

impl Request {
    /// The request with this tag. Whether the tag says "constructed" or "primitive" makes no difference:
    /// what a careless server could take for a bind or a write is judged as one.
    #[must_use]
    pub const fn of(tag: u8) -> Self {
        const CONSTRUCTED: u8 = 0x20;
        match tag | CONSTRUCTED {
            op::BIND_REQUEST => Self::Bind,
            UNBIND => Self::Unbind,
            op::SEARCH_REQUEST => Self::Search,
            op::MODIFY_REQUEST => Self::Modify,
            op::ADD_REQUEST => Self::Add,
            DELETE => Self::Delete,
            op::MODIFY_DN_REQUEST => Self::ModifyDn,
            op::COMPARE_REQUEST => Self::Compare,
            ABANDON => Self::Abandon,
            op::EXTENDED_REQUEST => Self::Extended,
            _ => Self::Unknown,
        }
    }

    /// Tag of the answer that ends it; `None` when there is none, or when we do not know it.
    #[must_use]
    pub const fn answer(self) -> Option<u8> {
        match self {
            Self::Bind => Some(op::BIND_RESPONSE),
            Self::Search => Some(op::SEARCH_DONE),
            Self::Modify => Some(op::MODIFY_RESPONSE),
            Self::Add => Some(op::ADD_RESPONSE),
            Self::Delete => Some(op::DELETE_RESPONSE),
            Self::ModifyDn => Some(op::MODIFY_DN_RESPONSE),
            Self::Compare => Some(op::COMPARE_RESPONSE),
            Self::Extended => Some(op::EXTENDED_RESPONSE),
            Self::Unbind | Self::Abandon | Self::Unknown => None,
        }
    }

    /// Whether a server may send an operation with this tag in answer to it: its end, what comes before its
    /// end, and to a request that we do not know anything but the outcome of a bind.
    #[must_use]
    pub const fn may_be_answered_by(self, tag: u8) -> bool {
        match self {
            Self::Unbind | Self::Abandon => false,
            Self::Unknown => tag != op::BIND_RESPONSE,
            Self::Bind => tag == op::BIND_RESPONSE,
            Self::Search => matches!(
                tag,
                op::SEARCH_ENTRY | op::SEARCH_REFERENCE | op::SEARCH_DONE | op::INTERMEDIATE_RESPONSE
            ),
            // RFC 4511 section 4.13: a control can ask any operation for intermediate answers.
            Self::Modify | Self::Add | Self::Delete | Self::ModifyDn | Self::Compare | Self::Extended => {
                tag == op::INTERMEDIATE_RESPONSE || matches!(self.answer(), Some(end) if end == tag)
            }
        }
    }

    /// Whether it changes what the directory holds. An extended request may do so as well; only its name
    /// tells.
    #[must_use]
    pub const fn writes(self) -> bool {
        matches!(self, Self::Modify | Self::Add | Self::Delete | Self::ModifyDn)
    }
}

// The primitive ones as if they were constructed.
const UNBIND: u8 = 0x62;
const DELETE: u8 = 0x6a;
const ABANDON: u8 = 0x70;
