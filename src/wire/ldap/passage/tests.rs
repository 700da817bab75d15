use super::*;
use std::convert::Infallible;

/// What came out: number, tag, octets and whether it ended, for each message that began.
type Seen = Vec<(u32, u8, Vec<u8>, bool)>;

fn feed(passage: &mut Passage, seen: &mut Seen, received: &[u8]) -> Result<(), Ended<Infallible>> {
    passage.feed(received, |piece| {
        match piece {
            Piece::Begins { id, tag, bytes, whole } => seen.push((id, tag, bytes.to_vec(), whole)),
            Piece::Continues { bytes, ends } => {
                let last = seen.last_mut().unwrap();
                assert!(!last.3, "a message goes on after its end");
                assert!(!bytes.is_empty());
                last.2.extend_from_slice(bytes);
                last.3 = ends;
            }
        }
        Ok(())
    })
}

const DONE: [u8; 14] = [0x30, 12, 2, 1, 7, 0x65, 7, 10, 1, 0, 4, 0, 4, 0];

#[test]
fn short_messages_come_whole_and_in_order() {
    let (mut passage, mut seen) = (Passage::new(100), Vec::new());
    feed(&mut passage, &mut seen, &DONE.repeat(2)).unwrap();
    assert_eq!(seen, vec![(7, 0x65, DONE.to_vec(), true); 2]);
    assert!(passage.is_between_messages());
}

#[test]
fn a_head_is_known_as_soon_as_the_operation_has_its_length() {
    let (mut passage, mut seen) = (Passage::new(100), Vec::new());
    for octet in &DONE[..6] {
        feed(&mut passage, &mut seen, &[*octet]).unwrap();
        assert!(seen.is_empty() && !passage.is_between_messages());
    }
    feed(&mut passage, &mut seen, &DONE[6..7]).unwrap();
    assert_eq!(seen, [(7, 0x65, DONE[..7].to_vec(), false)]);
}

#[test]
fn a_message_cut_in_its_head_comes_out_with_the_octets_that_complete_it() {
    let stream = DONE.repeat(3);
    for at in 1..stream.len() {
        let (mut passage, mut seen) = (Passage::new(100), Vec::new());
        let (first, second) = stream.split_at(at);
        feed(&mut passage, &mut seen, first).unwrap();
        feed(&mut passage, &mut seen, second).unwrap();
        assert_eq!(seen, vec![(7, 0x65, DONE.to_vec(), true); 3], "cut at {at}");
    }
}

#[test]
fn the_longest_head_there_is_fits_into_what_is_held() {
    let long = |tag, octets: &[u8]| {
        let length = u64::try_from(octets.len()).unwrap().to_be_bytes();
        [&[tag, 0x88][..], &length, octets].concat()
    };
    let inside = [long(INTEGER, &7_u64.to_be_bytes()), long(0x65, &DONE[7..])].concat();
    let message = long(SEQUENCE, &inside);
    assert_eq!(message.len(), 38 + 7);
    let (mut passage, mut seen) = (Passage::new(100), Vec::new());
    for octet in &message[..37] {
        feed(&mut passage, &mut seen, &[*octet]).unwrap();
    }
    assert!(seen.is_empty() && passage.held_octets == 37);
    feed(&mut passage, &mut seen, &message[37..]).unwrap();
    assert_eq!(seen, [(7, 0x65, message, true)]);
}

#[test]
fn the_limit_counts_header_and_value_and_is_met_by_the_header_alone_b_003() {
    for (limit, passes) in [(14, true), (13, false)] {
        let (mut passage, mut seen) = (Passage::new(limit), Vec::new());
        let fed = feed(&mut passage, &mut seen, &DONE[..2]);
        assert_eq!(fed.is_ok(), passes, "{limit}");
    }
    let (mut passage, mut seen) = (Passage::new(u64::MAX), Vec::new());
    let endless = [0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert!(feed(&mut passage, &mut seen, &endless).is_ok(), "no sum of lengths overflows");
    assert!(feed(&mut passage, &mut seen, &[2, 1, 1, 0x64, 0]).is_ok());
    assert_eq!(seen.len(), 1);
    assert!(!passage.is_between_messages());
}

#[test]
fn messages_before_a_broken_one_come_out_and_nothing_of_it_or_behind_it() {
    let (mut passage, mut seen) = (Passage::new(100), Vec::new());
    let broken = [&DONE[..], &[0x31, 0], &DONE].concat();
    let flaw = BadFrame::NotLdap(Flaw::Tag { expected: SEQUENCE, found: 0x31 });
    assert_eq!(feed(&mut passage, &mut seen, &broken), Err(Ended::Broken(flaw)));
    assert_eq!(feed(&mut passage, &mut seen, &DONE), Err(Ended::Broken(flaw)));
    assert_eq!(seen.len(), 1);
    assert!(!passage.is_between_messages());
}

#[test]
fn a_receiver_that_stops_is_not_handed_anything_again() {
    let mut passage = Passage::new(100);
    let stopped = passage.feed(&DONE.repeat(2), |piece| match piece {
        Piece::Begins { whole: true, .. } => Err("full"),
        other => panic!("{other:?}"),
    });
    assert_eq!(stopped, Err(Ended::Stopped("full")));
    let mut seen = Vec::new();
    assert_eq!(feed(&mut passage, &mut seen, &DONE), Err(Ended::Broken(BadFrame::Stopped)));
    assert!(seen.is_empty());
}

#[test]
fn a_number_too_long_for_one_is_refused_before_its_octets_come() {
    for number in [&[2, 9][..], &[2, 0x84, 0x7f, 0xff, 0xff, 0xff], &[2, 0x88, 0, 0, 0, 0, 0, 1, 0, 0]] {
        let (mut passage, mut seen) = (Passage::new(u64::MAX), Vec::new());
        let fed =
            feed(&mut passage, &mut seen, &[&[0x30, 0x84, 0x7f, 0xff, 0xff, 0xff][..], number].concat());
        assert_eq!(fed, Err(Ended::Broken(BadFrame::NotLdap(Flaw::IntegerRange))), "{number:x?}");
    }
}
