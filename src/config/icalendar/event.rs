//! Events (RFC 5545 section 3.6.1): when they are.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::base::clock::UnixTime;
use crate::config::icalendar::lines::Line;
use crate::config::icalendar::moment::{self, Form, Length, Moment};
use crate::config::icalendar::recurrence::{Budget, Rule};
use crate::config::icalendar::{MOST_SPANS, Mistake};
use crate::login::policy::calendar::{ALWAYS, Span};

/// An event as it was written: the lines that say when it is.
#[derive(Debug)]
pub(super) struct Written {
    at: Range<usize>,
    once: HashMap<&'static str, Line>,
    extra: Vec<Line>,
    except: Vec<Line>,
}

/// An event that is not cancelled, or one that is and stands for a single time of another.
#[derive(Debug)]
pub(super) struct Event {
    at: Range<usize>,
    id: Option<Box<str>>,
    /// `None` where it is cancelled.
    first: Option<(Moment, Length)>,
    rule: Option<(Line, Rule)>,
    extra: Vec<(Moment, Length)>,
    except: HashSet<UnixTime>,
    /// It stands for the time that the event of the same id has then.
    instead_of: Option<UnixTime>,
}

/// Times that other events stand for, by the id of the event.
pub(super) type Moved<'e> = HashMap<&'e str, HashSet<UnixTime>>;

const ONCE: [&str; 7] = ["UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RECURRENCE-ID", "STATUS"];
const LENGTHS: &str = "it ends after it begins, and both are days or both are times";

impl Written {
    pub(super) fn new(begin: &Line) -> Self {
        Self { at: begin.at.clone(), once: HashMap::new(), extra: Vec::new(), except: Vec::new() }
    }

    /// Takes over a line of the event.
    pub(super) fn take(&mut self, line: Line) -> Result<(), Mistake> {
        if let Some(name) = ONCE.into_iter().find(|name| line.name == *name) {
            if self.once.contains_key(name) {
                return Err(line.wrong(format!("{name} stands in one event twice"), "an event has it once"));
            }
            self.once.insert(name, line);
            return Ok(());
        }
        match line.name.as_str() {
            "RDATE" => self.extra.push(line),
            "EXDATE" => self.except.push(line),
            "EXRULE" => {
                return Err(
                    line.wrong("EXRULE is not understood", "name the days that are left out with EXDATE")
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// What the event means; `None` when it is cancelled.
    pub(super) fn settle(self, zone: &TimeZone) -> Result<Option<Event>, Mistake> {
        let text = |name: &str| self.once.get(name).map(|line| line.value.as_str());
        let cancelled = text("STATUS").is_some_and(|status| status.eq_ignore_ascii_case("CANCELLED"));
        let instead_of = match self.once.get("RECURRENCE-ID") {
            Some(line) if text("UID").is_none() => {
                return Err(
                    line.wrong("RECURRENCE-ID without UID", "UID says of which event a time is moved")
                );
            }
            Some(line) => Some(instead_of(line, zone)?),
            None => None,
        };
        if cancelled && instead_of.is_none() {
            return Ok(None);
        }
        let first = if cancelled { None } else { Some(self.first(zone)?) };
        let rule = match (self.once.get("RRULE"), &first) {
            (Some(line), Some((start, _))) => Some((line.clone(), Rule::read(line, start)?)),
            (_, _) => None,
        };
        let (mut extra, mut except) = (Vec::new(), HashSet::new());
        if let Some(first) = &first {
            for line in &self.extra {
                extra.extend(times(line, zone, first)?);
            }
            for line in &self.except {
                except.extend(alike(line, zone, &first.0)?.iter().filter_map(Moment::at));
            }
        }
        let id = text("UID").map(Box::from);
        Ok(Some(Event { at: self.at, id, first, rule, extra, except, instead_of }))
    }

    /// When it is for the first time, and how long.
    fn first(&self, zone: &TimeZone) -> Result<(Moment, Length), Mistake> {
        let Some(line) = self.once.get("DTSTART") else {
            let hint = "DTSTART says when it begins";
            return Err(Mistake { at: self.at.clone(), what: "the event does not begin".into(), hint });
        };
        let start = moment::only(line, zone)?;
        let length = match (self.once.get("DTEND"), self.once.get("DURATION")) {
            (Some(line), Some(_)) => {
                return Err(line.wrong("the event has DTEND and DURATION", "it has one of them"));
            }
            (Some(line), None) => {
                let end = moment::only(line, zone)?;
                let length = start.until(&end).filter(|length| length.is_some());
                length.ok_or_else(|| line.wrong("DTEND does not fit DTSTART", LENGTHS))?
            }
            (None, Some(line)) => {
                let fits = |length: &Length| length.is_some() && (start.form != Form::Day || length.ms == 0);
                let length = moment::duration(&line.value).filter(fits);
                length.ok_or_else(|| {
                    line.wrong("DURATION does not fit DTSTART", "such as P1D, or PT6H after a time")
                })?
            }
            (None, None) if start.form == Form::Day => Length { days: 1, ms: 0 },
            (None, None) => {
                return Err(line.wrong("the event takes no time", "DTEND or DURATION says how long it is"));
            }
        };
        match start.at().zip(start.end(length)) {
            Some((from, until)) if from < until => Ok((start, length)),
            _ => Err(line.wrong("DTSTART is beyond all calendars", LENGTHS)),
        }
    }
}

/// The moments on a line, which are days where the event begins on a day, and times otherwise.
fn alike(line: &Line, zone: &TimeZone, start: &Moment) -> Result<Vec<Moment>, Mistake> {
    let found = moment::moments(line, zone)?;
    if found.iter().any(|moment| (moment.form == Form::Day) != (start.form == Form::Day)) {
        let what = format!("{} is not of the kind of DTSTART", line.name);
        return Err(line.wrong(what, "it is a day where DTSTART is one, and a time where that is one"));
    }
    Ok(found)
}

fn instead_of(line: &Line, zone: &TimeZone) -> Result<UnixTime, Mistake> {
    if line.parameter("RANGE").is_some() {
        let hint = "change the event itself, or each of its times by itself";
        return Err(line.wrong("RECURRENCE-ID with a RANGE is not understood", hint));
    }
    let hint = "the years from 1 to 9999 are known";
    moment::only(line, zone)?.at().ok_or_else(|| line.wrong("RECURRENCE-ID is beyond all calendars", hint))
}

/// The times on an RDATE line of an event that is `first` then.
fn times(line: &Line, zone: &TimeZone, first: &(Moment, Length)) -> Result<Vec<(Moment, Length)>, Mistake> {
    let (start, length) = first;
    if line.parameter("VALUE").is_some_and(|value| value.eq_ignore_ascii_case("PERIOD")) {
        return line.value.split(',').map(|text| moment::period(line, text, zone)).collect();
    }
    Ok(alike(line, zone, start)?.into_iter().map(|moment| (moment, *length)).collect())
}

/// Which times of which events other events stand for.
pub(super) fn moved(events: &[Event]) -> Moved<'_> {
    let mut moved: Moved<'_> = HashMap::new();
    for event in events {
        if let (Some(id), Some(time)) = (&event.id, event.instead_of) {
            moved.entry(id).or_default().insert(time);
        }
    }
    moved
}

impl Event {
    /// Adds when the event is to `spans`, and what repeats for as long as `window`; gives back the time for which
    /// that is all.
    pub(super) fn spans(
        &self,
        window: Span,
        moved: &Moved<'_>,
        budget: &mut Budget,
        spans: &mut Vec<Span>,
    ) -> Result<Span, Mistake> {
        let Some((start, length)) = &self.first else { return Ok(ALWAYS) };
        let elsewhere = self.id.as_deref().filter(|_| self.instead_of.is_none()).and_then(|id| moved.get(id));
        let mut add = |moment: &Moment, length: Length| {
            let (from, until) = moment.at().zip(moment.end(length))?;
            let left_out =
                self.except.contains(&from) || elsewhere.is_some_and(|times| times.contains(&from));
            if !left_out {
                spans.push((from, until));
            }
            (spans.len() <= MOST_SPANS).then_some(())
        };
        for (moment, length) in &self.extra {
            add(moment, *length).ok_or_else(|| self.too_many())?;
        }
        let Some((line, rule)) = &self.rule else {
            add(start, *length).ok_or_else(|| self.too_many())?;
            return Ok(ALWAYS);
        };
        match rule.names(start.civil.date(), budget) {
            Some(true) => {}
            Some(false) => {
                let hint = "begin with the first day that the rule names";
                return Err(line.wrong("RRULE does not name the day of DTSTART", hint));
            }
            None => return Err(self.too_many()),
        }
        self.repeat(start, *length, rule, window, budget, add)
    }

    fn repeat(
        &self,
        start: &Moment,
        length: Length,
        rule: &Rule,
        window: Span,
        budget: &mut Budget,
        mut add: impl FnMut(&Moment, Length) -> Option<()>,
    ) -> Result<Span, Mistake> {
        let first =
            day_of(window.0, length.days.saturating_add(length.ms / DAY).saturating_add(2).saturating_neg());
        let last = day_of(window.1, 1);
        let (Some(first), Some(last)) = (first, last) else { return Err(self.too_many()) };
        let goes_on = rule.days(start, first, last, budget, |day| {
            if day < first { Some(()) } else { add(&start.on(day), length) }
        });
        let goes_on = goes_on.ok_or_else(|| self.too_many())?;
        let mut known = ALWAYS;
        if start.civil.date() < first {
            known.0 = window.0;
        }
        if goes_on {
            known.1 = window.1;
        }
        Ok(known)
    }

    fn too_many(&self) -> Mistake {
        let what = format!("there is more in this calendar than {MOST_SPANS} times");
        Mistake {
            at: self.at.clone(),
            what,
            hint: "take out what lies in the past, and what comes every day: hours say that",
        }
    }
}

const DAY: i64 = 86_400_000;

/// The day in UTC, so many days later.
fn day_of(time: UnixTime, later: i64) -> Option<Date> {
    let day = Timestamp::from_millisecond(time.0).ok()?.to_zoned(TimeZone::UTC).date();
    day.checked_add(jiff::Span::new().try_days(later).ok()?).ok()
}
