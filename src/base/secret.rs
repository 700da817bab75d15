//! Bytes that must not be seen: no `Debug`, wiped on drop, compared in constant time (D-119, A-036).

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A password, code, seed or key. It can be used but not printed, and leaves no copy behind.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over `bytes`; nothing is copied.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// A copy of `bytes`.
    #[must_use]
    pub fn copied(bytes: &[u8]) -> Self {
        Self::new(bytes.to_vec())
    }

    /// The bytes, for the one who needs them. Do not copy them into anything that outlives the call.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The text, if it is UTF-8.
    #[must_use]
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// Number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// No bytes at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Secret {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_neither_the_bytes_nor_their_number() {
        assert_eq!(format!("{:?}", Secret::copied(b"hunter2")), "Secret(…)");
    }

    #[test]
    fn secrets_compare_by_content() {
        assert_eq!(Secret::copied(b"a"), Secret::copied(b"a"));
        assert_ne!(Secret::copied(b"a"), Secret::copied(b"ab"));
    }
}
