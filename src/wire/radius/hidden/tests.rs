use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::wire::radius::dictionary::{MICROSOFT, TUNNEL_PASSWORD, entry, vendor_entry};
use crate::wire::radius::vectors::SALTED;

const AUTHENTICATOR: [u8; 16] = *b"0123456789abcdef";

fn secret() -> Secret {
    Secret::copied(b"xyzzy5461")
}

#[test]
fn a_102_a_value_worked_out_by_hand_is_opened_and_made_again() {
    let plain = open(&SALTED, &secret(), &AUTHENTICATOR).unwrap();
    assert_eq!(plain.expose(), b"a key of twenty-two by");
    assert_eq!(hide(plain.expose(), [0x9a, 0x3c], &secret(), &AUTHENTICATOR).unwrap(), SALTED);
}

#[test]
fn a_102_a_length_inside_that_counts_more_than_there_is_is_refused() {
    let all = chained(&[16; 16], &secret(), &[&AUTHENTICATOR, &[0x80, 0]]);
    let value = [&[0x80, 0][..], &all].concat();
    assert_eq!(open(&value, &secret(), &AUTHENTICATOR), Err(BadHidden::LengthInside));
    let fits = chained(&[15; 16], &secret(), &[&AUTHENTICATOR, &[0x80, 0]]);
    let value = [&[0x80, 0][..], &fits].concat();
    assert_eq!(open(&value, &secret(), &AUTHENTICATOR).unwrap().expose(), [15; 15]);
}

#[test]
fn only_a_salt_and_whole_blocks_are_opened() {
    for length in (0usize..=260).filter(|n| *n < 18 || *n > 242 || !(n - 2).is_multiple_of(16)) {
        let got = open(&vec![0; length], &secret(), &AUTHENTICATOR);
        assert_eq!(got, Err(BadHidden::Length(length)), "{length}");
    }
    assert_eq!(hide(&[1; 240], [0x80, 0], &secret(), &AUTHENTICATOR), Err(TooLong(240)));
    assert_eq!(Scheme::TaggedSalted.open(&[], &secret(), &AUTHENTICATOR), Err(BadHidden::Length(0)));
}

#[test]
fn a_102_salts_have_their_top_bit_set_and_do_not_repeat() {
    for start in [[0, 0], [0x7f, 0xf0], [0xff, 0xf0]] {
        let mut salts = Salts::new(start);
        let drawn: Vec<[u8; 2]> = (0..0x8000).map(|_| salts.draw()).collect();
        assert!(drawn.iter().all(|salt| salt[0] & 0x80 != 0));
        assert_eq!(drawn.iter().collect::<HashSet<_>>().len(), drawn.len());
    }
}

#[test]
fn a_103_mppe_keys_keep_zeros_at_their_end() {
    let keys = [&[7; 22][..], &[0; 2]].concat();
    let value = hide_keys(&keys, &secret(), &AUTHENTICATOR).unwrap();
    assert_eq!(value.len(), 32);
    let opened = open_keys(&value, &secret(), &AUTHENTICATOR).unwrap();
    assert_eq!(opened.expose(), [&keys[..], &[0; 8]].concat());
    assert_eq!(hide_keys(&[0; 33], &secret(), &AUTHENTICATOR), Err(TooLong(33)));
    for length in [0, 16, 31, 33, 48] {
        assert_eq!(open_keys(&vec![0; length], &secret(), &AUTHENTICATOR), Err(BadHidden::Length(length)));
    }
}

#[test]
fn the_dictionary_knows_how_each_attribute_hides_its_value() {
    let microsoft = |kind| Scheme::of(vendor_entry(MICROSOFT, kind).unwrap());
    assert_eq!(microsoft(16), Some(Scheme::Salted));
    assert_eq!(microsoft(17), Some(Scheme::Salted));
    assert_eq!(microsoft(12), Some(Scheme::Keys));
    assert_eq!(microsoft(26), None, "MS-CHAP2-Success is no secret of the packet");
    assert_eq!(Scheme::of(entry(TUNNEL_PASSWORD).unwrap()), Some(Scheme::TaggedSalted));
    assert_eq!(Scheme::of(entry(1).unwrap()), None);
}

proptest! {
    #[test]
    fn a_102_what_one_peer_hid_the_other_opens(
        plain in proptest::collection::vec(any::<u8>(), 0..=MAX_SALTED),
        tag: u8,
        start: [u8; 2],
        theirs: [u8; 16],
        ours: [u8; 16],
    ) {
        let (upstream, device) = (Secret::copied(b"upstream"), Secret::copied(b"device"));
        let hidden = hide(&plain, Salts::new(start).draw(), &upstream, &theirs).unwrap();
        prop_assert!(hidden.len() <= 242 && (hidden.len() - 2).is_multiple_of(16));
        let value = [&[tag][..], &hidden].concat();
        let opened = Scheme::TaggedSalted.open(&value, &upstream, &theirs).unwrap();
        prop_assert_eq!((opened.tag(), opened.plain().expose()), (Some(tag), &plain[..]));

        let mut salts = Salts::new(start);
        let again = opened.hide(&mut salts, &device, &ours).unwrap();
        prop_assert_eq!(Scheme::TaggedSalted.open(&again, &device, &ours).unwrap(), opened);
    }

    #[test]
    fn any_bytes_are_opened_or_refused(value in proptest::collection::vec(any::<u8>(), 0..256)) {
        for scheme in [Scheme::Salted, Scheme::TaggedSalted, Scheme::Keys] {
            if let Ok(opened) = scheme.open(&value, &secret(), &AUTHENTICATOR) {
                prop_assert!(opened.plain().len() <= MAX_SALTED);
                let mut salts = Salts::new([0, 0]);
                let hidden = opened.hide(&mut salts, &secret(), &AUTHENTICATOR).unwrap();
                prop_assert_eq!(scheme.open(&hidden, &secret(), &AUTHENTICATOR), Ok(opened));
            }
        }
    }
}
