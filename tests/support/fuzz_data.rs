//! Bodies of the fuzz targets of the files that rules look things up in: iCalendar, and prefixes. Others may write these
//! files, so the work they make is bounded, and what is not understood in them is a complaint: a day or a network that is
//! left out without a word lets somebody in or keeps somebody out.

use std::collections::BTreeSet;
use std::net::IpAddr;

use doorward::base::cidr::Prefix;
use doorward::base::clock::UnixTime;
use doorward::base::report::{Complaints, Source, render};
use doorward::config::data;
use doorward::config::icalendar::{self, MOST_SPANS, Read};
use doorward::login::policy::calendar::{Calendar, Span};
use doorward::login::policy::{Network, Truth, UserAt};
use jiff::tz::TimeZone;

/// What was reached, so that a test can tell that a target gets anywhere.
pub(crate) type Reached = BTreeSet<&'static str>;

/// 2026-11-21T00:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_795_219_200);
const YEAR: i64 = 365 * 86_400_000;
/// No more complaints are kept.
const MOST_COMPLAINTS: usize = 1000;

/// The first byte chooses: the rest as the text of a calendar, or events made of it.
///
/// # Panics
///
/// When a promise is broken.
pub(crate) fn calendar(bytes: &[u8]) -> Reached {
    let Some((which, bytes)) = bytes.split_first() else { return Reached::new() };
    if which % 2 == 0 { calendar_text(&String::from_utf8_lossy(bytes)) } else { events(bytes) }
}

/// A calendar, or why it is none.
struct Tried {
    read: Read,
    errors: usize,
    warnings: usize,
}

impl Tried {
    fn of(text: &str) -> Self {
        let zone = TimeZone::get("Europe/Istanbul").unwrap();
        let mut out = Complaints::default();
        let read = icalendar::read(0, text, &zone, NOW, &mut out);
        are_told(&out, text);
        assert!(read.spans.len() <= MOST_SPANS + 1, "more spans than there may be");
        let (errors, warnings) = (out.errors.len(), out.warnings.len());
        Self { read, errors, warnings }
    }

    fn is_accepted(&self) -> bool {
        self.errors == 0
    }

    fn spans(&self) -> Vec<Span> {
        let mut spans = self.read.spans.clone();
        spans.sort_unstable();
        spans
    }
}

/// Complaints are bounded, have their place in the text, and can be shown.
fn are_told(out: &Complaints, text: &str) {
    assert!(out.errors.len() <= MOST_COMPLAINTS && out.warnings.len() <= MOST_COMPLAINTS);
    for complaint in out.errors.iter().chain(&out.warnings) {
        let place = complaint.place.as_ref().expect("a complaint about a file says where");
        let inside = place.source == 0 && place.start <= place.end && place.end <= text.len();
        assert!(inside, "{complaint:?} of {} bytes", text.len());
        assert!(complaint.what.len() < 2000, "a complaint as long as a file");
    }
    let sources = [Source { name: "a file".into(), text: text.into(), people: false }];
    let shown = render(&out.errors_in(&sources)) + &render(&out.warnings_in(&sources));
    let odd = |c: char| (c.is_control() && c != '\n' && c != '\t') || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!shown.contains(odd), "a control character is printed: {shown:?}");
    assert_eq!(shown.is_empty(), out.errors.is_empty() && out.warnings.is_empty(), "told to nobody");
}

fn calendar_text(text: &str) -> Reached {
    let tried = Tried::of(text);
    if !tried.is_accepted() {
        return ["refused"].into();
    }
    let Read { spans, known } = &tried.read;
    assert!(spans.len() <= MOST_SPANS && spans.iter().all(|(from, until)| from <= until));
    assert!(known.0 <= UnixTime(NOW.0 - 2 * YEAR) && known.1 >= UnixTime(NOW.0 + 10 * YEAR), "{known:?}");
    in_order_and_apart(&tried.read);
    // It is read whole or not at all.
    let whole = text.trim_end();
    let last_line = whole.rfind('\n').map_or(0, |at| at + 1);
    assert!(!Tried::of(&whole[..last_line]).is_accepted(), "the end is missing, and nobody says so");
    if !text.contains('\r') {
        assert_eq!(Tried::of(&text.replace('\n', "\r\n")).read, tried.read, "line ends count");
    }
    assert_eq!(Tried::of(&folded(text)).read, tried.read, "where lines are folded counts");
    no_event_is_left_out(text, &tried);
    let mut reached = Reached::from(["accepted"]);
    reached.extend((!spans.is_empty()).then_some("times"));
    reached.extend((tried.warnings > 0).then_some("warned"));
    reached
}

/// Days come out in order and apart from each other, whatever they went in as.
fn in_order_and_apart(read: &Read) {
    let calendar = Calendar::new(read.spans.clone()).known_for(read.known);
    let spans = calendar.spans();
    assert!(spans.iter().all(|(from, until)| from < until));
    assert!(spans.windows(2).all(|two| two[0].1 < two[1].0), "two spans touch");
    for (from, until) in
        spans.iter().take(50).filter(|(from, _)| *from >= read.known.0 && *from < read.known.1)
    {
        assert_eq!(calendar.contains(*from), Truth::Yes);
        let next = calendar.next_boundary(*from).expect("it ends");
        assert!(next <= *until && calendar.contains(next) != Truth::Yes);
    }
}

/// The same with lines folded in the middle, here and there.
fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let mut before = '\n';
    for (number, letter) in text.chars().enumerate() {
        let inside = !['\r', '\n'].contains(&before) && !['\r', '\n'].contains(&letter);
        if inside && number % 7 == 3 {
            out.push_str("\n ");
        }
        out.push(letter);
        before = letter;
    }
    out
}

/// Where nothing repeats, moves or is cancelled, there is a time for each event.
fn no_event_is_left_out(text: &str, tried: &Tried) {
    let lines = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "").to_ascii_uppercase();
    let special = ["RRULE", "EXDATE", "RECURRENCE-ID", "STATUS"];
    if special.iter().any(|word| lines.contains(word)) || tried.warnings > 0 {
        return;
    }
    let events = lines.lines().filter(|line| line.trim_end() == "BEGIN:VEVENT").count();
    assert!(tried.read.spans.len() >= events, "{events} events, and {} times", tried.read.spans.len());
}

/// Events made of bytes: each is what it is, whatever stands beside it and in whichever order.
fn events(bytes: &[u8]) -> Reached {
    let mut dice = bytes.iter().copied();
    let mut roll = |limit: usize| usize::from(dice.next().unwrap_or(0)) % limit;
    let count = 1 + roll(4);
    let mut made: Vec<String> = (0..count).map(|number| event(number, &mut roll)).collect();
    let file =
        |events: &[String]| format!("BEGIN:VCALENDAR\nVERSION:2.0\n{}END:VCALENDAR\n", events.concat());
    let mut reached = calendar_text(&file(&made));
    let together = Tried::of(&file(&made));
    let alone: Vec<Tried> = made.iter().map(|event| Tried::of(&file(std::slice::from_ref(event)))).collect();
    if alone.iter().all(Tried::is_accepted) {
        assert!(together.is_accepted(), "each can be read, and not all of them");
        let mut spans: Vec<Span> = alone.iter().flat_map(|one| one.read.spans.clone()).collect();
        spans.sort_unstable();
        assert_eq!(together.spans(), spans, "{made:#?}");
        reached.insert("several");
    } else {
        assert!(!together.is_accepted(), "{made:#?}");
    }
    made.reverse();
    let backwards = Tried::of(&file(&made));
    assert_eq!(backwards.is_accepted(), together.is_accepted(), "{made:#?}");
    if together.is_accepted() {
        let (forwards, known) = (together.spans(), together.read.known);
        assert_eq!((backwards.spans(), backwards.read.known), (forwards, known), "{made:#?}");
    }
    reached
}

/// One event; no two have the same id, so none stands for a time of another.
fn event(number: usize, roll: &mut impl FnMut(usize) -> usize) -> String {
    let mut pick = |list: &[&'static str]| list[roll(list.len())];
    let start = pick(&STARTS);
    let mut lines = vec!["BEGIN:VEVENT".to_owned(), format!("UID:{number}"), format!("DTSTART{start}")];
    lines.extend(Some(pick(&LENGTHS)).filter(|line| !line.is_empty()).map(str::to_owned));
    if pick(&["", "repeat", "repeat"]) == "repeat" {
        let parts =
            [pick(&FREQUENCIES), pick(&ENDS), pick(&INTERVALS), pick(&MONTHS), pick(&DAYS), pick(&PLACES)];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        lines.push(format!("RRULE:{}", parts.join(";")));
    }
    lines.extend(Some(pick(&EXTRAS)).filter(|line| !line.is_empty()).map(str::to_owned));
    lines.push("END:VEVENT".into());
    lines.join("\n") + "\n"
}

/// Days and times, those that a change of the clocks skips or repeats, and the last there is.
const STARTS: [&str; 14] = [
    ";VALUE=DATE:20261029",
    ";VALUE=DATE:20240229",
    ":20261130",
    ":20261101T220000Z",
    ":20261101T220000",
    ";TZID=America/New_York:20260308T023000",
    ";TZID=America/New_York:20261101T013000",
    ";TZID=Australia/Lord_Howe:20261004T021500",
    ";TZID=Pacific/Apia:20111230T120000",
    ";VALUE=DATE:20100101",
    ";VALUE=DATE:99991231",
    ";TZID=Europe/Istanbul:20261201T080000",
    ":99991231T235960",
    ";VALUE=DATE:20261301",
];
const LENGTHS: [&str; 10] = [
    "",
    "DURATION:P1D",
    "DURATION:PT6H",
    "DURATION:P5W",
    "DURATION:P9999999D",
    "DTEND;VALUE=DATE:20270101",
    "DTEND:20261102T040000Z",
    "DTEND;TZID=America/New_York:20261101T013000",
    "DURATION:PT0S",
    "DTEND;VALUE=DATE:99991231",
];
const FREQUENCIES: [&str; 5] = ["FREQ=DAILY", "FREQ=WEEKLY", "FREQ=MONTHLY", "FREQ=YEARLY", "FREQ=HOURLY"];
const ENDS: [&str; 6] =
    ["", "COUNT=3", "COUNT=500", "UNTIL=20271231", "UNTIL=20271231T000000Z", "UNTIL=20200101T000000"];
const INTERVALS: [&str; 4] = ["", "INTERVAL=2", "INTERVAL=10000", "WKST=SU"];
const MONTHS: [&str; 4] = ["", "", "BYMONTH=10,11", "BYMONTH=2"];
const DAYS: [&str; 6] =
    ["", "BYDAY=MO,TU,WE,TH,FR,SA,SU", "BYDAY=1SU,-1TH", "BYMONTHDAY=29", "BYMONTHDAY=-1,1", "BYDAY=53TH"];
const PLACES: [&str; 4] = ["", "", "BYSETPOS=1", "BYSETPOS=-366,-1"];
const EXTRAS: [&str; 8] = [
    "",
    "SUMMARY:BEGIN:VEVENT",
    "EXDATE;VALUE=DATE:20261029",
    "EXDATE:20261101T220000Z",
    "RDATE;VALUE=DATE:20261231",
    "RDATE;VALUE=PERIOD:20261111T100000Z/PT3H",
    "STATUS:CANCELLED",
    "BEGIN:VALARM\nDTSTART:nonsense\nEND:VALARM",
];

/// Any text as a file of prefixes.
///
/// # Panics
///
/// When a promise is broken.
pub(crate) fn prefixes(text: &str) -> Reached {
    let mut out = Complaints::default();
    let found = data::prefixes(0, text, &mut out);
    are_told(&out, text);
    let words = || {
        let written = text.split('\n').map(|line| line.split('#').next().unwrap_or(""));
        written.map(|word| word.trim().trim_start_matches('\u{feff}')).filter(|word| !word.is_empty())
    };
    if !out.errors.is_empty() {
        let nothing = text.trim().trim_start_matches('\u{feff}').is_empty();
        assert!(nothing || found.len() < words().count(), "a complaint about a file that was read whole");
        return ["refused"].into();
    }
    assert_eq!(found.len(), words().count(), "a line is left out, and nobody says so");
    for (prefix, word) in found.iter().zip(words()) {
        let (address, bits) =
            word.split_once('/').map_or((word, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().expect("what is accepted begins with an address");
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits: u8 = bits.map_or(whole, |bits| bits.parse().expect("and ends with a number"));
        assert!(
            prefix.contains(address) || (address.is_ipv6() && bits < 96),
            "{word} does not contain itself"
        );
        let shown = prefix.to_string();
        assert_eq!(shown.parse::<Prefix>().as_ref(), Ok(prefix), "what is shown means something else");
    }
    says_what_its_prefixes_say(&found);
    if found.is_empty() { ["empty"].into() } else { ["accepted"].into() }
}

/// The set contains whom one of its prefixes contains, and nobody else.
fn says_what_its_prefixes_say(found: &[Prefix]) {
    let network = Network::new("office", found.to_vec());
    for prefix in found.iter().take(40) {
        let shown = prefix.to_string();
        let Ok(first) = shown.split('/').next().unwrap_or("").parse::<IpAddr>() else { panic!("{shown}") };
        for address in [Some(first), neighbour(first, 1), neighbour(first, -1)].into_iter().flatten() {
            let inside = found.iter().any(|one| one.contains(address));
            assert_eq!(network.contains(UserAt::Address(address)), Truth::of(inside), "{address} {found:?}");
        }
        for bits in [0, 8, 24] {
            let part = Prefix::around(first, bits, bits * 4);
            match network.contains(UserAt::Within(part)) {
                Truth::No => {
                    assert!(network.contains(UserAt::Address(first)) != Truth::Yes, "{part} {found:?}")
                }
                Truth::Yes => {
                    assert!(found.iter().any(|one| one.overlaps(&part) && one.bits() <= part.bits()))
                }
                Truth::Unknown | Truth::Pending => {}
            }
        }
    }
}

fn neighbour(address: IpAddr, by: i8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(v4) => v4.to_bits().checked_add_signed(by.into()).map(|bits| IpAddr::V4(bits.into())),
        IpAddr::V6(v6) => v6.to_bits().checked_add_signed(by.into()).map(|bits| IpAddr::V6(bits.into())),
    }
}
