//! Tells systemd how we are. Without systemd nothing happens.

use std::time::Duration;

use sd_notify::NotifyState;

/// All sockets are bound and logins are answered.
pub fn ready(status: &str) {
    send(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// New settings are being read.
pub fn reloading() {
    if let Ok(since) = NotifyState::monotonic_usec_now() {
        send(&[NotifyState::Reloading, since]);
    }
}

/// The end has begun.
pub fn stopping() {
    send(&[NotifyState::Stopping]);
}

/// Still alive; see [`watchdog_period`].
pub fn alive() {
    send(&[NotifyState::Watchdog]);
}

/// How often [`alive`] is expected, with room to spare; `None` when nobody expects it.
#[must_use]
pub fn watchdog_period() -> Option<Duration> {
    sd_notify::watchdog_enabled().and_then(|limit| limit.checked_div(3))
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(event = "notify.failed", "the service manager could not be told: {error}");
    }
}
