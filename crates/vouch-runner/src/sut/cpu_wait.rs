//! How long a process group waited for a processor.

use std::collections::HashMap;
use std::time::Duration;

/// How long each thread of a process group waited for a processor since it started.
#[derive(Default)]
pub(super) struct Waits(HashMap<u32, Duration>);

impl Waits {
    /// The longest time that one thread waited since the earlier measurement of the same group. None if there is no thread.
    pub fn longest_since(&self, earlier: &Self) -> Option<Duration> {
        let since = |(thread, waited): (&u32, &Duration)| {
            waited.saturating_sub(earlier.0.get(thread).copied().unwrap_or_default())
        };
        self.0.iter().map(since).max()
    }
}

/// The waits of a process group, from the kernel's scheduler statistics. None where the kernel has none. Source:
/// `proc_pid_schedstat(5)`, second field, in nanoseconds.
#[cfg(target_os = "linux")]
pub(super) fn of_group(group: i32) -> Option<Waits> {
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // SAFETY: a system call without pointers.
    let members = ids.filter(|id| unsafe { libc::getpgid(*id) } == group);
    let threads = members.filter_map(|id| std::fs::read_dir(format!("/proc/{id}/task")).ok());
    let waited = |entry: std::fs::DirEntry| {
        let text = std::fs::read_to_string(entry.path().join("schedstat")).ok()?;
        let waited = text.split_whitespace().nth(1)?.parse().ok().map(Duration::from_nanos)?;
        Some((entry.file_name().to_str()?.parse().ok()?, waited))
    };
    Some(Waits(threads.flat_map(|tasks| tasks.flatten()).filter_map(waited).collect()))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn of_group(_: i32) -> Option<Waits> {
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
            let waits = of_group(group).expect("statistics");
            let longest = waits.longest_since(&Waits::default());
            assert!(longest.is_some_and(|waited| waited < Duration::from_secs(24 * 3600)));
            assert_eq!(waits.longest_since(&waits), Some(Duration::ZERO), "what was before does not count");
        }
        let nobody = of_group(i32::MAX).expect("a list");
        assert_eq!(nobody.longest_since(&nobody), None, "there is no such group");
    }
}
