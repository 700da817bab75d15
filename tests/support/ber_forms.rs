//! BER as it may be written, not only as it is written best. Include with `#[path = "support/ber_forms.rs"] mod ber_forms;`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code")]

/// A length in its shortest form, or in up to eight octets.
pub(crate) fn length(octets: usize, form: usize) -> Vec<u8> {
    let bytes = (octets as u64).to_be_bytes();
    let needed = bytes.iter().skip_while(|octet| **octet == 0).count();
    if form == 0 && octets < 0x80 {
        return vec![u8::try_from(octets).unwrap()];
    }
    let count = form.clamp(needed.max(1), 8);
    [&[0x80 | u8::try_from(count).unwrap()], &bytes[8 - count..]].concat()
}

/// An element with its length in that form.
pub(crate) fn element(tag: u8, form: usize, body: &[u8]) -> Vec<u8> {
    [&[tag][..], &length(body.len(), form), body].concat()
}
