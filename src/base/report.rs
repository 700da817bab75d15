//! Complaints about text that people wrote, shown with the line they are about.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use crate::base::problem::Problem;
use crate::base::text::{safe, visible};

/// No more errors, and no more warnings, are kept than this.
const MOST_KEPT: usize = 1000;

/// No report shows more of its errors or warnings than this; it says that there are more.
const MOST_SHOWN: usize = 100;

/// A text that was read: a file, or one variable of the environment.
#[derive(Debug, Clone)]
pub struct Source {
    /// What it is called in messages.
    pub name: String,
    /// All of it.
    pub text: String,
    /// People stand in it: messages, which end up in logs, say where and never repeat a line.
    pub people: bool,
}

/// A byte range in one of the sources.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the source.
    pub source: usize,
    /// First byte and the one after the last.
    pub start: usize,
    /// The one after the last byte.
    pub end: usize,
}

impl Place {
    /// All of source number `source`; shown without a line.
    #[must_use]
    pub const fn whole(source: usize) -> Self {
        Self { source, start: 0, end: 0 }
    }

    const fn is_whole(&self) -> bool {
        self.end == 0
    }

    /// The range `span` of source number `source`.
    #[must_use]
    pub const fn new(source: usize, span: &Range<usize>) -> Self {
        Self { source, start: span.start, end: span.end }
    }
}

/// What kind of mistake it is, as far as it changes what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// The text is not TOML.
    Syntax,
    /// Something is there and wrong.
    Wrong,
    /// Something is not there; a syntax error may be the reason.
    Missing,
}

/// One mistake or doubt.
#[derive(Debug, Clone)]
pub struct Complaint {
    /// Where.
    pub place: Option<Place>,
    /// What: a sentence without capital and full stop.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Another place that has to do with it.
    pub see: Option<Place>,
    /// What kind.
    pub nature: Nature,
    /// It is about rules that are allowed and hardly meant.
    pub lint: bool,
}

impl Complaint {
    /// Something at `place` is wrong.
    #[must_use]
    pub fn wrong(place: &Place, what: impl Into<String>) -> Self {
        Self {
            place: Some(place.clone()),
            what: what.into(),
            hint: None,
            see: None,
            nature: Nature::Wrong,
            lint: false,
        }
    }

    /// Something is missing from what stands at `place`.
    #[must_use]
    pub fn missing(place: &Place, what: impl Into<String>) -> Self {
        Self { nature: Nature::Missing, ..Self::wrong(place, what) }
    }

    /// Something that has no place.
    #[must_use]
    pub fn whole(what: impl Into<String>) -> Self {
        Self { place: None, what: what.into(), hint: None, see: None, nature: Nature::Wrong, lint: false }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a second place.
    #[must_use]
    pub fn see(mut self, place: &Place) -> Self {
        self.see = Some(place.clone());
        self
    }
}

/// Everything that was found.
#[derive(Debug, Clone, Default)]
pub struct Complaints {
    /// What must be mended.
    pub errors: Vec<Complaint>,
    /// What should be looked at.
    pub warnings: Vec<Complaint>,
}

impl Complaints {
    /// Adds an error, unless there are so many that nobody would read it.
    pub fn error(&mut self, complaint: Complaint) {
        if !self.is_full() {
            self.errors.push(complaint);
        }
    }

    /// Adds a warning, unless there are so many that nobody would read it.
    pub fn warn(&mut self, complaint: Complaint) {
        if self.warnings.len() < MOST_KEPT {
            self.warnings.push(complaint);
        }
    }

    /// No further error would be kept.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.errors.len() >= MOST_KEPT
    }

    /// Adds the problems that another part found in source number `source`.
    pub fn extend_from(&mut self, source: usize, problems: Vec<Problem>) {
        for problem in problems {
            self.error(Complaint {
                place: problem.at.map(|span| Place::new(source, &span)),
                what: problem.what,
                hint: problem.hint,
                see: None,
                nature: Nature::Wrong,
                lint: false,
            });
        }
    }

    /// The errors as they are shown: in the order of their places, without those that only follow from
    /// a syntax error.
    #[must_use]
    pub fn errors_in(&self, sources: &[Source]) -> Vec<Finding> {
        let sources = &Texts::of(sources);
        let syntax =
            self.errors.iter().filter(|c| c.nature == Nature::Syntax).filter_map(|c| c.place.as_ref());
        let broken: HashSet<(usize, usize)> =
            syntax.map(|place| (place.source, line_number(sources, place))).collect();
        let sources_broken: HashSet<usize> = broken.iter().map(|(source, _)| *source).collect();
        let follows = |complaint: &Complaint| match (&complaint.place, complaint.nature) {
            (_, Nature::Syntax) | (None, Nature::Wrong) => false,
            (None, Nature::Missing) => !broken.is_empty(),
            (Some(place), Nature::Missing) => sources_broken.contains(&place.source),
            (Some(place), Nature::Wrong) => {
                sources_broken.contains(&place.source)
                    && broken.contains(&(place.source, line_number(sources, place)))
            }
        };
        resolve(self.errors.iter().filter(|c| !follows(c)), sources)
    }

    /// The warnings as they are shown.
    #[must_use]
    pub fn warnings_in(&self, sources: &[Source]) -> Vec<Finding> {
        resolve(self.warnings.iter(), &Texts::of(sources))
    }
}

fn resolve<'a>(complaints: impl Iterator<Item = &'a Complaint>, sources: &Texts<'_>) -> Vec<Finding> {
    let mut sorted: Vec<&Complaint> = complaints.collect();
    sorted.sort_by(|a, b| (a.place.is_none(), &a.place).cmp(&(b.place.is_none(), &b.place)));
    let mut findings: Vec<Finding> = Vec::new();
    for complaint in sorted.into_iter().take(MOST_SHOWN.saturating_add(1)) {
        let finding = Finding::new(complaint, sources);
        if findings.last() != Some(&finding) {
            findings.push(finding);
        }
    }
    findings
}

/// Where each of `places` is, as `file:line:column`.
#[must_use]
pub fn positions<'a>(sources: &[Source], places: impl Iterator<Item = &'a Place>) -> Vec<String> {
    let texts = Texts::of(sources);
    places.map(|place| position(&texts, place)).collect()
}

/// A complaint with its surroundings, ready to be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// `file:line:column`, or the name of a variable; `None` when it belongs to no single place.
    pub place: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Another place that has to do with it.
    pub see: Option<String>,
    /// As [`Complaint::lint`].
    pub lint: bool,
    snippet: Option<(String, String)>,
}

impl Finding {
    fn new(complaint: &Complaint, sources: &Texts<'_>) -> Self {
        let place = complaint.place.as_ref();
        Self {
            place: place.map(|place| position(sources, place)),
            // Paths are in both, and may hold anything (D-104).
            what: visible(&complaint.what),
            hint: complaint.hint.as_deref().map(visible),
            see: complaint.see.as_ref().map(|place| position(sources, place)),
            lint: complaint.lint,
            snippet: place.and_then(|place| snippet(sources, place)),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.what)?;
        if let Some((line, carets)) = &self.snippet {
            write!(f, "\n  {line}\n  {carets}")?;
        }
        if let Some(see) = &self.see {
            write!(f, "\n  see: {see}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Shows findings one below the other; the last line ends with a line feed.
#[must_use]
pub fn render(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings.iter().take(MOST_SHOWN) {
        out.push_str(&finding.to_string());
        out.push('\n');
    }
    if findings.len() > MOST_SHOWN {
        out.push_str("and more\n");
    }
    out
}

/// Sources, and where the lines of each begin.
struct Texts<'a> {
    sources: &'a [Source],
    starts: Vec<Vec<usize>>,
}

impl<'a> Texts<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let starts_of = |source: &Source| {
            let after = source.text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
            std::iter::once(0).chain(after).collect()
        };
        Self { sources, starts: sources.iter().map(starts_of).collect() }
    }
}

/// The line that `place` begins in: its number counted from 1, its first byte, its text.
fn line_at<'a>(texts: &Texts<'a>, place: &Place) -> Option<(usize, usize, &'a str)> {
    let text = texts.sources.get(place.source)?.text.as_str();
    let starts = texts.starts.get(place.source)?;
    let number = starts.partition_point(|start| *start <= place.start.min(text.len()));
    let start = *starts.get(number.checked_sub(1)?)?;
    let line = text.get(start..)?.lines().next().unwrap_or("");
    Some((number, start, line))
}

fn line_number(sources: &Texts<'_>, place: &Place) -> usize {
    line_at(sources, place).map_or(0, |(number, _, _)| number)
}

fn position(sources: &Texts<'_>, place: &Place) -> String {
    let name = visible(sources.sources.get(place.source).map_or("?", |source| source.name.as_str()));
    let Some((number, start, line)) = line_at(sources, place) else { return name };
    if name.starts_with('$') || place.is_whole() {
        return name;
    }
    let column = chars_before(line, place.start.saturating_sub(start)).saturating_add(1);
    format!("{name}:{number}:{column}")
}

fn chars_before(line: &str, bytes: usize) -> usize {
    line.char_indices().take_while(|(at, _)| *at < bytes).count()
}

/// The line and the carets below it; nothing when the line may hold a secret in plain text.
fn snippet(sources: &Texts<'_>, place: &Place) -> Option<(String, String)> {
    let (_, start, line) = line_at(sources, place)?;
    let people = sources.sources.get(place.source).is_none_or(|source| source.people);
    if people || line.is_empty() || place.is_whole() || line.len() > 400 || holds_a_secret(line) {
        return None;
    }
    let column = chars_before(line, place.start.saturating_sub(start));
    let end = chars_before(line, place.end.saturating_sub(start));
    let width = end.saturating_sub(column).max(1);
    let pad: String = line.chars().take(column).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    let shown: String = line.chars().map(|c| if c == '\t' { c.to_string() } else { safe_char(c) }).collect();
    Some((shown, format!("{pad}{}", "^".repeat(width))))
}

fn safe_char(c: char) -> String {
    let mut buffer = [0; 4];
    safe(c.encode_utf8(&mut buffer)).to_string()
}

/// Whether a line gives something with "secret" or "password" in its name a value that is no table: such
/// a line is never repeated, whatever the complaint about it is.
fn holds_a_secret(line: &str) -> bool {
    let lower = line.to_lowercase();
    lower.split(['=', '\n']).zip(lower.split('=').skip(1)).any(|(before, after)| {
        let key = before.rsplit([',', '{', ' ']).find(|word| !word.trim().is_empty()).unwrap_or("");
        let key = key.trim().trim_matches(['"', '\'']);
        let names = key.contains("secret") || (key.contains("password") && key != "password-charset");
        names && !after.trim_start().starts_with('{')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, span: Range<usize>) -> String {
        let sources = [Source { name: "a.toml".into(), text: text.into(), people: false }];
        let complaint = Complaint::wrong(&Place::new(0, &span), "is odd").hint("mend it");
        Finding::new(&complaint, &Texts::of(&sources)).to_string()
    }

    #[test]
    fn the_place_is_counted_in_lines_and_characters() {
        let text = "[log]\nname = \"ü\" # x\n";
        let at = text.find('#').unwrap();
        assert_eq!(
            shown(text, at..at + 1),
            "a.toml:2:12: is odd\n  name = \"ü\" # x\n             ^\n  hint: mend it"
        );
    }

    #[test]
    fn carets_stay_on_the_first_line_of_a_long_text() {
        assert_eq!(shown("a = [\n1,\n]\n", 4..10), "a.toml:1:5: is odd\n  a = [\n      ^\n  hint: mend it");
    }

    #[test]
    fn a_line_with_a_secret_is_never_repeated() {
        for line in [
            "secret = \"hunter2\"",
            "previous-secret=hunter2",
            "client = [{ name = 1, secret = 'hunter2' }]",
            "\"secret\" = \"hunter2\"",
            "password = \"$argon2id$hunter2\"",
            "bind-password = \"hunter2",
        ] {
            assert!(!shown(line, 0..1).contains("hunter2"), "{line}");
        }
        assert!(shown("secret = { file = \"x\" }", 0..1).contains("file"));
        assert!(shown("password = { free = 4 }", 0..1).contains("free"));
    }

    #[test]
    fn a_line_about_people_is_never_repeated_f_007() {
        let text = "email = 'anna@example.org'\n";
        let sources = [Source { name: "users.toml".into(), text: text.into(), people: true }];
        let complaint = Complaint::wrong(&Place::new(0, &(0..5)), "is odd");
        assert_eq!(Finding::new(&complaint, &Texts::of(&sources)).to_string(), "users.toml:1:1: is odd");
    }

    #[test]
    fn a_place_outside_the_text_is_no_reason_to_panic() {
        assert!(shown("", 7..9).starts_with("a.toml:1:"));
        assert!(shown("ü", 1..1).starts_with("a.toml:1:"));
    }
}
