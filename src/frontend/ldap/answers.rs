//! What a directory says, on its way to a client: cut into messages, each judged by its head, those that pass handed
//! on as they come. A message is never held, so how long it is costs nothing.

use crate::frontend::ldap::counters::Closed;
use crate::frontend::ldap::session::Passing;
use crate::wire::ldap::passage::{Ended, Passage, Piece};

/// Longest message of a directory that is passed on. It is not held, so the limit is against nonsense alone.
pub const LONGEST_ANSWER: u64 = 256 * 1024 * 1024;

/// The answers of one connection to a directory.
#[derive(Debug)]
pub struct Answers {
    passage: Passage,
    /// Whether what follows of the message that began last goes to the client.
    passing: bool,
    /// More of that message is to come.
    inside: bool,
}

impl Default for Answers {
    fn default() -> Self {
        Self { passage: Passage::new(LONGEST_ANSWER), passing: false, inside: false }
    }
}

impl Answers {
    /// Takes what was received.
    ///
    /// * `judge`: asked once for each message, by its number and the tag of its operation;
    /// * `client`: given what passes, in order.
    ///
    /// # Errors
    ///
    /// Why the connection ends: the judge said so, or these are no messages. Nothing may be given after it.
    pub fn pass(
        &mut self,
        received: &[u8],
        judge: &mut dyn FnMut(u32, u8) -> Passing,
        client: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        let Self { passage, passing, inside } = self;
        let each = |piece: Piece<'_>| {
            let bytes = match piece {
                Piece::Begins { id, tag, bytes, whole } => {
                    // Of one that breaks off nothing has passed.
                    (*passing, *inside) = (false, !whole);
                    match judge(id, tag) {
                        Passing::Pass => *passing = true,
                        Passing::Skip(_) => {}
                        Passing::Broken(why) => return Err(why),
                    }
                    bytes
                }
                Piece::Continues { bytes, ends } => {
                    *inside = !ends;
                    bytes
                }
            };
            if *passing {
                client(bytes);
            }
            Ok(())
        };
        passage.feed(received, each).map_err(|ended| match ended {
            Ended::Broken(_) => Closed::DirectoryLost,
            Ended::Stopped(why) => why,
        })
    }

    /// The client has got a part of a message. Until the rest has come nothing else may be sent to it.
    #[must_use]
    pub const fn is_in_a_message(&self) -> bool {
        self.passing && self.inside
    }

    /// All that came were whole messages.
    #[must_use]
    pub const fn is_between_messages(&self) -> bool {
        self.passage.is_between_messages()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::ldap::counters::Skipped;
    use crate::wire::ldap::answer;
    use crate::wire::ldap::message::op;
    use crate::wire::ldap::result::ResultCode;

    fn done(id: u32) -> Vec<u8> {
        answer::result(id, op::SEARCH_DONE, ResultCode::SUCCESS, "that was all")
    }

    /// Passes what has an even number, leaves out what has an odd one, breaks at 99.
    fn judge(id: u32, _: u8) -> Passing {
        match id {
            99 => Passing::Broken(Closed::DirectoryLost),
            id if id % 2 == 0 => Passing::Pass,
            _ => Passing::Skip(Skipped::NotOutstanding),
        }
    }

    #[test]
    fn what_passes_arrives_whole_and_what_is_left_out_leaves_nothing_however_it_is_cut() {
        let stream = [done(2), done(3), done(4), done(5), done(6)].concat();
        for piece in 1..stream.len() {
            let (mut answers, mut got) = (Answers::default(), Vec::new());
            for part in stream.chunks(piece) {
                let mut client = |bytes: &[u8]| got.extend_from_slice(bytes);
                answers.pass(part, &mut judge, &mut client).unwrap();
            }
            assert_eq!(got, [done(2), done(4), done(6)].concat(), "in pieces of {piece}");
            assert!(answers.is_between_messages() && !answers.is_in_a_message());
        }
    }

    #[test]
    fn half_a_message_is_told_and_one_that_breaks_at_its_head_is_none() {
        let (mut answers, mut got) = (Answers::default(), Vec::new());
        let (begin, end) = (done(2)[..12].to_vec(), done(2)[12..].to_vec());
        answers.pass(&begin, &mut judge, &mut |bytes| got.extend_from_slice(bytes)).unwrap();
        assert!(answers.is_in_a_message() && got == begin);
        answers.pass(&end, &mut judge, &mut |_| {}).unwrap();
        assert!(!answers.is_in_a_message());
        answers.pass(&done(3)[..12], &mut judge, &mut |_| panic!("it is left out")).unwrap();
        assert!(!answers.is_in_a_message() && !answers.is_between_messages());
        let rest = [&done(3)[12..], &done(2), &done(99)[..12]].concat();
        assert_eq!(answers.pass(&rest, &mut judge, &mut |_| {}), Err(Closed::DirectoryLost));
        assert!(!answers.is_in_a_message(), "so that a notice may follow what came before");
    }
}
