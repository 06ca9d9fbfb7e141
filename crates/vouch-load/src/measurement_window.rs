//! When arrivals are measured, and how many good answers a second came then.
//!
//! A server that falls behind answers everything in the end. Those late answers are good, but they are no throughput: so
//! the rate of a load that was not kept up with counts what came within it.

use super::latencies::{Latencies, latencies, record};
use std::ops::Range;

/// The measured time: from the end of the warm-up to the end of the load, in nanoseconds since the start of the clock.
pub type Window = Range<u64>;

/// Good answers by when they came.
#[derive(Clone)]
pub struct Came {
    /// How many came within the window, those to arrivals of the warm-up too.
    within: u64,
    /// When the first of them did.
    first: u64,
    /// How long after the window's end the others came.
    late: Latencies,
}

/// Answers this long after the end are late, if what the server needs at least is over too.
const GRACE_NS: u64 = 100_000_000;
/// But in short loads it is this part of the window.
const GRACE_PART: u64 = 100;
/// One in so many may be late for other reasons than that the server fell behind.
const STRAGGLERS: u64 = 1000;

impl Default for Came {
    fn default() -> Self {
        Self { within: 0, first: u64::MAX, late: latencies(2) }
    }
}

impl Came {
    /// Notes a good answer at `now`; `measured`: its arrival was due within the window.
    pub fn note(&mut self, window: &Window, measured: bool, now: u64) {
        if window.contains(&now) {
            self.within += 1;
            self.first = self.first.min(now);
        } else if measured {
            record(&mut self.late, now.saturating_sub(window.end));
        }
    }

    pub fn merge(&mut self, other: &Came) {
        self.within += other.within;
        self.first = self.first.min(other.first);
        // Both have the same bounds, so the addition cannot fail.
        let _ = self.late.add(&other.late);
    }

    /// How many came within the window.
    pub fn within(&self) -> u64 {
        self.within
    }

    /// How many of `good` answers came late because the server fell behind; `least` is the shortest latency in nanoseconds.
    pub fn behind(&self, good: u64, least: u64, window: &Window) -> u64 {
        let grace = GRACE_NS.min((window.end - window.start) / GRACE_PART);
        let late = self.late.len() - self.late.count_between(0, least.saturating_add(grace));
        if late.saturating_mul(STRAGGLERS) > good { late } else { 0 }
    }

    /// Good answers a second in the time in which there could be any.
    #[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
    pub fn rate(&self, window: &Window) -> f64 {
        let from = window.start.max(self.first);
        if from >= window.end { 0.0 } else { self.within as f64 * 1e9 / (window.end - from) as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// A server of so many answers a second and this latency, under a hundred arrivals a second for ten seconds, of which
    /// the first `warm_up` are not measured. The answers, and how many were good.
    fn served(capacity: u64, latency: u64, warm_up: u64) -> (Came, u64, Window) {
        let window = warm_up * 1000 * MS..10_000 * MS;
        let (mut came, mut good, mut free) = (Came::default(), 0, 0);
        for arrival in 0..1000 {
            let due = arrival * 10 * MS;
            free = due.max(free + 1_000_000_000 / capacity);
            let measured = due >= window.start;
            good += u64::from(measured);
            came.note(&window, measured, free + latency);
        }
        (came, good, window)
    }

    #[test]
    fn what_is_kept_up_with_is_not_late_however_slow() {
        for latency in [1, 90, 400, 3000] {
            let (came, good, window) = served(1000, latency * MS, 0);
            assert_eq!(came.behind(good, latency * MS, &window), 0, "{latency}");
        }
        // One answer that takes far longer is a matter of latency, not of the rate.
        let (mut came, good, window) = served(1000, MS, 0);
        came.note(&window, true, 14_000 * MS);
        assert_eq!(came.behind(good, MS, &window), 0);
        came.note(&window, true, 14_000 * MS);
        assert_eq!(came.behind(good, MS, &window), 2);
    }

    #[test]
    fn a_server_that_falls_behind_is_told_with_its_own_rate() {
        for (capacity, warm_up) in [(50, 0), (90, 0), (90, 3), (95, 5)] {
            for latency in [1, 300] {
                let (came, good, window) = served(capacity, latency * MS, warm_up);
                assert!(came.behind(good, latency * MS, &window) > 0, "{capacity}");
                let (rate, true_rate) = (came.rate(&window), f64::from(u32::try_from(capacity).expect("small")));
                assert!((rate / true_rate - 1.0).abs() < 0.01, "{rate} of {capacity}, {latency} ms, {warm_up} s");
            }
        }
    }

    #[test]
    fn nothing_is_no_rate_and_workers_add_up() {
        assert!(Came::default().rate(&(0..MS)).abs() < 1e-9);
        let (mut both, good, window) = served(50, MS, 0);
        both.merge(&both.clone());
        assert!((both.rate(&window) - 100.0).abs() < 1.0);
        assert_eq!(both.behind(2 * good, MS, &window), 2 * served(50, MS, 0).0.behind(good, MS, &window));
    }
}
