//! The examples of the RFCs, read from `tests/vectors/radius/`.

use crate::base::secret::Secret;
use crate::wire::radius::authenticator::SharedSecret;

macro_rules! vector {
    ($name:ident, $length:literal, $file:literal) => {
        pub(crate) const $name: [u8; $length] =
            read(include_str!(concat!("../../../tests/vectors/radius/", $file)).as_bytes());
    };
}

vector!(RFC_2865_7_1_REQUEST, 56, "rfc2865-7-1-request.hex");
vector!(RFC_2865_7_1_ACCEPT, 38, "rfc2865-7-1-accept.hex");
vector!(RFC_2865_7_2_REQUEST, 71, "rfc2865-7-2-request.hex");
vector!(RFC_2865_7_2_ACCEPT, 56, "rfc2865-7-2-accept.hex");
vector!(RFC_2865_7_3_REQUEST, 57, "rfc2865-7-3-request.hex");
vector!(RFC_2865_7_3_CHALLENGE, 78, "rfc2865-7-3-challenge.hex");
vector!(RFC_2865_7_3_ANSWER, 67, "rfc2865-7-3-answer.hex");
vector!(RFC_2865_7_3_REJECT, 20, "rfc2865-7-3-reject.hex");
vector!(SALTED, 34, "salted.hex");
vector!(STATUS_SERVER, 38, "rfc5997-6-1-request.hex");
vector!(STATUS_ACCEPT, 20, "rfc5997-6-1-accept.hex");

pub(crate) fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(Secret::copied(text.as_bytes())).unwrap()
}

/// Reads hexadecimal digits, leaving out blanks and lines that begin with `#`; a wrong count of bytes
/// does not compile.
#[allow(clippy::arithmetic_side_effects, reason = "runs in the compiler, which refuses an overflow")]
const fn read<const N: usize>(text: &[u8]) -> [u8; N] {
    let (mut out, mut digits, mut at) = ([0; N], 0, 0);
    while at < text.len() {
        if text[at] == b'#' {
            while text[at] != b'\n' {
                at += 1;
            }
        }
        if let Some(digit) = (text[at] as char).to_digit(16) {
            out[digits / 2] = out[digits / 2] << 4 | digit.to_le_bytes()[0];
            digits += 1;
        }
        at += 1;
    }
    assert!(digits == 2 * N);
    out
}
