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

/// No part of a text is longer than this many bytes: to read one carefully takes more than ten times its
/// length.
pub(in crate::directory::file) const LONGEST_PART: usize = 16 * 1024 * 1024;

/// Something is wrong with a part, or it says nothing by itself.
pub(in crate::directory::file) struct Faulty;

/// A part of a text: from one header to the next.
pub(in crate::directory::file) struct Part<'t> {
    /// Where it begins.
    pub(in crate::directory::file) start: usize,
    /// All of it.
    pub(in crate::directory::file) text: &'t str,
    /// Nothing can follow.
    is_last: bool,
}

impl Part<'_> {
    /// Its first line.
    pub(in crate::directory::file) fn place(&self, source: usize) -> Place {
        let end = self.text.lines().next().map_or(0, str::len).saturating_add(self.start);
        Place::new(source, &(self.start..end.max(1)))
    }
}

/// Reads the parts of a text, one after the other.
pub(in crate::directory::file) struct Straight {
    source: usize,
    gathered: Gathered,
    doubts: Complaints,
    /// Combinations of groups as they are written.
    groups: HashMap<Box<str>, u32>,
    names: Vec<Box<str>>,
    no_attributes: Values,
}

/// A text, or a piece of one, that is cut into parts.
pub(in crate::directory::file) struct Parts<'t> {
    text: &'t str,
    at: usize,
    /// Where the text begins in all that there is.
    offset: usize,
    is_all: bool,
}

impl<'t> Parts<'t> {
    /// The parts of a whole text.
    pub(in crate::directory::file) fn of(text: &'t str) -> Self {
        Self { is_all: true, ..Self::of_piece(text, 0) }
    }

    /// The parts of a piece that begins at `offset` of a text, with a header if that is not its beginning, and ends in
    /// front of one or at its end.
    pub(in crate::directory::file) fn of_piece(text: &'t str, offset: usize) -> Self {
        const BYTE_ORDER_MARK: char = '\u{feff}';
        let has_mark = offset == 0 && text.starts_with(BYTE_ORDER_MARK);
        Self { text, at: if has_mark { BYTE_ORDER_MARK.len_utf8() } else { 0 }, offset, is_all: false }
    }

    fn rest(&self) -> Option<&'t str> {
        self.text.get(self.at..).filter(|rest| !rest.is_empty())
    }

    /// The part of so many bytes.
    fn take(&mut self, length: usize) -> Option<Part<'t>> {
        let text = self.rest()?.get(..length)?;
        let start = self.start();
        let is_all = self.is_all && length == self.text.len().saturating_sub(self.at);
        self.at = self.at.saturating_add(length);
        Some(Part { start, text, is_last: is_all })
    }

    const fn start(&self) -> usize {
        self.offset.saturating_add(self.at)
    }
}

impl Straight {
    /// Gathers the users of source number `source`.
    pub(in crate::directory::file) fn new(source: usize, gathered: Gathered) -> Self {
        let (doubts, groups, names) = (Complaints::default(), HashMap::new(), Vec::new());
        Self { source, gathered, doubts, groups, names, no_attributes: Values::new() }
    }

    /// What was read, and what is doubtful about it.
    pub(in crate::directory::file) fn finish(self) -> (Gathered, Complaints) {
        (self.gathered, self.doubts)
    }

    /// What was read so far.
    pub(in crate::directory::file) const fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// Reads all parts, up to the first with a fault.
    pub(in crate::directory::file) fn all(&mut self, mut parts: Parts<'_>) -> Result<(), Faulty> {
        while let Some((_, read)) = self.next(&mut parts) {
            read?;
        }
        Ok(())
    }

    /// Reads the next part; `None` at the end.
    pub(in crate::directory::file) fn next<'t>(
        &mut self,
        parts: &mut Parts<'t>,
    ) -> Option<(Part<'t>, Result<(), Faulty>)> {
        let rest = parts.rest()?;
        let scanned = Scan::user(rest);
        if let Some((written, length)) = &scanned
            && self.take(written, parts.start()).is_some()
        {
            return Some((parts.take(*length)?, Ok(())));
        }
        let part = parts.take(next_header(rest))?;
        let read = self.read_carefully(&part);
        Some((part, read))
    }

    /// Adds a user, if nothing at all is wrong with him.
    fn take(&mut self, written: &Written<'_>, start: usize) -> Option<()> {
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

    fn groups(&mut self, text: &str) -> Option<u32> {
        if let Some(number) = self.groups.get(text) {
            return Some(*number);
        }
        let groups = Scan::texts(text)?.into_iter().map(group_name).filter(|key| !key.is_empty()).collect();
        let number = self.gathered.groups(&groups);
        self.groups.insert(text.into(), number);
        Some(number)
    }

    fn read_carefully(&mut self, part: &Part<'_>) -> Result<(), Faulty> {
        if part.text.len() > LONGEST_PART {
            return Err(Faulty);
        }
        let mut out = Complaints::default();
        let table = parse(self.source, part.text, &mut out);
        if !part.text.starts_with(HEADER) && !part.is_last && !table.entries.is_empty() {
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
