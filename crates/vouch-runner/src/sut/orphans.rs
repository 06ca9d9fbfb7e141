//! Processes that a build leaves behind: they left the process group of their adapter (`setsid`), so that it does not end them.
//!
//! On Linux this process adopts them (`PR_SET_CHILD_SUBREAPER`), and ends them when the run has ended. Elsewhere, and if this
//! process is itself killed with SIGKILL, they stay.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How long ending them may take.
const LIMIT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(2);

/// Adopts the orphans of this process's children until it is asked to end them. It changes the whole process, so it is for
/// programs to use, not for libraries.
pub struct OrphanReaper {
    /// Children that this process had before: they are not ours to end.
    spared: BTreeSet<i32>,
}

impl OrphanReaper {
    /// From now on, orphans become children of this process.
    pub fn install() -> Self {
        let spared = children();
        #[cfg(target_os = "linux")]
        // SAFETY: a plain system call that takes a number.
        unsafe {
            libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        }
        Self { spared }
    }

    /// Ends every process that was started since, and waits until it has ended. Returns their number.
    pub fn end_all(self) -> usize {
        let (started, mut ended) = (Instant::now(), BTreeSet::new());
        while started.elapsed() < LIMIT {
            let left: Vec<_> = children().into_iter().filter(|child| !self.spared.contains(child)).collect();
            if left.is_empty() {
                break;
            }
            for child in left {
                // SAFETY: plain system calls; a child keeps its number until it is waited for.
                unsafe {
                    libc::kill(child, libc::SIGKILL);
                    libc::waitpid(child, std::ptr::null_mut(), libc::WNOHANG);
                }
                ended.insert(child);
            }
            // The children of those that ended come next.
            std::thread::sleep(PAUSE);
        }
        ended.len()
    }
}

/// The children of all threads of this process.
fn children() -> BTreeSet<i32> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return BTreeSet::new() };
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect()
}
