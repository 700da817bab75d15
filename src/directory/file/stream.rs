//! Reads users straight from a file, a piece at a time, without having all of its text in memory.

use std::fs::File;
use std::io::ErrorKind;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::directory::file::Users;
use crate::directory::file::gathered::Gathered;
use crate::directory::file::straight::{LONGEST_PART, Parts, Straight};

/// So many bytes are asked for at once.
const PIECE: usize = 256 * 1024;

/// A share of a file that is worth a thread of its own.
const WORTH_A_THREAD: usize = 2 * 1024 * 1024;

/// What stands where a file can be cut, between the two.
const CUT: &[u8] = b"\n[[user]]";

/// The users of a file of `length` bytes, read with at most so many threads at once. `None` says nothing of it: it has
/// to be read as a whole, if anything is wrong with it or doubtful.
pub(in crate::directory::file) fn users(file: &File, length: usize, threads: usize) -> Option<Users> {
    let mut first = Gathered::with_room_for(length);
    let shares = shares(file, length, threads)?;
    let (own, others) = shares.split_first()?;
    let siblings: Vec<Gathered> = others.iter().map(|_| first.sibling()).collect();
    let others: Option<Vec<Gathered>> = std::thread::scope(|scope| {
        let begun = siblings.into_iter().zip(others).map(|(sibling, share)| {
            std::thread::Builder::new().spawn_scoped(scope, || read(file, share.clone(), sibling)).ok()
        });
        let begun: Vec<_> = begun.collect();
        first = read(file, own.clone(), std::mem::take(&mut first))?;
        begun.into_iter().map(|thread| thread?.join().ok()?).collect()
    });
    for other in others? {
        first.append(&other).ok().filter(|same| *same)?;
    }
    let (users, twice) = first.finish(threads <= 1 || length < WORTH_A_THREAD);
    twice.is_empty().then_some(users)
}

/// Cuts a file into shares of about the same length, each but the first beginning with a header.
fn shares(file: &File, length: usize, threads: usize) -> Option<Vec<Range<usize>>> {
    let count = length.checked_div(WORTH_A_THREAD)?.clamp(1, threads.max(1));
    let mut cuts = vec![0];
    for number in 1..count {
        let about = length.checked_div(count)?.checked_mul(number)?;
        let mut near = Vec::new();
        fill(file, about, length.min(about.saturating_add(PIECE)), &mut near)?;
        let at = near.windows(CUT.len()).position(|window| window == CUT)?;
        cuts.push(about.saturating_add(at).saturating_add(1));
    }
    let ends = cuts.iter().skip(1).copied().chain([length]);
    Some(cuts.iter().copied().zip(ends).map(|(start, end)| start..end).collect())
}

/// Reads a share of a file. Nothing may be doubtful.
fn read(file: &File, share: Range<usize>, gathered: Gathered) -> Option<Gathered> {
    let mut straight = Straight::new(0, gathered);
    let mut piece = Vec::with_capacity(PIECE.saturating_mul(2));
    let (mut start, mut at) = (share.start, share.start);
    while at < share.end {
        let end = share.end.min(at.saturating_add(PIECE));
        fill(file, at, end, &mut piece)?;
        at = end;
        let cut = match piece.windows(CUT.len()).rposition(|window| window == CUT) {
            _ if at == share.end => piece.len(),
            Some(cut) => cut.saturating_add(1),
            None if piece.len() < LONGEST_PART => continue,
            None => return None,
        };
        let text = std::str::from_utf8(piece.get(..cut)?).ok()?;
        straight.all(Parts::of_piece(text, start)).ok()?;
        piece.drain(..cut);
        start = start.saturating_add(cut);
    }
    let (gathered, doubts) = straight.finish();
    doubts.warnings.is_empty().then_some(gathered)
}

/// Adds the bytes from `at` to `end` to `piece`; `None` when they are not there.
fn fill(file: &File, at: usize, end: usize, piece: &mut Vec<u8>) -> Option<()> {
    let have = piece.len();
    piece.resize(have.saturating_add(end.saturating_sub(at)), 0);
    let (mut room, mut at) = (piece.get_mut(have..)?, u64::try_from(at).ok()?);
    while !room.is_empty() {
        let count = match file.read_at(room, at) {
            Ok(0) => return None,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => 0,
            Err(_) => return None,
        };
        room = room.get_mut(count..)?;
        at = at.saturating_add(u64::try_from(count).ok()?);
    }
    Some(())
}
