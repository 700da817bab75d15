use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::base::random::SeededRandom;
use crate::login::factor::EnrolmentId;
use crate::login::identity::Pseudonym;

fn ring() -> KeyRing {
    KeyRing::generate(Arc::new(SeededRandom::new(1))).unwrap()
}

fn read(text: &str) -> Result<KeyRing, BadKeyFile> {
    KeyRing::parse(&Secret::copied(text.as_bytes()), Arc::new(SeededRandom::new(2)))
}

fn here() -> Place<'static> {
    Place::Seed(EnrolmentId([7; 16]))
}

fn kind<T>(result: Result<T, Fault>) -> Option<FaultKind> {
    result.err().map(|fault| fault.kind)
}

#[test]
fn what_was_sealed_opens_with_the_key_file_that_was_written() {
    let ring = ring();
    let sealed = ring.seal(here(), &Secret::copied(b"seed")).unwrap();
    let again = KeyRing::parse(&ring.text(), Arc::new(SeededRandom::new(3))).unwrap();
    assert_eq!(again.open(here(), &sealed).unwrap(), Secret::copied(b"seed"));
    assert_eq!(again.digests("corp", b"id"), ring.digests("corp", b"id"));
}

#[test]
fn a_new_key_seals_and_the_old_one_still_opens_f_018() {
    let old = ring();
    let sealed = old.seal(here(), &Secret::copied(b"seed")).unwrap();
    let both = old.with_new_key().unwrap();
    assert_eq!(both.ids().collect::<Vec<_>>(), [2, 1]);
    assert_eq!(both.open(here(), &sealed).unwrap(), Secret::copied(b"seed"));
    assert_eq!(both.seal(here(), &Secret::copied(b"seed")).unwrap().key_id, 2);
    assert_eq!(both.digests("corp", b"id")[1], old.digests("corp", b"id")[0]);
    let fault = both.newest_only().open(here(), &sealed).unwrap_err();
    assert_eq!(fault.kind, FaultKind::KeyMissing);
    assert!(fault.what.contains("needs key 1"), "{fault}");
}

#[test]
fn a_ring_does_not_grow_without_end() {
    let mut ring = ring();
    while let Ok(more) = ring.with_new_key() {
        ring = more;
    }
    assert_eq!(ring.ids().count(), MAX_KEYS);
    assert!(KeyRing::parse(&ring.text(), Arc::new(SeededRandom::new(3))).is_ok());
}

#[test]
fn the_highest_id_is_the_newest_wherever_its_line_stands() {
    let text = format!("# keys\n\n7 {}\n 3   {} # old\n", "ab".repeat(32), "CD".repeat(32));
    assert_eq!(read(&text).unwrap().ids().collect::<Vec<_>>(), [7, 3]);
}

#[test]
fn a_bad_key_file_is_explained_by_its_line_and_without_its_content() {
    let good = "ab".repeat(32);
    let cases = [
        (String::new(), BadKeyFile::Empty),
        ("# nothing\n".into(), BadKeyFile::Empty),
        (format!("1 {good}\n2 {good}0\n"), BadKeyFile::Line(2)),
        (format!("1 {}\n", "xy".repeat(32)), BadKeyFile::Line(1)),
        (format!("0 {good}\n"), BadKeyFile::Line(1)),
        (format!("-1 {good}\n"), BadKeyFile::Line(1)),
        (format!("4294967296 {good}\n"), BadKeyFile::Line(1)),
        (format!("{good}\n"), BadKeyFile::Line(1)),
        (format!("1 {good} {good}\n"), BadKeyFile::Line(1)),
        (format!("1 {good}\n\n1 {good}\n"), BadKeyFile::Twice(3)),
        ((1..=17).map(|n| format!("{n} {good}\n")).collect(), BadKeyFile::TooMany),
    ];
    for (text, expected) in cases {
        let got = read(&text).unwrap_err();
        assert_eq!(got, expected, "{text}");
        assert!(!got.to_string().contains("abab"), "{got}");
    }
    assert_eq!(
        KeyRing::parse(&Secret::copied(b"\xff"), Arc::new(SeededRandom::new(2))).unwrap_err(),
        BadKeyFile::NotText
    );
}

#[test]
fn digests_tell_directory_and_id_apart_however_the_bytes_are_cut_d_022() {
    let ring = ring();
    assert_ne!(ring.digests("ab", b"c"), ring.digests("a", b"bc"));
    assert_ne!(ring.digests("", b"abc"), ring.digests("abc", b""));
    assert_ne!(ring.digests("ab", b"c")[0], ring.with_new_key().unwrap().digests("ab", b"c")[0]);
}

#[test]
fn one_value_never_seals_to_the_same_bytes_twice() {
    let ring = ring();
    let seal = || ring.seal(here(), &Secret::copied(b"seed")).unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn a_ring_shows_its_ids_and_no_key() {
    assert_eq!(format!("{:?}", ring().with_new_key().unwrap()), "[2, 1]");
}

proptest! {
    #[test]
    fn a_sealed_value_opens_at_its_place(plain in proptest::collection::vec(any::<u8>(), 0..200), id in any::<[u8; 16]>()) {
        let ring = ring();
        let place = Place::Seed(EnrolmentId(id));
        let sealed = ring.seal(place, &Secret::copied(&plain)).unwrap();
        prop_assert_eq!(ring.open(place, &sealed).unwrap(), Secret::copied(&plain));
    }

    #[test]
    fn a_moved_value_is_a_fault_f_017(id in any::<[u8; 16]>(), other in any::<[u8; 16]>(), name in "[a-z]{16}") {
        let ring = ring().with_new_key().unwrap();
        let sealed = ring.seal(Place::Seed(EnrolmentId(id)), &Secret::copied(b"seed")).unwrap();
        if id != other {
            prop_assert_eq!(kind(ring.open(Place::Seed(EnrolmentId(other)), &sealed)), Some(FaultKind::KeyMissing));
        }
        let name = Pseudonym::new(&name).unwrap();
        prop_assert_eq!(kind(ring.open(Place::Identity(&name), &sealed)), Some(FaultKind::KeyMissing));
        let same_bytes = Pseudonym::new("aaaaaaaaaaaaaaaa").unwrap();
        let seed = Place::Seed(EnrolmentId(*b"aaaaaaaaaaaaaaaa"));
        let sealed = ring.seal(seed, &Secret::copied(b"seed")).unwrap();
        prop_assert_eq!(kind(ring.open(Place::Identity(&same_bytes), &sealed)), Some(FaultKind::KeyMissing));
        let other_key = Sealed { key_id: 1, bytes: sealed.bytes };
        prop_assert_eq!(kind(ring.open(seed, &other_key)), Some(FaultKind::KeyMissing));
    }

    #[test]
    fn a_changed_or_truncated_value_is_a_fault(at in 0usize..10_000, bit in 0u8..8) {
        let ring = ring();
        let sealed = ring.seal(here(), &Secret::copied(b"twenty bytes of seed")).unwrap();
        let at = at % sealed.bytes.len();
        let mut changed = sealed.clone();
        changed.bytes[at] ^= 1 << bit;
        prop_assert_eq!(kind(ring.open(here(), &changed)), Some(FaultKind::KeyMissing));
        let cut = Sealed { bytes: sealed.bytes[..at].into(), ..sealed };
        prop_assert_eq!(kind(ring.open(here(), &cut)), Some(FaultKind::KeyMissing));
    }
}

#[test]
fn a_network_has_another_digest_for_each_subject_and_each_key_and_none_that_an_account_has() {
    let (first, second) = (Pseudonym::new("p1").unwrap(), Pseudonym::new("p2").unwrap());
    let home: Prefix = "203.0.113.0/24".parse().unwrap();
    let old = ring();
    let ring = old.with_new_key().unwrap();
    let digests = ring.network_digests(&first, home);
    assert_eq!(digests, ring.network_digests(&first, home), "it is found again");
    assert_eq!(digests[1..], *old.network_digests(&first, home), "newest first");
    assert_eq!(digests[0].key_id, ring.newest_key());
    let mut all: Vec<[u8; 32]> = digests.iter().map(|one| one.digest).collect();
    all.extend(ring.network_digests(&second, home).iter().map(|one| one.digest));
    all.extend(ring.network_digests(&first, "203.0.113.0/25".parse().unwrap()).iter().map(|one| one.digest));
    all.extend(ring.digests("network", b"p1").iter().map(|one| one.digest));
    all.extend(ring.digests("network", b"p1203.0.113.0/24").iter().map(|one| one.digest));
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!((all.len(), count), (10, 10));
}

#[test]
fn what_version_1_sealed_still_opens_and_at_its_place_alone_d_022() {
    let ring = ring();
    let seed = here();
    let place = Bound::new(&seed, 1);
    let payload = Payload { msg: b"seed", aad: &place.fields };
    let cipher = place.cipher_of_version_1(&ring.newest).unwrap();
    let sealed = cipher.encrypt(&Nonce::from([3; NONCE]), payload).unwrap();
    let bytes = [&[VERSION_1][..], &[3; NONCE], &sealed].concat().into();
    let sealed = Sealed { key_id: 1, bytes };
    assert_eq!(ring.open(here(), &sealed).unwrap(), Secret::copied(b"seed"));
    let elsewhere = ring.open(Place::Seed(EnrolmentId([8; 16])), &sealed);
    assert_eq!(kind(elsewhere), Some(FaultKind::KeyMissing));
    let as_version_2 = Sealed { bytes: [&[VERSION][..], &sealed.bytes[1..]].concat().into(), ..sealed };
    assert_eq!(kind(ring.open(here(), &as_version_2)), Some(FaultKind::KeyMissing));
}

#[test]
fn the_key_of_a_record_is_what_hkdf_expands_for_it() {
    let ring = ring();
    let key = &ring.newest;
    let mut prk = [0; 32];
    Hkdf::<Sha256>::new(None, &*key.master).expand(b"doorward sealed record", &mut prk).unwrap();
    let info = [&[0, 0, 0, 0, 0, 0, 0, 7][..], b"session", &[0, 0, 0, 0, 0, 0, 0, 5], b"marks"].concat();
    let info = [&info[..], &[0, 0, 0, 0, 0, 0, 0, 32], &[9; 32]].concat();
    let aad = [&info[..], &[0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1]].concat();
    let mut derived = [0; 32];
    Hkdf::<Sha256>::from_prk(&prk).unwrap().expand(&info, &mut derived).unwrap();
    let sealed = ring.seal(Place::Session(&[9; 32]), &Secret::copied(b"x")).unwrap();
    let (head, found) = sealed.bytes.split_at(HEAD);
    let nonce: [u8; NONCE] = head[1..].try_into().unwrap();
    let payload = Payload { msg: b"x", aad: &aad };
    let expected = aes_gcm::Aes256Gcm::new((&derived).into()).encrypt(&Nonce::from(nonce), payload).unwrap();
    assert_eq!(found, expected);
}
