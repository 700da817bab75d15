//! Rules of recurrence (RFC 5545 section 3.3.10): which days they name.
//!
//! Read are the parts that calendars of holidays and maintenance use: FREQ from DAILY to YEARLY with INTERVAL, COUNT,
//! UNTIL, BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS and WKST. Anything else is a complaint: a rule that is read in part
//! names other days.

use jiff::civil::{Date, Weekday};

use crate::base::clock::UnixTime;
use crate::base::text::safe;
use crate::config::icalendar::Mistake;
use crate::config::icalendar::lines::Line;
use crate::config::icalendar::moment::{self, Form, Moment};

/// A rule of recurrence.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    frequency: Frequency,
    interval: u32,
    /// How often it comes, the first time included.
    count: Option<u32>,
    until: Option<Until>,
    /// 1 to 12; empty: any.
    months: Vec<i8>,
    /// 1 to 31, or -1 to -31 from the end of the month; empty: any.
    month_days: Vec<i8>,
    /// Which of the weekdays of its month or year (0: each of them), and the weekday; empty: any.
    days: Vec<(i8, Weekday)>,
    /// Which of the days of a period, 1 being the first and -1 the last; empty: all.
    positions: Vec<i16>,
    week_start: Weekday,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

/// The last time that may come.
#[derive(Debug, Clone, Copy)]
enum Until {
    Day(Date),
    Time(UnixTime),
}

/// Days that may still be looked at: a file decides how many there are, and nobody waits for ever.
#[derive(Debug)]
pub(super) struct Budget(pub(super) u32);

impl Budget {
    /// Takes one; `None` when there is none left.
    fn spend(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }

    /// None is left.
    pub(super) const fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

/// A list of a rule is no longer than this; each of the 53 weeks of a year from either end by seven weekdays is 749.
const MOST_NAMED: usize = 800;

const PARTS: &str = "read are FREQ=DAILY, WEEKLY, MONTHLY or YEARLY with INTERVAL, COUNT, UNTIL, BYMONTH, BYMONTHDAY, BYDAY, BYSETPOS and WKST";
const UNTILS: &str = "UNTIL is a day where DTSTART is one, a time in UTC where DTSTART is in UTC or in a zone, else without a zone";
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Monday),
    ("TU", Weekday::Tuesday),
    ("WE", Weekday::Wednesday),
    ("TH", Weekday::Thursday),
    ("FR", Weekday::Friday),
    ("SA", Weekday::Saturday),
    ("SU", Weekday::Sunday),
];

impl Rule {
    /// Reads the rule on `line`, whose first time is `start`.
    pub(super) fn read(line: &Line, start: &Moment) -> Result<Self, Mistake> {
        let mut rule = Self {
            frequency: Frequency::Daily,
            interval: 1,
            count: None,
            until: None,
            months: Vec::new(),
            month_days: Vec::new(),
            days: Vec::new(),
            positions: Vec::new(),
            week_start: Weekday::Monday,
        };
        let mut seen: Vec<String> = Vec::new();
        for part in line.value.trim_end_matches(';').split(';') {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let key = key.to_ascii_uppercase();
            if rule.take(&key, &value.to_ascii_uppercase(), start).is_none() {
                let hint = if key == "UNTIL" { UNTILS } else { PARTS };
                return Err(line.wrong(format!("RRULE: {} is not understood", safe(part)), hint));
            }
            if seen.contains(&key) {
                return Err(line.wrong(format!("RRULE: {} stands in it twice", safe(&key)), PARTS));
            }
            seen.push(key);
        }
        if !seen.iter().any(|key| key == "FREQ") {
            return Err(line.wrong("RRULE has no FREQ", PARTS));
        }
        match rule.contradiction() {
            Some(what) => Err(line.wrong(format!("RRULE: {what}"), PARTS)),
            None => Ok(rule),
        }
    }

    /// Takes over one part of the rule; `None` when it is not understood.
    fn take(&mut self, key: &str, value: &str, start: &Moment) -> Option<()> {
        match key {
            "FREQ" => {
                self.frequency = match value {
                    "DAILY" => Frequency::Daily,
                    "WEEKLY" => Frequency::Weekly,
                    "MONTHLY" => Frequency::Monthly,
                    "YEARLY" => Frequency::Yearly,
                    _ => return None,
                };
            }
            "INTERVAL" => self.interval = number(value, 1..=10_000)?,
            "COUNT" => self.count = Some(number(value, 1..=u32::MAX)?),
            "UNTIL" => self.until = Some(until(value, start)?),
            "BYMONTH" => self.months = list(value, |text| number(text, 1..=12))?,
            "BYMONTHDAY" => self.month_days = list(value, |text| from_either_end(text, 31))?,
            "BYDAY" => self.days = list(value, weekday_of_period)?,
            "BYSETPOS" => self.positions = list(value, |text| from_either_end(text, 366))?,
            "WKST" => self.week_start = weekday(value)?,
            _ => return None,
        }
        Some(())
    }

    /// What the parts of the rule have against each other.
    fn contradiction(&self) -> Option<&'static str> {
        let by_days = matches!(self.frequency, Frequency::Daily | Frequency::Weekly);
        if self.count.is_some() && self.until.is_some() {
            Some("COUNT and UNTIL exclude each other")
        } else if self.frequency == Frequency::Weekly && !self.month_days.is_empty() {
            Some("BYMONTHDAY has no meaning in a week")
        } else if by_days && self.days.iter().any(|(which, _)| *which != 0) {
            Some("BYDAY with a number is for months and years")
        } else if !self.positions.is_empty()
            && self.days.is_empty()
            && self.month_days.is_empty()
            && self.months.is_empty()
        {
            Some("BYSETPOS chooses among what another BY… names, and there is none")
        } else {
            None
        }
    }

    /// Calls `each` with the days that the rule names from `start` to `last`; those before `first` may be left out.
    /// Says whether the rule may go on behind `last`. `None` when `each` said that it is enough, or the budget did
    /// not suffice.
    pub(super) fn days(
        &self,
        start: &Moment,
        first: Date,
        last: Date,
        budget: &mut Budget,
        mut each: impl FnMut(Date) -> Option<()>,
    ) -> Option<bool> {
        let begin = start.civil.date();
        let mut counted = 0_u32;
        let skipped = if self.count.is_some() { 0 } else { self.periods_before(begin, first) };
        for number in skipped.. {
            budget.spend()?;
            let Some(period) = self.beginning(begin, number).filter(|day| *day <= last) else {
                return Some(true);
            };
            for day in self.within(begin, period, budget)? {
                if day < begin {
                    continue;
                }
                if self.count.is_some_and(|count| counted >= count) || self.is_after_until(start, day) {
                    return Some(false);
                }
                if day > last {
                    return Some(true);
                }
                counted = counted.saturating_add(1);
                each(day)?;
            }
        }
        Some(true)
    }

    /// Whether the rule names the day that it begins on.
    pub(super) fn names(&self, day: Date, budget: &mut Budget) -> Option<bool> {
        let Some(period) = self.beginning(day, 0) else { return Some(false) };
        Some(self.within(day, period, budget)?.contains(&day))
    }

    fn is_after_until(&self, start: &Moment, day: Date) -> bool {
        match self.until {
            None => false,
            Some(Until::Day(until)) => day > until,
            Some(Until::Time(until)) => start.on(day).at().is_none_or(|at| at > until),
        }
    }

    /// How many periods lie wholly before `first`.
    fn periods_before(&self, begin: Date, first: Date) -> i64 {
        let days = i64::from(begin.until(first).map_or(0, |span| span.get_days()));
        let years = i64::from(first.year()).saturating_sub(begin.year().into());
        let units = match self.frequency {
            Frequency::Daily => days,
            Frequency::Weekly => days.div_euclid(7),
            Frequency::Monthly => {
                let months = i64::from(first.month()).saturating_sub(begin.month().into());
                years.saturating_mul(12).saturating_add(months)
            }
            Frequency::Yearly => years,
        };
        units.checked_div(self.interval.into()).unwrap_or(0).saturating_sub(1).max(0)
    }

    /// The first day of a period; `None` beyond the years that are known.
    fn beginning(&self, begin: Date, number: i64) -> Option<Date> {
        let units = number.checked_mul(self.interval.into())?;
        let (from, step) = match self.frequency {
            Frequency::Daily => (begin, jiff::Span::new().try_days(units)),
            Frequency::Weekly => {
                let since = begin.weekday().since(self.week_start);
                let week = begin.checked_sub(jiff::Span::new().try_days(since).ok()?).ok()?;
                (week, jiff::Span::new().try_weeks(units))
            }
            Frequency::Monthly => (begin.first_of_month(), jiff::Span::new().try_months(units)),
            Frequency::Yearly => (begin.first_of_year(), jiff::Span::new().try_years(units)),
        };
        from.checked_add(step.ok()?).ok()
    }

    /// The days that the rule names in the period that begins with `period`, in order.
    fn within(&self, begin: Date, period: Date, budget: &mut Budget) -> Option<Vec<Date>> {
        let length = match self.frequency {
            Frequency::Daily => 1,
            Frequency::Weekly => 7,
            Frequency::Monthly => i16::from(period.days_in_month()),
            Frequency::Yearly => period.days_in_year(),
        };
        let (mut found, mut day) = (Vec::new(), Some(period));
        for _ in 0..length {
            let Some(today) = day else { break };
            if self.fits_month(begin, today) {
                budget.spend()?;
                if self.fits_day(begin, today) {
                    found.push(today);
                }
                day = today.tomorrow().ok();
            } else {
                day = today.last_of_month().tomorrow().ok();
            }
            day = day.filter(|day| self.is_in_period(period, *day));
        }
        if self.positions.is_empty() {
            return Some(found);
        }
        let chosen = found.iter().enumerate().filter(|(index, _)| self.is_chosen(*index, found.len()));
        Some(chosen.map(|(_, day)| *day).collect())
    }

    fn is_in_period(&self, period: Date, day: Date) -> bool {
        match self.frequency {
            Frequency::Daily => day == period,
            Frequency::Weekly => period.until(day).is_ok_and(|span| span.get_days() < 7),
            Frequency::Monthly => day.month() == period.month() && day.year() == period.year(),
            Frequency::Yearly => day.year() == period.year(),
        }
    }

    fn fits_month(&self, begin: Date, day: Date) -> bool {
        if !self.months.is_empty() {
            return self.months.contains(&day.month());
        }
        let free =
            self.frequency != Frequency::Yearly || !self.month_days.is_empty() || !self.days.is_empty();
        free || day.month() == begin.month()
    }

    fn fits_day(&self, begin: Date, day: Date) -> bool {
        if self.month_days.is_empty() && self.days.is_empty() {
            return match self.frequency {
                Frequency::Daily => true,
                Frequency::Weekly => day.weekday() == begin.weekday(),
                Frequency::Monthly | Frequency::Yearly => day.day() == begin.day(),
            };
        }
        let from_end = day.day().saturating_sub(day.days_in_month()).saturating_sub(1);
        let month_day = |wanted: &i8| *wanted == day.day() || *wanted == from_end;
        (self.month_days.is_empty() || self.month_days.iter().any(month_day))
            && (self.days.is_empty()
                || self.days.iter().any(|(which, weekday)| self.is_weekday(day, *which, *weekday)))
    }

    /// Whether `day` is a `weekday`, and the one with that number in its month or year.
    fn is_weekday(&self, day: Date, which: i8, weekday: Weekday) -> bool {
        if day.weekday() != weekday {
            return false;
        }
        let in_year = self.frequency == Frequency::Yearly && self.months.is_empty();
        let (number, days) = match in_year {
            true => (day.day_of_year(), day.days_in_year()),
            false => (day.day().into(), day.days_in_month().into()),
        };
        let (weeks_before, weeks_after) = (number.saturating_sub(1) / 7, days.saturating_sub(number) / 7);
        let which = i16::from(which);
        which == 0 || which == weeks_before.saturating_add(1) || which == (-1_i16).saturating_sub(weeks_after)
    }

    fn is_chosen(&self, index: usize, of: usize) -> bool {
        let place = |n: usize| i16::try_from(n).unwrap_or(i16::MAX);
        let from_end = place(index).saturating_sub(place(of));
        self.positions.iter().any(|wanted| *wanted == place(index).saturating_add(1) || *wanted == from_end)
    }
}

/// UNTIL is of the kind that the first time is: a day for days, a floating time for floating ones, else UTC.
fn until(value: &str, start: &Moment) -> Option<Until> {
    if start.form == Form::Day {
        return moment::date(value).map(Until::Day);
    }
    let (local, utc) = match value.strip_suffix('Z') {
        Some(local) => (local, true),
        None => (value, false),
    };
    let civil = moment::date_time(local)?;
    let zone = match (utc, start.form) {
        (true, Form::Utc | Form::Zoned) => jiff::tz::TimeZone::UTC,
        (false, Form::Floating) => start.zone.clone(),
        _ => return None,
    };
    Moment { civil, zone, form: start.form }.at().map(Until::Time)
}

/// What a list names, each once; `None` when one of it is not understood, or when it is longer than any that has a
/// meaning: every day of the years to come is compared with it.
fn list<T: PartialEq>(value: &str, one: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    let mut found = Vec::new();
    for (number, text) in value.split(',').enumerate() {
        let named = one(text).filter(|_| number < MOST_NAMED)?;
        if !found.contains(&named) {
            found.push(named);
        }
    }
    Some(found)
}

fn number<T: std::str::FromStr + PartialOrd>(text: &str, range: std::ops::RangeInclusive<T>) -> Option<T> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| digits && range.contains(number))
}

/// A number that is counted from the beginning, or with a minus sign from the end; never 0.
fn from_either_end<T>(text: &str, most: T) -> Option<T>
where
    T: std::str::FromStr + PartialOrd + From<i8> + std::ops::Neg<Output = T>,
{
    match text.strip_prefix('-') {
        Some(digits) => number(digits, T::from(1)..=most).map(|number| -number),
        None => number(text.strip_prefix('+').unwrap_or(text), T::from(1)..=most),
    }
}

fn weekday(text: &str) -> Option<Weekday> {
    WEEKDAYS.iter().find(|(name, _)| *name == text).map(|(_, day)| *day)
}

/// `MO`, `1SU`, `-1FR`
fn weekday_of_period(text: &str) -> Option<(i8, Weekday)> {
    let (which, name) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let which = if which.is_empty() { 0 } else { from_either_end(which, 53)? };
    Some((which, weekday(name)?))
}

#[cfg(test)]
mod tests;
