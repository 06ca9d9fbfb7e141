//! What the load uses, measured beside it: with many processes of the SDK that takes a while.

use super::sdk_process::SdkProcesses;
use futures_util::FutureExt;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// The time between two readings of the CPU time.
const EVERY: Duration = Duration::from_secs(1);
/// A measurement takes at most one in this many parts of the time. It is done less often where it takes long.
const MAX_PART: u32 = 20;

/// A reading of the CPU time that was used so far.
struct Reading {
    at: Instant,
    used: Duration,
}

impl Reading {
    fn of(measure: &(impl Fn() -> Duration + ?Sized)) -> Self {
        let used = measure();
        Self { at: Instant::now(), used }
    }
}

/// Measures on a thread of its own, so that neither the load nor its clock waits for it.
pub(super) struct Meter<T> {
    measure: Arc<dyn Fn() -> T + Send + Sync>,
    /// The time between two measurements.
    every: Duration,
    running: Option<(Instant, JoinHandle<T>)>,
    next: Instant,
}

impl<T: Send + 'static> Meter<T> {
    /// The first measurement is due after `first`.
    pub fn new(first: Duration, every: Duration, measure: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self { measure: Arc::new(measure), every, running: None, next: Instant::now() + first }
    }

    /// Starts a measurement when it is due. Returns one that has finished.
    pub fn tick(&mut self) -> Option<T> {
        let mut measured = None;
        if let Some((started, running)) = &mut self.running {
            let started = *started;
            measured = running.now_or_never()?.ok();
            self.running = None;
            self.next = started + self.every.max(started.elapsed() * MAX_PART);
        }
        if Instant::now() >= self.next {
            self.measure_now();
        }
        measured
    }

    /// Starts a measurement, unless one is in progress.
    pub fn measure_now(&mut self) {
        if self.running.is_none() {
            let measure = self.measure.clone();
            self.running = Some((Instant::now(), tokio::task::spawn_blocking(move || measure())));
        }
    }

    /// Waits for the measurement that is in progress.
    pub async fn finish(self) {
        if let Some((_, running)) = self.running {
            let _ = running.await;
        }
    }
}

/// The CPU time that a load uses.
pub(super) struct CpuMeter {
    meter: Meter<Reading>,
    last: Reading,
    /// The CPU time of one second, in nanoseconds, on average between the last two readings.
    ns_per_second: u64,
}

impl CpuMeter {
    /// `measure` returns the CPU time that was used so far.
    pub fn new(measure: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let last = Reading::of(&measure);
        // A reading in the middle of each second is there when the second ends.
        let meter = Meter::new(EVERY / 2, EVERY, move || Reading::of(&measure));
        Self { meter, last, ns_per_second: 0 }
    }

    /// That of this process, and of the processes of the SDK, if there are any.
    pub fn of(processes: Option<Arc<SdkProcesses>>) -> Self {
        Self::new(move || cpu_time(processes.as_deref()))
    }

    /// Takes a finished measurement, and starts one when it is due.
    pub fn tick(&mut self) {
        let Some(reading) = self.meter.tick() else { return };
        let elapsed = reading.at.saturating_duration_since(self.last.at).as_nanos().max(1);
        let used = reading.used.saturating_sub(self.last.used).as_nanos();
        self.ns_per_second = u64::try_from(used * 1_000_000_000 / elapsed).unwrap_or(u64::MAX);
        self.last = reading;
    }

    /// Starts a measurement, unless one is in progress.
    pub fn measure_now(&mut self) {
        self.meter.measure_now();
    }

    /// The CPU time of one second, in nanoseconds: of all hardware threads together.
    pub fn ns_per_second(&self) -> u64 {
        self.ns_per_second
    }
}

/// The number of hardware threads.
pub(super) fn threads() -> u64 {
    std::thread::available_parallelism().map_or(1, |threads| threads.get() as u64)
}

/// The CPU time of this process, and of the SDK's processes: those that run, and all children that have ended.
fn cpu_time(processes: Option<&SdkProcesses>) -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(spent.tv_sec).unwrap_or(0), u32::try_from(spent.tv_nsec).unwrap_or(0));
    let own = Duration::new(seconds, nanoseconds);
    processes.map_or(own, |processes| own + processes.cpu_time() + cpu_time_of_ended_children())
}

fn cpu_time_of_ended_children() -> Duration {
    let mut used = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the system call fills in the structure; one that is all zero is valid too.
    let used = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, used.as_mut_ptr());
        used.assume_init()
    };
    let time = |time: libc::timeval| {
        let (seconds, micros) = (u64::try_from(time.tv_sec).unwrap_or(0), u64::try_from(time.tv_usec).unwrap_or(0));
        Duration::from_secs(seconds) + Duration::from_micros(micros)
    };
    time(used.ru_utime) + time(used.ru_stime)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Ticks for a while. Returns how long the longest tick took.
    async fn tick_for(meter: &mut CpuMeter, time: Duration) -> Duration {
        let (began, mut longest) = (Instant::now(), Duration::ZERO);
        while began.elapsed() < time {
            let tick = Instant::now();
            meter.tick();
            longest = longest.max(tick.elapsed());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        longest
    }

    #[tokio::test]
    async fn a_slow_measurement_does_not_hold_the_load_up_and_its_share_is_of_the_time_that_passed() {
        let (began, count) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let counted = count.clone();
        // Half a processor is used all the time, and each reading takes 300 ms.
        let mut meter = CpuMeter::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(300));
            began.elapsed() / 2
        });
        let longest = tick_for(&mut meter, Duration::from_secs(2)).await;
        assert!(longest < Duration::from_millis(300), "{longest:?}");
        assert!((450_000_000..550_000_000).contains(&meter.ns_per_second()), "{}", meter.ns_per_second());
        // The first one was at the start; the next ones are due after twenty times 300 ms.
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_fast_measurement_is_made_each_second_and_on_request() {
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        let measured = || count.load(Ordering::Relaxed);
        let mut meter = CpuMeter::new(move || Duration::from_millis(counted.fetch_add(1, Ordering::Relaxed)));
        tick_for(&mut meter, Duration::from_millis(1_900)).await;
        // At once, after 0.5 s and after 1.5 s; a busy machine may be late.
        let before = measured();
        assert!((2..=3).contains(&before), "{before}");
        meter.measure_now();
        tick_for(&mut meter, Duration::from_millis(200)).await;
        assert_eq!(measured(), before + 1);
    }
}
