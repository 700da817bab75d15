//! Attributes that a rule may tell, and those that it may not, with the reason.

use crate::base::table::nearest;
use crate::wire::radius::dictionary::{
    Entry, FILTER_ID, Place, REPLY_MESSAGE, Unnamed, VENDOR_SPECIFIC, entries, named,
};
use crate::wire::radius::encode::{self, Unfit};

pub use crate::wire::radius::dictionary::Form;

/// RFC 2869 section 5.16.
const ACCT_INTERIM_INTERVAL: u8 = 85;
/// Shorter intervals are forbidden there.
const SHORTEST_INTERVAL: u32 = 60;

/// Standard attributes of which an accept has one at most (RFC 2865 section 5.44, RFC 2869 section 5.19, RFC 4372
/// section 3, RFC 3162 section 3).
const ONCE: [u8; 28] = [
    1, 6, 7, 8, 9, 10, 12, 15, 16, 19, 20, 23, 27, 28, 29, 34, 35, 36, 37, 39, 62, 63, 75, 85, 88, 89, 96,
    100,
];

/// An attribute that a rule may tell.
#[derive(Debug, Clone)]
pub struct Target {
    entry: Entry,
    tag: Option<u8>,
    name: Box<str>,
    administrative: bool,
}

/// How often an attribute may stand in an accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Often {
    /// At most once.
    Once,
    /// As often as one rule says.
    OnceInMerged,
    /// As often as all rules say.
    Any,
}

/// Why an attribute cannot be told by a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untellable {
    /// Nobody knows the name; one that is nearly the same, if there is one.
    #[error("no attribute has this name")]
    Unknown(Option<&'static str>),
    /// The tag behind the name is none, or stands where there is none.
    #[error("{0}")]
    Tag(Unnamed),
    /// Its value is hidden for one packet.
    #[error("it carries a password or a key, which no rule can tell")]
    Secret,
    /// The text of an accept beside EAP is forbidden, and devices take it for an error.
    #[error("what people read is not told by a rule")]
    Text,
    /// It belongs to requests or to the conversation.
    #[error("{0}")]
    Never(&'static str),
    /// It gives rights over the device itself, and the rule does not say that it may.
    #[error("it gives rights over the device itself")]
    Administrative,
}

/// Why a value is not told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is none of this attribute's values.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// RFC 2869 section 5.16.
    #[error("an interval of at least {SHORTEST_INTERVAL} seconds is expected")]
    Interval,
    /// The value gives rights over the device itself, and the rule does not say that it may.
    #[error("the value gives rights over the device itself, and the rule is not administrative")]
    Administrative,
}

impl Target {
    /// The attribute called `name`, in any letter case, with a tag behind it where it has one: `Tunnel-Type:1`. Only
    /// with `administrative` it may be one that gives rights over the device itself (A-076, E-007).
    ///
    /// # Errors
    ///
    /// [`Untellable`]
    pub fn named(name: &str, administrative: bool) -> Result<Self, Untellable> {
        let known = named(name).map_err(|why| match why {
            Unnamed::Unknown => Untellable::Unknown(similar(name)),
            Unnamed::NoTag | Unnamed::BadTag => Untellable::Tag(why),
        })?;
        let entry = known.entry;
        if entry.vendor.is_none() && entry.kind == REPLY_MESSAGE {
            return Err(Untellable::Text);
        }
        if entry.form.is_secret() {
            return Err(Untellable::Secret);
        }
        match entry.place {
            Place::Never => return Err(Untellable::Never(never(&entry))),
            Place::Administrative if !administrative => return Err(Untellable::Administrative),
            Place::Administrative | Place::Accept | Place::ByValue => {}
        }
        // The name of what the dictionary does not know is its numbers.
        let unknown = entry.vendor.is_some() && entry.name == "Vendor-Specific";
        let shown = match known.tag {
            _ if unknown => name.to_owned(),
            Some(tag) => format!("{}:{tag}", entry.name),
            None => entry.name.to_owned(),
        };
        Ok(Self { entry, tag: known.tag, name: shown.into(), administrative })
    }

    /// Its name as the dictionary has it, with its tag.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What its values are made of.
    #[must_use]
    pub const fn form(&self) -> Form {
        self.entry.form
    }

    /// Its tag.
    #[must_use]
    pub(super) const fn tag(&self) -> Option<u8> {
        self.tag
    }

    /// What it is told from others by: vendor and type.
    #[must_use]
    pub const fn key(&self) -> (Option<u32>, u8) {
        (self.entry.vendor, self.entry.kind)
    }

    /// How often it may stand in an accept.
    #[must_use]
    pub fn often(&self) -> Often {
        match self.key() {
            (None, FILTER_ID) => Often::OnceInMerged,
            (None, kind) if ONCE.contains(&kind) => Often::Once,
            _ => Often::Any,
        }
    }

    /// The whole attribute with the value that `text` means, as it stands on the wire.
    ///
    /// # Errors
    ///
    /// [`Refused`], which says what is expected and never what was given.
    pub fn whole(&self, text: &str) -> Result<Box<[u8]>, Refused> {
        let value = encode::encode(&self.entry, self.tag, text)?;
        if !self.administrative && self.entry.is_administrative(&value) {
            return Err(Refused::Administrative);
        }
        if self.key() == (None, ACCT_INTERIM_INTERVAL) {
            let seconds = <[u8; 4]>::try_from(&*value).map_or(0, u32::from_be_bytes);
            if seconds < SHORTEST_INTERVAL {
                return Err(Refused::Interval);
            }
        }
        Ok(encode::whole(&self.entry, &value)?.into())
    }
}

const fn never(entry: &Entry) -> &'static str {
    match (entry.vendor, entry.kind) {
        (None, VENDOR_SPECIFIC) => {
            "a vendor's attribute is named by its own name, or as Attr-26.<vendor>.<type>"
        }
        (None, 24) => "State belongs to questions, and Doorward makes it",
        (None, 33) => "Proxy-State belongs to proxies, and goes back to them as it came",
        (None, 76) => "Prompt belongs to questions, and Doorward makes it",
        (None, 79) => "EAP-Message is the conversation itself",
        (None, 80) => "Message-Authenticator is the signature, and Doorward makes it",
        (None, 40..=52 | 55 | 68 | 86) => "it belongs to accounting, and the device sends it",
        _ => "it belongs to requests or to the conversation, and means nothing in an accept",
    }
}

/// The name that was most likely meant.
fn similar(name: &str) -> Option<&'static str> {
    let name = name.split_once(':').map_or(name, |(name, _)| name).to_lowercase();
    let names: Vec<(String, &'static str)> =
        entries().map(|entry| (entry.name.to_lowercase(), entry.name)).collect();
    let known: Vec<&str> = names.iter().map(|(lower, _)| lower.as_str()).collect();
    let near = nearest(&name, &known).or_else(|| {
        // Part of a name, such as Group-Name of Fortinet-Group-Name.
        let part = |known: &&&str| name.len() >= 5 && known.ends_with(&format!("-{name}"));
        known.iter().find(part).copied()
    })?;
    names.iter().find(|(lower, _)| lower == near).map(|(_, name)| *name)
}
