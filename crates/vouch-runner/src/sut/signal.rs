//! Signals to processes.

/// Kills a process group.
pub(super) fn signal_group(group: i32) {
    // SAFETY: a plain system call; a group that is gone gives an error, which is what is wanted.
    unsafe {
        libc::kill(-group, libc::SIGKILL);
    }
}
