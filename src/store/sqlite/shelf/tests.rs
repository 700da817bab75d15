use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::base::clock::UnixTime;
use crate::base::random::{SeededRandom, bytes};
use crate::gateway::ports::SubjectDigest;
use crate::login::step::History;

/// Somebody with this digest, who takes so many bytes more.
fn known(digest: u16, more: u8) -> Known {
    // Spread evenly, as real ones are.
    let scattered = u64::from(digest).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut all = [0; 32];
    all[..8].copy_from_slice(&scattered.to_be_bytes());
    let network = crate::login::step::KnownNetwork { key_id: 1, digest: [more; 32], day: 1 };
    let networks = vec![network; usize::from(more % 4)];
    let history = History {
        first_seen: Some(UnixTime(5)),
        has_networks: !networks.is_empty(),
        networks,
        ..History::default()
    };
    let digest = HalfDigest::of(&SubjectDigest { key_id: 1, digest: all });
    Known { digest, history, enrolments: Vec::new(), failures: Vec::new() }
}

fn packed(known: &Known) -> Vec<u8> {
    let mut out = Vec::new();
    known.pack(&mut out);
    out
}

fn changes(day: u8) -> (Changes, Vec<u8>) {
    let changes = Changes { last_day: Some(i64::from(day) << (day % 30)), ..Changes::default() };
    let mut out = Vec::new();
    changes.put(&mut out);
    (changes, out)
}

fn whole(unfolded: bool) -> State {
    let newer = if unfolded { changes(1).0.fields() } else { Fields::default() };
    State { whole: true, newer, ..State::default() }
}

#[test]
fn whatever_is_put_in_and_taken_out_it_holds_what_a_plain_table_would() {
    let random = SeededRandom::new(3);
    let mut shelf = Shelf::new(1 << 24);
    let mut plain: BTreeMap<u8, (State, Vec<u8>)> = BTreeMap::new();
    for turn in 0..30_000 {
        let [what, who, more]: [u8; 3] = bytes(&random).unwrap();
        let name = format!("p{who}");
        match what % 16 {
            0..6 => {
                let (state, bytes) = (whole(more % 2 == 0), packed(&known(u16::from(who), more)));
                shelf.put(&name, state, &bytes);
                plain.insert(who, (state, bytes));
            }
            6..10 => {
                let (changes, bytes) = changes(more);
                let state = State { whole: false, newer: changes.fields(), ..State::default() };
                shelf.put(&name, state, &bytes);
                plain.insert(who, (state, bytes));
            }
            10 | 11 => {
                shelf.remove(&name);
                plain.remove(&who);
            }
            12 if more == 0 => {
                shelf.outdate_all();
                plain.retain(|_, (state, _)| state.is_unfolded());
                for (state, bytes) in plain.values_mut().filter(|(state, _)| state.whole) {
                    let part = Changes::of(&Known::unpack(bytes).unwrap(), state.newer);
                    bytes.clear();
                    part.put(bytes);
                    state.whole = false;
                }
            }
            _ => shelf.set_state(&name, |state| {
                let state = State { older: state.newer, ..state };
                plain.get_mut(&who).unwrap().0 = state;
                Some(state)
            }),
        }
        let held = shelf.get(&name).map(|(state, bytes)| (state, bytes.to_vec()));
        assert_eq!(held, plain.get(&who).cloned(), "{turn}");
        let digest = known(u16::from(who), 0).digest;
        let is_whole = plain.get(&who).is_some_and(|(state, _)| state.whole);
        assert_eq!(shelf.find(&digest), is_whole.then_some(&*name), "{turn}");
    }
    let mut unfolded = BTreeSet::new();
    (0..PARTS).for_each(|part| shelf.each_unfolded(part, |name| assert!(unfolded.insert(name.to_owned()))));
    let expected: BTreeSet<_> = plain
        .iter()
        .filter(|(_, (state, _))| state.is_unfolded())
        .map(|(who, _)| format!("p{who}"))
        .collect();
    assert_eq!(unfolded, expected);
    unfolded.iter().for_each(|name| shelf.remove(name));
    assert_eq!(shelf.unfolded(), 0);
}

#[test]
fn entries_of_many_sizes_in_many_pieces_are_what_they_were_made() {
    let random = SeededRandom::new(5);
    let mut shelf = Shelf::new(1 << 30);
    let mut plain: BTreeMap<u16, (State, Known)> = BTreeMap::new();
    for turn in 0..120_000_u32 {
        let [what, a, b, more]: [u8; 4] = bytes(&random).unwrap();
        // Some twenty in a part, of 40 to 8,000 bytes.
        let who = u16::from_be_bytes([a, b]) % 20_000;
        let name = format!("p{who}");
        match what {
            0..200 => {
                let mut one = known(who, 1);
                let many = if more == 0 { 220 } else { usize::from(more % 24) };
                one.history.networks = vec![one.history.networks[0]; many];
                one.history.has_networks = many > 0;
                shelf.put(&name, whole(more % 2 == 0), &packed(&one));
                plain.insert(who, (whole(more % 2 == 0), one));
            }
            200..230 => {
                shelf.remove(&name);
                plain.remove(&who);
            }
            _ => shelf.set_state(&name, |_| {
                plain.get_mut(&who).unwrap().0 = whole(true);
                Some(whole(true))
            }),
        }
        if turn % 20_000 == 19_999 {
            for who in 0..20_000 {
                let held = shelf.get(&format!("p{who}")).map(|(state, bytes)| (state, bytes.to_vec()));
                let expected = plain.get(&who).map(|(state, known)| (*state, packed(known)));
                assert_eq!(held, expected, "{who}");
            }
        }
    }
    let pieces = |part: &Part| part.heap.capacity() / 4096;
    assert!(shelf.parts.iter().filter(|part| pieces(part) > 1).count() > PARTS / 2);
    let bytes = |state: &State, known: &Known, name: String| {
        let body = packed(known).len() + name.len() + 1;
        if state.is_unfolded() { body + width(body) + 2 } else { 0 }
    };
    let all = plain.iter().map(|(who, (state, known))| bytes(state, known, format!("p{who}")));
    assert_eq!(shelf.unfolded(), all.sum::<usize>());
}

#[test]
fn digests_that_differ_in_their_last_known_byte_or_their_key_are_told_apart() {
    let mut shelf = Shelf::new(1 << 20);
    let digest = |last: u8, key_id: u32| {
        let mut all = [9; 32];
        all[15] = last;
        HalfDigest::of(&SubjectDigest { key_id, digest: all })
    };
    let all = [digest(1, 1), digest(2, 1), digest(1, 2)];
    for (n, digest) in all.iter().enumerate() {
        let one = Known { digest: *digest, ..known(0, 1) };
        shelf.put(&format!("p{n}"), whole(false), &packed(&one));
    }
    let found = |shelf: &mut Shelf| all.map(|digest| shelf.find(&digest).map(str::to_owned));
    assert_eq!(found(&mut shelf), ["p0", "p1", "p2"].map(|name| Some(name.to_owned())));
    shelf.remove("p0");
    assert_eq!(found(&mut shelf), [None, Some("p1".to_owned()), Some("p2".to_owned())]);
}

#[test]
fn what_is_taken_away_is_overwritten_f_012() {
    let mut shelf = Shelf::new(1 << 20);
    let one = known(7, 200);
    shelf.put("p7", whole(false), &packed(&known(7, 201)));
    let (number, tag) = shelf.place("p7");
    let at = shelf.parts[usize::from(number)].find(tag, b"p7").unwrap();
    shelf.remove("p7");
    assert!(shelf.get("p7").is_none() && shelf.find(&one.digest).is_none());
    let left = shelf.parts[usize::from(number)].heap.at(at).unwrap();
    assert!(!left.is_empty() && left.iter().all(|byte| *byte == 0));
}

#[test]
fn what_can_be_read_again_makes_room_and_what_is_asked_for_and_what_cannot_stay() {
    let room = 3 << 20;
    let mut shelf = Shelf::new(room);
    let weight = |shelf: &Shelf| {
        shelf.parts.iter().map(|part| part.heap.capacity() + part.index.len() * PLACES).sum::<usize>()
    };
    let name = |n: u16| format!("p{n}");
    for n in 0..5_000 {
        shelf.put(&name(n), whole(true), &packed(&known(n, 1)));
    }
    for n in 5_000..60_000 {
        shelf.put(&name(n), whole(false), &packed(&known(n, 1)));
        assert!(shelf.get(&name(5_000 + n % 100)).is_some() || n > 5_100);
        assert!(n % 1000 > 0 || weight(&shelf) < room / 4 * 5, "{}", weight(&shelf));
    }
    assert!((0..5_000).all(|n| shelf.get(&name(n)).is_some()), "what the tables do not have");
    let asked = (5_000..5_100).filter(|n| shelf.get(&name(*n)).is_some()).count();
    let others = (5_100..60_000).filter(|n| shelf.get(&name(*n)).is_some()).count();
    assert!(asked > 60 && (5_000..30_000).contains(&others), "{asked}, {others}");
}

#[test]
fn those_who_come_in_turn_find_a_part_of_themselves_where_not_all_have_room() {
    let mut shelf = Shelf::new(1 << 20);
    let mut found = 0;
    for n in (0..10_000).cycle().take(40_000) {
        let name = format!("p{n}");
        match shelf.get(&name) {
            Some(_) => found += 1,
            None => shelf.put(&name, whole(false), &packed(&known(n, 1))),
        }
    }
    assert!(found > 1_000, "{found}: the one who is next is not always the one who has gone");
}

#[test]
fn somebody_takes_fifty_bytes_more_than_what_is_known_of_him() {
    let mut shelf = Shelf::new(1 << 30);
    let bytes = packed(&known(0, 1));
    for n in 0..240_000_u32 {
        let [_, _, a, b] = n.to_be_bytes();
        shelf.put(&format!("p{n:019}"), whole(false), &packed(&known(u16::from_be_bytes([a, b]), 1)));
    }
    let heap: usize = shelf.parts.iter().map(|part| part.heap.capacity()).sum();
    let each = heap / 240_000;
    assert!(each < bytes.len() + 20 + 30, "{each}");
}

#[test]
fn what_is_replaced_while_room_is_made_is_never_found_again_c_001() {
    for room in [0, 1 << 16, 1 << 18, 1 << 20] {
        let mut shelf = Shelf::new(room);
        for round in 0..8_u8 {
            for n in 0..2_000 {
                let name = format!("p{n}");
                let is_last = |what: &[u8]| what == packed(&known(n, round.wrapping_sub(1)));
                assert!(shelf.get(&name).is_none_or(|(_, what)| is_last(what)), "{n} in round {round}");
                let what = packed(&known(n, round));
                shelf.put(&name, whole(false), &what);
                assert!(shelf.get(&name).is_none_or(|(_, kept)| kept == what), "{n} in round {round}");
            }
        }
    }
}
