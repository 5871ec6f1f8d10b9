//! How many files, and so connections, the process may open.

/// Files that are no clients' connections: database, brokers, logs, libraries.
const RESERVE: usize = 256;

/// Lets the process open as many files as `connections_max` connections take, as far as the system allows it, and says how
/// many connections there may then be.
///
/// Soft limits are 1024 on many systems for the sake of programs that call `select`, which we do not.
#[cfg(unix)]
pub(crate) fn for_connections(connections_max: usize) -> usize {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};

    let wanted = (connections_max + RESERVE) as u64;
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => {
            tracing::warn!(%error, "how many files may be opened cannot be found out");
            return connections_max;
        }
    };
    let mut allowed = soft;
    if soft < wanted {
        let more = wanted.min(hard);
        match setrlimit(Resource::RLIMIT_NOFILE, more, hard) {
            Ok(()) => allowed = more,
            Err(error) => tracing::warn!(%error, "no more files can be allowed"),
        }
    }
    let allowed = usize::try_from(allowed).unwrap_or(usize::MAX);
    let connections = connections_max.min(allowed.saturating_sub(RESERVE).max(allowed / 2));
    if connections < connections_max {
        tracing::warn!(
            connections,
            wanted = connections_max,
            files = allowed,
            "the system allows too few open files for CONNECTIONS_MAX"
        );
    }
    connections
}

/// As many as were asked for: elsewhere connections are no files.
#[cfg(not(unix))]
pub(crate) fn for_connections(connections_max: usize) -> usize {
    connections_max
}
