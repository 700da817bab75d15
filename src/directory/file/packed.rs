//! Users one behind the other in one block of memory, about ninety bytes each.
//!
//! A value of its own for each user, with a string for each of its parts, takes many times as much, and is freed piece by
//! piece. One block is given back to the system at once.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::report::Complaint;
use crate::directory::file::hash::{BadHash, Cost, Hash, Kept};
use crate::wire::reader::Reader;

/// The account may not be used.
const DISABLED: u8 = 1;
/// The name that is shown is also one to log in by.
const AS_SHOWN: u8 = 2;
/// There are further names to log in by.
const MORE_NAMES: u8 = 4;
/// There is a number of the site's own.
const NUMBERED: u8 = 8;
/// There are attributes.
const ATTRIBUTES: u8 = 16;
/// The hash stands there as it was written: it says more than most do.
const WRITTEN: u8 = 32;

/// Values of attributes by their names in lower case.
pub(in crate::directory::file) type Values = BTreeMap<Box<str>, Vec<Box<[u8]>>>;

/// A user to be added.
pub(in crate::directory::file) struct New<'a> {
    pub(in crate::directory::file) id: [u8; 16],
    /// As it is shown.
    pub(in crate::directory::file) name: &'a str,
    /// What he logs in by, prepared; no two alike.
    pub(in crate::directory::file) names: &'a [Box<str>],
    /// The hash, and how it is written.
    pub(in crate::directory::file) hash: (&'a Hash, &'a str),
    /// Number of his combination of groups.
    pub(in crate::directory::file) groups: u32,
    pub(in crate::directory::file) disabled: bool,
    pub(in crate::directory::file) number: Option<&'a str>,
    pub(in crate::directory::file) attributes: &'a Values,
}

/// One user, read from the block.
#[derive(Clone, Copy)]
pub(in crate::directory::file) struct User<'a> {
    flags: u8,
    pub(in crate::directory::file) id: &'a [u8; 16],
    /// As it is shown.
    pub(in crate::directory::file) name: &'a str,
    more_names: &'a [u8],
    /// Number of his combination of groups.
    pub(in crate::directory::file) groups: u32,
    hash: Stored<'a>,
    pub(in crate::directory::file) number: Option<&'a str>,
    attributes: &'a [u8],
}

#[derive(Clone, Copy)]
enum Stored<'a> {
    Kept(Kept<'a>),
    Written(&'a str),
}

/// The block, and what many users share.
#[derive(Clone, Default)]
pub(in crate::directory::file) struct Packed {
    block: Vec<u8>,
    /// Names of attributes that somebody has, in lower case.
    attributes: BTreeSet<Box<str>>,
    count: usize,
    numbered: usize,
    names: usize,
}

/// The users take more memory than can be counted in 32 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::directory::file) struct Full;

impl From<Full> for Complaint {
    fn from(Full: Full) -> Self {
        Self::whole("the users take more than 4 GiB of memory").hint("spread them over several directories")
    }
}

impl Packed {
    /// How many users there are.
    pub(in crate::directory::file) const fn len(&self) -> usize {
        self.count
    }

    /// How many of them have a number.
    pub(in crate::directory::file) const fn numbered(&self) -> usize {
        self.numbered
    }

    /// How many names all of them log in by.
    pub(in crate::directory::file) const fn names(&self) -> usize {
        self.names
    }

    /// Whether somebody has an attribute, which is named in lower case.
    pub(in crate::directory::file) fn has_attribute(&self, name: &str) -> bool {
        self.attributes.contains(name)
    }

    /// Bytes that the users take, without what they share.
    #[cfg(test)]
    pub(in crate::directory::file) const fn bytes(&self) -> usize {
        self.block.capacity()
    }

    /// Makes room for users of about so many bytes.
    pub(in crate::directory::file) fn reserve(&mut self, bytes: usize) {
        self.block.reserve(bytes);
    }

    /// Gives back what nobody took.
    pub(in crate::directory::file) fn close(&mut self) {
        self.block.shrink_to_fit();
    }

    /// Adds a user.
    pub(in crate::directory::file) fn push(&mut self, new: &New<'_>) -> Result<(), Full> {
        let shown = new.names.iter().any(|name| **name == *new.name);
        let kept = new.hash.0.kept();
        let mut more_names = new.names.iter().filter(|name| ***name != *new.name).peekable();
        let flags = [
            (new.disabled, DISABLED),
            (shown, AS_SHOWN),
            (more_names.peek().is_some(), MORE_NAMES),
            (new.number.is_some(), NUMBERED),
            (!new.attributes.is_empty(), ATTRIBUTES),
            (kept.is_none(), WRITTEN),
        ];
        let flags = flags.into_iter().fold(0, |all, (is, flag)| if is { all | flag } else { all });
        let block = &mut self.block;
        block.push(flags);
        block.extend_from_slice(&new.id);
        put(block, new.name.as_bytes())?;
        if more_names.peek().is_some() {
            put_all(block, |inner| more_names.try_for_each(|name| put(inner, name.as_bytes())))?;
        }
        put_number(block, new.groups);
        match kept {
            Some(kept) => put_hash(block, &kept)?,
            None => put(block, new.hash.1.as_bytes())?,
        }
        if let Some(number) = new.number {
            put(block, number.as_bytes())?;
        }
        if !new.attributes.is_empty() {
            put_all(block, |inner| put_values(inner, new.attributes))?;
            self.attributes.extend(new.attributes.keys().cloned());
        }
        self.count = self.count.saturating_add(1);
        self.numbered = self.numbered.saturating_add(usize::from(new.number.is_some()));
        self.names = self.names.saturating_add(new.names.len());
        self.fits()
    }

    /// The user at a place.
    pub(in crate::directory::file) fn at(&self, place: Place) -> Option<User<'_>> {
        let rest = self.block.get(usize::try_from(place).ok()?..)?;
        User::read(&mut Reader::new(rest))
    }

    /// All users in the order of the file, and their places.
    pub(in crate::directory::file) fn all(&self) -> impl Iterator<Item = (Place, User<'_>)> {
        self.since(0)
    }

    /// Where the next user will be.
    pub(in crate::directory::file) const fn end(&self) -> usize {
        self.block.len()
    }

    /// Those from such a place on.
    pub(in crate::directory::file) fn since(&self, end: usize) -> impl Iterator<Item = (Place, User<'_>)> {
        let mut reader = Reader::new(self.block.get(end..).unwrap_or_default());
        std::iter::from_fn(move || {
            let place = Place::try_from(reader.position().checked_add(end)?).ok()?;
            Some((place, User::read(&mut reader)?))
        })
    }

    /// Adds everybody among the `others`.
    pub(in crate::directory::file) fn append(&mut self, others: &Self) -> Result<(), Full> {
        self.block.extend_from_slice(&others.block);
        self.attributes.extend(others.attributes.iter().cloned());
        self.count = self.count.saturating_add(others.count);
        self.numbered = self.numbered.saturating_add(others.numbered);
        self.names = self.names.saturating_add(others.names);
        self.fits()
    }

    /// The last place is no user's: it stands for none in an index.
    fn fits(&self) -> Result<(), Full> {
        if Place::try_from(self.block.len()).is_ok_and(|end| end < Place::MAX) { Ok(()) } else { Err(Full) }
    }
}

/// Where in the block a user begins.
pub(in crate::directory::file) type Place = u32;

impl<'a> User<'a> {
    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let flags = reader.u8()?;
        let has = |flag: u8| flags & flag != 0;
        let id = reader.array()?;
        let name = text(reader)?;
        let more_names = if has(MORE_NAMES) { bytes(reader)? } else { &[] };
        let groups = number(reader)?;
        let hash = if has(WRITTEN) { Stored::Written(text(reader)?) } else { Stored::Kept(kept(reader)?) };
        let number = if has(NUMBERED) { Some(text(reader)?) } else { None };
        let attributes = if has(ATTRIBUTES) { bytes(reader)? } else { &[] };
        Some(Self { flags, id, name, more_names, groups, hash, number, attributes })
    }

    /// The account may not be used.
    pub(in crate::directory::file) const fn is_disabled(&self) -> bool {
        self.flags & DISABLED != 0
    }

    /// What he logs in by, prepared.
    pub(in crate::directory::file) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let shown = (self.flags & AS_SHOWN != 0).then_some(self.name);
        let mut more = Reader::new(self.more_names);
        shown.into_iter().chain(std::iter::from_fn(move || text(&mut more)))
    }

    /// What nobody else may have: id, names, number.
    pub(in crate::directory::file) fn keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let of_texts = self.names().chain(self.number).map(str::as_bytes);
        std::iter::once(self.id.as_slice()).chain(of_texts)
    }

    /// The hash of his password.
    pub(in crate::directory::file) fn hash(&self) -> Result<Hash, BadHash> {
        match self.hash {
            Stored::Kept(kept) => kept.hash().ok_or(BadHash::Form),
            Stored::Written(text) => Hash::read(text),
        }
    }

    /// As [`Hash::stamp`].
    pub(in crate::directory::file) fn stamp(&self) -> Option<Box<[u8]>> {
        match self.hash {
            Stored::Kept(kept) => Some(kept.stamp()),
            Stored::Written(text) => Some(Hash::read(text).ok()?.stamp()),
        }
    }

    /// His attributes; `None` when there are none.
    pub(in crate::directory::file) fn attributes(&self) -> Option<Values> {
        if self.attributes.is_empty() {
            return None;
        }
        let mut reader = Reader::new(self.attributes);
        let mut values = Values::new();
        while let Some(name) = text(&mut reader) {
            let mut list = Reader::new(bytes(&mut reader)?);
            let list = std::iter::from_fn(|| bytes(&mut list).map(Into::into)).collect();
            values.insert(name.into(), list);
        }
        (!values.is_empty()).then_some(values)
    }
}

/// In groups of seven bits, the last ones first; all but the last byte have the highest bit set.
fn put_number(block: &mut Vec<u8>, number: u32) {
    let mut rest = number;
    loop {
        let [low, ..] = rest.to_le_bytes();
        rest >>= 7;
        if rest == 0 {
            return block.push(low & 0x7f);
        }
        block.push(low | 0x80);
    }
}

fn number(reader: &mut Reader<'_>) -> Option<u32> {
    let mut number = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let byte = reader.u8()?;
        number |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn put(block: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Full> {
    put_number(block, u32::try_from(bytes.len()).map_err(|_| Full)?);
    block.extend_from_slice(bytes);
    Ok(())
}

/// What `write` writes, with its length in front.
fn put_all(block: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Result<(), Full>) -> Result<(), Full> {
    let mut inner = Vec::new();
    write(&mut inner)?;
    put(block, &inner)
}

fn put_values(block: &mut Vec<u8>, values: &Values) -> Result<(), Full> {
    for (name, list) in values {
        put(block, name.as_bytes())?;
        put_all(block, |inner| list.iter().try_for_each(|value| put(inner, value)))?;
    }
    Ok(())
}

fn put_hash(block: &mut Vec<u8>, kept: &Kept<'_>) -> Result<(), Full> {
    let (memory, passes, lanes) = kept.cost;
    for number in [memory, passes, lanes] {
        put_number(block, number);
    }
    put(block, kept.salt)?;
    put(block, kept.output)
}

fn kept<'a>(reader: &mut Reader<'a>) -> Option<Kept<'a>> {
    let cost: Cost = (number(reader)?, number(reader)?, number(reader)?);
    Some(Kept { cost, salt: bytes(reader)?, output: bytes(reader)? })
}

fn bytes<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(number(reader)?).ok()?;
    reader.take(length)
}

fn text<'a>(reader: &mut Reader<'a>) -> Option<&'a str> {
    std::str::from_utf8(bytes(reader)?).ok()
}
