//! Body of the fuzz target of PROXY headers; `tests/fuzz_bodies.rs` calls it as well.

use doorward::wire::proxy_protocol::{MAX_V1, MAX_V2_BODY, read};

/// Any octets where a header must stand: what follows it has no say, no part of it is taken for it, and an
/// incomplete one is shorter than the longest there is.
pub(crate) fn header(bytes: &[u8]) {
    match read(bytes) {
        Ok(Some((header, octets))) => {
            assert!(octets <= bytes.len() && octets <= MAX_V1.max(16 + MAX_V2_BODY));
            assert_eq!(read(&bytes[..octets]), Ok(Some((header, octets))));
            assert!((0..octets).all(|less| read(&bytes[..less]) == Ok(None)));
        }
        Ok(None) => assert!(bytes.len() < 16 + MAX_V2_BODY),
        Err(_) => {}
    }
}
