//! The files that rules look things up in: prefixes of networks, days of calendars. They are read with the
//! configuration, and again when they change.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::base::cidr::{NotAPrefix, Prefix};
use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints, Place, Source};
use crate::base::text::safe;
use crate::config::icalendar;
use crate::config::secret::reason;
use crate::config::settings::{CalendarSettings, NetworkSettings};
use crate::config::{Problems, Warning};
use crate::login::policy::Network;
use crate::login::policy::calendar::{ALWAYS, Calendar, Span, overlap};
use crate::login::policy::renew::Sets;
use crate::login::policy::window::NamedCalendar;

/// No file of prefixes has more lines than this.
pub const MOST_LINES: usize = 1_000_000;

/// So many lines of a file that are no prefixes are told one by one.
const MOST_TOLD: usize = 10;

/// No file of prefixes is longer than this many bytes.
const LONGEST_PREFIXES: u64 = 64 * 1024 * 1024;

/// No calendar is longer than this many bytes.
const LONGEST_CALENDAR: u64 = 4 * 1024 * 1024;

/// What is gathered while files are read.
pub(in crate::config) struct Gathering<'a> {
    /// Every file that was read, for the complaints.
    pub(in crate::config) sources: &'a mut Vec<Source>,
    /// What is wrong.
    pub(in crate::config) out: &'a mut Complaints,
    /// What repeats is written out around now.
    pub(in crate::config) now: UnixTime,
}

impl Gathering<'_> {
    /// The network of these prefixes and those in `file`.
    pub(in crate::config) fn network(
        &mut self,
        name: &str,
        inline: &[Prefix],
        file: Option<&Path>,
    ) -> Arc<Network> {
        let mut all = inline.to_vec();
        if let Some((source, text)) = file.and_then(|file| self.text(file, LONGEST_PREFIXES, false)) {
            all.extend(prefixes(source, &text, self.out));
            self.keep(source, text);
        }
        Arc::new(Network::new(name, all))
    }

    /// The calendar of these spans and those in `file`.
    pub(in crate::config) fn calendar(
        &mut self,
        name: &str,
        zone: &TimeZone,
        inline: &[Span],
        file: Option<&Path>,
    ) -> Arc<NamedCalendar> {
        let (mut spans, mut known) = (inline.to_vec(), ALWAYS);
        if let Some((source, text)) = file.and_then(|file| self.text(file, LONGEST_CALENDAR, true)) {
            let read = icalendar::read(source, &text, zone, self.now, self.out);
            spans.extend(read.spans);
            known = overlap(known, read.known);
            self.keep(source, text);
        }
        Arc::new(NamedCalendar { name: name.into(), calendar: Calendar::new(spans).known_for(known) })
    }

    /// The number of a file among the sources, and what is in it. Files about people are never shown.
    fn text(&mut self, file: &Path, longest: u64, people: bool) -> Option<(usize, String)> {
        let mut bytes = Vec::new();
        let read =
            File::open(file).and_then(|file| file.take(longest.saturating_add(1)).read_to_end(&mut bytes));
        let shown = file.display();
        let wrong = match read {
            Err(error) => Some((
                format!("{shown} cannot be read: {}", reason(&error)),
                "check the path and who may read it",
            )),
            Ok(length) if u64::try_from(length).unwrap_or(u64::MAX) > longest => {
                Some((format!("{shown} is longer than {longest} bytes"), "is it the right file?"))
            }
            Ok(_) => None,
        };
        if let Some((what, hint)) = wrong {
            self.out.error(Complaint::whole(what).hint(hint));
            return None;
        }
        let number = self.sources.len();
        self.sources.push(Source { name: shown.to_string(), text: String::new(), people });
        // A calendar may be folded in the middle of a letter; what that breaks is text for people.
        Some((number, String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Keeps the text for the complaints about it.
    fn keep(&mut self, source: usize, text: String) {
        let complained = |list: &[Complaint]| {
            list.iter().any(|complaint| complaint.place.as_ref().is_some_and(|place| place.source == source))
        };
        let needed = complained(&self.out.errors) || complained(&self.out.warnings);
        if let Some(kept) = self.sources.get_mut(source).filter(|_| needed) {
            kept.text = text;
        }
    }
}

/// The prefixes in a text, one on a line; a `#` and what follows it counts for nothing. What is wrong is added to
/// `out`, and is about source number `source`.
///
/// A file that is being written is nothing at first, and may end anywhere. Read as it is, the nothing would be a network
/// without anybody, and a rule that refuses by it would refuse nobody; and a prefix without its last digit is a wide one.
/// So a text must hold something, if only a comment, and its last line must have an end.
pub fn prefixes(source: usize, text: &str, out: &mut Complaints) -> Vec<Prefix> {
    const HINT: &str = "one address or prefix on a line, such as 192.0.2.0/24 or 2001:db8::/32";
    let (mut found, mut start) = (Vec::new(), 0_usize);
    if text.trim().trim_start_matches('\u{feff}').is_empty() {
        let place = Place::new(source, &(0..text.len()));
        let hint =
            "the file may still be written; where nobody is meant, say so in a line that begins with #";
        out.error(Complaint::wrong(&place, "there is nothing in it").hint(hint));
    }
    let (mut wrong, mut last) = (0_usize, None);
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let written = line.split('#').next().unwrap_or("");
        let written_at = start.saturating_add(written.len().saturating_sub(written.trim_start().len()));
        start = start.saturating_add(line.len());
        // Some editors put a mark before the first line.
        let word = written.trim().trim_start_matches('\u{feff}');
        let place = Place::new(source, &(written_at..written_at.saturating_add(written.trim().len())));
        if number >= MOST_LINES {
            let what = format!("there are more than {MOST_LINES} lines");
            out.error(Complaint::wrong(&place, what).hint("join prefixes that lie side by side"));
            break;
        }
        if word.is_empty() {
            continue;
        }
        if !line.ends_with('\n') {
            let hint = "the file may have been cut off; save it again from where it comes, or end that line";
            out.error(Complaint::wrong(&place, "the last line has no end").hint(hint));
            break;
        }
        let prefix = word.parse::<Prefix>();
        if prefix.is_err() {
            wrong = wrong.saturating_add(1);
            if wrong > MOST_TOLD {
                last = Some(place);
                continue;
            }
        }
        match prefix {
            Ok(prefix) => found.push(prefix),
            Err(NotAPrefix::Syntax) => {
                let what = format!("\"{}\" is not an address or prefix", safe(word));
                out.error(Complaint::wrong(&place, what).hint(HINT));
            }
            Err(NotAPrefix::HostBits(network)) => {
                let what = format!("{} has address bits behind the prefix", safe(word));
                out.error(Complaint::wrong(&place, what).hint(format!("the network is {network}")));
            }
        }
        if out.is_full() {
            break;
        }
    }
    if let Some(last) = last {
        let more = wrong.saturating_sub(MOST_TOLD);
        let what = format!("this line and {} before it are no prefixes either", more.saturating_sub(1));
        out.error(Complaint::wrong(&last, what).hint("is it the right file?"));
    }
    found
}

/// Reads the files of networks and calendars again, with what stands beside them in the configuration.
///
/// # Errors
///
/// All problems at once; nothing of what was read is to be used then.
pub fn read_again(
    networks: &[NetworkSettings],
    calendars: &[CalendarSettings],
    now: UnixTime,
) -> Result<(Sets, Vec<Warning>), Problems> {
    let (mut sources, mut out) = (Vec::new(), Complaints::default());
    let mut gathering = Gathering { sources: &mut sources, out: &mut out, now };
    let mut sets = Sets { networks: BTreeMap::new(), calendars: BTreeMap::new() };
    for one in networks.iter().filter(|one| one.file.is_some()) {
        let name = &one.network.name;
        sets.networks.insert(name.clone(), gathering.network(name, &one.prefixes, one.file.as_deref()));
    }
    for one in calendars.iter().filter(|one| one.file.is_some()) {
        let name = &one.calendar.name;
        let calendar = gathering.calendar(name, &one.zone, &one.spans, one.file.as_deref());
        sets.calendars.insert(name.clone(), calendar);
    }
    let (errors, warnings) = (out.errors_in(&sources), out.warnings_in(&sources));
    if errors.is_empty() { Ok((sets, warnings)) } else { Err(Problems { errors, warnings }) }
}

/// The files that are read again when they change.
#[must_use]
pub fn files(networks: &[NetworkSettings], calendars: &[CalendarSettings]) -> Vec<PathBuf> {
    let networks = networks.iter().filter_map(|one| one.file.clone());
    networks.chain(calendars.iter().filter_map(|one| one.file.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::report::render;

    fn read(text: &str) -> (Vec<String>, String) {
        let mut out = Complaints::default();
        let found = prefixes(0, text, &mut out).iter().map(Prefix::to_string).collect();
        let sources = [Source { name: "office.txt".into(), text: text.into(), people: false }];
        (found, render(&out.errors_in(&sources)))
    }

    #[test]
    fn one_prefix_stands_on_a_line_and_the_rest_of_it_is_a_comment() {
        let text =
            "\u{feff}192.0.2.0/24\r\n\n# a comment\n  2001:db8::/32 # another\n198.51.100.7\n# the end";
        let (found, errors) = read(text);
        assert_eq!(found, ["192.0.2.0/24", "2001:db8::/32", "198.51.100.7/32"]);
        assert_eq!(errors, "");
        assert_eq!(read("# nobody\n"), (Vec::new(), String::new()));
    }

    #[test]
    fn a_file_that_is_still_written_is_no_network() {
        for nothing in ["", "\n", " \r\n", "\u{feff}", "\u{feff}\n"] {
            let (_, errors) = read(nothing);
            assert!(errors.contains("there is nothing in it"), "{nothing:?}: {errors}");
        }
        let whole = "192.0.2.0/24\n128.0.0.0/16\n";
        for end in 14..whole.len() {
            let (found, errors) = read(&whole[..end]);
            assert_eq!(found, ["192.0.2.0/24"], "{end}");
            assert!(errors.contains("office.txt:2:1: the last line has no end"), "{errors}");
        }
    }

    #[test]
    fn what_is_no_prefix_is_told_with_file_and_line() {
        let (_, errors) =
            read("192.0.2.0/24\n  10.1.2.3/8\noffice.example.org # name\n192.0.2.0/24 10.0.0.0/8\n");
        assert_eq!(
            errors,
            "office.txt:2:3: 10.1.2.3/8 has address bits behind the prefix\n    10.1.2.3/8\n    ^^^^^^^^^^\n  hint: the network is 10.0.0.0/8\n\
             office.txt:3:1: \"office.example.org\" is not an address or prefix\n  office.example.org # name\n  ^^^^^^^^^^^^^^^^^^\n  \
             hint: one address or prefix on a line, such as 192.0.2.0/24 or 2001:db8::/32\n\
             office.txt:4:1: \"192.0.2.0/24 10.0.0.0/8\" is not an address or prefix\n  192.0.2.0/24 10.0.0.0/8\n  ^^^^^^^^^^^^^^^^^^^^^^^\n  \
             hint: one address or prefix on a line, such as 192.0.2.0/24 or 2001:db8::/32\n"
        );
    }

    #[test]
    fn a_file_has_a_bounded_number_of_lines() {
        let (found, errors) = read(&"192.0.2.1\n".repeat(MOST_LINES + 5));
        assert_eq!(found.len(), MOST_LINES);
        assert!(errors.contains("office.txt:1000001:1: there are more than 1000000 lines"), "{errors}");
    }
}
