//! Signals to processes.

/// Kills a process group (SIGKILL).
pub(super) fn signal_group(group: i32) {
    // SAFETY: a plain system call; a group that does not exist any more gives an error, which is ignored.
    unsafe {
        libc::kill(-group, libc::SIGKILL);
    }
}
