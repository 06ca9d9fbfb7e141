//! What this machine lets a run use.

use super::CliError;
use std::num::NonZeroUsize;

/// Files and sockets that one case may have open at once: its addresses, connections, pipes.
const FILES_A_CASE: u64 = 96;
/// Those of the harness itself.
const FILES_AT_LEAST: u64 = 64;
/// Cases at once, for each core: they wait more than they work.
const CASES_A_CORE: usize = 4;

/// How many cases to run at once. A case that runs out of files would look like a fault of the build, so the limit on open
/// files is raised as far as it goes and decides.
pub fn jobs(wanted: Option<NonZeroUsize>) -> Result<usize, CliError> {
    let files = raise_file_limit();
    let possible = files.saturating_sub(FILES_AT_LEAST) / FILES_A_CASE;
    if possible == 0 {
        let least = FILES_AT_LEAST + FILES_A_CASE;
        return Err(CliError::Environment(format!(
            "only {files} files may be open at once; allow at least {least} (`ulimit -n {least}`)"
        )));
    }
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let wanted = wanted.map_or(cores * CASES_A_CORE, usize::from);
    Ok(wanted.min(usize::try_from(possible).unwrap_or(usize::MAX)))
}

/// Raises the soft limit on open files to the hard one; the limit that is in force then.
pub fn raise_file_limit() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: plain system calls on a struct of this function.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) != 0 {
            return FILES_AT_LEAST + FILES_A_CASE;
        }
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raised) == 0 {
            return raised.rlim_cur;
        }
    }
    limit.rlim_cur
}
