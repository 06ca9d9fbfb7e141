//! How late this machine runs what is due: the delay of the harness's own threads and tasks, and the time that the processes
//! under test waited for a processor. A failure on a starved machine says nothing about the build.

use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often the delay is measured.
const INTERVAL: Duration = Duration::from_millis(25);
/// Shorter delays are not kept.
const MIN_RECORDED: Duration = Duration::from_millis(50);
/// The number of kept delays. The oldest are dropped.
const MAX_RECORDED: usize = 100_000;

/// Measures the delay from its creation until it is dropped.
pub(super) struct DelayMeter(Arc<Measured>);

#[derive(Default)]
struct Measured {
    /// When each delay ended, and how long it was.
    delays: Mutex<Vec<(Instant, Duration)>>,
}

impl Measured {
    fn record(&self, due: Instant) {
        let now = Instant::now();
        let delay = now.saturating_duration_since(due);
        if delay >= MIN_RECORDED {
            let mut delays = self.delays.lock();
            if delays.len() == MAX_RECORDED {
                delays.drain(..MAX_RECORDED / 2);
            }
            delays.push((now, delay));
        }
    }
}

impl DelayMeter {
    /// Starts to measure: a thread for what the operating system owes, a task for what the harness owes itself.
    pub fn start() -> Self {
        let measured = Arc::new(Measured::default());
        let of_thread = Arc::downgrade(&measured);
        let thread = std::thread::Builder::new().name("delay-meter".into()).spawn(move || {
            loop {
                let due = Instant::now() + INTERVAL;
                std::thread::sleep(INTERVAL);
                let Some(measured) = of_thread.upgrade() else { return };
                measured.record(due);
            }
        });
        // Without the thread, the task still measures.
        drop(thread);
        let of_task = Arc::downgrade(&measured);
        tokio::spawn(async move {
            loop {
                let due = Instant::now() + INTERVAL;
                tokio::time::sleep(INTERVAL).await;
                let Some(measured) = of_task.upgrade() else { return };
                measured.record(due);
            }
        });
        Self(measured)
    }

    /// The longest delay that fell into the time since `start`; zero if none was longer than 50 ms.
    pub fn since(&self, start: Instant) -> Duration {
        let delays = self.0.delays.lock();
        let within = delays.iter().rev().take_while(|(ended, _)| *ended >= start);
        within.map(|(_, delay)| *delay).max().unwrap_or_default()
    }

    /// The longest delay of all.
    pub fn longest(&self) -> Duration {
        self.0.delays.lock().iter().map(|(_, delay)| *delay).max().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_blocked_harness_is_measured_and_a_quiet_one_is_not() {
        let meter = DelayMeter::start();
        tokio::time::sleep(INTERVAL * 2).await;
        let start = Instant::now();
        // Blocks the only thread of the runtime.
        std::thread::sleep(Duration::from_millis(400));
        tokio::time::sleep(INTERVAL * 2).await;
        assert!(meter.since(start) >= Duration::from_millis(300), "{:?}", meter.since(start));
        assert!(meter.longest() >= meter.since(start));
        assert_eq!(meter.since(Instant::now() + Duration::from_secs(1)), Duration::ZERO);
    }
}
