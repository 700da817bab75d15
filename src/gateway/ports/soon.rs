//! What a port answers at once where it can, and later where it must wait.
//!
//! Most of what a login asks for is in memory. A future for each of these answers would be an allocation, and a login made of
//! such futures some kilobytes that are moved about.

use std::fmt;
use std::future::{Future, pending};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Something that is done later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An answer. It can be waited for like a future, whichever it is.
#[must_use]
pub enum Soon<'a, T> {
    /// Here it is.
    Now(T),
    /// It must be waited for. Nothing was done for it yet.
    Later(Later<'a, T>),
}

impl<'a, T> Soon<'a, T> {
    /// What comes of `answer`.
    pub fn later(answer: impl Future<Output = T> + Send + 'a) -> Self {
        Self::Later(Box::pin(answer))
    }
}

impl<T> fmt::Debug for Soon<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now(…)",
            Self::Later(_) => "Later(…)",
        })
    }
}

impl<'a, T: Unpin + 'a> Future for Soon<'a, T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let soon = self.get_mut();
        if let Self::Later(later) = soon {
            return later.as_mut().poll(cx);
        }
        // Nobody asks again for what he has had.
        match mem::replace(soon, Self::later(pending())) {
            Self::Now(answer) => Poll::Ready(answer),
            Self::Later(_) => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_the_same_at_once_and_later() {
        assert_eq!(Soon::Now(7).await, 7);
        let later = Soon::later(async {
            tokio::task::yield_now().await;
            7
        });
        assert_eq!(later.await, 7);
    }
}
