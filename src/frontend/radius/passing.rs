//! Which of an upstream's attributes go on to a device.

use crate::wire::radius::dictionary::{
    CISCO, CISCO_AVPAIR, EAP_MESSAGE, ERROR_CAUSE, Entry, Form, MESSAGE_AUTHENTICATOR, MICROSOFT,
    MS_CHAP_MPPE_KEYS, MS_CHAP2_SUCCESS, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY, PROMPT, PROXY_STATE,
    REPLY_MESSAGE, SERVICE_TYPE, SESSION_TIMEOUT, STATE, USER_NAME, entry, vendor_entry,
};

/// Values of Service-Type that let somebody configure the device: Administrative, NAS-Prompt, and both with a call back.
const ADMINISTRATIVE_SERVICES: [u32; 4] = [6, 7, 9, 11];

/// Attributes that make somebody an administrator whatever their value.
const ADMINISTRATIVE: [(Option<u32>, u8); 6] =
    [(None, 136), (Some(2620), 229), (Some(2636), 1), (Some(25461), 1), (Some(14988), 3), (Some(12356), 6)];

/// Vendors whose attributes have names.
const VENDORS: [u32; 13] = [9, 66, 311, 2620, 2636, 3076, 3375, 5951, 6527, 8741, 12356, 14823, 14988];

fn find(name: &str) -> Option<(Option<u32>, &'static Entry)> {
    every().find(|(_, entry)| entry.name.eq_ignore_ascii_case(name))
}

fn every() -> impl Iterator<Item = (Option<u32>, &'static Entry)> {
    let standard = (0..=u8::MAX).filter_map(|kind| Some((None, entry(kind)?)));
    let vendors = VENDORS.into_iter().chain([25461]).flat_map(|vendor| {
        (0..=u8::MAX).filter_map(move |kind| Some((Some(vendor), vendor_entry(vendor, kind)?)))
    });
    standard.chain(vendors)
}

/// An attribute by its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// The vendor whose it is; `None` for a standard attribute.
    pub vendor: Option<u32>,
    /// Its type among those.
    pub kind: u8,
    /// Its name.
    pub name: &'static str,
}

/// The attributes that go on to one client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passing {
    /// Which.
    pub list: Vec<Passed>,
    /// Those that make somebody an administrator of the device, too.
    pub administrative: bool,
}

/// Why an attribute cannot be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPassed {
    /// Nobody knows its name.
    #[error("no attribute has this name")]
    Unknown,
    /// It belongs to the conversation with the upstream.
    #[error("it belongs to the conversation and means nothing beyond it")]
    Conversation,
    /// It is passed whether it is listed or not.
    #[error("it is passed wherever the way to log in needs it, listed or not")]
    Always,
}

/// Standard attributes that are each side's own.
const CONVERSATION: [u8; 6] = [STATE, PROXY_STATE, MESSAGE_AUTHENTICATOR, EAP_MESSAGE, PROMPT, ERROR_CAUSE];

/// Keys and the proof of the server, without which a login by MS-CHAP or EAP is of no use (RFC 2548 sections 2.3.3 and
/// 2.4).
const KEYS: [u8; 6] = [
    MS_MPPE_ENCRYPTION_POLICY,
    MS_MPPE_ENCRYPTION_TYPES,
    MS_CHAP_MPPE_KEYS,
    MS_MPPE_SEND_KEY,
    MS_MPPE_RECV_KEY,
    MS_CHAP2_SUCCESS,
];
const MS_MPPE_ENCRYPTION_POLICY: u8 = 7;
const MS_MPPE_ENCRYPTION_TYPES: u8 = 8;

impl Passed {
    /// Finds an attribute by its name, in upper or lower case.
    ///
    /// # Errors
    ///
    /// [`NotPassed`] where listing it is a mistake.
    pub fn named(name: &str) -> Result<Self, NotPassed> {
        let (vendor, entry) = find(name).ok_or(NotPassed::Unknown)?;
        let own = vendor.is_none() && CONVERSATION.contains(&entry.kind);
        if own || entry.form == Form::Hidden || entry.form == Form::Vendor {
            return Err(NotPassed::Conversation);
        }
        if is_key(vendor, entry.kind) || (vendor, entry.kind) == (None, SESSION_TIMEOUT) {
            return Err(NotPassed::Always);
        }
        Ok(Self { vendor, kind: entry.kind, name: entry.name })
    }

    /// The names of all that can be listed.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        every().map(|(_, entry)| entry.name).filter(|name| Self::named(name).is_ok()).collect()
    }

    /// Whether every value of it makes somebody an administrator.
    #[must_use]
    pub fn is_administrative(&self) -> bool {
        ADMINISTRATIVE.contains(&(self.vendor, self.kind))
    }
}

impl Passing {
    /// Whether an attribute goes on because it is listed. In EAP a text has no place, and the name stands in
    /// the accept already.
    #[must_use]
    pub fn lists(&self, vendor: Option<u32>, kind: u8, in_eap: bool) -> bool {
        let misplaced = in_eap && vendor.is_none() && matches!(kind, REPLY_MESSAGE | USER_NAME);
        !misplaced && self.list.iter().any(|passed| (passed.vendor, passed.kind) == (vendor, kind))
    }
}

/// Whether an attribute goes on whether it is listed or not.
pub(super) fn is_key(vendor: Option<u32>, kind: u8) -> bool {
    vendor == Some(MICROSOFT) && KEYS.contains(&kind)
}

/// Whether an attribute with this value lets somebody configure the device (A-076, E-007).
pub(super) fn is_administrative(vendor: Option<u32>, kind: u8, value: &[u8]) -> bool {
    match (vendor, kind) {
        (None, SERVICE_TYPE) => {
            value.try_into().is_ok_and(|value| ADMINISTRATIVE_SERVICES.contains(&u32::from_be_bytes(value)))
        }
        (Some(CISCO), CISCO_AVPAIR) => {
            let text = value.to_ascii_lowercase();
            text.starts_with(b"shell:") || text.windows(8).any(|part| part == b"priv-lvl")
        }
        _ => ADMINISTRATIVE.contains(&(vendor, kind)),
    }
}
