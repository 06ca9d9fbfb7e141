//! The measurement window, and the rate of good responses within it.
//!
//! An overloaded server responds to everything in the end. Late responses are good, but they are not throughput: the rate of a
//! load that the server did not keep up with counts only the responses within the window.

use super::latencies::{Latencies, latencies, record};
use crate::record::histogram;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The measured time from the end of the warm-up to the end of the load, in nanoseconds since the start of the run.
pub type MeasurementWindow = Range<u64>;

/// Counts good responses by arrival time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Completions {
    /// The number within the window, including those to arrivals of the warm-up.
    within: u64,
    /// The time of the first of them.
    first: u64,
    /// The delays after the end of the window of the others.
    #[serde(with = "histogram")]
    #[schemars(with = "histogram::Histogram")]
    late: Latencies,
    /// Responses to calls that failed and were made again after the end of the window, as `Retry-After` or a backoff asked. They
    /// are good, but no throughput of the window, and do not mean that the server fell behind.
    #[serde(default)]
    late_retries: u64,
}

/// A response is late if it arrives more than this plus the shortest latency after the end, in nanoseconds.
const MAX_GRACE_NS: u64 = 100_000_000;
/// In short loads the grace period is this fraction of the window.
const GRACE_DIVISOR: u64 = 100;
/// One in this many responses may be late without the server having fallen behind.
const STRAGGLER_DIVISOR: u64 = 1000;

impl Default for Completions {
    fn default() -> Self {
        Self { within: 0, first: u64::MAX, late: latencies(2), late_retries: 0 }
    }
}

impl Completions {
    /// Records a good response at `now`. `measured`: its arrival was due within the window.
    pub fn record(&mut self, window: &MeasurementWindow, measured: bool, now: u64) {
        if window.contains(&now) {
            self.within += 1;
            self.first = self.first.min(now);
        } else if measured {
            record(&mut self.late, now.saturating_sub(window.end));
        }
    }

    /// Records a good response to a call that was made again after the end of the window.
    pub fn record_late_retry(&mut self) {
        self.late_retries += 1;
    }

    /// The number of good responses to calls that were made again after the end of the window.
    pub fn late_retries(&self) -> u64 {
        self.late_retries
    }

    pub fn merge(&mut self, other: &Completions) {
        self.within += other.within;
        self.late_retries += other.late_retries;
        self.first = self.first.min(other.first);
        // Both have the same bounds, so the addition cannot fail.
        let _ = self.late.add(&other.late);
    }

    /// The number within the window.
    pub fn within(&self) -> u64 {
        self.within
    }

    /// The number of the `good` responses that were late because the server fell behind; 0 if it kept up. `least` is the shortest
    /// latency in nanoseconds.
    pub fn late_count(&self, good: u64, least: u64, window: &MeasurementWindow) -> u64 {
        let grace = MAX_GRACE_NS.min((window.end - window.start) / GRACE_DIVISOR);
        let late = self.late.len() - self.late.count_between(0, least.saturating_add(grace));
        if late.saturating_mul(STRAGGLER_DIVISOR) > good { late } else { 0 }
    }

    /// Good responses per second, from the first response within the window on. A server that stalls at the start is measured
    /// from the time at which it could have responded: `least`, the shortest latency in nanoseconds, after the start.
    #[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
    pub fn rate(&self, least: u64, window: &MeasurementWindow) -> f64 {
        let from = window.start.max(self.first).min(window.start.saturating_add(least));
        if from >= window.end { 0.0 } else { self.within as f64 * 1e9 / (window.end - from) as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Simulates a server with a capacity (responses per second) and a latency under 100 arrivals per second for ten seconds, of
    /// which the first `warm_up` are not measured. Returns the completions and the number of good responses.
    fn served(capacity: u64, latency: u64, warm_up: u64) -> (Completions, u64, MeasurementWindow) {
        let window = warm_up * 1000 * MS..10_000 * MS;
        let (mut completions, mut good, mut free) = (Completions::default(), 0, 0);
        for arrival in 0..1000 {
            let due = arrival * 10 * MS;
            free = due.max(free + 1_000_000_000 / capacity);
            let measured = due >= window.start;
            good += u64::from(measured);
            completions.record(&window, measured, free + latency);
        }
        (completions, good, window)
    }

    #[test]
    fn responses_of_a_slow_server_that_keeps_up_are_not_late() {
        for latency in [1, 90, 400, 3000] {
            let (completions, good, window) = served(1000, latency * MS, 0);
            assert_eq!(completions.late_count(good, latency * MS, &window), 0, "{latency}");
        }
        // A single slow response affects latency, not the rate.
        let (mut completions, good, window) = served(1000, MS, 0);
        completions.record(&window, true, 14_000 * MS);
        assert_eq!(completions.late_count(good, MS, &window), 0);
        completions.record(&window, true, 14_000 * MS);
        assert_eq!(completions.late_count(good, MS, &window), 2);
    }

    #[test]
    fn the_rate_of_an_overloaded_server_is_its_capacity() {
        for (capacity, warm_up) in [(50, 0), (90, 0), (90, 3), (95, 5)] {
            for latency in [1, 300] {
                let (completions, good, window) = served(capacity, latency * MS, warm_up);
                assert!(completions.late_count(good, latency * MS, &window) > 0, "{capacity}");
                let (rate, true_rate) =
                    (completions.rate(latency * MS, &window), f64::from(u32::try_from(capacity).expect("small")));
                assert!((rate / true_rate - 1.0).abs() < 0.01, "{rate} of {capacity}, {latency} ms, {warm_up} s");
            }
        }
    }

    #[test]
    fn a_stall_at_the_start_is_no_throughput() {
        let (mut completions, window) = (Completions::default(), 0..5000 * MS);
        // 100 arrivals a second; those of the first 2.7 s are answered at its end.
        (0..500).for_each(|arrival: u64| completions.record(&window, true, (arrival * 10).max(2700) * MS + MS));
        assert!((completions.rate(MS, &window) - 100.0).abs() < 1.0, "{}", completions.rate(MS, &window));
    }

    #[test]
    fn rates_of_workers_add_up_and_no_response_is_a_rate_of_zero() {
        assert!(Completions::default().rate(0, &(0..MS)).abs() < 1e-9);
        let (mut both, good, window) = served(50, MS, 0);
        both.merge(&both.clone());
        assert!((both.rate(MS, &window) - 100.0).abs() < 1.0);
        assert_eq!(both.late_count(2 * good, MS, &window), 2 * served(50, MS, 0).0.late_count(good, MS, &window));
    }
}
