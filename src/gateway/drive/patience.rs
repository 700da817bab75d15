//! How long a login waits for a piece of work.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::time::{Sleep, sleep};

use crate::base::clock::Clock;
use crate::gateway::asker::Asker;
use crate::gateway::ports::Later;
use crate::login::step::{Event, Work};

/// Waits for work until the time of the login is over, or until nobody waits for its verdict any more. Work that is done
/// as soon as others of this moment had their turn, as what is written in groups, pays neither for a timer nor for a watch;
/// of those there is one for each login at most.
pub(super) struct Patience<'a> {
    asker: &'a Asker,
    clock: &'a dyn Clock,
    /// Wakes at this time.
    alarm: Option<(Instant, Pin<Box<Sleep>>)>,
    left: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
}

impl<'a> Patience<'a> {
    pub(super) const fn new(asker: &'a Asker, clock: &'a dyn Clock) -> Self {
        Self { asker, clock, alarm: None, left: None }
    }

    /// What comes of `work`, which is `running`, as long as there is time until `end`, and unless it may be stopped and
    /// nobody waits.
    pub(super) async fn wait<T>(
        &mut self,
        mut running: Later<'_, T>,
        end: Instant,
        work: &Work,
    ) -> Result<T, Event> {
        let may_stop = work.may_stop();
        // Whoever is asked over the network has not answered by the second look.
        let mut looks = u8::from(work.asks_others());
        poll_fn(move |cx| {
            if let Poll::Ready(done) = running.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            looks = looks.saturating_add(1);
            match looks {
                1 => {
                    // Most often it does so itself, and this costs nothing then.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                2 => self.set_alarm(end),
                _ => {}
            }
            if self.rings(cx) {
                Poll::Ready(Err(Event::TimedOut))
            } else if may_stop && self.has_left(cx) {
                Poll::Ready(Err(Event::CalledOff))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    fn set_alarm(&mut self, end: Instant) {
        let left = end.saturating_duration_since(self.clock.now().steady);
        if left.is_zero() || self.alarm.as_ref().is_none_or(|(at, _)| *at != end) {
            self.alarm = Some((end, Box::pin(sleep(left))));
        }
    }

    fn rings(&mut self, cx: &mut Context<'_>) -> bool {
        self.alarm.as_mut().is_some_and(|(_, sleep)| sleep.as_mut().poll(cx).is_ready())
    }

    fn has_left(&mut self, cx: &mut Context<'_>) -> bool {
        let asker = self.asker;
        if asker.stays() {
            return false;
        }
        let left = self.left.get_or_insert_with(|| Box::pin(asker.left()));
        left.as_mut().poll(cx).is_ready()
    }
}
