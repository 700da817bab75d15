//! Security identifiers (MS-DTYP section 2.4.2).

/// `S-1-5-21-…`
pub(super) fn text(sid: &[u8]) -> Option<String> {
    let (authority, numbers) = parts(sid)?;
    let tail: String = numbers.iter().map(|number| format!("-{}", u32::from_le_bytes(*number))).collect();
    Some(format!("S-1-{authority}{tail}"))
}

/// What all SIDs of the same domain begin with; `None` for one that is of no domain, such as those of `Builtin`.
pub(super) fn domain(sid: &[u8]) -> Option<&[u8]> {
    /// SECURITY_NT_NON_UNIQUE.
    const OF_A_DOMAIN: [u8; 4] = 21_u32.to_le_bytes();
    let (5, [OF_A_DOMAIN, _, _, _, _]) = parts(sid)? else { return None };
    sid.get(8..24)
}

/// The SID in the same domain with the last number `relative`.
pub(super) fn sibling(sid: &[u8], relative: u32) -> Option<Box<[u8]>> {
    parts(sid)?;
    let before = sid.get(..sid.len().checked_sub(4)?)?;
    Some([before, &relative.to_le_bytes()].concat().into())
}

fn parts(sid: &[u8]) -> Option<(u64, &[[u8; 4]])> {
    let (&[revision, count, a, b, c, d, e, f], rest) = sid.split_first_chunk::<8>()?;
    let (numbers, odd) = rest.as_chunks::<4>();
    let fits = usize::from(count) == numbers.len() && odd.is_empty() && revision == 1 && count > 0;
    fits.then(|| (u64::from_be_bytes([0, 0, a, b, c, d, e, f]), numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER: [u8; 28] =
        [1, 5, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 1, 2, 0, 0];
    const BUILTIN: [u8; 16] = [1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 33, 2, 0, 0];

    #[test]
    fn a_sid_is_written_as_windows_writes_it() {
        assert_eq!(text(&USER).as_deref(), Some("S-1-5-21-1-2-3-513"));
        assert_eq!(text(&BUILTIN).as_deref(), Some("S-1-5-32-545"));
    }

    #[test]
    fn what_is_no_sid_is_not_taken_for_one() {
        for bad in [
            &[][..],
            &[1, 0, 0, 0, 0, 0, 0, 5],
            &[1, 1, 0, 0, 0, 0, 0, 5],
            &[2, 0, 0, 0, 0, 0, 0, 5],
            &[1, 0, 0, 0, 0, 0, 0, 5, 9],
        ] {
            assert_eq!((text(bad), domain(bad), sibling(bad, 1)), (None, None, None), "{bad:?}");
        }
    }

    #[test]
    fn siblings_are_of_one_domain_and_others_are_not() {
        let sibling = sibling(&USER, 513).unwrap();
        assert_eq!(text(&sibling).as_deref(), Some("S-1-5-21-1-2-3-513"));
        assert_eq!(domain(&sibling), domain(&USER));
        assert_eq!(domain(&USER).map(<[u8]>::len), Some(16));
        let mut other = USER;
        other[12] = 9;
        assert_ne!(domain(&other), domain(&USER));
        assert_eq!(domain(&BUILTIN), None);
    }
}
