//! How a device writes passwords (E-005). RFC 2865 says UTF-8; some devices send whatever their own people type in.
//!
//! One reading is chosen by the bytes alone, before anybody is asked: a second reading would be a second try at the
//! directory, and two tries count as two wrong passwords there (B-087).

use std::fmt;

use encoding_rs::{Encoding as Known, UTF_8};

use crate::base::secret::Secret;

/// One way to write text in bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Encoding(Kind);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Every byte is the character of the same number. What the web calls `iso-8859-1` is windows-1252.
    Latin1,
    Known(&'static Known),
}

/// Where `iso-8859-1` is its own name.
const LATIN1: &str = "iso-8859-1";

/// Names of encodings for whom a name of which nobody has heard needs a hint.
pub const USUAL: [&str; 24] = [
    "utf-8",
    LATIN1,
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-7",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "koi8-r",
    "koi8-u",
    "macintosh",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "big5",
];

impl Encoding {
    /// UTF-8.
    pub const UTF_8: Self = Self(Kind::Known(UTF_8));

    /// The encoding of that name, upper or lower case; `None` for a name that is none of [`Encoding::name`]. Other
    /// labels for them are not taken: several, `iso-8859-1` among them, mean another encoding than they say.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase();
        if name == LATIN1 {
            return Some(Self(Kind::Latin1));
        }
        let known = Known::for_label(name.as_bytes())?;
        // UTF-16 has a NUL in most characters, ISO-2022-JP depends on what came before, and the others are no encodings.
        let odd = ["utf-16be", "utf-16le", "iso-2022-jp", "replacement", "x-user-defined"];
        let own = known.name().to_ascii_lowercase();
        (own == name && !odd.contains(&own.as_str())).then_some(Self(Kind::Known(known)))
    }

    /// Its name, lower case.
    #[must_use]
    pub fn name(self) -> String {
        match self.0 {
            Kind::Latin1 => LATIN1.to_owned(),
            Kind::Known(known) => known.name().to_ascii_lowercase(),
        }
    }

    /// Whether there are no bytes that it could not read, so that whatever comes behind it is never tried.
    #[must_use]
    pub fn reads_anything(self) -> bool {
        match self.0 {
            Kind::Latin1 => true,
            Kind::Known(known) => {
                let all: Vec<u8> = (0..=u8::MAX).collect();
                known.is_single_byte()
                    && known.decode_without_bom_handling_and_without_replacement(&all).is_some()
            }
        }
    }

    /// Whether it is how we write ourselves.
    fn is_ours(self) -> bool {
        matches!(self.0, Kind::Known(known) if known == UTF_8)
    }

    /// The same text in UTF-8, if `bytes` are valid in this encoding.
    fn read(self, bytes: &Secret) -> Option<Secret> {
        match self.0 {
            Kind::Latin1 => Some(from_latin1(bytes)),
            Kind::Known(known) if known == UTF_8 => bytes.expose_str().map(|_| bytes.clone()),
            Kind::Known(known) => {
                let mut decoder = known.new_decoder_without_bom_handling();
                // With all the room it can need nothing is moved and left behind while the text grows.
                let room = decoder.max_utf8_buffer_length_without_replacement(bytes.len())?;
                let mut text = zeroize::Zeroizing::new(vec![0; room]);
                let (result, _, written) =
                    decoder.decode_to_utf8_without_replacement(bytes.expose(), &mut text, true);
                let whole = result == encoding_rs::DecoderResult::InputEmpty;
                whole.then(|| text.get(..written).map(Secret::copied))?
            }
        }
    }
}

impl fmt::Debug for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// Every byte of ISO 8859-1 is the character of the same number.
fn from_latin1(plain: &Secret) -> Secret {
    // A character takes at most two bytes, so nothing is moved and left behind while it grows.
    let mut text = Vec::with_capacity(plain.len().saturating_mul(2));
    for byte in plain.expose() {
        text.extend_from_slice(char::from(*byte).encode_utf8(&mut [0; 4]).as_bytes());
    }
    Secret::new(text)
}

/// The encodings of a device in the order to try them; the first in which the bytes are valid decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charset(Box<[Encoding]>);

impl Charset {
    /// These encodings, in this order.
    #[must_use]
    pub fn new(encodings: Vec<Encoding>) -> Self {
        Self(encodings.into())
    }

    /// The encodings in their order.
    #[must_use]
    pub const fn encodings(&self) -> &[Encoding] {
        &self.0
    }

    /// The password in UTF-8, read once; `None` when it is valid in none of the encodings.
    #[must_use]
    pub fn read(&self, bytes: Secret) -> Option<Secret> {
        // Most are what they should be, and need no copy.
        if self.0.first().is_some_and(|first| first.is_ours()) && bytes.expose_str().is_some() {
            return Some(bytes);
        }
        self.0.iter().find_map(|encoding| encoding.read(&bytes))
    }
}

impl Default for Charset {
    /// UTF-8 alone.
    fn default() -> Self {
        Self::new(vec![Encoding::UTF_8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charset(names: &[&str]) -> Charset {
        Charset::new(names.iter().map(|name| Encoding::named(name).unwrap()).collect())
    }

    fn read(names: &[&str], bytes: &[u8]) -> Option<String> {
        charset(names).read(Secret::copied(bytes)).map(|text| text.expose_str().unwrap().to_owned())
    }

    #[test]
    fn the_first_encoding_in_which_the_bytes_are_valid_decides_and_no_other_is_tried_e_005() {
        let western = ["utf-8", "windows-1252"];
        assert_eq!(read(&western, "grün".as_bytes()).as_deref(), Some("grün"));
        assert_eq!(read(&western, b"gr\xfcn").as_deref(), Some("grün"));
        assert_eq!(read(&western, b"\x80uro").as_deref(), Some("€uro"));
        assert_eq!(read(&["utf-8", "iso-8859-15"], b"\xa4uro").as_deref(), Some("€uro"));
        assert_eq!(read(&["utf-8", "koi8-r"], b"\xd0\xc1\xd2\xcf\xcc\xd8").as_deref(), Some("пароль"));
        assert_eq!(read(&["utf-8", "shift_jis"], b"\x83\x70\x83\x58").as_deref(), Some("パス"));
        assert_eq!(read(&["utf-8"], b"gr\xfcn"), None);
        assert_eq!(read(&["utf-8", "shift_jis"], b"\x83"), None, "half a character is none");
        assert_eq!(read(&["utf-8", "windows-1253"], b"\xaa"), None, "nobody has a character there");
    }

    #[test]
    fn iso_8859_1_is_what_its_name_says_and_not_windows_1252() {
        let all: Vec<u8> = (1..=u8::MAX).collect();
        let text: String = all.iter().copied().map(char::from).collect();
        assert_eq!(read(&["iso-8859-1"], &all), Some(text));
        assert_eq!(read(&["windows-1252"], b"\x80").as_deref(), Some("€"));
    }

    #[test]
    fn a_mark_of_byte_order_is_a_part_of_the_password() {
        let marked = "\u{feff}word";
        assert_eq!(read(&["utf-8"], marked.as_bytes()).as_deref(), Some(marked));
        assert_eq!(read(&["windows-1252"], b"\xff\xfe").as_deref(), Some("ÿþ"));
    }

    #[test]
    fn an_encoding_is_called_by_its_own_name_and_by_no_other() {
        for name in USUAL {
            assert_eq!(Encoding::named(name).unwrap().name(), name);
            assert!(Encoding::named(&name.to_uppercase()).is_some(), "{name}");
        }
        for other in
            ["", "latin1", "utf8", "utf-16le", "iso-2022-jp", "replacement", "x-user-defined", "ascii"]
        {
            assert!(Encoding::named(other).is_none(), "{other}");
        }
    }

    #[test]
    fn behind_an_encoding_that_reads_anything_nothing_is_tried() {
        let anything = |name: &str| Encoding::named(name).unwrap().reads_anything();
        for name in ["iso-8859-1", "iso-8859-15", "windows-1252", "windows-1251", "koi8-r", "koi8-u"] {
            assert!(anything(name), "{name}");
        }
        for name in ["utf-8", "shift_jis", "windows-1253", "iso-8859-7", "gb18030"] {
            assert!(!anything(name), "{name}");
        }
    }
}
