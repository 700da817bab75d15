//! Which of an upstream's attributes go on to a device.

use crate::wire::radius::dictionary::{
    Form, MICROSOFT, MS_CHAP_MPPE_KEYS, MS_CHAP2_SUCCESS, MS_MPPE_RECV_KEY, MS_MPPE_SEND_KEY, Place,
    REPLY_MESSAGE, SESSION_TIMEOUT, USER_NAME, Unnamed, entries, named,
};

/// An attribute by its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    vendor: Option<u32>,
    kind: u8,
    name: Box<str>,
    administrative: bool,
}

/// The attributes that go on to one client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passing {
    /// Which.
    pub list: Vec<Passed>,
    /// Those that give rights over the device itself, too.
    pub administrative: bool,
}

/// Why an attribute cannot be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotPassed {
    /// Its name is none.
    #[error("{0}")]
    Unnamed(Unnamed),
    /// It has a tag behind its name.
    #[error("attributes are passed with whatever tag they have")]
    Tag,
    /// It has no place in an accept, or not as it came.
    #[error("it belongs to the conversation with the upstream and means nothing beyond it")]
    Conversation,
    /// It is passed whether it is listed or not.
    #[error("it is passed wherever it is needed, listed or not")]
    Always,
}

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
    /// Finds an attribute by its name, in upper or lower case, or by its numbers.
    ///
    /// # Errors
    ///
    /// [`NotPassed`] where listing it is a mistake.
    pub fn named(text: &str) -> Result<Self, NotPassed> {
        let found = named(text).map_err(NotPassed::Unnamed)?;
        let (entry, number) = (found.entry, (found.entry.vendor, found.entry.kind));
        if found.tag.is_some() {
            return Err(NotPassed::Tag);
        }
        if is_key(entry.vendor, entry.kind) || number == (None, SESSION_TIMEOUT) {
            return Err(NotPassed::Always);
        }
        let in_an_accept = entry.place != Place::Never || is_name_or_text(entry.vendor, entry.kind);
        if !in_an_accept || matches!(entry.form, Form::Hidden | Form::Vendor) {
            return Err(NotPassed::Conversation);
        }
        let known = entries().any(|row| (row.vendor, row.kind) == number);
        Ok(Self {
            vendor: entry.vendor,
            kind: entry.kind,
            name: if known { entry.name } else { text }.into(),
            administrative: entry.place == Place::Administrative,
        })
    }

    /// The names of all that can be listed.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        entries().map(|entry| entry.name).filter(|name| Self::named(name).is_ok()).collect()
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &str {
        &self.name
    }

    /// Whether every value of it gives rights over the device itself.
    #[must_use]
    pub const fn is_administrative(&self) -> bool {
        self.administrative
    }
}

impl Passing {
    /// Whether an attribute goes on because it is listed. In EAP a text has no place, and the name stands in
    /// the accept already.
    #[must_use]
    pub fn lists(&self, vendor: Option<u32>, kind: u8, in_eap: bool) -> bool {
        let misplaced = in_eap && is_name_or_text(vendor, kind);
        !misplaced && self.list.iter().any(|passed| (passed.vendor, passed.kind) == (vendor, kind))
    }
}

fn is_name_or_text(vendor: Option<u32>, kind: u8) -> bool {
    vendor.is_none() && matches!(kind, REPLY_MESSAGE | USER_NAME)
}

/// Whether an attribute goes on whether it is listed or not.
pub(super) fn is_key(vendor: Option<u32>, kind: u8) -> bool {
    vendor == Some(MICROSOFT) && KEYS.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_accept_may_hold_can_be_listed_and_what_belongs_to_the_conversation_cannot() {
        for name in
            ["Class", "filter-id", "Framed-IP-Address", "Reply-Message", "User-Name", "Attr-26.99999.1"]
        {
            let passed = Passed::named(name).unwrap();
            assert!(passed.name().eq_ignore_ascii_case(name), "{name}");
        }
        for name in ["State", "Proxy-State", "Message-Authenticator", "EAP-Message", "User-Password"] {
            assert_eq!(Passed::named(name), Err(NotPassed::Conversation), "{name}");
        }
        for name in ["MS-MPPE-Send-Key", "MS-CHAP2-Success", "Session-Timeout"] {
            assert_eq!(Passed::named(name), Err(NotPassed::Always), "{name}");
        }
        assert_eq!(Passed::named("Clas"), Err(NotPassed::Unnamed(Unnamed::Unknown)));
        assert_eq!(Passed::named("Tunnel-Type:1"), Err(NotPassed::Tag));
    }

    #[test]
    fn a_076_an_attribute_that_nobody_here_knows_counts_as_an_administrators() {
        assert!(Passed::named("Attr-26.99999.1").unwrap().is_administrative());
        assert!(Passed::named("Management-Privilege-Level").unwrap().is_administrative());
        assert!(!Passed::named("Class").unwrap().is_administrative());
        assert!(!Passed::named("Service-Type").unwrap().is_administrative(), "its value decides");
    }

    #[test]
    fn a_146_in_eap_no_text_is_passed_and_no_second_name() {
        let list = ["Reply-Message", "User-Name", "Class"].map(|name| Passed::named(name).unwrap()).to_vec();
        let passing = Passing { list, administrative: false };
        let lists = |in_eap| [18, 1, 25, 11].map(|kind| passing.lists(None, kind, in_eap));
        assert_eq!(lists(true), [false, false, true, false]);
        assert_eq!(lists(false), [true, true, true, false]);
        assert!(!passing.lists(Some(9), 25, false), "a vendor's attribute is another one");
    }
}
