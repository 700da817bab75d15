//! Octets on their way to a peer that takes them at its own pace.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::AsyncWrite;
use zeroize::Zeroize;

/// While so many octets wait, nothing more is made for the peer (B-010).
pub(super) const ENOUGH: usize = 64 * 1024;
/// More memory than this is not kept by a connection that has nothing to write.
const KEPT: usize = 4 * 1024;

/// What waits to be written. Wiped when it is gone, be it long or short, where it may hold passwords on their way to a
/// directory. On the way to an application only what is short is: entries by the thousand are no secret between it and the
/// directory, and wiping them costs more than relaying them.
#[derive(Default)]
pub(super) struct Outgoing {
    octets: Vec<u8>,
    written: usize,
    unflushed: bool,
    secret: bool,
}

impl Outgoing {
    /// Nothing yet; what will be there may be a secret, however long it is.
    pub(super) const fn secret() -> Self {
        Self { octets: Vec::new(), written: 0, unflushed: false, secret: true }
    }

    /// Puts octets behind those that wait.
    pub(super) fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Everything has left.
    pub(super) const fn is_empty(&self) -> bool {
        self.octets.is_empty() && !self.unflushed
    }

    /// So much waits that nothing more should be made.
    pub(super) const fn is_enough(&self) -> bool {
        self.waiting() >= ENOUGH
    }

    /// Octets that have not left.
    pub(super) const fn waiting(&self) -> usize {
        self.octets.len().saturating_sub(self.written)
    }

    /// Writes as much as the peer takes. Ready once everything has left; an error when the connection is of
    /// no further use. `took` counts the octets, whatever the outcome.
    pub(super) fn poll<W: AsyncWrite + Unpin>(
        &mut self,
        to: &mut W,
        cx: &mut Context<'_>,
        took: &mut usize,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.octets.get(self.written..).filter(|rest| !rest.is_empty()) {
            match Pin::new(&mut *to).poll_write(cx, rest) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.written = self.written.saturating_add(count);
                    self.unflushed = true;
                    *took = took.saturating_add(count);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        self.forget();
        if self.unflushed {
            match Pin::new(to).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                other => return other,
            }
        }
        Poll::Ready(Ok(()))
    }

    fn forget(&mut self) {
        if self.octets.is_empty() {
            return;
        }
        self.written = 0;
        self.wipe();
        if self.octets.capacity() > KEPT {
            self.octets = Vec::new();
        }
    }

    const fn must_be_wiped(&self, length: usize) -> bool {
        self.secret || length <= KEPT
    }

    /// Behind its end nothing was ever left, so there is nothing to wipe there.
    fn wipe(&mut self) {
        if self.must_be_wiped(self.octets.len()) {
            self.octets.as_mut_slice().zeroize();
        }
        self.octets.clear();
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes three octets at a time, every second time it is asked.
    #[derive(Default)]
    struct Slow {
        got: Vec<u8>,
        asked: usize,
    }

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            octets: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.asked += 1;
            if self.asked.is_multiple_of(2) {
                return Poll::Pending;
            }
            let count = octets.len().min(3);
            self.got.extend_from_slice(&octets[..count]);
            Poll::Ready(Ok(count))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_slow_peer_gets_every_octet_once_and_in_order() {
        let (mut slow, mut out) = (Slow::default(), Outgoing::default());
        let mut cx = Context::from_waker(Waker::noop());
        let (mut took, mut rounds) = (0, 0);
        out.push(b"hello ");
        while out.poll(&mut slow, &mut cx, &mut took).is_pending() {
            rounds += 1;
            if rounds == 1 {
                out.push(b"world");
            }
        }
        assert_eq!(slow.got, b"hello world");
        assert!(took == 11 && out.is_empty() && rounds > 1);
    }

    #[test]
    fn what_has_left_is_wiped_but_for_long_answers_to_an_application() {
        for (mut out, length, wiped) in [
            (Outgoing::secret(), KEPT, true),
            (Outgoing::secret(), 2 * KEPT, true),
            (Outgoing::default(), KEPT, true),
            (Outgoing::default(), 2 * KEPT, false),
        ] {
            assert_eq!(out.must_be_wiped(length), wiped);
            out.push(&vec![1; length]);
            out.wipe();
            assert!(out.octets.is_empty());
        }
    }

    #[test]
    fn a_backlog_is_told_and_its_memory_is_given_back_b_010() {
        let mut out = Outgoing::default();
        out.push(&vec![1; ENOUGH]);
        assert!(out.is_enough());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(out.poll(&mut tokio::io::sink(), &mut cx, &mut 0).is_ready());
        assert!(out.is_empty() && out.octets.capacity() == 0);
    }
}
