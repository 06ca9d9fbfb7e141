//! The seconds of a run, thinned out for a plot so that no peak is lost.

use crate::IntervalStats;

/// The most points that a plot has.
pub const MOST_POINTS: usize = 600;

/// One or several seconds of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Span {
    /// The middle, in seconds since the start of the clock.
    pub at: f64,
    /// Good answers a second: on average, and in the worst and the best second.
    pub good: f64,
    pub good_least: f64,
    pub good_most: f64,
    /// In the worst second.
    pub errors: f64,
    /// The average of the seconds' medians, weighed by good answers; none where nothing was answered.
    pub p50_ns: Option<f64>,
    /// The highest of the seconds.
    pub p99_ns: Option<f64>,
    pub max_ns: Option<f64>,
    pub lag_ns: f64,
}

/// How many seconds share a point.
pub fn seconds_a_point(rows: &[IntervalStats]) -> u64 {
    let seconds = rows.last().map_or(0, |row| row.second + 1);
    seconds.div_ceil(MOST_POINTS as u64).max(1)
}

/// Puts seconds together, so that there are at most [`MOST_POINTS`].
pub fn spans(rows: &[IntervalStats]) -> Vec<Span> {
    let each = seconds_a_point(rows);
    rows.chunk_by(|one, next| one.second / each == next.second / each).map(span).collect()
}

#[allow(clippy::cast_precision_loss, reason = "counts and nanoseconds far below 2^53")]
fn span(rows: &[IntervalStats]) -> Span {
    let most = |of: fn(&IntervalStats) -> u64| rows.iter().map(of).max().unwrap_or(0) as f64;
    let answered = |value: f64| (value > 0.0).then_some(value);
    let (first, last) = (rows.first().map_or(0, |row| row.second), rows.last().map_or(0, |row| row.second));
    let (mut weighed, mut weights) = (0.0, 0.0);
    for row in rows.iter().filter(|row| row.p50_ns > 0) {
        let weight = row.good.max(1) as f64;
        weighed += row.p50_ns as f64 * weight;
        weights += weight;
    }
    Span {
        at: (first + last + 1) as f64 / 2.0,
        good: rows.iter().map(|row| row.good).sum::<u64>() as f64 / rows.len().max(1) as f64,
        good_least: rows.iter().map(|row| row.good).min().unwrap_or(0) as f64,
        good_most: most(|row| row.good),
        errors: most(|row| row.errors),
        p50_ns: (weights > 0.0).then(|| weighed / weights),
        p99_ns: answered(most(|row| row.p99_ns)),
        max_ns: answered(most(|row| row.max_ns)),
        lag_ns: most(|row| row.lag_ns),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(second: u64) -> IntervalStats {
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
        let mut rows: Vec<IntervalStats> = (0..10_800).map(row).collect();
        rows[7_777] =
            IntervalStats { good: 1, errors: 99, p99_ns: 8_000_000, max_ns: 9_000_000, lag_ns: 5, ..row(7_777) };
        let spans = spans(&rows);
        assert_eq!((seconds_a_point(&rows), spans.len()), (18, 600));
        let worst = &spans[7_777 / 18];
        assert_eq!((worst.good_least, worst.good_most, worst.errors), (1.0, 100.0, 99.0));
        assert_eq!((worst.p99_ns, worst.max_ns, worst.lag_ns), (Some(8e6), Some(9e6), 5.0));
        assert!((worst.good - 1701.0 / 18.0).abs() < 1e-9 && (worst.at - 7785.0).abs() < 1e-9, "{worst:?}");
    }

    #[test]
    fn short_runs_keep_their_seconds() {
        assert_eq!(spans(&[]), []);
        assert_eq!(spans(&(0..600).map(row).collect::<Vec<_>>()).len(), 600);
        assert_eq!(spans(&(0..601).map(row).collect::<Vec<_>>()).len(), 301);
        let silent = spans(&[IntervalStats::default()]);
        assert_eq!((silent.len(), silent[0].p50_ns, silent[0].max_ns), (1, None, None));
    }
}
