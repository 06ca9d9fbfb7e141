//! Compares the CPU time that two builds of a system under test need for a good response.
//!
//! It informs and does not decide: counters of CPU time are coarse, and an endpoint may give figures that are some seconds old, which
//! alternating rounds attribute to the wrong one.

use super::compare::{ComparedMetric, RoundSample, compare};
use super::round::Round;
use super::system::{Observer, SystemUsage};

/// The CPU time of both builds.
#[derive(Clone, Debug, PartialEq)]
pub enum CpuComparison {
    Known(CpuTimes),
    /// It was not compared, for this reason.
    Unknown(String),
}

/// The CPU time of a good response, over all rounds in which it is known of both builds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuTimes {
    /// In nanoseconds.
    pub baseline: f64,
    /// In nanoseconds.
    pub new: f64,
    /// The probability of such a difference or a higher one if both builds need the same.
    pub p_value: f64,
    /// The number of pairs of rounds.
    pub pairs: usize,
}

/// Counters of CPU time advance in steps of 10 ms. With less than five of them in a round the rounds are not compared.
const MIN_SECONDS_A_ROUND: f64 = 0.05;

/// What a build used in a round.
#[derive(Clone, Copy, Default)]
struct RoundCpu {
    /// CPU time in seconds.
    seconds: f64,
    /// Good responses.
    good: u64,
}

impl RoundCpu {
    /// The CPU time of a good response, in nanoseconds.
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    fn per_response(self) -> f64 {
        self.seconds / self.good as f64 * 1e9
    }

    fn sum(rounds: impl Iterator<Item = RoundCpu>) -> Self {
        rounds.fold(Self::default(), |all, one| Self { seconds: all.seconds + one.seconds, good: all.good + one.good })
    }
}

/// What one build used in the rounds so far.
pub struct CpuOfRounds<'o> {
    name: &'static str,
    observer: &'o Observer,
    rounds: Vec<Option<RoundCpu>>,
    gap: Option<String>,
}

impl<'o> CpuOfRounds<'o> {
    /// No rounds of a build yet. `name`: what reports call it.
    pub fn new(name: &'static str, observer: &'o Observer) -> Self {
        Self { name, observer, rounds: vec![], gap: None }
    }

    /// Adds a round. Returns the CPU time of a good response, in nanoseconds, if it is known.
    pub fn add(&mut self, round: &Round, usage: Option<&SystemUsage>) -> Option<f64> {
        let used = usage.and_then(SystemUsage::cpu_seconds).map(|seconds| RoundCpu { seconds, good: round.total.good });
        let gap = || usage.and_then(SystemUsage::gap);
        self.gap = self.gap.take().or_else(gap);
        self.rounds.push(used);
        used.filter(|used| used.good > 0).map(RoundCpu::per_response)
    }

    /// Why it is not known; `None` if it is known of at least one round.
    fn unknown(&self) -> Option<String> {
        if self.rounds.iter().any(Option::is_some) {
            return None;
        }
        let why = match &self.gap {
            Some(gap) => gap.clone(),
            None => self.observer.unknown().to_owned(),
        };
        Some(format!("{}: {why}", self.name))
    }
}

impl CpuComparison {
    /// Compares pairs of rounds. `samples` are those of the pairs, each with the baseline first.
    pub fn of(baseline: &CpuOfRounds<'_>, new: &CpuOfRounds<'_>, samples: &[(RoundSample, RoundSample)]) -> Self {
        let unknown: Vec<_> = [baseline, new].into_iter().filter_map(CpuOfRounds::unknown).collect();
        if !unknown.is_empty() {
            return Self::Unknown(unknown.join("; "));
        }
        let known = baseline.rounds.iter().zip(&new.rounds).filter_map(|(old, new)| Some(((*old)?, (*new)?)));
        let known: Vec<(RoundCpu, RoundCpu)> = known.filter(|(old, new)| old.good > 0 && new.good > 0).collect();
        let old = RoundCpu::sum(known.iter().map(|(old, _)| *old));
        let new = RoundCpu::sum(known.iter().map(|(_, new)| *new));
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        let least = MIN_SECONDS_A_ROUND * known.len() as f64;
        if known.is_empty() || old.seconds.min(new.seconds) < least {
            let (rounds, [old, new]) = (known.len(), [old.seconds, new.seconds]);
            return Self::Unknown(format!(
                "too little CPU time ({old:.2} s of the baseline and {new:.2} s of the new build in {rounds} rounds); give \
                 a higher rate or a longer --duration"
            ));
        }
        let p_value = compare(samples, &[ComparedMetric::CpuTime]).first().map_or(1.0, |compared| compared.p_value);
        Self::Known(CpuTimes { baseline: old.per_response(), new: new.per_response(), p_value, pairs: known.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Series;
    use crate::system::SystemSample;
    use std::time::Duration;

    /// A round of a second with a hundred good responses.
    fn round() -> Round {
        let total = Series { good: 100, ..Series::default() };
        Round::new(vec![], total, Duration::from_secs(1))
    }

    /// The usage of a round: CPU in processors, for one second; `None`: the reading failed.
    fn usage(cpu: Option<f64>) -> SystemUsage {
        match cpu {
            Some(cpu) => SystemUsage {
                samples: vec![
                    SystemSample::default(),
                    SystemSample { at: 1.0, cpu: Some(cpu), ..SystemSample::default() },
                ],
                ..SystemUsage::default()
            },
            None => SystemUsage { failed: 1, first_error: Some("closed".into()), ..SystemUsage::default() },
        }
    }

    /// Compares twelve pairs of rounds whose CPU is given by number.
    fn compared(old: impl Fn(u32) -> Option<SystemUsage>, new: impl Fn(u32) -> Option<SystemUsage>) -> CpuComparison {
        let observer = Observer::default();
        let mut rounds = ["the baseline", "the new build"].map(|name| CpuOfRounds::new(name, &observer));
        let [baseline, new_build] = &mut rounds;
        let sample = |cpu_per_response| RoundSample { p50: 1.0, mean: 1.0, p99: 1.0, rate: 1.0, cpu_per_response };
        let pairs: Vec<_> = (0..12)
            .map(|at| {
                let [old, new] = [old(at), new(at)];
                (sample(baseline.add(&round(), old.as_ref())), sample(new_build.add(&round(), new.as_ref())))
            })
            .collect();
        CpuComparison::of(&rounds[0], &rounds[1], &pairs)
    }

    #[test]
    fn cpu_time_is_divided_by_good_responses_and_compared_over_all_rounds() {
        let noisy = |base: f64| move |at: u32| Some(usage(Some(base + 0.01 * f64::from(at % 3))));
        let CpuComparison::Known(times) = compared(noisy(0.5), noisy(0.6)) else { panic!("it is known") };
        assert!((times.baseline - 5.1e6).abs() < 1.0 && (times.new - 6.1e6).abs() < 1.0, "{times:?}");
        assert!(times.p_value < 0.001 && times.pairs == 12, "{times:?}");
    }

    #[test]
    fn readings_that_failed_leave_their_pair_out() {
        let old = |at: u32| Some(usage((at != 3).then_some(0.5)));
        let CpuComparison::Known(times) = compared(old, |_| Some(usage(Some(0.5)))) else { panic!("it is known") };
        assert_eq!((times.pairs, times.baseline, times.new), (11, 5e6, 5e6));
    }

    #[test]
    fn what_is_not_known_is_named_with_its_reason() {
        let known = |_| Some(usage(Some(0.5)));
        let why = |comparison| match comparison {
            CpuComparison::Unknown(why) => why,
            CpuComparison::Known(times) => panic!("{times:?}"),
        };
        let one = why(compared(|_| None, known));
        assert!(one.starts_with("the baseline: ") && one.contains("[cloud.metrics]") && !one.contains("new"), "{one}");
        let failed = why(compared(known, |_| Some(usage(None))));
        assert!(failed.starts_with("the new build: ") && failed.contains("not known: closed"), "{failed}");
        let idle = why(compared(|_| Some(usage(Some(0.01))), known));
        assert!(idle.starts_with("too little CPU time (0.12 s of the baseline"), "{idle}");
    }
}
