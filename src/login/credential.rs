//! What was typed: splitting a password from a code typed after it, and putting codes into one form.

use crate::base::secret::Secret;
use crate::login::client::CodeEntry;
use crate::login::client::Typed;
use crate::login::factor::FactorKind;
use crate::login::relay::Method;

/// The first credential of a login.
#[derive(Debug, Clone)]
pub enum PrimaryCredential {
    /// A password, perhaps with a code behind it.
    Password(Secret),
    /// The client has checked the password; what it sent instead is a code, or nothing yet.
    CheckedByClient(Option<Secret>),
    /// The front end has proof of its own that it is this person, such as a client certificate that it verified.
    /// It stands in for the password alone, never for a second factor (B-063).
    Proven,
    /// A proof that only the client's upstream can check; it is in the attempt's passage.
    Relayed(Method),
}

/// A typed one-time code in its one form (C-006).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// 6 to 8 ASCII digits.
    Digits(Secret),
    /// 16 letters and digits of the base-32 alphabet, upper case.
    Recovery(Secret),
}

/// Number of characters in a recovery code, without separators.
pub const RECOVERY_LENGTH: usize = 16;

impl Code {
    /// Reads what a person typed. ASCII blanks and dashes are dropped, letters become upper case; anything
    /// else outside the two alphabets, full-width digits too, gives `None`.
    #[must_use]
    pub fn read(typed: &[u8]) -> Option<Self> {
        if typed.len() > 64 {
            return None;
        }
        let mut kept = Vec::with_capacity(typed.len());
        kept.extend(typed.iter().filter(|b| !matches!(b, b' ' | b'-')).map(u8::to_ascii_uppercase));
        let kept = Secret::new(kept);
        let bytes = kept.expose();
        if (6..=8).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) {
            Some(Self::Digits(kept))
        } else if bytes.len() == RECOVERY_LENGTH
            && bytes.iter().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7'))
        {
            Some(Self::Recovery(kept))
        } else {
            None
        }
    }

    /// Whether such a code is for this kind of factor: digits are for generators, letters for recovery
    /// codes, and a guess at one never counts against the other.
    #[must_use]
    pub const fn fits(&self, kind: FactorKind) -> bool {
        match (self, kind) {
            (Self::Digits(_), FactorKind::Totp | FactorKind::Hotp)
            | (Self::Recovery(_), FactorKind::Recovery) => true,
            (Self::Digits(_), FactorKind::Recovery)
            | (Self::Recovery(_), FactorKind::Totp | FactorKind::Hotp) => false,
        }
    }

    /// The characters.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        match self {
            Self::Digits(secret) | Self::Recovery(secret) => secret,
        }
    }
}

/// A password field taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// What goes to the directory.
    pub password: Secret,
    /// What was typed after it, not yet read as a code.
    pub code: Option<Secret>,
}

/// Takes a password field apart by the client's explicit rule (A-093, B-045). There is one way to read a
/// field, so one typing never costs two tries at the directory.
///
/// * [`Typed::Appended`]: the last N characters, if they are all ASCII digits, are the code.
/// * [`Typed::Separated`]: what follows the last separator is the code.
/// * [`Typed::Nothing`]: all of it is the password.
#[must_use]
pub fn split(field: &Secret, entry: &CodeEntry) -> Split {
    let bytes = field.expose();
    let at = match entry.typed {
        Typed::Nothing => None,
        Typed::Appended { digits } => bytes
            .len()
            .checked_sub(usize::from(digits))
            .filter(|at| bytes.get(*at..).is_some_and(|tail| tail.iter().all(u8::is_ascii_digit)))
            .map(|at| (at, at)),
        Typed::Separated { separator } => {
            bytes.iter().rposition(|b| *b == separator).map(|at| (at, at.saturating_add(1)))
        }
    };
    match at.and_then(|(end, begin)| Some((bytes.get(..end)?, bytes.get(begin..)?))) {
        Some((password, code)) => {
            Split { password: Secret::copied(password), code: Some(Secret::copied(code)) }
        }
        None => Split { password: field.clone(), code: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn halves(field: &str, typed: Typed) -> (String, Option<String>) {
        let text = |s: &Secret| s.expose_str().unwrap().to_owned();
        let got = split(&Secret::copied(field.as_bytes()), &CodeEntry { challenge: true, typed });
        (text(&got.password), got.code.as_ref().map(text))
    }

    #[test]
    fn the_last_digits_are_the_code_when_it_is_appended() {
        let rule = Typed::Appended { digits: 6 };
        assert_eq!(halves("hunter2123456", rule), ("hunter2".into(), Some("123456".into())));
        assert_eq!(halves("hunter2", rule), ("hunter2".into(), None), "no code typed");
        assert_eq!(halves("123456", rule), (String::new(), Some("123456".into())), "B-041 is the flow's");
        assert_eq!(halves("pässwörd12345x", rule).1, None);
    }

    #[test]
    fn the_last_separator_counts() {
        let rule = Typed::Separated { separator: b',' };
        assert_eq!(halves("a,b,123456", rule), ("a,b".into(), Some("123456".into())));
        assert_eq!(halves("a,", rule), ("a".into(), Some(String::new())), "an empty code is a code, D-027");
        assert_eq!(halves("ab", rule), ("ab".into(), None));
    }

    #[test]
    fn without_a_rule_everything_is_the_password() {
        assert_eq!(halves("hunter,123456", Typed::Nothing), ("hunter,123456".into(), None));
    }

    #[test]
    fn a_code_has_one_form_however_it_is_typed_c_006() {
        let digits = |s: &str| Code::read(s.as_bytes());
        assert_eq!(digits("123 456"), digits("123456"));
        assert_eq!(digits("123-456"), digits("123456"));
        assert_eq!(digits("abcd-efgh-2345-67ab"), digits("ABCDEFGH234567AB"));
        for bad in
            ["", " ", "12345", "123456789", "１２３４５６", "12345a", "ABCDEFGH234567A1", "\u{0661}23456"]
        {
            assert_eq!(digits(bad), None, "{bad:?}");
        }
    }
}
