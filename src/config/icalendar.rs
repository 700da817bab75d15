//! Files in the iCalendar format (RFC 5545) → spans of time.
//!
//! A calendar that decides who may log in is read whole or not at all: whatever has to do with *when* an event is and
//! is not understood is a complaint with its line. What else an event has (a summary, who takes part, alarms) is
//! passed over, and never shown: it may be about people.
//!
//! Zones are those of the IANA's database by name; the definitions that a file brings (VTIMEZONE) are not used, since
//! they are often older than the database.

mod event;
mod lines;
mod moment;
mod recurrence;

use std::ops::Range;

use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::base::report::{Complaint, Complaints, Place};
use crate::base::text::safe;
use crate::config::icalendar::event::{Event, Written};
use crate::config::icalendar::lines::{Line, lines};
use crate::config::icalendar::recurrence::Budget;
use crate::login::policy::calendar::{ALWAYS, Span, overlap};

/// Something that is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mistake {
    /// Bytes of the text.
    at: Range<usize>,
    /// What is wrong.
    what: String,
    /// What to do about it.
    hint: &'static str,
}

/// What a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Read {
    /// When the events are, in no order.
    pub spans: Vec<Span>,
    /// The time for which that holds: what repeats is written out for so long.
    pub known: Span,
}

/// No calendar has more spans than this.
pub const MOST_SPANS: usize = 100_000;

/// No more days than this are looked at to write out what repeats.
const MOST_DAYS: u32 = 2_000_000;

/// Components do not lie in each other deeper than this.
const DEEPEST: usize = 8;

/// What repeats without an end is written out for this long, before and after today.
const YEARS_BACK: i64 = 2;
const YEARS_AHEAD: i64 = 10;
const YEAR: i64 = 365 * 86_400_000;

/// Reads a file.
///
/// * `source`: the number under which complaints name it.
/// * `zone`: where days, and times without a zone, are.
/// * `now`: events that repeat are written out from two years before it to ten years after it.
///
/// What is wrong is added to `out`; the result is of use only when nothing was.
pub fn read(source: usize, text: &str, zone: &TimeZone, now: UnixTime, out: &mut Complaints) -> Read {
    read_within(Budget(MOST_DAYS), source, text, zone, now, out)
}

fn read_within(
    budget: Budget,
    source: usize,
    text: &str,
    zone: &TimeZone,
    now: UnixTime,
    out: &mut Complaints,
) -> Read {
    let mut reading =
        Reading { source, zone, out, open: Vec::new(), event: None, events: Vec::new(), calendars: 0 };
    for line in lines(text) {
        if reading.out.is_full() {
            break;
        }
        let taken = line.and_then(|line| reading.take(line));
        if let Err(mistake) = taken {
            reading.complain(mistake);
        }
    }
    reading.end(text.len());
    let from = UnixTime(now.0.saturating_sub(YEARS_BACK.saturating_mul(YEAR)));
    let until = UnixTime(now.0.saturating_add(YEARS_AHEAD.saturating_mul(YEAR)));
    let events = std::mem::take(&mut reading.events);
    reading.write_out(&events, (from, until), budget)
}

struct Reading<'a, 'o> {
    source: usize,
    zone: &'a TimeZone,
    out: &'o mut Complaints,
    /// The components that have begun and have not ended: name, and where it began.
    open: Vec<(String, Range<usize>)>,
    event: Option<Written>,
    events: Vec<Event>,
    /// How many whole calendars there were.
    calendars: usize,
}

const WHOLE: &str = "the file may have been cut off; save it again from where it comes";

impl Reading<'_, '_> {
    fn complain(&mut self, mistake: Mistake) {
        let place = Place::new(self.source, &mistake.at);
        self.out.error(Complaint::wrong(&place, mistake.what).hint(mistake.hint));
    }

    fn take(&mut self, line: Line) -> Result<(), Mistake> {
        match line.name.as_str() {
            "BEGIN" => self.begin(&line),
            "END" => self.finish(&line),
            _ => match (self.open.as_slice(), &mut self.event) {
                ([], _) => {
                    Err(line.wrong("this line stands outside of BEGIN:VCALENDAR and END:VCALENDAR", WHOLE))
                }
                ([_], _) => of_calendar(&line),
                ([_, _], Some(event)) => event.take(line),
                // Definitions of zones, alarms and the like.
                _ => Ok(()),
            },
        }
    }

    fn begin(&mut self, line: &Line) -> Result<(), Mistake> {
        let name = line.value.to_ascii_uppercase();
        if self.open.is_empty() != (name == "VCALENDAR") {
            return Err(line.wrong(format!("BEGIN:{} has no place here", safe(&name)), WHOLE));
        }
        if self.open.len() >= DEEPEST {
            return Err(line.wrong("components lie too deep in each other", WHOLE));
        }
        if self.open.len() > 1 && name == "VEVENT" {
            return Err(line.wrong("an event lies in another component", WHOLE));
        }
        if self.open.len() == 1 {
            match name.as_str() {
                "VEVENT" => self.event = Some(Written::new(line)),
                "VTIMEZONE" => {}
                _ => {
                    let what = format!("{} is no event and counts for nothing", safe(&name));
                    let place = Place::new(self.source, &line.at);
                    self.out.warn(Complaint::wrong(&place, what).hint("only VEVENT is read"));
                }
            }
        }
        self.open.push((name, line.at.clone()));
        Ok(())
    }

    fn finish(&mut self, line: &Line) -> Result<(), Mistake> {
        let name = line.value.to_ascii_uppercase();
        match self.open.pop() {
            Some((open, _)) if open == name => {}
            Some(other) => {
                let what = format!("END:{} where {} has begun", safe(&name), safe(&other.0));
                self.open.push(other);
                return Err(line.wrong(what, WHOLE));
            }
            None => return Err(line.wrong(format!("END:{} where nothing has begun", safe(&name)), WHOLE)),
        }
        match self.open.len() {
            0 => self.calendars = self.calendars.saturating_add(1),
            1 => {
                if let Some(written) = self.event.take() {
                    self.events.extend(written.settle(self.zone)?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The text is over.
    fn end(&mut self, length: usize) {
        if let Some((name, at)) = self.open.pop() {
            let what = format!("{} does not end", safe(&name));
            self.complain(Mistake { at, what, hint: WHOLE });
        } else if self.calendars == 0 && self.out.errors.is_empty() {
            let hint = "a calendar begins with the line BEGIN:VCALENDAR";
            self.complain(Mistake { at: 0..length, what: "there is no calendar in it".into(), hint });
        } else if self.events.is_empty() && self.out.errors.is_empty() {
            let place = Place::new(self.source, &(0..length));
            self.out
                .warn(Complaint::wrong(&place, "there is no event in it").hint("no day is in this calendar"));
        }
    }

    /// The spans of all events.
    fn write_out(&mut self, events: &[Event], window: Span, mut budget: Budget) -> Read {
        let mut read = Read { spans: Vec::new(), known: ALWAYS };
        let moved = event::moved(events);
        for event in events {
            match event.spans(window, &moved, &mut budget, &mut read.spans) {
                Ok(known) => read.known = overlap(read.known, known),
                Err(mistake) => {
                    self.complain(mistake);
                    // Never without a word: what comes after it would be missing.
                    if self.out.is_full() || read.spans.len() > MOST_SPANS || budget.is_spent() {
                        break;
                    }
                }
            }
        }
        read
    }
}

/// What is said of a whole calendar.
fn of_calendar(line: &Line) -> Result<(), Mistake> {
    let value = line.value.to_ascii_uppercase();
    match line.name.as_str() {
        "CALSCALE" if value != "GREGORIAN" => {
            Err(line.wrong(format!("the calendar counts days by {}", safe(&value)), "only GREGORIAN is read"))
        }
        "VERSION" if value != "2.0" => {
            Err(line
                .wrong(format!("the calendar is of version {}", safe(&value)), "only version 2.0 is read"))
        }
        "METHOD" if !["PUBLISH", "REQUEST"].contains(&value.as_str()) => {
            let what = format!("the calendar is a message of the kind {}", safe(&value));
            Err(line.wrong(what, "save the calendar itself: PUBLISH, or no METHOD"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
