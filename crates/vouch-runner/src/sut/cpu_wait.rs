//! How long a process group waited for a processor.

use std::time::Duration;

/// The longest time that one thread of a process group waited for a processor since it started, from the kernel's scheduler
/// statistics. None where the kernel has none. Source: `proc_pid_schedstat(5)`, second field, in nanoseconds.
#[cfg(target_os = "linux")]
pub(super) fn of_group(group: i32) -> Option<Duration> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // SAFETY: a system call without pointers.
    let members = ids.filter(|id| unsafe { libc::getpgid(*id) } == group);
    let threads = members.filter_map(|id| std::fs::read_dir(format!("/proc/{id}/task")).ok());
    let waited = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)
    };
    threads.flat_map(|tasks| tasks.flatten()).filter_map(|task| waited(task.path())).max()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of_group(_: i32) -> Option<Duration> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_group_has_waited_for_less_than_it_lives() {
        // SAFETY: a system call without pointers.
        let group = unsafe { libc::getpgrp() };
        if std::path::Path::new("/proc/self/schedstat").exists() {
            assert!(of_group(group).is_some_and(|waited| waited < Duration::from_secs(24 * 3600)));
        }
        assert_eq!(of_group(i32::MAX), None, "there is no such group");
    }
}
