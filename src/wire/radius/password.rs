//! Hiding and revealing User-Password (RFC 2865 section 5.2).

use crate::base::secret::Secret;
use crate::wire::radius::hidden::{chained, unchained};

/// Greatest length of a password on the wire, in bytes.
pub const MAX_PASSWORD: usize = 128;

/// Why a User-Password cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPassword {
    /// The value is not 16, 32, ... 128 bytes long.
    #[error("the hidden password has {0} bytes, it may have 16 to 128 in steps of 16")]
    Length(usize),
    /// The password has a NUL byte before its padding.
    #[error("the password has a NUL byte inside")]
    NulInside,
}

/// A password is longer than the scheme can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password has {0} bytes, at most 128 can be sent")]
pub struct TooLong(pub usize);

/// Recovers the plain text of a `User-Password` attribute (RFC 2865 section 5.2, A-090).
///
/// * `hidden`: the attribute's value, without its type and length bytes; 16, 32, ... 128 bytes.
/// * `secret`: the secret shared with the client that sent the packet; at least 1 byte.
/// * `authenticator`: the Request Authenticator of that same packet.
///
/// Returns the password without its NUL padding: 0 to 128 bytes, not always UTF-8. The scheme has no
/// integrity: a wrong secret or a forged packet yields noise, not an error, so the caller must have
/// checked Message-Authenticator first. A password that ends in NUL bytes cannot be told from its padding.
///
/// # Errors
///
/// [`BadPassword::Length`] for any other length of `hidden`, [`BadPassword::NulInside`] if a NUL is left
/// after the padding is gone.
pub fn reveal(hidden: &[u8], secret: &Secret, authenticator: &[u8; 16]) -> Result<Secret, BadPassword> {
    let length = hidden.len();
    if length == 0 || length > MAX_PASSWORD || !length.is_multiple_of(16) {
        return Err(BadPassword::Length(length));
    }
    let mut plain = unchained(hidden, secret, &[authenticator]);
    while plain.last() == Some(&0) {
        plain.pop();
    }
    let plain = Secret::new(plain);
    if plain.expose().contains(&0) {
        return Err(BadPassword::NulInside);
    }
    Ok(plain)
}

/// Hides `password` for a `User-Password` attribute (RFC 2865 section 5.2).
///
/// Returns 16, 32, ... 128 bytes: the attribute's value. An empty password takes one block of padding.
///
/// # Errors
///
/// [`TooLong`] if the password has more than 128 bytes.
pub fn hide(password: &[u8], secret: &Secret, authenticator: &[u8; 16]) -> Result<Vec<u8>, TooLong> {
    if password.len() > MAX_PASSWORD {
        return Err(TooLong(password.len()));
    }
    let plain = if password.is_empty() { &[0] } else { password };
    Ok(chained(plain, secret, &[authenticator]))
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "test code")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::radius::vectors::RFC_2865_7_1_REQUEST;

    const AUTHENTICATOR: [u8; 16] = *b"0123456789abcdef";

    fn secret() -> Secret {
        Secret::copied(b"xyzzy5461")
    }

    #[test]
    fn reveals_the_password_of_the_rfc_example() {
        let authenticator: [u8; 16] = RFC_2865_7_1_REQUEST[4..20].try_into().unwrap();
        let hidden = &RFC_2865_7_1_REQUEST[28..44];
        assert_eq!(reveal(hidden, &secret(), &authenticator).unwrap().expose(), b"arctangent");
        assert_eq!(hide(b"arctangent", &secret(), &authenticator).unwrap(), hidden);
    }

    #[test]
    fn refuses_every_length_the_rfc_does_not_allow() {
        for length in (0..=256).filter(|n| n % 16 != 0 || *n == 0 || *n > 128) {
            let got = reveal(&vec![0; length], &secret(), &AUTHENTICATOR);
            assert_eq!(got.err(), Some(BadPassword::Length(length)), "length {length}");
        }
        assert_eq!(hide(&[b'x'; 129], &secret(), &AUTHENTICATOR), Err(TooLong(129)));
    }

    #[test]
    fn a_091_a_nul_inside_is_refused_and_a_nul_behind_is_padding() {
        let inside = hide(b"pass\0word", &secret(), &AUTHENTICATOR).unwrap();
        assert_eq!(reveal(&inside, &secret(), &AUTHENTICATOR).err(), Some(BadPassword::NulInside));
        let behind = hide(b"password\0", &secret(), &AUTHENTICATOR).unwrap();
        assert_eq!(reveal(&behind, &secret(), &AUTHENTICATOR).unwrap().expose(), b"password");
    }

    #[test]
    fn a_090_an_empty_password_is_one_block_and_comes_back_empty() {
        let hidden = hide(b"", &secret(), &AUTHENTICATOR).unwrap();
        assert_eq!(hidden.len(), 16);
        assert!(reveal(&hidden, &secret(), &AUTHENTICATOR).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn what_is_hidden_is_revealed_again(
            password in proptest::collection::vec(1u8..=255, 0..=128),
            key in proptest::collection::vec(any::<u8>(), 1..80),
            authenticator: [u8; 16],
        ) {
            let key = Secret::new(key);
            let hidden = hide(&password, &key, &authenticator).unwrap();
            prop_assert_eq!(hidden.len(), password.len().div_ceil(16).max(1) * 16);
            let plain = reveal(&hidden, &key, &authenticator).unwrap();
            prop_assert_eq!(plain.expose(), &password[..]);
        }
    }
}
