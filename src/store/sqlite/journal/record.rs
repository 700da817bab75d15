//! What lies in a journal: a header, and records behind each other.
//!
//! A record is `length (4) ‖ checksum (4) ‖ kind (1) ‖ whose, behind its length ‖ changes`, numbers with the lowest byte
//! first. The checksum is CRC-32 (IEEE 802.3) over the generation in eight bytes, the length and what follows it: it tells
//! what the disk made of a record, and is no protection against somebody who may write the file.

use crate::login::identity::Pseudonym;
use crate::store::sqlite::bytes::{Put, Take};
use crate::store::sqlite::changes::Changes;

/// Bytes of a header.
pub(in crate::store::sqlite) const HEADER: usize = 68;
/// The same as a place in the file.
pub(in crate::store::sqlite) const START: u64 = 68;

const MAGIC: &[u8; 8] = b"doorlog\x01";
/// Bytes before what a record says.
const FRAME: usize = 8;
/// Bytes of [`Record::Clean`].
pub(in crate::store::sqlite) const CLEAN: u64 = 10;
/// No record is longer: sixteen networks and all kinds of failures take a tenth of it, a subject with a hundred factors
/// that were used all at once a third.
const LONGEST: usize = 16 * 1024;

/// What one record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Record {
    /// A login changed this of somebody.
    Changed(Pseudonym, Changes),
    /// Somebody begins to change the tables of a subject: until it has ended they are read each time.
    Cold(Pseudonym),
    /// And has ended.
    Warm(Pseudonym),
    /// Nothing is left of a subject.
    Forgotten(Pseudonym),
    /// All that stands before it is on the disk; nothing can be lost as long as nothing follows.
    Clean,
    /// Another file has taken the place of this one, which goes on under another name, as some backups give it.
    Left,
}

impl Record {
    /// Appends itself to `out`.
    pub(in crate::store::sqlite) fn put(&self, generation: u64, out: &mut Vec<u8>) {
        match self {
            Self::Changed(who, changes) => {
                put(generation, out, 1, who.as_str().as_bytes(), |out| changes.put(out));
            }
            Self::Cold(who) => put(generation, out, 2, who.as_str().as_bytes(), |_| ()),
            Self::Warm(who) => put(generation, out, 3, who.as_str().as_bytes(), |_| ()),
            Self::Forgotten(who) => put(generation, out, 4, who.as_str().as_bytes(), |_| ()),
            Self::Clean => put(generation, out, 5, &[], |_| ()),
            Self::Left => put(generation, out, 6, &[], |_| ()),
        }
    }

    /// The record at the start of `bytes` and its length; `None` when there is no whole one.
    pub(in crate::store::sqlite) fn read(generation: u64, bytes: &[u8]) -> Option<(Self, usize)> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (checksum, rest) = rest.split_first_chunk::<4>()?;
        let many = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        if many > LONGEST {
            return None;
        }
        let body = rest.get(..many)?;
        (u32::from_le_bytes(*checksum) == sum(generation, *length, body)).then_some(())?;
        let mut from = Take(body);
        let kind = from.byte()?;
        let name = std::str::from_utf8(from.counted()?).ok()?;
        let who = || Pseudonym::new(name);
        let record = match kind {
            1 => Self::Changed(who()?, Changes::take(&mut from)?),
            2 => Self::Cold(who()?),
            3 => Self::Warm(who()?),
            4 => Self::Forgotten(who()?),
            5 => Self::Clean,
            6 => Self::Left,
            _ => return None,
        };
        Some((record, many.checked_add(FRAME)?))
    }
}

/// A record of changes, without taking them into one first.
pub(in crate::store::sqlite) fn put_changes(
    generation: u64,
    out: &mut Vec<u8>,
    who: &Pseudonym,
    changes: &Changes,
) {
    put(generation, out, 1, who.as_str().as_bytes(), |out| changes.put(out));
}

fn put(generation: u64, out: &mut Vec<u8>, kind: u8, who: &[u8], body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME]);
    out.push(kind);
    out.counted(who);
    body(out);
    let Some((frame, said)) = out.get_mut(start..).and_then(|new| new.split_first_chunk_mut::<FRAME>())
    else {
        return;
    };
    let length = u32::try_from(said.len()).unwrap_or(u32::MAX).to_le_bytes();
    let sum = sum(generation, length, said).to_le_bytes();
    let (first, second) = frame.split_at_mut(4);
    first.copy_from_slice(&length);
    second.copy_from_slice(&sum);
}

/// The start of a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) struct Header {
    /// Which store it belongs to.
    pub(in crate::store::sqlite) store: [u8; 16],
    /// Goes up each time when what was folded is left behind.
    pub(in crate::store::sqlite) generation: u64,
    /// Bytes behind the header that stood in the generation before it already.
    pub(in crate::store::sqlite) carried: u64,
    /// Which run of the system wrote it; zeros where that is not known.
    pub(in crate::store::sqlite) boot: [u8; 16],
}

impl Header {
    pub(in crate::store::sqlite) fn to_bytes(self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend_from_slice(&self.store);
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.carried.to_le_bytes());
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&self.boot);
        let sum = crc([&out[..]]);
        out.extend_from_slice(&sum.to_le_bytes());
        out
    }

    pub(in crate::store::sqlite) fn read(bytes: &[u8]) -> Option<Self> {
        let (said, _) = bytes.split_first_chunk::<HEADER>()?;
        let (said, sum) = said.split_last_chunk::<4>()?;
        let mut from = Take(said);
        (from.array::<8>()? == *MAGIC && crc([said]) == u32::from_le_bytes(*sum)).then_some(())?;
        let store = from.array()?;
        let generation = u64::from_le_bytes(from.array()?);
        let carried = u64::from_le_bytes(from.array()?);
        let _reserved: [u8; 8] = from.array()?;
        Some(Self { store, generation, carried, boot: from.array()? })
    }
}

/// What stands behind the last whole record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) enum Rest {
    /// Nothing.
    Nothing,
    /// A record that nobody ended writing.
    Torn,
    /// Something that was one, since whole ones follow.
    Damaged,
}

/// Reads records piece by piece.
#[derive(Debug)]
pub(in crate::store::sqlite) struct Scanner {
    generation: u64,
    /// Where what is read next stands.
    at: u64,
    /// Where those end that follow each other from the start, once something else was found.
    whole: Option<u64>,
    /// There are some behind that, too.
    follows: bool,
}

impl Scanner {
    /// For what stands at `start` of the file.
    pub(in crate::store::sqlite) const fn new(generation: u64, start: u64) -> Self {
        Self { generation, at: start, whole: None, follows: false }
    }

    /// Reads what is in `bytes` and gives back how many of them that were; the next ones begin behind those. `all`: there
    /// are no more. Each record comes with where it ends.
    pub(in crate::store::sqlite) fn read(
        &mut self,
        bytes: &[u8],
        all: bool,
        each: &mut dyn FnMut(Record, u64),
    ) -> usize {
        let mut left = bytes;
        while !left.is_empty() && (all || left.len() >= LONGEST + FRAME) {
            let step = match Record::read(self.generation, left) {
                Some((record, length)) => {
                    self.follows |= self.whole.is_some();
                    each(record, self.at.saturating_add(as_place(length)));
                    length
                }
                // Behind what is no record the next one may begin anywhere.
                None => {
                    self.whole.get_or_insert(self.at);
                    1
                }
            };
            self.at = self.at.saturating_add(as_place(step));
            left = left.get(step..).unwrap_or_default();
        }
        bytes.len().saturating_sub(left.len())
    }

    /// Where the whole ones end that follow each other from the start, and what stands behind that.
    pub(in crate::store::sqlite) fn end(&self) -> (u64, Rest) {
        match self.whole {
            None => (self.at, Rest::Nothing),
            Some(whole) if self.follows => (whole, Rest::Damaged),
            Some(whole) => (whole, Rest::Torn),
        }
    }
}

/// A length as a place in a file.
pub(in crate::store::sqlite) fn as_place(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

fn sum(generation: u64, length: [u8; 4], body: &[u8]) -> u32 {
    crc([&generation.to_le_bytes()[..], &length, body])
}

fn crc<const N: usize>(parts: [&[u8]; N]) -> u32 {
    !parts.into_iter().fold(u32::MAX, |sum, part| {
        let (eights, rest) = part.as_chunks::<8>();
        let sum = eights.iter().fold(sum, |sum, [a, b, c, d, e, f, g, h]| {
            let [i, j, k, l] = sum.to_le_bytes();
            table::<7>(a ^ i)
                ^ table::<6>(b ^ j)
                ^ table::<5>(c ^ k)
                ^ table::<4>(d ^ l)
                ^ table::<3>(*e)
                ^ table::<2>(*f)
                ^ table::<1>(*g)
                ^ table::<0>(*h)
        });
        rest.iter().fold(sum, |sum, byte| {
            let [low, ..] = sum.to_le_bytes();
            table::<0>(low ^ byte) ^ (sum >> 8)
        })
    })
}

/// What a byte does to the sum that has so many others behind it.
fn table<const BEHIND: usize>(byte: u8) -> u32 {
    TABLES.get(BEHIND).and_then(|table| table.get(usize::from(byte))).copied().unwrap_or_default()
}

static TABLES: [[u32; 256]; 8] = tables();

#[expect(
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "computed by the compiler, in 0 to 255"
)]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut n = 0;
    while n < 256 {
        let (mut sum, mut bit) = (n as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
            bit += 1;
        }
        let mut behind = 0;
        while behind < 8 {
            tables[behind][n] = sum;
            // One more zero behind it.
            let mut bit = 0;
            while bit < 8 {
                sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
                bit += 1;
            }
            behind += 1;
        }
        n += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records() -> Vec<Record> {
        let who = |name| Pseudonym::new(name).unwrap();
        vec![
            Record::Changed(who("p1"), Changes { last_day: Some(7), ..Changes::default() }),
            Record::Cold(who("p2")),
            Record::Warm(who("p2")),
            Record::Forgotten(who("p3")),
            Record::Clean,
            Record::Left,
        ]
    }

    fn written(generation: u64) -> Vec<u8> {
        let mut out = Vec::new();
        records().iter().for_each(|record| record.put(generation, &mut out));
        out
    }

    #[test]
    fn the_checksum_is_the_one_of_the_standard() {
        assert_eq!(crc([b"123456789"]), 0xcbf4_3926, "the check value of CRC-32");
        let bytes: Vec<u8> = (0..=255).collect();
        let one_by_one = bytes.iter().map(std::slice::from_ref).collect::<Vec<_>>();
        let one_by_one: [&[u8]; 256] = one_by_one.try_into().unwrap();
        assert_eq!(crc([&bytes[..]]), crc(one_by_one), "however it is cut");
    }

    /// Every whole record with its end, where the first ones end, and what stands behind that; read in pieces of so many.
    fn scan(generation: u64, bytes: &[u8], piece: usize) -> (Vec<(Record, u64)>, u64, Rest) {
        let (mut scanner, mut records, mut read, mut seen) = (Scanner::new(generation, 0), Vec::new(), 0, 0);
        while seen < bytes.len() {
            seen = (seen + piece).min(bytes.len());
            read += scanner.read(&bytes[read..seen], seen == bytes.len(), &mut |record, end| {
                records.push((record, end));
            });
        }
        let (whole, rest) = scanner.end();
        (records, whole, rest)
    }

    #[test]
    fn what_was_written_is_read_in_its_order_however_it_is_cut_into_pieces() {
        let many: Vec<u8> = (0..2000).flat_map(|_| written(9)).collect();
        for piece in [many.len(), 1 << 14, (1 << 14) + 9, 1 << 16] {
            let (read, whole, rest) = scan(9, &many, piece);
            assert_eq!(
                (read.len(), whole, rest),
                (2000 * records().len(), as_place(many.len()), Rest::Nothing)
            );
            assert!(
                read.chunks(records().len()).all(|some| some.iter().map(|(record, _)| record).eq(&records()))
            );
        }
    }

    #[test]
    fn a_torn_end_is_told_from_a_damaged_middle() {
        let bytes = written(9);
        let (read, _, _) = scan(9, &bytes, bytes.len());
        let ends: Vec<u64> = read.iter().map(|(_, end)| *end).collect();
        for cut in 0..bytes.len() {
            let (_, whole, rest) = scan(9, &bytes[..cut], bytes.len());
            let before = ends.iter().copied().filter(|end| *end <= as_place(cut)).max().unwrap_or(0);
            assert_eq!(whole, before, "cut at {cut}");
            let expected = if before == as_place(cut) { Rest::Nothing } else { Rest::Torn };
            assert_eq!(rest, expected, "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            let (read, _, rest) = scan(9, &bytes, bytes.len());
            assert_eq!(read.len(), records().len() - 1, "one bit at {at} spoils one record");
            let last = as_place(at) >= ends[ends.len() - 2];
            assert_eq!(rest, if last { Rest::Torn } else { Rest::Damaged }, "{at}");
        }
    }

    #[test]
    fn the_mark_that_nothing_is_missing_has_its_length() {
        let mut out = Vec::new();
        Record::Clean.put(9, &mut out);
        assert_eq!(as_place(out.len()), CLEAN);
    }

    #[test]
    fn a_record_of_another_generation_is_none() {
        assert!(scan(10, &written(9), 1 << 20).0.is_empty());
    }

    #[test]
    fn a_header_comes_back_and_no_bit_of_it_may_change() {
        let header = Header { store: [1; 16], generation: 5, carried: 8, boot: [2; 16] };
        let bytes = header.to_bytes();
        assert_eq!((bytes.len(), Header::read(&bytes)), (HEADER, Some(header)));
        for at in 0..HEADER {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            assert_eq!(Header::read(&bytes), None, "{at}");
        }
        assert_eq!(Header::read(&bytes[..HEADER - 1]), None);
    }
}
