//! Histograms of latencies.

use hdrhistogram::Histogram;

/// Latencies in nanoseconds, three digits that count.
pub type Latencies = Histogram<u64>;

/// The longest latency that is told apart, in nanoseconds: longer ones count as this long.
pub(super) const LONGEST_NS: u64 = 600_000_000_000;

/// An empty histogram for latencies from one microsecond on.
pub fn latencies(digits: u8) -> Latencies {
    let made = Histogram::new_with_bounds(1_000, LONGEST_NS, digits);
    // The bounds are constants that the crate takes; a histogram that grows by itself is as good.
    made.or_else(|_| Histogram::new(3)).unwrap_or_else(|_| unreachable!("three digits are allowed"))
}

/// Notes a latency, however long.
pub fn record(histogram: &mut Latencies, nanoseconds: u64) {
    histogram.saturating_record(nanoseconds.max(1));
}
