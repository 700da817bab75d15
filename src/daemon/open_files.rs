//! How many files and connections the program may have open (RLIMIT_NOFILE).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::settings::Settings;

/// Store, log, status page, connections to directories for binds: what is open besides the connections of
/// applications.
const OTHERS: u64 = 1024;

/// Takes as many as the system lets us have. The lower limit that shells and containers start programs with is for
/// those that still use `select`.
pub fn raise() {
    let allowed = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: allowed.maximum, ..allowed }) {
        tracing::warn!(event = "daemon.open-files", "the limit of open files could not be raised: {error}");
    }
}

/// Says if that is fewer than the connections of applications may need.
pub fn compare(settings: &Settings) {
    let connections = settings.ldap.connections;
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let needed = needed(connections);
    if !settings.listeners.is_empty() && allowed < needed {
        tracing::warn!(
            event = "daemon.open-files",
            allowed,
            needed,
            "the system allows {allowed} open files, and ldap.connections = {connections} may need {needed}; raise LimitNOFILE or ulimit -n, or lower ldap.connections"
        );
    }
}

/// Behind each connection of an application there may be one to a directory.
fn needed(connections: usize) -> u64 {
    u64::try_from(connections).unwrap_or(u64::MAX).saturating_mul(2).saturating_add(OTHERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_may_need_two_open_files() {
        assert_eq!(needed(20_000), 41_024);
        assert_eq!(needed(usize::MAX), u64::MAX);
    }
}
