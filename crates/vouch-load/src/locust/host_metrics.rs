//! CPU and memory usage of this process, and the host name.

use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

/// Measures CPU usage between two calls.
pub struct CpuMeter {
    measured_at: Instant,
    cpu_s: f64,
    /// The number of sending threads.
    threads: f64,
}

impl CpuMeter {
    /// `threads`: the number of sending threads; 100 per cent means that all are busy.
    pub fn new(threads: u32) -> Self {
        Self { measured_at: Instant::now(), cpu_s: cpu_seconds(), threads: f64::from(threads.max(1)) }
    }

    /// The CPU usage of the sending threads since the last call, in per cent. Locust warns above 90.
    pub fn cpu_percent(&mut self) -> f64 {
        let (now, cpu_s) = (Instant::now(), cpu_seconds());
        let elapsed = now.duration_since(self.measured_at).as_secs_f64().max(1e-3);
        let percent = (cpu_s - self.cpu_s) / elapsed / self.threads * 100.0;
        (self.measured_at, self.cpu_s) = (now, cpu_s);
        (percent * 10.0).round() / 10.0
    }
}

#[allow(clippy::cast_precision_loss, reason = "seconds and nanoseconds of one process")]
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The resident memory of this process, in bytes; 0 where it is not known.
pub fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    // SAFETY: a plain system call.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096);
    pages.unwrap_or(0) * page
}

/// The host name, which is the prefix of Locust's worker ids.
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
    fn cpu_memory_and_host_name_are_plausible() {
        let mut meter = CpuMeter::new(1);
        let began = Instant::now();
        while began.elapsed().as_millis() < 50 {}
        assert!(meter.cpu_percent() > 10.0, "busy");
        assert!(memory_bytes() > 100_000 || !cfg!(target_os = "linux"));
        assert!(!host_name().is_empty());
    }
}
