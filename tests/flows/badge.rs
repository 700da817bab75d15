//! The note of a login that accounting brings back.

use std::sync::Arc;

use doorward::base::random::SystemRandom;
use doorward::gateway::badge::{Badge, read, write};
use doorward::login::attempt::AttemptId;
use doorward::login::identity::Pseudonym;
use doorward::store::seal::KeyRing;

fn ring() -> KeyRing {
    KeyRing::generate(Arc::new(SystemRandom)).unwrap()
}

fn who() -> Pseudonym {
    Pseudonym::new("pabcdefghijklmnopqrs").unwrap()
}

#[test]
fn a_badge_leads_back_to_its_login_and_shows_neither_whose_nor_which_it_is_a_080() {
    let ring = ring();
    let badge = write(&ring, "vpn", AttemptId([7; 8]), &who()).unwrap();
    assert!(badge.len() <= 253 && badge.iter().all(u8::is_ascii_graphic));
    let text = std::str::from_utf8(&badge).unwrap();
    assert!(!text.contains(who().as_str()) && !text.contains("0707"));
    assert_eq!(read(&ring, "vpn", &badge), Some(Badge { attempt: AttemptId([7; 8]), who: who() }));
    assert_ne!(write(&ring, "vpn", AttemptId([7; 8]), &who()).unwrap(), badge, "two are never the same");
    let later = ring.with_new_key().unwrap();
    assert!(read(&later, "vpn", &badge).is_some(), "a new key does not end what is open");
}

#[test]
fn what_is_forged_cut_or_taken_from_another_client_is_no_badge_d_107() {
    let ring = ring();
    let badge = write(&ring, "vpn", AttemptId([7; 8]), &who()).unwrap();
    assert_eq!(read(&ring, "wiki", &badge), None);
    assert_eq!(read(&self::ring(), "vpn", &badge), None);
    for at in 0..badge.len() {
        assert_eq!(read(&ring, "vpn", &badge[..at]), None);
        let mut other = badge.to_vec();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(read(&ring, "vpn", &other), None, "{at}");
    }
    for class in [&b""[..], b"doorward:", b"OU=sales;", &[0xff; 253]] {
        assert_eq!(read(&ring, "vpn", class), None);
    }
}
