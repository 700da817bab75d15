//! Cuts a byte stream into whole messages, with a size limit that is checked before anything is kept.

use zeroize::Zeroize;

use crate::wire::ldap::ber;

/// The longest message we take from a directory before and after a bind alike (B-003).
///
/// Entries are read attribute by attribute, so this is large enough for anything but a photo album.
pub const MAX_MESSAGE: usize = 4 * 1024 * 1024;

/// How many octets [`Inbox::push`] takes beyond an incomplete message.
pub const CHUNK: usize = 16 * 1024;

/// Why a stream cannot be cut into messages. The connection is of no further use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// The first element is not a SEQUENCE, or its length is malformed.
    #[error("the stream is not LDAP: {0}")]
    NotLdap(ber::Flaw),
    /// The message announces more octets than allowed.
    #[error("a message announces {announced} octets, {limit} are allowed")]
    TooLong {
        /// Octets of header and value together, saturated.
        announced: usize,
        /// The limit.
        limit: usize,
    },
    /// More was pushed than fits; the caller has not taken the messages out.
    #[error("the buffer for incoming messages is full")]
    Overfull,
    /// Octets of the stream were given up, so nobody knows where the next message begins.
    #[error("the stream was given up before")]
    Stopped,
}

/// Length of the first whole message in `stream`, or `None` while it is incomplete (B-002, B-006).
///
/// # Errors
///
/// [`BadFrame::NotLdap`] and [`BadFrame::TooLong`], as soon as the header shows it.
pub fn cut(stream: &[u8], limit: usize) -> Result<Option<usize>, BadFrame> {
    if let Some(&found) = stream.first().filter(|tag| **tag != ber::SEQUENCE) {
        return Err(BadFrame::NotLdap(ber::Flaw::Tag { expected: ber::SEQUENCE, found }));
    }
    let Some(header) = ber::header(stream).map_err(BadFrame::NotLdap)? else { return Ok(None) };
    let total = header.header.saturating_add(header.value);
    if total > limit {
        return Err(BadFrame::TooLong { announced: total, limit });
    }
    Ok((stream.len() >= total).then_some(total))
}

/// Bytes that have arrived and are not a whole message yet. It grows with what arrives, never with what is
/// announced, and never beyond the limit and one [`CHUNK`] (B-005).
#[derive(Debug)]
pub struct Inbox {
    bytes: Vec<u8>,
    taken: usize,
    /// Of what was taken, so much has been overwritten.
    wiped: usize,
    limit: usize,
}

impl Inbox {
    /// An empty one for messages of at most `limit` octets.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), taken: 0, wiped: 0, limit }
    }

    /// From now on messages may have `limit` octets: a client that has logged in may send longer ones (B-003).
    /// What waits already is measured by it as well.
    pub const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Puts what was received behind the rest.
    ///
    /// # Errors
    ///
    /// [`BadFrame::Overfull`] when messages were left lying; taking all of them after each push of at most
    /// [`CHUNK`] octets never leads there.
    pub fn push(&mut self, received: &[u8]) -> Result<(), BadFrame> {
        self.forget_taken();
        if self.bytes.len().saturating_add(received.len()) > self.limit.saturating_add(CHUNK) {
            return Err(BadFrame::Overfull);
        }
        self.bytes.extend_from_slice(received);
        Ok(())
    }

    /// The next whole message, if it has arrived.
    ///
    /// # Errors
    ///
    /// As [`cut`].
    pub fn take(&mut self) -> Result<Option<&[u8]>, BadFrame> {
        let waiting = self.bytes.get(self.taken..).unwrap_or_default();
        let Some(length) = cut(waiting, self.limit)? else { return Ok(None) };
        let start = self.taken;
        self.taken = start.saturating_add(length);
        Ok(self.bytes.get(start..self.taken))
    }

    /// Overwrites what has been taken: it may have been a password.
    pub fn wipe_taken(&mut self) {
        self.bytes.get_mut(self.wiped..self.taken).unwrap_or_default().zeroize();
        self.wiped = self.taken;
        // A connection that says nothing now keeps little memory.
        if self.waiting() == 0 && self.bytes.capacity() > 1024 {
            self.bytes = Vec::new();
            (self.taken, self.wiped) = (0, 0);
        }
    }

    /// Bytes that have arrived and were not taken (B-026: after StartTLS there must be none).
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.bytes.len().saturating_sub(self.taken)
    }

    fn forget_taken(&mut self) {
        if self.taken == 0 {
            return;
        }
        self.bytes.drain(..self.taken.min(self.bytes.len()));
        (self.taken, self.wiped) = (0, 0);
        // One large message must not keep its memory for the life of the connection.
        if self.bytes.len() <= CHUNK && self.bytes.capacity() > CHUNK.saturating_mul(4) {
            self.bytes.shrink_to(CHUNK);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(length: usize) -> Vec<u8> {
        let mut writer = ber::Writer::default();
        writer.bytes(ber::SEQUENCE, &vec![7; length]);
        writer.finish().to_vec()
    }

    #[test]
    fn a_message_over_the_limit_is_refused_by_its_header_alone_b_003() {
        assert_eq!(
            cut(&[0x30, 0x84, 0xc0, 0, 0, 0], 1000),
            Err(BadFrame::TooLong { announced: 0xc000_0006, limit: 1000 })
        );
        assert_eq!(
            cut(&[0x30, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 1000),
            Err(BadFrame::TooLong { announced: usize::MAX, limit: 1000 })
        );
        assert_eq!(cut(&[0x30, 0x89], 1000), Err(BadFrame::NotLdap(ber::Flaw::LengthRange)));
        assert_eq!(cut(&[0x30, 0x80], 1000), Err(BadFrame::NotLdap(ber::Flaw::Indefinite)));
        assert!(matches!(cut(b"HTTP/1.1 400", 1000), Err(BadFrame::NotLdap(_))));
    }

    #[test]
    fn nothing_is_reserved_for_what_is_only_announced_b_005() {
        let mut inbox = Inbox::new(MAX_MESSAGE);
        inbox.push(&[0x30, 0x84, 0, 0x3f, 0, 0]).unwrap();
        assert_eq!(inbox.take(), Ok(None));
        assert!(inbox.bytes.capacity() < 100);
    }

    #[test]
    fn a_stream_that_never_completes_a_message_stops_at_the_limit_b_005() {
        let mut inbox = Inbox::new(50_000);
        inbox.push(&[0x30, 0x82, 0xc0, 0]).unwrap();
        for _ in 0..4 {
            assert_eq!(inbox.take(), Ok(None));
            inbox.push(&[0; 12_288]).unwrap();
        }
        assert!(inbox.take().unwrap().is_some());
        assert_eq!(inbox.push(&vec![0; 50_000 + CHUNK + 1]), Err(BadFrame::Overfull));
    }

    #[test]
    fn another_limit_counts_from_the_next_message_on_b_003() {
        let mut inbox = Inbox::new(100);
        inbox.push(&message(200)).unwrap();
        assert_eq!(inbox.take(), Err(BadFrame::TooLong { announced: 203, limit: 100 }));
        inbox.set_limit(203);
        assert_eq!(inbox.take().unwrap().map(<[u8]>::len), Some(203));
        inbox.set_limit(202);
        inbox.push(&message(200)).unwrap();
        assert!(inbox.take().is_err());
    }

    #[test]
    fn the_memory_of_a_large_message_is_given_back() {
        let mut inbox = Inbox::new(MAX_MESSAGE);
        for chunk in message(3_000_000).chunks(CHUNK) {
            inbox.push(chunk).unwrap();
        }
        assert!(inbox.take().unwrap().is_some());
        inbox.push(&message(5)).unwrap();
        assert!(inbox.bytes.capacity() <= 4 * CHUNK, "{}", inbox.bytes.capacity());
    }

    proptest! {
        #[test]
        fn messages_come_out_as_they_went_in_however_the_stream_is_cut(
            lengths in proptest::collection::vec(0_usize..700, 1..8),
            cuts in proptest::collection::vec(1_usize..300, 1..20),
        ) {
            let messages: Vec<_> = lengths.iter().map(|n| message(*n)).collect();
            let stream = messages.concat();
            let (mut inbox, mut out, mut rest) = (Inbox::new(1000), Vec::new(), &stream[..]);
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let (now, later) = rest.split_at(rest.len().min(*cut));
                inbox.push(now).unwrap();
                while let Some(whole) = inbox.take().unwrap() { out.push(whole.to_vec()); }
                rest = later;
            }
            prop_assert_eq!(out, messages);
            prop_assert_eq!(inbox.waiting(), 0);
        }

        #[test]
        fn no_stream_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut inbox = Inbox::new(100);
            for chunk in bytes.chunks(7) {
                if inbox.push(chunk).is_err() { break }
                while let Ok(Some(whole)) = inbox.take() { prop_assert!(whole.len() <= 100); }
            }
        }
    }
}
