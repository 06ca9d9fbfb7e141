//! Combines the seconds of a run into points for a plot, and keeps the peaks.

use crate::IntervalStats;

/// The maximum number of points of a plot.
pub const MAX_POINTS: usize = 600;

/// One or several seconds of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimelinePoint {
    /// The middle, in seconds since the start of the run.
    pub at: f64,
    /// Good responses per second: the average, and the values of the worst and the best second.
    pub good: f64,
    pub good_least: f64,
    pub good_most: f64,
    /// Errors of the worst second.
    pub errors: f64,
    /// The average of the medians of the seconds, weighted by good responses; `None` without good responses.
    pub p50_ns: Option<f64>,
    /// The highest value of the seconds.
    pub p99_ns: Option<f64>,
    pub max_ns: Option<f64>,
    pub lag_ns: f64,
    /// The CPU time of the busiest thread of the generator, in a second.
    pub cpu_ns: f64,
}

/// The number of seconds per point.
pub fn seconds_per_point(intervals: &[IntervalStats]) -> u64 {
    let seconds = intervals.last().map_or(0, |interval| interval.second + 1);
    seconds.div_ceil(MAX_POINTS as u64).max(1)
}

/// Combines seconds, so that there are at most [`MAX_POINTS`] points.
pub fn timeline_points(intervals: &[IntervalStats]) -> Vec<TimelinePoint> {
    let each = seconds_per_point(intervals);
    intervals.chunk_by(|one, next| one.second / each == next.second / each).map(timeline_point).collect()
}

#[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
fn timeline_point(intervals: &[IntervalStats]) -> TimelinePoint {
    let max = |of: fn(&IntervalStats) -> u64| intervals.iter().map(of).max().unwrap_or(0) as f64;
    let non_zero = |value: f64| (value > 0.0).then_some(value);
    let (first, last) = (
        intervals.first().map_or(0, |interval| interval.second),
        intervals.last().map_or(0, |interval| interval.second),
    );
    let (mut weighted, mut weights) = (0.0, 0.0);
    for interval in intervals.iter().filter(|interval| interval.p50_ns > 0) {
        let weight = interval.good.max(1) as f64;
        weighted += interval.p50_ns as f64 * weight;
        weights += weight;
    }
    TimelinePoint {
        at: (first + last + 1) as f64 / 2.0,
        good: intervals.iter().map(|interval| interval.good).sum::<u64>() as f64 / intervals.len().max(1) as f64,
        good_least: intervals.iter().map(|interval| interval.good).min().unwrap_or(0) as f64,
        good_most: max(|interval| interval.good),
        errors: max(|interval| interval.errors),
        p50_ns: (weights > 0.0).then(|| weighted / weights),
        p99_ns: non_zero(max(|interval| interval.p99_ns)),
        max_ns: non_zero(max(|interval| interval.max_ns)),
        lag_ns: max(|interval| interval.lag_ns),
        cpu_ns: max(|interval| interval.cpu_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(second: u64) -> IntervalStats {
        IntervalStats {
            second,
            good: 100,
            p50_ns: 1_000_000,
            p99_ns: 2_000_000,
            max_ns: 3_000_000,
            ..IntervalStats::default()
        }
    }

    #[test]
    fn three_hours_become_600_points_that_keep_every_peak() {
        let mut intervals: Vec<IntervalStats> = (0..10_800).map(interval).collect();
        intervals[7_777] =
            IntervalStats { good: 1, errors: 99, p99_ns: 8_000_000, max_ns: 9_000_000, lag_ns: 5, ..interval(7_777) };
        let timeline_points = timeline_points(&intervals);
        assert_eq!((seconds_per_point(&intervals), timeline_points.len()), (18, 600));
        let worst = &timeline_points[7_777 / 18];
        assert_eq!((worst.good_least, worst.good_most, worst.errors), (1.0, 100.0, 99.0));
        assert_eq!((worst.p99_ns, worst.max_ns, worst.lag_ns), (Some(8e6), Some(9e6), 5.0));
        assert!((worst.good - 1701.0 / 18.0).abs() < 1e-9 && (worst.at - 7785.0).abs() < 1e-9, "{worst:?}");
    }

    #[test]
    fn short_runs_keep_their_seconds() {
        assert_eq!(timeline_points(&[]), []);
        assert_eq!(timeline_points(&(0..600).map(interval).collect::<Vec<_>>()).len(), 600);
        assert_eq!(timeline_points(&(0..601).map(interval).collect::<Vec<_>>()).len(), 301);
        let silent = timeline_points(&[IntervalStats::default()]);
        assert_eq!((silent.len(), silent[0].p50_ns, silent[0].max_ns), (1, None, None));
    }
}
