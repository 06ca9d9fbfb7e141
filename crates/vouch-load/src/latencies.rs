//! Latency histograms.

use hdrhistogram::Histogram;

/// A histogram of latencies in nanoseconds.
pub type Latencies = Histogram<u64>;

/// The upper bound of the histogram, in nanoseconds; longer latencies are recorded as this value.
pub(super) const MAX_LATENCY_NS: u64 = 600_000_000_000;

/// An empty histogram for latencies from one microsecond on, with this number of significant digits.
pub fn latencies(digits: u8) -> Latencies {
    let histogram = Histogram::new_with_bounds(1_000, MAX_LATENCY_NS, digits);
    // The bounds are valid constants; an auto-resizing histogram is an equivalent fallback.
    histogram.or_else(|_| Histogram::new(3)).unwrap_or_else(|_| unreachable!("three digits are allowed"))
}

/// Records a latency; values above the bound saturate.
pub fn record(histogram: &mut Latencies, nanoseconds: u64) {
    histogram.saturating_record(nanoseconds.max(1));
}
