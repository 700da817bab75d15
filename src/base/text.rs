//! Makes untrusted text safe to log and to send (D-104, B-011).

use std::fmt;

/// Shows text from outside on one line: control, bidi and other invisible characters are escaped, and it
/// ends after `max` characters.
#[derive(Debug, Clone, Copy)]
pub struct Safe<'a> {
    text: &'a str,
    max: usize,
}

/// Wraps `text` for display; at most 128 characters of it are shown.
#[must_use]
pub const fn safe(text: &str) -> Safe<'_> {
    Safe { text, max: 128 }
}

impl fmt::Display for Safe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shown, c) in self.text.chars().enumerate() {
            if shown >= self.max {
                return f.write_str("…");
            }
            if is_hidden(c) { write!(f, "{}", c.escape_unicode())? } else { write!(f, "{c}")? }
        }
        Ok(())
    }
}

/// The whole of `text` on one line, in which every hidden character is escaped.
#[must_use]
pub fn visible(text: &str) -> String {
    Safe { text, max: usize::MAX }.to_string()
}

/// Characters that a reader cannot see or that move what he sees: C0 and C1 controls, DEL, line and
/// paragraph separators, bidirectional controls, zero-width characters.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_stays_one_line() {
        assert_eq!(safe("a\r\nb\u{1b}[2J\u{202e}c").to_string(), "a\\u{d}\\u{a}b\\u{1b}[2J\\u{202e}c");
    }

    #[test]
    fn visible_text_is_whole() {
        let long = "x".repeat(500);
        assert_eq!(visible(&format!("{long}\u{1b}")), format!("{long}\\u{{1b}}"));
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(safe(&"x".repeat(500)).to_string().chars().count(), 129);
    }
}
