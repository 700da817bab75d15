//! Text → content lines (RFC 5545 section 3.1).

use std::ops::Range;

use crate::base::text::safe;
use crate::config::icalendar::Mistake;

/// One content line, put together again where it was folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Name of the property, upper case.
    pub(super) name: String,
    /// Parameters in order: name in upper case, values without quotes.
    pub(super) parameters: Vec<(String, Vec<String>)>,
    /// What stands behind the colon.
    pub(super) value: String,
    /// Bytes of the text, without the line feed.
    pub(super) at: Range<usize>,
}

impl Line {
    /// The one value of a parameter; the first where it has several.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, values) = self.parameters.iter().find(|(known, _)| known == name)?;
        values.first().map(String::as_str)
    }

    /// Something is wrong with this line.
    pub(super) fn wrong(&self, what: impl Into<String>, hint: &'static str) -> Mistake {
        Mistake { at: self.at.clone(), what: what.into(), hint }
    }
}

/// The content lines of `text`, or what is wrong with one of them. Lines end with CRLF or, as files that an editor
/// has touched have it, with LF alone; empty lines count for nothing.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Result<Line, Mistake>> {
    Unfolded { text, next: 0 }
        .filter(|(whole, _)| !whole.trim().is_empty())
        .map(|(whole, at)| line(&whole, at))
}

/// Puts folded lines together: a line that begins with a blank or a tab goes on with the one before it.
struct Unfolded<'t> {
    text: &'t str,
    next: usize,
}

impl<'t> Unfolded<'t> {
    /// The physical line that begins at `self.next`, and where the one after it begins.
    fn physical(&self) -> Option<(&'t str, usize)> {
        let rest = self.text.get(self.next..).filter(|rest| !rest.is_empty())?;
        let line = rest.split_inclusive('\n').next()?;
        let without = line.strip_suffix('\n').unwrap_or(line);
        Some((without.strip_suffix('\r').unwrap_or(without), self.next.saturating_add(line.len())))
    }
}

impl Iterator for Unfolded<'_> {
    type Item = (String, Range<usize>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next;
        let (first, after) = self.physical()?;
        let mut whole = first.to_owned();
        let mut end = start.saturating_add(first.len());
        self.next = after;
        while let Some((more, after)) = self.physical() {
            let Some(folded) = more.strip_prefix([' ', '\t']) else { break };
            whole.push_str(folded);
            end = self.next.saturating_add(more.len());
            self.next = after;
        }
        Some((whole, start..end))
    }
}

/// A line has no more parameters than this: each is compared with those before it.
const MOST_PARAMETERS: usize = 100;

const HINT: &str =
    "a line is NAME;PARAMETER=value:value; a longer one goes on in a line that begins with a blank";

fn line(whole: &str, at: Range<usize>) -> Result<Line, Mistake> {
    let no_line = |what: &str| Mistake {
        at: at.clone(),
        what: format!("this is no line of iCalendar: {what}"),
        hint: HINT,
    };
    // Some editors put a mark before the first line.
    let whole = whole.trim_start_matches('\u{feff}');
    let end = whole.find([';', ':']).ok_or_else(|| no_line("there is no colon in it"))?;
    let (name, mut rest) = whole.split_at(end);
    let name = token(name).ok_or_else(|| no_line("no name of a property stands at its beginning"))?;
    let mut parameters = Vec::new();
    while let Some(more) = rest.strip_prefix(';') {
        let (key, behind) = more.split_once('=').ok_or_else(|| no_line("a parameter has no value"))?;
        let key = token(key).ok_or_else(|| no_line("a parameter has no name"))?;
        let (values, behind) = values(behind).ok_or_else(|| no_line("a quotation does not end"))?;
        if parameters.len() >= MOST_PARAMETERS {
            return Err(no_line(&format!("it has more than {MOST_PARAMETERS} parameters")));
        }
        if parameters.iter().any(|(known, _)| *known == key) {
            return Err(no_line(&format!("{} stands in it twice", safe(&key))));
        }
        parameters.push((key, values));
        rest = behind;
    }
    let value = rest.strip_prefix(':').ok_or_else(|| no_line("there is no colon in it"))?;
    Ok(Line { name, parameters, value: value.trim_end().to_owned(), at: at.clone() })
}

/// A name in upper case, or nothing.
fn token(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fits.then(|| text.to_ascii_uppercase())
}

/// The values of a parameter, and what stands behind them; `None` when a quotation does not end.
fn values(text: &str) -> Option<(Vec<String>, &str)> {
    let (mut found, mut rest) = (Vec::new(), text);
    loop {
        let (value, behind) = match rest.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => rest.split_at(rest.find([',', ';', ':']).unwrap_or(rest.len())),
        };
        found.push(value.to_owned());
        match behind.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Some((found, behind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Line, String> {
        lines(text).next().unwrap().map_err(|mistake| mistake.what)
    }

    #[test]
    fn a_line_that_was_folded_is_one_line_rfc_5545_3_1() {
        let text = "DESCRIPTION:This is a lo\r\n ng description\r\n  that exists\r\nUID:1\n\n";
        let found: Vec<_> = lines(text).map(Result::unwrap).collect();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].value, "This is a long description that exists");
        assert_eq!(&text[found[1].at.clone()], "UID:1");
    }

    #[test]
    fn a_parameter_may_hold_what_separates_others_when_it_is_quoted() {
        let line = one("ATTENDEE;X-a=\"one;two:three\",four;ROLE=chair:mailto:x").unwrap();
        assert_eq!(
            line.parameters[0],
            ("X-A".to_owned(), vec!["one;two:three".to_owned(), "four".to_owned()])
        );
        assert_eq!(line.parameter("ROLE"), Some("chair"));
        assert_eq!(line.value, "mailto:x");
    }

    #[test]
    fn what_is_no_line_is_said_to_be_none() {
        for (text, why) in [
            ("BEGIN VEVENT", "there is no colon in it"),
            (":x", "no name of a property stands at its beginning"),
            ("DT START:x", "no name of a property stands at its beginning"),
            ("DTSTART;VALUE:x", "a parameter has no value"),
            ("DTSTART;=DATE:x", "a parameter has no name"),
            ("DTSTART;TZID=\"Europe/Istanbul:x", "a quotation does not end"),
            ("DTSTART;TZID=\"a\"b:x", "there is no colon in it"),
            ("DTSTART;TZID=a;tzid=b:x", "TZID stands in it twice"),
            ("DTSTART;TZID=a", "there is no colon in it"),
        ] {
            assert_eq!(one(text), Err(format!("this is no line of iCalendar: {why}")), "{text}");
        }
    }
}
