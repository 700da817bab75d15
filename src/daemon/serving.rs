//! The tasks that serve sockets, each under the name of its socket, until they are told to stop.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// Tasks that run as long as their socket is wanted; each says at its end how much it has cut off.
pub(in crate::daemon) struct Serving<K> {
    tasks: JoinSet<(K, usize)>,
}

impl<K> Default for Serving<K> {
    fn default() -> Self {
        Self { tasks: JoinSet::new() }
    }
}

impl<K: Send + 'static> Serving<K> {
    /// Runs one more task for the socket `key`, on the runtime `home`.
    pub(in crate::daemon) fn spawn_on(
        &mut self,
        home: &Handle,
        key: K,
        serving: impl Future<Output = usize> + Send + 'static,
    ) {
        self.tasks.spawn_on(async move { (key, serving.await) }, home);
    }

    /// Waits for a task that ended though its socket `is_wanted` still, which is a mistake of ours, or that broke.
    pub(in crate::daemon) async fn ended(&mut self, is_wanted: impl Fn(&K) -> bool) -> Result<K, String> {
        loop {
            match self.tasks.join_next().await {
                Some(Ok((key, _))) if is_wanted(&key) => return Ok(key),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error.to_string()),
                None => std::future::pending::<()>().await,
            }
        }
    }

    /// Waits for all of them, which have been told to stop. Returns how much was cut off after `drain`.
    pub(in crate::daemon) async fn stopped(mut self, drain: Duration) -> usize {
        let mut cut_off = 0usize;
        // Each task keeps to `drain` by itself; a little more is for those that are stuck.
        let patience = drain.saturating_add(Duration::from_secs(1));
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                cut_off = cut_off.saturating_add(ended.map_or(0, |(_, cut_off)| cut_off));
            }
        };
        let _in_time = tokio::time::timeout(patience, all).await;
        cut_off
    }
}
