//! Takes the names of secrets out of what a search asks for.

use zeroize::Zeroizing;

use crate::frontend::ldap::operations::{No, SECRET};
use crate::frontend::ldap::secrets::is_secret;
use crate::wire::ldap::ask::Asked;

/// A search with the secret attributes struck out of the list of what to bring; `None` when it names none.
///
/// Applications name them for everybody they look up and need no value: SSSD asks for `userPassword` each time, and
/// is offline when that is refused. A directory leaves out what may not be read, and names that it does not know (RFC
/// 4511 section 4.5.1.8). So each name becomes one of the same length that no schema has, and every other octet stays.
///
/// * `whole`: the message that `asked` was read from.
///
/// # Errors
///
/// [`No`] when `asked` was not read from it.
pub fn without_secrets(whole: &[u8], asked: &Asked<'_>) -> Result<Option<Zeroizing<Vec<u8>>>, No> {
    let mut struck = None;
    for name in asked.attributes() {
        let name = name?;
        if is_secret(name) {
            let begin = name.as_ptr().addr().checked_sub(whole.as_ptr().addr()).ok_or(SECRET)?;
            let end = begin.checked_add(name.len()).ok_or(SECRET)?;
            let copy = struck.get_or_insert_with(|| Zeroizing::new(whole.to_vec()));
            copy.get_mut(begin..end).ok_or(SECRET)?.fill(b'x');
        }
    }
    Ok(struck)
}
