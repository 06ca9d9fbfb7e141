//! How many cases this process can run at once, given its limit on open files.

use std::num::NonZeroUsize;

/// Files and sockets that one case may have open at once: its addresses, connections and pipes.
const FILES_PER_CASE: u64 = 96;
/// Files that the harness itself needs.
const FILES_OF_HARNESS: u64 = 64;
/// Cases at once, for each core: they wait more than they work.
const CASES_PER_CORE: usize = 4;

/// The limit on open files is too low for a single case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("only {limit} files may be open at once; allow at least {needed} (`ulimit -n {needed}`)")]
pub struct TooFewFiles {
    /// The limit in force.
    pub limit: u64,
    /// What one case needs.
    pub needed: u64,
}

/// How many cases to run at once: as many as wanted, or four a core, but no more than may have their files open. A case that
/// ran out of files would look like a fault of the build.
pub fn jobs(wanted: Option<NonZeroUsize>) -> Result<usize, TooFewFiles> {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    jobs_within(wanted.map_or(cores * CASES_PER_CORE, usize::from), open_file_limit())
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
    limits().rlim_cur
}

/// Raises the soft limit on open files as far as the hard limit allows. It changes the whole process, so it is for programs
/// to call, not for libraries.
pub fn raise_open_file_limit() {
    let now = limits();
    let raised = libc::rlimit { rlim_cur: now.rlim_max, ..now };
    // SAFETY: a plain system call on a struct of this function. Where it fails, the old limit stays in force.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) };
}

fn limits() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a plain system call on a struct of this function.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        // Unknown limits are not a reason to run nothing.
        let one_case = FILES_OF_HARNESS + FILES_PER_CASE;
        return libc::rlimit { rlim_cur: one_case, rlim_max: one_case };
    }
    limit
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
}
