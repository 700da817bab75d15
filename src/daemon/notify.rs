//! Tells systemd how we are. Without systemd nothing happens.

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

/// Still alive. Says nothing where the service manager did not ask to hear it.
pub fn alive() {
    if sd_notify::watchdog_enabled().is_some() {
        send(&[NotifyState::Watchdog]);
    }
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(event = "notify.failed", "the service manager could not be told: {error}");
    }
}
