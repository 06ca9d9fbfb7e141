//! Decides whether one build is slower than another.
//!
//! Both builds are measured in short interleaved rounds, so that disturbances of the machine affect both. Each pair of rounds
//! gives a ratio. Under the null hypothesis the sign of each log ratio is random: the p-value of the sign-flip test is the share
//! of all sign combinations whose mean is at least as high.

/// The results of one round. Latencies in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RoundSample {
    pub p50: f64,
    pub mean: f64,
    pub p99: f64,
    /// Good responses per second.
    pub rate: f64,
    /// The CPU time of the system under test for a good response, in nanoseconds; `None` if it is not known.
    pub cpu_per_response: Option<f64>,
}

/// A metric that is compared. A ratio above one means slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComparedMetric {
    P50,
    Mean,
    P99,
    /// The time per response: the inverse of the rate.
    Rate,
    /// The CPU time of the system under test for a good response.
    CpuTime,
}

impl ComparedMetric {
    pub fn name(self) -> &'static str {
        match self {
            ComparedMetric::P50 => "p50",
            ComparedMetric::Mean => "mean",
            ComparedMetric::P99 => "p99",
            ComparedMetric::Rate => "rate",
            ComparedMetric::CpuTime => "cpu",
        }
    }

    fn of(self, sample: &RoundSample) -> f64 {
        match self {
            ComparedMetric::P50 => sample.p50,
            ComparedMetric::Mean => sample.mean,
            ComparedMetric::P99 => sample.p99,
            ComparedMetric::Rate => 1.0 / sample.rate,
            ComparedMetric::CpuTime => sample.cpu_per_response.unwrap_or(f64::NAN),
        }
    }
}

/// The comparison of one metric over all pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricComparison {
    pub measure: ComparedMetric,
    /// The geometric mean of the ratios of new build to baseline: 1.1 means ten per cent slower.
    pub ratio: f64,
    /// The probability of such a ratio or a higher one if both builds are equally fast.
    pub p_value: f64,
    pub regressed: bool,
}

/// The significance level over all metrics of one comparison.
pub const SIGNIFICANCE: f64 = 0.01;
/// Smaller ratios are not reported as regressions, however significant.
pub const MIN_RATIO: f64 = 1.03;
/// With fewer pairs no ratio is significant.
pub const MIN_PAIRS: usize = 10;
/// With more pairs the sign combinations are sampled instead of enumerated.
const MAX_EXACT_PAIRS: usize = 16;

/// Compares pairs of rounds, each with the baseline first.
pub fn compare(pairs: &[(RoundSample, RoundSample)], measures: &[ComparedMetric]) -> Vec<MetricComparison> {
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let significance = SIGNIFICANCE / measures.len().max(1) as f64;
    let one = |measure: &ComparedMetric| {
        let ratios = pairs.iter().map(|(old, new)| (measure.of(new) / measure.of(old)).ln());
        let logs: Vec<f64> = ratios.filter(|log| log.is_finite()).collect();
        let (mean, p_value) = (mean(&logs), p_value(&logs));
        let ratio = mean.exp();
        let regressed = logs.len() >= MIN_PAIRS && p_value < significance && ratio >= MIN_RATIO;
        MetricComparison { measure: *measure, ratio, p_value, regressed }
    };
    measures.iter().map(one).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a handful")]
fn mean(logs: &[f64]) -> f64 {
    if logs.is_empty() { 0.0 } else { logs.iter().sum::<f64>() / logs.len() as f64 }
}

/// The share of all sign combinations whose sum is at least as high as the observed sum.
fn p_value(logs: &[f64]) -> f64 {
    let sum: f64 = logs.iter().sum();
    let enough = sum - 1e-12 * sum.abs();
    let pairs = logs.len().min(63);
    let flipped_sum = |flips: u64| -> f64 {
        logs.iter().enumerate().map(|(at, log)| if flips >> (at % 64) & 1 == 1 { -log } else { *log }).sum()
    };
    #[allow(clippy::cast_precision_loss, reason = "for a share")]
    if pairs <= MAX_EXACT_PAIRS {
        let all = 1_u64 << pairs;
        (0..all).filter(|flips| flipped_sum(*flips) >= enough).count() as f64 / all as f64
    } else {
        // A fixed pseudo-random sequence, so that the result is reproducible.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        const SAMPLES: u32 = 50_000;
        let high = (0..SAMPLES).filter(|_| flipped_sum(next()) >= enough).count();
        (high + 1) as f64 / f64::from(SAMPLES + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    /// Rounds whose results vary by `noise`; the new build takes `slower` times as long.
    fn pairs(count: usize, noise: f64, slower: f64, seed: u64) -> Vec<(RoundSample, RoundSample)> {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut sample = |factor: f64| {
            let mut one = || 1e6 * factor * (1.0 + noise * (random.random::<f64>() * 2.0 - 1.0));
            RoundSample { p50: one(), mean: one(), p99: 3.0 * one(), rate: 1e12 / one(), cpu_per_response: None }
        };
        (0..count).map(|_| (sample(1.0), sample(slower))).collect()
    }

    const ALL: [ComparedMetric; 3] = [ComparedMetric::P50, ComparedMetric::Mean, ComparedMetric::P99];

    fn regressed(pairs: &[(RoundSample, RoundSample)]) -> bool {
        compare(pairs, &ALL).iter().any(|compared| compared.regressed)
    }

    #[test]
    fn noise_alone_is_not_a_regression() {
        let alarms = (0..500).filter(|seed| regressed(&pairs(10, 0.3, 1.0, *seed))).count();
        assert!(alarms <= 10, "{alarms} of 500");
    }

    #[test]
    fn a_slowdown_of_ten_per_cent_is_detected_through_noise() {
        let found = (0..100).filter(|seed| regressed(&pairs(12, 0.08, 1.1, *seed))).count();
        assert!(found >= 95, "{found} of 100");
        assert!(compare(&pairs(40, 0.2, 1.1, 1), &[ComparedMetric::Rate])[0].regressed);
    }

    #[test]
    fn faster_builds_and_small_differences_are_not_regressions() {
        assert!(!regressed(&pairs(12, 0.01, 0.8, 1)));
        assert!(!regressed(&pairs(12, 0.001, 1.02, 1)));
        assert!(!regressed(&pairs(MIN_PAIRS - 1, 0.0, 2.0, 1)));
        let sure = compare(&pairs(12, 0.0, 1.5, 1), &ALL);
        assert!(
            sure.iter().all(|c| c.regressed && (c.ratio - 1.5).abs() < 1e-9 && (c.p_value - 1.0 / 4096.0).abs() < 1e-9),
            "{sure:?}"
        );
    }
}
