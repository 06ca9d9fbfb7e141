//! What this process uses of its machine, and what the machine is called.

use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// Measures CPU time from one look to the next.
pub struct Meter {
    looked: Instant,
    cpu_s: f64,
    /// Threads that send.
    threads: f64,
}

impl Meter {
    /// `threads`: how many send; 100 per cent is all of them busy.
    pub fn new(threads: u32) -> Self {
        Self { looked: Instant::now(), cpu_s: cpu_seconds(), threads: f64::from(threads.max(1)) }
    }

    /// Per cent of the sending threads' time since the last look. Locust warns above 90.
    pub fn cpu_percent(&mut self) -> f64 {
        let (now, cpu_s) = (Instant::now(), cpu_seconds());
        let passed = now.duration_since(self.looked).as_secs_f64().max(1e-3);
        let percent = (cpu_s - self.cpu_s) / passed / self.threads * 100.0;
        (self.looked, self.cpu_s) = (now, cpu_s);
        (percent * 10.0).round() / 10.0
    }
}

#[allow(clippy::cast_precision_loss, reason = "seconds and nanoseconds of one process")]
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Memory that this process holds, in bytes; 0 where that is not known.
pub fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    // SAFETY: a plain system call.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    pages.unwrap_or(0) * page
}

/// The name of this machine, as Locust's worker ids begin.
pub fn host_name() -> String {
    let mut name = [0_u8; 256];
    // SAFETY: the buffer is this function's own, and its last byte stays zero.
    let done = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    let text: String = name.iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect();
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let text: String = text.chars().filter(|c| fits(*c)).take(60).collect();
    if done == 0 && !text.is_empty() { text } else { "vouch".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_plausible() {
        let mut meter = Meter::new(1);
        let began = Instant::now();
        while began.elapsed().as_millis() < 50 {}
        assert!(meter.cpu_percent() > 10.0, "busy");
        assert!(memory() > 100_000 || !cfg!(target_os = "linux"));
        assert!(!host_name().is_empty());
    }
}
