//! Sets of small numbers.

/// Bits of one word.
const WORD: usize = 64;

/// A set of numbers below a limit.
#[derive(Debug, Clone, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// The empty set, with room for numbers below `limit`.
    pub(super) fn none(limit: usize) -> Self {
        Self(vec![0; limit.div_ceil(WORD)])
    }

    /// Adds a number; one beyond the limit is not added.
    pub(super) fn add(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / WORD) {
            *word |= 1 << (number % WORD);
        }
    }

    /// Whether the number is in the set.
    pub(super) fn has(&self, number: usize) -> bool {
        self.0.get(number / WORD).is_some_and(|word| word & (1 << (number % WORD)) != 0)
    }

    /// Whether nothing is in the set.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|word| *word == 0)
    }

    /// Adds another set.
    pub(super) fn add_all(&mut self, other: &Self) {
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            *mine |= other;
        }
    }

    /// Adds what is in both others.
    pub(super) fn add_common(&mut self, one: &Self, other: &Self) {
        for ((mine, one), other) in self.0.iter_mut().zip(&one.0).zip(&other.0) {
            *mine |= one & other;
        }
    }

    /// Takes another set away.
    pub(super) fn remove_all(&mut self, other: &Self) {
        for (mine, other) in self.0.iter_mut().zip(&other.0) {
            *mine &= !other;
        }
    }

    /// Its numbers, in rising order.
    pub(super) fn iter(&self) -> impl Iterator<Item = usize> {
        std::iter::successors(self.next(0), |number| self.next(number.checked_add(1)?))
    }

    /// The smallest number that is not below `from`.
    pub(super) fn next(&self, from: usize) -> Option<usize> {
        let (first, skipped) = (from / WORD, from % WORD);
        let mut words = self.0.iter().enumerate().skip(first);
        let (_, word) = words.next()?;
        let word = word & (u64::MAX << skipped);
        let found =
            if word != 0 { Some((first, word)) } else { words.map(|(n, w)| (n, *w)).find(|(_, w)| *w != 0) };
        let (at, word) = found?;
        at.checked_mul(WORD)?.checked_add(usize::try_from(word.trailing_zeros()).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_order_and_only_those_that_were_added() {
        let numbers = [0, 1, 63, 64, 127, 128, 200];
        let mut bits = Bits::none(201);
        assert!(bits.is_empty());
        for number in numbers.iter().rev() {
            bits.add(*number);
        }
        bits.add(100_000);
        let mut found = Vec::new();
        let mut at = 0;
        while let Some(number) = bits.next(at) {
            found.push(number);
            at = number + 1;
        }
        assert_eq!(found, numbers);
        assert!((0..201).all(|number| bits.has(number) == numbers.contains(&number)));
        assert!(!bits.is_empty() && !bits.has(100_000));
    }

    #[test]
    fn sets_are_added_and_taken_away() {
        let of = |numbers: &[usize]| {
            let mut bits = Bits::none(130);
            numbers.iter().for_each(|number| bits.add(*number));
            bits
        };
        let all = |bits: &Bits| (0..130).filter(|number| bits.has(*number)).collect::<Vec<_>>();
        let mut bits = of(&[1]);
        bits.add_all(&of(&[65, 129]));
        bits.add_common(&of(&[2, 70]), &of(&[70, 71]));
        assert_eq!(all(&bits), [1, 65, 70, 129]);
        bits.remove_all(&of(&[1, 129, 3]));
        assert_eq!(all(&bits), [65, 70]);
    }
}
