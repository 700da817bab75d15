//! Reads users without a mistake straight from the text.
//!
//! A users file that is well formed is taken in as it comes, without a tree of values in between. What is not
//! understood at once is left to the careful reader, one part of the text at a time.
//!
//! The text is cut in front of lines that begin with `[[user]]`. TOML is read from front to back, and where a line has
//! ended outside of texts and lists nothing is open but the table that the last header began. So a cut changes nothing
//! if the part before it is valid by itself, since what follows begins with a header of its own; and a cut inside a text
//! or a list leaves that open, which is an error of the part before it. Only the part in front of the first header may
//! say something about what follows, so it must not say anything.

use std::collections::HashMap;

use crate::base::report::{Complaints, Place};
use crate::base::table::parse;
use crate::directory::file::careful::Careful;
use crate::directory::file::gathered::Gathered;
use crate::directory::file::hash::Hash;
use crate::directory::file::packed::{New, Values};
use crate::directory::file::scan::{Scan, Written};
use crate::directory::file::uuid;
use crate::directory::group_name;
use crate::login::identity::{LoginName, Pseudonym};

/// What a user begins with.
pub(in crate::directory::file) const HEADER: &str = "[[user]]";

/// Somebody with more names is read carefully: there they are not compared one by one.
const FEW_NAMES: usize = 16;

/// No part of a text is longer than this many bytes: to read one carefully takes a hundred times its length.
pub(in crate::directory::file) const LONGEST_PART: usize = 16 * 1024 * 1024;

/// Something is wrong with a part, or it says nothing by itself.
pub(in crate::directory::file) struct Faulty;

/// A part of a text: from one header to the next.
pub(in crate::directory::file) struct Part<'t> {
    /// Where it begins.
    pub(in crate::directory::file) start: usize,
    /// All of it.
    pub(in crate::directory::file) text: &'t str,
}

impl Part<'_> {
    /// Its first line.
    pub(in crate::directory::file) fn place(&self, source: usize) -> Place {
        let end = self.text.lines().next().map_or(0, str::len).saturating_add(self.start);
        Place::new(source, &(self.start..end.max(1)))
    }
}

/// Reads the parts of a text one after the other.
pub(in crate::directory::file) struct Straight<'t> {
    source: usize,
    text: &'t str,
    at: usize,
    gathered: Gathered,
    doubts: Complaints,
    /// Combinations of groups as they are written.
    groups: HashMap<&'t str, u32>,
    names: Vec<Box<str>>,
    no_attributes: Values,
}

impl<'t> Straight<'t> {
    /// Begins with `text`, which is source number `source`.
    pub(in crate::directory::file) fn new(source: usize, text: &'t str) -> Self {
        const BYTE_ORDER_MARK: char = '\u{feff}';
        let at = if text.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
        Self {
            source,
            text,
            at,
            gathered: Gathered::with_room_for(text.len()),
            doubts: Complaints::default(),
            groups: HashMap::new(),
            names: Vec::new(),
            no_attributes: Values::new(),
        }
    }

    /// Reads all parts, up to the first with a fault. Gives what was read, and what is doubtful about it.
    pub(in crate::directory::file) fn all(mut self) -> Result<(Gathered, Complaints), Faulty> {
        while let Some((_, read)) = self.next() {
            read?;
        }
        Ok((self.gathered, self.doubts))
    }

    /// What was read so far.
    pub(in crate::directory::file) const fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// Reads the next part; `None` at the end.
    pub(in crate::directory::file) fn next(&mut self) -> Option<(Part<'t>, Result<(), Faulty>)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let scanned = Scan::user(rest);
        let understood = scanned.as_ref().is_some_and(|(written, _)| self.take(written, start).is_some());
        let length = match scanned {
            Some((_, length)) if understood => length,
            _ => next_header(rest),
        };
        self.at = start.saturating_add(length);
        let part = Part { start, text: rest.get(..length)? };
        let read = if understood { Ok(()) } else { self.read_carefully(&part) };
        Some((part, read))
    }

    /// Adds a user, if nothing at all is wrong with him.
    fn take(&mut self, written: &Written<'t>, start: usize) -> Option<()> {
        let (id, name, password) = (uuid(written.id?)?, written.name?, written.password?);
        let hash = Hash::read(password).ok()?;
        self.names.clear();
        self.add_name(name)?;
        if let Some(aliases) = written.aliases {
            Scan::texts(aliases)?.into_iter().try_for_each(|name| self.add_name(name))?;
        }
        if let Some(number) = written.number {
            Pseudonym::new(number)?;
        }
        let groups = match written.groups {
            Some(text) => self.groups(text)?,
            None => 0,
        };
        let new = New {
            id,
            name,
            names: &self.names,
            hash: (&hash, password),
            groups,
            disabled: written.disabled.unwrap_or(false),
            number: written.number,
            attributes: &self.no_attributes,
        };
        let place = || Place::new(self.source, &(start..start.saturating_add(HEADER.len())));
        self.gathered.add(&new, place, &mut self.doubts).ok()
    }

    fn add_name(&mut self, text: &str) -> Option<()> {
        let name = LoginName::parse(text.as_bytes()).ok()?;
        let is_new = !self.names.iter().any(|other| **other == *name.prepared());
        (is_new && self.names.len() < FEW_NAMES).then(|| self.names.push(name.prepared().into()))
    }

    fn groups(&mut self, text: &'t str) -> Option<u32> {
        if let Some(number) = self.groups.get(text) {
            return Some(*number);
        }
        let groups = Scan::texts(text)?.into_iter().map(group_name).filter(|key| !key.is_empty()).collect();
        let number = self.gathered.groups(&groups);
        self.groups.insert(text, number);
        Some(number)
    }

    fn read_carefully(&mut self, part: &Part<'t>) -> Result<(), Faulty> {
        if part.text.len() > LONGEST_PART {
            return Err(Faulty);
        }
        let mut out = Complaints::default();
        let table = parse(self.source, part.text, &mut out);
        let is_all = part.start.saturating_add(part.text.len()) == self.text.len();
        if !part.text.starts_with(HEADER) && !is_all && !table.entries.is_empty() {
            return Err(Faulty);
        }
        Careful::default().read(&table, part.start, &mut self.gathered, &mut out);
        self.doubts.warnings.append(&mut out.warnings);
        if out.errors.is_empty() { Ok(()) } else { Err(Faulty) }
    }
}

/// Where the next part begins.
fn next_header(text: &str) -> usize {
    text.find("\n[[user]]").map_or(text.len(), |at| at.saturating_add(1))
}
