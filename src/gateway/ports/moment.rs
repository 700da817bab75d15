//! When a login began, as the store counts time.

/// A moment in the life of a store, taken by [`crate::gateway::ports::Store::moment`]. Whoever asks with it is told of all that
/// any process had written by then, and of what came later or not.
///
/// To look whether another process has written is a call to the kernel. With this, all logins that begin together share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Moment(pub(crate) u64);
