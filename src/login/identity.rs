//! Who is meant: the name as typed, the account behind it, and its anonymous id.

mod groups;

pub use crate::login::identity::groups::Groups;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::{Arc, LazyLock};

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};

use crate::base::text::is_hidden;
use crate::login::throttle::Lockout;

/// Longest login name that is looked at, in bytes (B-105).
pub const MAX_NAME: usize = 256;
/// Longest distinguished name that is looked at, in bytes.
pub const MAX_DISTINGUISHED: usize = 2048;

/// A login name as typed: untrusted, and possibly a password typed in the wrong box. It has no `Display`,
/// and its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LoginName {
    typed: Box<str>,
    /// Where it differs from what was typed.
    prepared: Option<Box<str>>,
    distinguished: bool,
}

/// Why a login name is refused before anybody is asked about it (B-105).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// Nothing was typed.
    #[error("the login name is empty")]
    Empty,
    /// More than [`MAX_NAME`] bytes.
    #[error("the login name is longer than {MAX_NAME} bytes")]
    TooLong,
    /// Not UTF-8.
    #[error("the login name is not UTF-8")]
    NotText,
    /// A control, bidirectional, private or unassigned character.
    #[error("the login name holds a character that no name has")]
    Character,
}

/// How a login name is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum NameForm<'a> {
    /// `alice`
    Plain(&'a str),
    /// `alice@example.org`: user and suffix.
    Principal(&'a str, &'a str),
    /// `EXAMPLE\alice`: domain and user.
    Domain(&'a str, &'a str),
    /// `uid=alice,ou=people,dc=example`: the account's own name in its directory, as typed.
    Distinguished(&'a str),
}

impl LoginName {
    /// Takes a name from the wire.
    ///
    /// The prepared form is in characters of ordinary width, lower case and NFC (UsernameCaseMapped, RFC 8265
    /// section 3.3) and has no outer blanks; the typed form is kept beside it.
    ///
    /// # Errors
    ///
    /// [`BadName`] for what cannot be a name.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadName> {
        if bytes.len() > MAX_NAME {
            return Err(BadName::TooLong);
        }
        let typed = std::str::from_utf8(bytes).map_err(|_| BadName::NotText)?;
        let trimmed = typed.trim_matches(' ');
        if trimmed.is_empty() {
            return Err(BadName::Empty);
        }
        if has_refused(trimmed) {
            return Err(BadName::Character);
        }
        // Nearly all names are typed as they are looked for.
        if trimmed.bytes().all(|octet| octet.is_ascii() && !octet.is_ascii_uppercase()) {
            return Ok(Self { typed: trimmed.into(), prepared: None, distinguished: false });
        }
        let prepared = prepared(trimmed);
        if prepared.is_empty() {
            return Err(BadName::Empty);
        }
        let prepared = (prepared != trimmed).then(|| prepared.into());
        Ok(Self { typed: trimmed.into(), prepared, distinguished: false })
    }

    /// The same name typed, with another to look for and to compare.
    ///
    /// # Errors
    ///
    /// [`BadName`] for what cannot be a name.
    pub(in crate::login) fn known_as(self, name: &str) -> Result<Self, BadName> {
        let Self { typed, prepared, .. } = Self::parse(name.as_bytes())?;
        let prepared = prepared.unwrap_or(typed);
        Ok(Self { prepared: (prepared != self.typed).then_some(prepared), ..self })
    }

    /// Takes a distinguished name (RFC 4514) from a protocol that names accounts that way. Whoever calls this has
    /// seen that it is one; the directory that has the entry compares it, so nothing is prepared.
    ///
    /// # Errors
    ///
    /// [`BadName`] for what cannot be a name; the length is limited by [`MAX_DISTINGUISHED`].
    pub fn distinguished(text: &str) -> Result<Self, BadName> {
        if text.len() > MAX_DISTINGUISHED {
            return Err(BadName::TooLong);
        }
        if text.trim_matches(' ').is_empty() {
            return Err(BadName::Empty);
        }
        if has_refused(text) {
            return Err(BadName::Character);
        }
        Ok(Self { typed: text.into(), prepared: None, distinguished: true })
    }

    /// As typed, without outer blanks. Never to be logged or stored.
    #[must_use]
    pub fn typed(&self) -> &str {
        &self.typed
    }

    /// Normalised for look-up and comparison. Never to be logged or stored.
    #[must_use]
    pub fn prepared(&self) -> &str {
        self.prepared.as_deref().unwrap_or(&self.typed)
    }

    /// Whether it is the account's own name in its directory.
    #[must_use]
    pub const fn is_distinguished(&self) -> bool {
        self.distinguished
    }

    /// The parts of the prepared form. A backslash goes before an at sign: `EX\a@b` is domain `ex`.
    #[must_use]
    pub fn form(&self) -> NameForm<'_> {
        let prepared = self.prepared();
        if self.distinguished {
            NameForm::Distinguished(&self.typed)
        } else if let Some((domain, user)) = prepared.split_once('\\') {
            NameForm::Domain(domain, user)
        } else if let Some((user, suffix)) = prepared.rsplit_once('@') {
            NameForm::Principal(user, suffix)
        } else {
            NameForm::Plain(prepared)
        }
    }
}

impl fmt::Debug for LoginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginName(…)")
    }
}

/// Nearly all names are printable ASCII, of which nothing is refused.
fn has_refused(text: &str) -> bool {
    !text.bytes().all(|octet| matches!(octet, b' '..=b'~')) && text.chars().any(is_refused)
}

fn is_refused(c: char) -> bool {
    is_hidden(c)
        || !c.is_ascii()
            && matches!(
                c.general_category(),
                GeneralCategory::PrivateUse | GeneralCategory::Unassigned | GeneralCategory::Surrogate
            )
}

/// The anonymous id of a subject: the only name that audit, logs, metrics and the factor tables see.
#[derive(Clone, PartialEq, Eq)]
pub struct Pseudonym {
    /// Of the text; the same in all tables of this process, which are many in a login.
    number: u64,
    text: Arc<str>,
}

/// Nobody who chooses the ids can foresee their numbers.
static NUMBERS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

impl Pseudonym {
    /// Takes a text of 1 to 64 ASCII letters, digits, `-`, `_` or `.`; anything else gives `None`, so that a
    /// pseudonym is always safe to print.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        fits.then(|| Self { number: NUMBERS.hash_one(text), text: text.into() })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A keyed hash of the text, as long as the process lives.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }
}

impl Hash for Pseudonym {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.number);
    }
}

impl PartialOrd for Pseudonym {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pseudonym {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pseudonym({})", self.text)
    }
}

/// What a directory says about whether an account may be used at all (B-086).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing speaks against it.
    Active,
    /// Switched off by an administrator.
    Disabled,
    /// Its last day has passed.
    Expired,
    /// Locked by the directory after failures.
    Locked,
    /// Its password must be changed first.
    MustChange,
    /// Its password has expired.
    PasswordExpired,
    /// It may not be used at this hour.
    OutsideHours,
}

/// The form in which group names are compared.
#[must_use]
pub fn group_key(name: &str) -> Box<str> {
    folded(name.trim()).into()
}

/// A name in the one form in which it is looked for.
fn prepared(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut narrow = String::with_capacity(text.len());
    for c in text.chars() {
        // The characters with a twin of another width, and no other that NFKC would change.
        if matches!(c, '\u{3000}' | '\u{ff01}'..='\u{ffee}') {
            narrow.extend(std::iter::once(c).nfkc());
        } else {
            narrow.push(c);
        }
    }
    folded(narrow.trim_matches(' '))
}

/// NFC and lower case. ASCII has no other forms, and nearly all names are ASCII.
pub(in crate::login) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfc().flat_map(char::to_lowercase).nfc().collect()
}

/// Attributes of an account that the configuration asks for, by their names in lower case, with all values of each.
pub type Attributes = Arc<BTreeMap<Box<str>, Vec<Box<[u8]>>>>;

/// An account as a directory knows it. Holds the name of a person: no `Debug` output of it.
#[derive(Clone)]
pub struct Account {
    /// Which configured directory it comes from.
    pub directory: Arc<str>,
    /// What never changes about it: objectGUID, entryUUID, or the id in a file. Key of everything (B-083).
    pub id: Box<[u8]>,
    /// The name a person would recognise, for the sealed table alone.
    pub display: Box<str>,
    /// How the directory finds it again for a password check: a DN; empty where the id is enough.
    pub handle: Box<str>,
    /// All groups, nested ones too.
    pub groups: Arc<Groups>,
    /// Whether it may be used.
    pub standing: Standing,
    /// The site's own anonymous number, when the configuration names an attribute for it.
    pub number: Option<Box<str>>,
    /// Exact names by which a configuration may call this one account, each in its one form: the key of its
    /// distinguished name, its SID.
    pub aliases: Vec<Box<str>>,
    /// Changes whenever the password does; empty where the directory does not tell.
    pub stamp: Box<[u8]>,
    /// What the configuration asks for of it.
    pub attributes: Attributes,
    /// When the directory locks it after wrong passwords; `None` when it does not, or does not tell.
    pub lockout: Option<Lockout>,
}

impl Account {
    /// One that may be used, and of which nothing is known but its name.
    #[must_use]
    pub fn new(directory: &str, id: &[u8], name: &str) -> Self {
        Self {
            directory: directory.into(),
            id: id.into(),
            display: name.into(),
            handle: name.into(),
            groups: Arc::default(),
            standing: Standing::Active,
            number: None,
            aliases: Vec::new(),
            stamp: Box::default(),
            attributes: Attributes::default(),
            lockout: None,
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("directory", &self.directory)
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}

/// The account found, under its anonymous id.
#[derive(Debug, Clone)]
pub struct Subject {
    /// Its anonymous id.
    pub pseudonym: Pseudonym,
    /// What the directory said.
    pub account: Arc<Account>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> LoginName {
        LoginName::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn spellings_of_one_name_are_one_name_d_014() {
        for spelling in ["Alice", "ALICE", " alice ", "alice"] {
            assert_eq!(name(spelling).prepared(), "alice", "{spelling}");
        }
        assert_eq!(name("Zoe\u{308}").prepared(), name("Zoë").prepared(), "NFD and NFC");
        assert_eq!(name("ＣＯＲＰ＼ａｌｉｃｅ").prepared(), "corp\\alice", "wide letters");
        assert_eq!(name("ｱﾘｽ").prepared(), "アリス", "half-width letters");
        assert_eq!(name("\u{3000}alice\u{3000}").prepared(), "alice");
        assert_ne!(name("ªlice").prepared(), "alice", "NFKC would make more equal than the width");
    }

    #[test]
    fn ascii_is_folded_like_any_other_text() {
        let all: String = (0..=127_u8).map(char::from).collect();
        assert_eq!(folded(&all), all.nfc().flat_map(char::to_lowercase).nfc().collect::<String>());
        assert!(all.chars().all(|c| is_refused(c) == is_hidden(c)));
        assert!(is_refused('\u{e000}') && is_refused('\u{378}'), "private, and not assigned");
    }

    #[test]
    fn what_cannot_be_a_name_is_refused_b_105() {
        let cases: [(&[u8], BadName); 8] = [
            (b"", BadName::Empty),
            ("\u{3000}".as_bytes(), BadName::Empty),
            (b"   ", BadName::Empty),
            (b"al\0ice", BadName::Character),
            (b"al\nice", BadName::Character),
            (b"\xff\xfe", BadName::NotText),
            ("al\u{202e}ice".as_bytes(), BadName::Character),
            ("al\u{e000}ice".as_bytes(), BadName::Character),
        ];
        for (bytes, expected) in cases {
            assert_eq!(LoginName::parse(bytes).err(), Some(expected), "{bytes:?}");
        }
        assert_eq!(LoginName::parse(&[b'a'; 257]).err(), Some(BadName::TooLong));
    }

    #[test]
    fn forms_are_told_apart() {
        assert!(name("alice").form() == NameForm::Plain("alice"));
        assert!(name("a@b@Example.ORG").form() == NameForm::Principal("a@b", "example.org"));
        assert!(name("CORP\\alice@x").form() == NameForm::Domain("corp", "alice@x"));
    }

    #[test]
    fn a_name_cannot_be_printed_by_accident() {
        assert_eq!(format!("{:?}", name("alice")), "LoginName(…)");
    }

    #[test]
    fn a_pseudonym_is_always_safe_to_print() {
        assert!(Pseudonym::new("p-7f3k").is_some());
        for bad in ["", "a b", "ü", "a\n", &"x".repeat(65)] {
            assert!(Pseudonym::new(bad).is_none(), "{bad:?}");
        }
    }
}
