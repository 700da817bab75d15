//! Entries one behind the other, in pieces of one size.
//!
//! One piece for all that is ever longer has to move whenever it grows, and what a thousand of them leave behind is of all
//! sizes, which an allocator can hardly give to anybody else: with 300,000 people that was some 20 MB. Only the first piece
//! begins small and grows to the size of the others, since a small store has little in many heaps.

/// Bytes of a piece, as long as no entry is longer than that.
const PIECE: usize = 4096;

/// A heap; where an entry begins in it is the number of its piece and the place in that.
#[derive(Debug, Default)]
pub(super) struct Heap {
    pieces: Vec<Vec<u8>>,
    len: usize,
}

impl Heap {
    /// One in which entries of so many bytes will stand.
    pub(super) fn for_bytes(expected: usize) -> Self {
        let first = Vec::with_capacity(expected.min(PIECE));
        Self { pieces: vec![first], len: 0 }
    }

    /// Bytes of all entries.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes that it takes.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.pieces.iter().map(Vec::capacity).sum()
    }

    /// What begins at a place.
    pub(super) fn at(&self, at: u32) -> Option<&[u8]> {
        let (piece, start) = apart(at)?;
        self.pieces.get(piece)?.get(start..)
    }

    /// The same, to change it.
    pub(super) fn at_mut(&mut self, at: u32) -> Option<&mut [u8]> {
        let (piece, start) = apart(at)?;
        self.pieces.get_mut(piece)?.get_mut(start..)
    }

    /// Room for an entry of `size` bytes, which is to be put behind what the piece has; and where that is.
    pub(super) fn begin(&mut self, size: usize) -> Option<(u32, &mut Vec<u8>)> {
        let fits = |piece: &Vec<u8>| piece.len().saturating_add(size) <= PIECE;
        if !self.pieces.last().is_some_and(fits) {
            let room = if self.pieces.is_empty() { 0 } else { PIECE.max(size) };
            self.pieces.push(Vec::with_capacity(room));
        }
        let number = self.pieces.len().checked_sub(1)?;
        let piece = self.pieces.last_mut()?;
        if piece.capacity().saturating_sub(piece.len()) < size {
            let more = (piece.len() / 4).min(PIECE.saturating_sub(piece.len()));
            piece.reserve_exact(more.max(size));
        }
        let at = u32::try_from(number.checked_mul(PIECE)?.checked_add(piece.len())?).ok()?;
        self.len = self.len.saturating_add(size);
        Some((at, piece))
    }
}

fn apart(at: u32) -> Option<(usize, usize)> {
    let at = usize::try_from(at).ok()?;
    Some((at / PIECE, at % PIECE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_any_size_are_found_where_they_were_put() {
        let mut heap = Heap::default();
        let sizes = [1, 100, 5000, 4096, 4095, 1, 2, 9000, 300];
        let mut places = Vec::new();
        for (n, size) in (0..=250).cycle().zip(sizes.into_iter().cycle()).take(1000) {
            let (at, piece) = heap.begin(size).unwrap();
            piece.resize(piece.len() + size, n);
            places.push((at, size, n));
        }
        assert_eq!(heap.len(), places.iter().map(|(_, size, _)| size).sum::<usize>());
        for (at, size, n) in &places {
            let found = heap.at(*at).unwrap();
            assert!(found.len() >= *size && found[..*size].iter().all(|byte| byte == n), "{at}");
        }
        for (at, size, n) in &places {
            heap.at_mut(*at).unwrap()[..*size].fill(!n);
        }
        for (at, size, n) in places {
            assert!(heap.at(at).unwrap()[..size].iter().all(|byte| *byte == !n), "{at}");
        }
        assert_eq!(heap.at(u32::MAX), None);
    }

    #[test]
    fn a_heap_of_little_takes_little_and_one_of_much_no_more_than_a_piece_more() {
        let mut heap = Heap::default();
        let mut put = |times: usize| {
            for _ in 0..times {
                let (_, piece) = heap.begin(64).unwrap();
                piece.resize(piece.len() + 64, 0);
            }
            heap.capacity()
        };
        assert!(put(4) <= 4 * 64 + 64);
        assert!(Heap::for_bytes(100).capacity() < 200 && Heap::for_bytes(1 << 20).capacity() == PIECE);
        assert_eq!(put(60), PIECE);
        assert_eq!(put(641), 12 * PIECE);
    }
}
