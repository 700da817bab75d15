//! Attributes that give rights over the device itself.

use crate::wire::radius::attribute::{Attribute, vendor_attributes};
use crate::wire::radius::dictionary::{
    CISCO, Entry, Form, SERVICE_TYPE, VENDOR_SPECIFIC, entry, vendor_entry,
};

/// Whether an attribute of an accept gives rights over the device itself: logins to its command
/// line, roles of administrators, levels of privilege. A vendor's attribute that we do not know may well do.
#[must_use]
pub fn is_administrative(attribute: &Attribute<'_>) -> bool {
    if attribute.kind != VENDOR_SPECIFIC {
        return entry(attribute.kind).is_some_and(|entry| entry.is_administrative(attribute.value));
    }
    let Some(mut pieces) = vendor_attributes(attribute.value) else { return true };
    pieces.any(|piece| {
        let entry = vendor_entry(piece.vendor, piece.kind);
        entry.is_none_or(|entry| entry.is_administrative(piece.value))
    })
}

/// The values of Service-Type that end on a device's command line, at its users' menu or in its
/// administration (RFC 2865 section 5.6, RFC 5607 section 4).
const SERVICES_OF_ADMINISTRATORS: [u32; 5] = [6, 7, 9, 11, 18];
/// Limited-Management of SonicWall-User-Privilege.
const LIMITED_MANAGEMENT: u32 = 5;

pub(super) fn by_value(entry: &Entry, value: &[u8]) -> bool {
    let number = <[u8; 4]>::try_from(value).map(u32::from_be_bytes);
    if (entry.vendor, entry.kind) == (None, SERVICE_TYPE) {
        // A service that we cannot read may be any of them.
        return number.map_or(true, |number| SERVICES_OF_ADMINISTRATORS.contains(&number));
    }
    if entry.form == Form::Integer {
        return number.map_or(true, |number| number == LIMITED_MANAGEMENT);
    }
    let text = value.to_ascii_lowercase();
    let has = |word: &[u8]| text.windows(word.len()).any(|part| part == word);
    match entry.vendor {
        // shell:priv-lvl, shell:roles, shell:tasks, shell:domains of the product lines; fdm.userrole.
        Some(CISCO) => [&b"shell:"[..], b"priv-lvl", b"fdm.", b"role"].into_iter().any(has),
        // The built-in groups of SonicOS have it in their names.
        _ => has(b"admin"),
    }
}
