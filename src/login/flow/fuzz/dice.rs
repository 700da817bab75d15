//! Choices made of the fuzzer's bytes.

use crate::base::secret::Secret;

/// Takes bytes one by one; zeros when they are used up.
pub(super) struct Dice<'a>(pub(super) std::slice::Iter<'a, u8>);

impl Dice<'_> {
    pub(super) fn roll(&mut self) -> u8 {
        self.0.next().copied().unwrap_or(0)
    }

    pub(super) fn below(&mut self, n: u8) -> u8 {
        self.roll().checked_rem(n).unwrap_or(0)
    }

    pub(super) fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    pub(super) fn text(&mut self) -> Secret {
        const TEXTS: [&[u8]; 8] =
            [b"", b"pw", b"pw123456", b"123456", b"pw,123456", b"a\0b", b"ABCDEFGHIJKLMNOP", b"\xff\xfe"];
        let at = usize::from(self.below(8));
        Secret::copied(TEXTS.get(at).copied().unwrap_or(b""))
    }
}
