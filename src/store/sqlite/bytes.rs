//! Numbers and bytes in few bytes, and back: the form in which memory and journal hold what is known of somebody.

/// Writes values one behind the other.
pub(super) trait Put {
    /// Seven bits to a byte, the lowest first; small numbers take one.
    fn number(&mut self, number: u64);
    /// The same for numbers below 0, which are small too when they are near it.
    fn signed(&mut self, number: i64);
    /// A number that may be missing.
    fn maybe(&mut self, number: Option<i64>);
    /// Bytes behind their number.
    fn counted(&mut self, bytes: &[u8]);
}

impl Put for Vec<u8> {
    fn number(&mut self, number: u64) {
        let mut rest = number;
        while rest > 0x7f {
            let [low, ..] = rest.to_le_bytes();
            self.push(low | 0x80);
            rest >>= 7;
        }
        let [low, ..] = rest.to_le_bytes();
        self.push(low);
    }

    fn signed(&mut self, number: i64) {
        self.number(((number << 1) ^ (number >> 63)).cast_unsigned());
    }

    fn maybe(&mut self, number: Option<i64>) {
        match number {
            None => self.push(0),
            Some(number) => {
                self.push(1);
                self.signed(number);
            }
        }
    }

    fn counted(&mut self, bytes: &[u8]) {
        self.number(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.extend_from_slice(bytes);
    }
}

/// Reads values in the order in which they were written; `None` when there is something else.
#[derive(Debug)]
pub(super) struct Take<'a>(pub(super) &'a [u8]);

impl<'a> Take<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let (mut number, mut shift) = (0_u64, 0_u32);
        loop {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(number);
            }
            shift = shift.saturating_add(7);
        }
    }

    pub(super) fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg())
    }

    pub(super) fn maybe(&mut self) -> Option<Option<i64>> {
        match self.byte()? {
            0 => Some(None),
            1 => self.signed().map(Some),
            _ => None,
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn counted(&mut self) -> Option<&'a [u8]> {
        let length = self.small()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    /// A number of things that follow: never more than there are bytes left.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_as_it_was() {
        let numbers = [0, 1, -1, 63, 64, -64, -65, 1_800_000_000_000, i64::MAX, i64::MIN];
        let mut bytes = Vec::new();
        for number in numbers {
            bytes.signed(number);
            bytes.maybe(Some(number));
        }
        bytes.maybe(None);
        bytes.counted(b"abc");
        let mut take = Take(&bytes);
        for number in numbers {
            assert_eq!((take.signed(), take.maybe()), (Some(number), Some(Some(number))));
        }
        assert_eq!((take.maybe(), take.counted(), take.byte()), (Some(None), Some(&b"abc"[..]), None));
    }

    #[test]
    fn a_number_that_never_ends_and_a_length_beyond_the_end_are_nothing() {
        assert_eq!(Take(&[0xff; 20]).number(), None);
        assert_eq!(Take(&[5, 1, 2]).counted(), None);
        assert_eq!(Take(&[]).byte(), None);
    }
}
