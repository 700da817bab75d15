//! The part of TOML that users are nearly always written in: one key a line, texts without escapes.
//!
//! What is outside of it gives `None`, which says nothing about whether it is TOML.

use crate::directory::file::straight::HEADER;

/// Whether a byte may stand in a text or a comment: all but control characters (TOML 1.0, section "Comment").
const PLAIN: [bool; 256] = plain();

const fn plain() -> [bool; 256] {
    let mut plain = [true; 256];
    let mut rest: &mut [bool] = &mut plain;
    let mut byte: u8 = 0;
    while let [first, after @ ..] = rest {
        *first = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        byte = byte.wrapping_add(1);
        rest = after;
    }
    plain
}

/// What is written of one user.
#[derive(Default)]
pub(in crate::directory::file) struct Written<'t> {
    pub(in crate::directory::file) id: Option<&'t str>,
    pub(in crate::directory::file) name: Option<&'t str>,
    pub(in crate::directory::file) aliases: Option<&'t str>,
    pub(in crate::directory::file) password: Option<&'t str>,
    pub(in crate::directory::file) groups: Option<&'t str>,
    pub(in crate::directory::file) disabled: Option<bool>,
    pub(in crate::directory::file) number: Option<&'t str>,
}

/// A place in a text, from which the rest is read.
pub(in crate::directory::file) struct Scan<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Scan<'t> {
    /// The user whose header `text` begins with, up to the next header or the end, and how long that is. Lists are
    /// given as they are written.
    pub(in crate::directory::file) fn user(text: &'t str) -> Option<(Written<'t>, usize)> {
        let mut scan = Self { text, at: 0 };
        let mut user = Written::default();
        scan.word(HEADER)?;
        scan.end_of_line()?;
        loop {
            if scan.rest().is_empty() || scan.rest().starts_with(HEADER.as_bytes()) {
                return Some((user, scan.at));
            }
            scan.blanks();
            match scan.rest().first() {
                None | Some(b'#' | b'\n' | b'\r') => {}
                Some(_) => scan.pair(&mut user)?,
            }
            scan.end_of_line()?;
        }
    }

    /// The texts in a list, or the one text, that `text` is.
    pub(in crate::directory::file) fn texts(text: &'t str) -> Option<Vec<&'t str>> {
        let mut texts = Vec::new();
        let mut scan = Self { text, at: 0 };
        scan.list(|text| texts.push(text))?;
        scan.rest().is_empty().then_some(texts)
    }

    fn rest(&self) -> &'t [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    const fn go(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| self.go(word.len()))
    }

    fn skip(&mut self, is: impl Fn(u8) -> bool) {
        let rest = self.rest();
        self.go(rest.iter().position(|byte| !is(*byte)).unwrap_or(rest.len()));
    }

    fn blanks(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t'));
    }

    /// Blanks, a comment, and the line feed; or the end of the text.
    fn end_of_line(&mut self) -> Option<()> {
        self.blanks();
        if self.rest().first() == Some(&b'#') {
            self.skip(is_plain);
        }
        let length = match self.rest() {
            [] => 0,
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        self.go(length);
        Some(())
    }

    /// A key and its value.
    fn pair(&mut self, user: &mut Written<'t>) -> Option<()> {
        let start = self.at;
        self.skip(|byte| byte.is_ascii_lowercase());
        let key = self.text.get(start..self.at)?;
        self.blanks();
        self.word("=")?;
        self.blanks();
        match key {
            "id" => once(&mut user.id, self.quoted()?),
            "name" => once(&mut user.name, self.quoted()?),
            "password" => once(&mut user.password, self.quoted()?),
            "number" => once(&mut user.number, self.quoted()?),
            "groups" => once(&mut user.groups, self.list(|_| ())?),
            "aliases" => once(&mut user.aliases, self.list(|_| ())?),
            "disabled" => once(&mut user.disabled, self.flag()?),
            _ => None,
        }
    }

    fn flag(&mut self) -> Option<bool> {
        match self.word("true") {
            Some(()) => Some(true),
            None => self.word("false").map(|()| false),
        }
    }

    /// A text in quotes on one line, without an escape.
    fn quoted(&mut self) -> Option<&'t str> {
        let quote = *self.rest().first().filter(|byte| matches!(byte, b'"' | b'\''))?;
        self.go(1);
        let start = self.at;
        self.skip(|byte| is_plain(byte) && byte != quote && (byte != b'\\' || quote == b'\''));
        let text = self.text.get(start..self.at)?;
        (self.rest().first() == Some(&quote)).then(|| self.go(1))?;
        Some(text)
    }

    /// A list of texts, not empty, or a text instead of it: as it is written. Each text is told to `each`.
    fn list(&mut self, mut each: impl FnMut(&'t str)) -> Option<&'t str> {
        let start = self.at;
        if self.word("[").is_none() {
            each(self.quoted()?);
            return self.text.get(start..self.at);
        }
        self.between();
        loop {
            each(self.quoted()?);
            self.between();
            let more = self.word(",").is_some();
            self.between();
            if self.word("]").is_some() {
                return self.text.get(start..self.at);
            }
            more.then_some(())?;
        }
    }

    /// What may stand between the texts of a list; comments are left to others.
    fn between(&mut self) {
        self.skip(|byte| matches!(byte, b' ' | b'\t' | b'\n'));
    }
}

fn is_plain(byte: u8) -> bool {
    PLAIN.get(usize::from(byte)).is_some_and(|plain| *plain)
}

fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.replace(value).is_none().then_some(())
}
