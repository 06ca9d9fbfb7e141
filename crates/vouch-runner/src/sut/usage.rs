//! What process groups use of this machine, and what is left of it.

use std::collections::BTreeSet;
use std::time::Duration;

/// The memory that process groups use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// The groups that have a process.
    pub groups: u64,
    /// In bytes; what processes share counts once (PSS). Source: `proc_pid_smaps_rollup(5)`.
    pub bytes: u64,
}

impl MemoryUse {
    /// The memory of one group, in bytes, if there is one.
    pub fn of_each(&self) -> Option<u64> {
        self.bytes.checked_div(self.groups).filter(|bytes| *bytes > 0)
    }
}

/// The memory that the processes of these groups use now. Zero where the kernel does not say. It takes much longer than
/// [`cpu_time`], because the kernel walks through all pages of a process.
pub fn memory_use(groups: &BTreeSet<i32>) -> MemoryUse {
    let (mut bytes, mut found) = (0, BTreeSet::new());
    for (id, group) in processes(groups) {
        found.insert(group);
        bytes += memory(id).unwrap_or(0);
    }
    MemoryUse { groups: found.len() as u64, bytes }
}

/// The processor time of the running processes of these groups. Zero where the kernel does not say.
pub fn cpu_time(groups: &BTreeSet<i32>) -> Duration {
    processes(groups).filter_map(|(id, _)| cpu(id)).sum()
}

/// The ids of the processes of these groups, each with its group.
fn processes(groups: &BTreeSet<i32>) -> impl Iterator<Item = (i32, i32)> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    // SAFETY: a system call without pointers.
    ids.map(|id| (id, unsafe { libc::getpgid(id) })).filter(|(_, group)| groups.contains(group))
}

fn memory(id: i32) -> Option<u64> {
    kibibytes(&std::fs::read_to_string(format!("/proc/{id}/smaps_rollup")).ok()?, "Pss:")
}

/// The CPU time of a process: of all its threads and of its children, also of those that have ended. The kernel tells it in
/// ticks, of which a second has 100 on most machines.
fn cpu(id: i32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name of the program is in parentheses and may contain anything. `utime` is the twelfth field after it.
    let (_, fields) = text.rsplit_once(')')?;
    let times = fields.split_whitespace().skip(11).take(4).map(|field| field.parse::<u64>().ok());
    let ticks = times.sum::<Option<u64>>()?;
    // SAFETY: a system call without pointers.
    let per_second = u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).ok().filter(|ticks| *ticks > 0)?;
    Some(Duration::from_nanos(ticks.saturating_mul(1_000_000_000 / per_second)))
}

/// The memory that processes can still get, in bytes: of the machine, or of the control group that this process is in, if that
/// is less. None where the kernel does not say.
pub fn free_memory() -> Option<u64> {
    let machine = kibibytes(&std::fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let path = groups.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let folder = std::path::Path::new("/sys/fs/cgroup").join(path);
    let limits = folder.ancestors().take_while(|folder| folder.starts_with("/sys/fs/cgroup")).filter_map(left_in);
    Some(limits.fold(machine, u64::min))
}

/// What is left below the limit of a control group. Its files in the page cache make room.
fn left_in(folder: &std::path::Path) -> Option<u64> {
    let number = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    let cached = std::fs::read_to_string(folder.join("memory.stat")).ok();
    let cached = cached
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("inactive_file ")?.trim().parse::<u64>().ok()));
    let used = number("memory.current")?.saturating_sub(cached.unwrap_or(0));
    Some(number("memory.max")?.saturating_sub(used))
}

/// The number in a line such as `Pss:  123 kB`, in bytes.
fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_fills_its_memory_uses_it() {
        use std::os::unix::process::CommandExt as _;
        // `tail` keeps the one line of 24 MB that it reads.
        let mut child = std::process::Command::new("sh")
            .args(["-c", "head -c 24000000 /dev/zero | tail -n 1 | (sleep 30; cat > /dev/null)"])
            .process_group(0)
            .spawn()
            .expect("sh");
        let group = i32::try_from(child.id()).expect("an id");
        let groups = BTreeSet::from([group, i32::MAX]);
        let ended = std::time::Instant::now() + Duration::from_secs(20);
        let mut last = memory_use(&groups);
        while last.bytes < 20_000_000 && std::time::Instant::now() < ended {
            std::thread::sleep(Duration::from_millis(50));
            last = memory_use(&groups);
        }
        let cpu = cpu_time(&groups);
        // SAFETY: a system call without pointers; the group was made above.
        unsafe { libc::kill(-group, libc::SIGKILL) };
        let _ = child.wait();
        assert_eq!(last.groups, 1, "the other group does not exist");
        assert!((20_000_000..200_000_000).contains(&last.bytes), "{last:?}");
        assert_eq!(last.of_each(), Some(last.bytes));
        assert!(cpu > Duration::ZERO && cpu < Duration::from_secs(30), "{cpu:?}");
        let nobody = BTreeSet::from([i32::MAX]);
        assert_eq!((memory_use(&nobody), cpu_time(&nobody)), (MemoryUse::default(), Duration::ZERO));
    }

    #[test]
    fn the_time_of_ended_threads_and_children_counts() {
        let own = i32::try_from(std::process::id()).expect("an id");
        let before = cpu(own).expect("readable");
        let busy = || {
            let began = std::time::Instant::now();
            let mut sum = 0_u64;
            while began.elapsed() < Duration::from_millis(300) {
                sum = std::hint::black_box(sum.wrapping_add(1));
            }
        };
        std::thread::spawn(busy).join().expect("a thread");
        let with_thread = cpu(own).expect("readable").saturating_sub(before);
        let child =
            std::process::Command::new("sh").args(["-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"]).status();
        assert!(child.expect("sh").success());
        let with_child = cpu(own).expect("readable").saturating_sub(before);
        // A busy machine leaves the thread a part of its 300 ms.
        assert!(with_thread > Duration::from_millis(20), "{with_thread:?}");
        assert!(with_child > with_thread, "{with_child:?} {with_thread:?}");
    }

    #[test]
    fn some_memory_is_free_and_less_than_there_is() {
        let all = kibibytes(&std::fs::read_to_string("/proc/meminfo").expect("readable"), "MemTotal:").expect("a line");
        let free = free_memory().expect("a number");
        assert!(free > 0 && free < all, "{free} of {all}");
    }
}
