//! The limit on open files (`RLIMIT_NOFILE`), and how many cases this process can run at once within it.

use std::num::NonZeroUsize;
use std::time::Duration;

/// Files and sockets that one case may have open at once: its addresses, connections and pipes.
const FILES_PER_CASE: u64 = 96;
/// Files that the harness itself needs.
const FILES_OF_HARNESS: u64 = 64;
/// Cases at once, for each core: they wait more than they work.
const CASES_PER_CORE: usize = 4;

/// A start may take this part of the deadline of a call while all other cases start too.
const START_SHARE: f64 = 0.25;

/// The limit on open files is too low.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only {limit} files may be open at once; allow at least {needed} (`ulimit -n {needed}`)")]
pub struct TooFewFiles {
    /// The limit in force.
    pub limit: u64,
    /// The number of files that are needed.
    pub needed: u64,
}

/// How many cases to run at once: as many as wanted, or four a core, but no more than may have their files open. A case that
/// ran out of files would look like a fault of the build.
pub fn jobs(wanted: Option<NonZeroUsize>) -> Result<usize, TooFewFiles> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    jobs_within(wanted.map_or(cores * CASES_PER_CORE, usize::from), open_file_limit())
}

/// How many cases may run at once so that none misses a deadline because all start at once. `start` is how long one process
/// takes to start alone, up to its answer to `initialize`; starting is work for a processor.
pub fn jobs_that_start_in_time(start: Duration, deadline: Duration) -> usize {
    jobs_of_cores(std::thread::available_parallelism().map_or(2, usize::from), start, deadline)
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a few jobs a core"
)]
fn jobs_of_cores(cores: usize, start: Duration, deadline: Duration) -> usize {
    let for_each_core = deadline.as_secs_f64() * START_SHARE / start.as_secs_f64().max(1e-6);
    let jobs = cores as f64 * for_each_core.min(CASES_PER_CORE as f64);
    (jobs as usize).max(1)
}

fn jobs_within(wanted: usize, limit: u64) -> Result<usize, TooFewFiles> {
    let possible = limit.saturating_sub(FILES_OF_HARNESS) / FILES_PER_CASE;
    if possible == 0 {
        return Err(TooFewFiles { limit, needed: FILES_OF_HARNESS + FILES_PER_CASE });
    }
    Ok(wanted.min(usize::try_from(possible).unwrap_or(usize::MAX)))
}

/// The soft limit on open files of this process.
pub fn open_file_limit() -> u64 {
    // An unknown limit is not a reason to run nothing.
    rlimit::getrlimit(rlimit::Resource::NOFILE).map_or(FILES_OF_HARNESS + FILES_PER_CASE, |(soft, _)| soft)
}

/// Raises the soft limit on open files as far as the hard limit allows. It changes the whole process, so it is for programs
/// to call, not for libraries.
pub fn raise_open_file_limit() {
    // Where this fails, the old limit stays in force.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
}

/// Raises the soft limit on open files, and checks that this process may open `needed` files and sockets.
///
/// # Errors
/// When the hard limit is lower.
pub fn require_open_files(needed: u64) -> Result<(), TooFewFiles> {
    raise_open_file_limit();
    let limit = open_file_limit();
    if limit >= needed { Ok(()) } else { Err(TooFewFiles { limit, needed }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_on_open_files_limits_the_cases_at_once() {
        assert_eq!(jobs_within(8, 1024), Ok(8));
        assert_eq!(jobs_within(64, 1024), Ok(10));
        assert_eq!(jobs_within(8, 160), Ok(1));
        assert_eq!(jobs_within(8, 159), Err(TooFewFiles { limit: 159, needed: 160 }));
    }

    #[test]
    fn a_slow_start_leaves_fewer_cases_at_once() {
        let jobs = |cores, start_ms| jobs_of_cores(cores, Duration::from_millis(start_ms), Duration::from_secs(10));
        // A native program, a Python SDK: four a core.
        assert_eq!((jobs(2, 0), jobs(2, 80), jobs(8, 600)), (8, 8, 32));
        // A JVM, a slow one, an emulator.
        assert_eq!((jobs(2, 800), jobs(2, 2000), jobs(2, 9000), jobs(16, 9000)), (6, 2, 1, 4));
    }
}
