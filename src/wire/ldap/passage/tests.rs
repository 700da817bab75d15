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
