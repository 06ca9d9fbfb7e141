//! Whether one build is slower than another, said only with confidence.
//!
//! Both are measured in short rounds that take turns, so that what the machine does to one it does to the other. Each pair
//! of rounds gives a ratio. If there were no difference, each ratio would be as likely turned over: the sign-flip test
//! counts in how many of all turnings the mean would be as high. Noise has to be that unlikely before a regression is told.

/// Figures of one round: in nanoseconds, but for the rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub p50: f64,
    pub mean: f64,
    pub p99: f64,
    /// Good answers a second.
    pub rate: f64,
}

/// What is compared. Of each, more than one means slower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    P50,
    Mean,
    P99,
    /// Time for one answer: one over the rate.
    Rate,
}

impl Measure {
    pub fn word(self) -> &'static str {
        match self {
            Measure::P50 => "p50",
            Measure::Mean => "mean",
            Measure::P99 => "p99",
            Measure::Rate => "rate",
        }
    }

    fn of(self, sample: &Sample) -> f64 {
        match self {
            Measure::P50 => sample.p50,
            Measure::Mean => sample.mean,
            Measure::P99 => sample.p99,
            Measure::Rate => 1.0 / sample.rate,
        }
    }
}

/// One measure over all pairs.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    pub measure: Measure,
    /// How much slower the new build is: 1.1 is ten per cent. The geometric mean over the pairs.
    pub ratio: f64,
    /// How likely as much or more is, if there were no difference.
    pub chance: f64,
    pub regressed: bool,
}

/// The chance of a false alarm over all measures of one comparison.
pub const RISK: f64 = 0.01;
/// Smaller differences are not told, however sure.
pub const LEAST: f64 = 1.03;
/// Fewer pairs cannot be sure enough.
pub const FEWEST_PAIRS: usize = 10;
/// More pairs than can be turned over one by one are sampled.
const MOST_EXACT: usize = 16;

/// Compares pairs of rounds: first the baseline, then the new build.
pub fn compare(pairs: &[(Sample, Sample)], measures: &[Measure]) -> Vec<Compared> {
    #[allow(clippy::cast_precision_loss, reason = "a handful")]
    let risk = RISK / measures.len().max(1) as f64;
    let one = |measure: &Measure| {
        let ratios = pairs.iter().map(|(old, new)| (measure.of(new) / measure.of(old)).ln());
        let logs: Vec<f64> = ratios.filter(|log| log.is_finite()).collect();
        let (mean, chance) = (mean(&logs), chance(&logs));
        let ratio = mean.exp();
        let regressed = logs.len() >= FEWEST_PAIRS && chance < risk && ratio >= LEAST;
        Compared { measure: *measure, ratio, chance, regressed }
    };
    measures.iter().map(one).collect()
}

#[allow(clippy::cast_precision_loss, reason = "a handful")]
fn mean(logs: &[f64]) -> f64 {
    if logs.is_empty() { 0.0 } else { logs.iter().sum::<f64>() / logs.len() as f64 }
}

/// In how many of all ways to turn the pairs over the sum is as high as it is.
fn chance(logs: &[f64]) -> f64 {
    let sum: f64 = logs.iter().sum();
    let enough = sum - 1e-12 * sum.abs();
    let pairs = logs.len().min(63);
    let turned = |turning: u64| -> f64 {
        logs.iter().enumerate().map(|(at, log)| if turning >> (at % 64) & 1 == 1 { -log } else { *log }).sum()
    };
    #[allow(clippy::cast_precision_loss, reason = "for a share")]
    if pairs <= MOST_EXACT {
        let all = 1_u64 << pairs;
        (0..all).filter(|turning| turned(*turning) >= enough).count() as f64 / all as f64
    } else {
        // A fixed sequence, so that a comparison can be repeated.
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        const DRAWS: u32 = 50_000;
        let high = (0..DRAWS).filter(|_| turned(next()) >= enough).count();
        (high + 1) as f64 / f64::from(DRAWS + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    /// Rounds whose figures vary by `noise`, the new build's `slower` times as long.
    fn pairs(count: usize, noise: f64, slower: f64, seed: u64) -> Vec<(Sample, Sample)> {
        let mut random = SmallRng::seed_from_u64(seed);
        let mut sample = |factor: f64| {
            let mut one = || 1e6 * factor * (1.0 + noise * (random.random::<f64>() * 2.0 - 1.0));
            Sample { p50: one(), mean: one(), p99: 3.0 * one(), rate: 1e12 / one() }
        };
        (0..count).map(|_| (sample(1.0), sample(slower))).collect()
    }

    const ALL: [Measure; 3] = [Measure::P50, Measure::Mean, Measure::P99];

    fn regressed(pairs: &[(Sample, Sample)]) -> bool {
        compare(pairs, &ALL).iter().any(|compared| compared.regressed)
    }

    #[test]
    fn noise_alone_is_no_regression() {
        let alarms = (0..500).filter(|seed| regressed(&pairs(10, 0.3, 1.0, *seed))).count();
        assert!(alarms <= 10, "{alarms} of 500");
    }

    #[test]
    fn ten_per_cent_are_found_through_noise() {
        let found = (0..100).filter(|seed| regressed(&pairs(12, 0.08, 1.1, *seed))).count();
        assert!(found >= 95, "{found} of 100");
        assert!(compare(&pairs(40, 0.2, 1.1, 1), &[Measure::Rate])[0].regressed);
    }

    #[test]
    fn faster_builds_and_small_differences_are_not_told() {
        assert!(!regressed(&pairs(12, 0.01, 0.8, 1)));
        assert!(!regressed(&pairs(12, 0.001, 1.02, 1)));
        assert!(!regressed(&pairs(FEWEST_PAIRS - 1, 0.0, 2.0, 1)));
        let sure = compare(&pairs(12, 0.0, 1.5, 1), &ALL);
        assert!(
            sure.iter().all(|c| c.regressed && (c.ratio - 1.5).abs() < 1e-9 && (c.chance - 1.0 / 4096.0).abs() < 1e-9),
            "{sure:?}"
        );
    }
}
