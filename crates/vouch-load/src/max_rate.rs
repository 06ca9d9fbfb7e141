//! Searches the highest rate that passes the thresholds: doubles the rate until it fails, then bisects.
//!
//! One probe can fail because of a disturbance, or pass by luck. A failed probe is therefore repeated before its rate counts as
//! failed, and the two rates at the end are probed until each has a majority. If the majority contradicts the first probes, the
//! search goes on.

use schemars::JsonSchema;
use serde::Serialize;

/// The probes of one rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RateProbes {
    /// In arrivals per second.
    pub rate: f64,
    pub passed: u32,
    pub failed: u32,
}

impl RateProbes {
    pub fn all(&self) -> u32 {
        self.passed + self.failed
    }

    /// A rate that failed once may have been disturbed.
    fn is_undecided(&self) -> bool {
        self.passed == 0 && self.failed == 1
    }

    fn has_passed(&self) -> bool {
        self.passed > 0 && self.passed >= self.failed
    }

    fn has_failed(&self) -> bool {
        self.failed > 1 && self.failed > self.passed
    }

    /// Whether it may be the highest passing rate.
    fn is_confirmed_pass(&self) -> bool {
        self.passed >= 2 && self.passed > self.failed
    }

    /// Whether it may be the lowest failing rate.
    fn is_confirmed_failure(&self) -> bool {
        self.failed >= 3 && self.failed > self.passed
    }
}

/// The state of a search. Rates are in arrivals per second.
#[derive(Clone, Debug)]
pub struct MaxRateSearch {
    start: f64,
    max: f64,
    /// By rate, lowest first.
    probes: Vec<RateProbes>,
    trials: u32,
}

/// The search ends when the ratio of failed to passed rate is at most this. Two searches can differ by one such step, so that
/// they stay within 5 %.
const MAX_GAP: f64 = 1.025;
const MAX_TRIALS: u32 = 48;

impl MaxRateSearch {
    /// A search from `start`, the lowest rate that is tried, up to `max`.
    pub fn new(start: f64, max: f64) -> Self {
        Self { start, max, probes: vec![], trials: 0 }
    }

    /// The next rate to try; `None` when the search is over.
    pub fn next_rate(&self) -> Option<f64> {
        if self.trials >= MAX_TRIALS {
            return None;
        }
        if let Some(undecided) = self.probes.iter().find(|probes| probes.is_undecided()) {
            return Some(undecided.rate);
        }
        let confirm = |probes: Option<&RateProbes>, is_confirmed: fn(&RateProbes) -> bool| {
            probes.filter(|probes| !is_confirmed(probes)).map(|probes| probes.rate)
        };
        let (passed, failed) = (self.highest_passed(), self.lowest_failed());
        let next = match (passed, failed) {
            (None, None) => Some(self.start),
            (Some(passed), None) if passed.rate >= self.max => None,
            (Some(passed), None) => Some((passed.rate * 2.0).min(self.max)),
            // Nothing below the lower bound is tried.
            (None, Some(_)) => None,
            (Some(passed), Some(failed)) if failed.rate / passed.rate <= MAX_GAP => None,
            (Some(passed), Some(failed)) => Some((passed.rate * failed.rate).sqrt()),
        };
        next.or_else(|| confirm(failed, RateProbes::is_confirmed_failure))
            .or_else(|| confirm(passed, RateProbes::is_confirmed_pass))
    }

    /// Records the result of a rate.
    pub fn record(&mut self, rate: f64, passed: bool) {
        self.trials += 1;
        let at = match self.probes.binary_search_by(|probes| probes.rate.total_cmp(&rate)) {
            Ok(at) => at,
            Err(at) => {
                self.probes.insert(at, RateProbes { rate, passed: 0, failed: 0 });
                at
            }
        };
        let probes = &mut self.probes[at];
        if passed {
            probes.passed += 1;
        } else {
            probes.failed += 1;
        }
    }

    /// The highest rate that passed, below every rate that failed.
    pub fn highest_passed(&self) -> Option<&RateProbes> {
        self.probes.iter().take_while(|probes| !probes.has_failed()).filter(|probes| probes.has_passed()).last()
    }

    /// The lowest rate that failed; `None` if the search ended at its maximum.
    pub fn lowest_failed(&self) -> Option<&RateProbes> {
        self.probes.iter().find(|probes| probes.has_failed())
    }

    /// Whether the probes of both rates at the end agree, and there are enough of them.
    pub fn is_confirmed(&self) -> bool {
        let (passed, failed) = (self.highest_passed(), self.lowest_failed());
        let steady = |probes: &RateProbes| probes.passed == 0 || probes.failed == 0;
        self.next_rate().is_none() && self.trials < MAX_TRIALS && passed.is_none_or(steady) && failed.is_none_or(steady)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{Rng, SeedableRng, rngs::SmallRng};

    fn search(start: f64, max: f64, mut passes: impl FnMut(f64) -> bool) -> MaxRateSearch {
        let mut search = MaxRateSearch::new(start, max);
        while let Some(rate) = search.next_rate() {
            search.record(rate, passes(rate));
        }
        search
    }

    fn found(search: &MaxRateSearch) -> f64 {
        search.highest_passed().expect("a rate").rate
    }

    #[test]
    fn the_capacity_is_found_and_each_end_is_probed_again() {
        for capacity in [103.0, 1234.0, 48_000.0] {
            let search = search(100.0, 1e6, |rate| rate <= capacity);
            let (passed, failed) = (found(&search), search.lowest_failed().expect("a rate"));
            assert!(passed <= capacity && capacity < failed.rate && failed.rate <= passed * MAX_GAP, "{search:?}");
            assert_eq!((search.highest_passed().map(|probes| probes.all()), failed.all()), (Some(2), 3));
            assert!(search.trials < 40 && search.is_confirmed(), "{capacity}: {}", search.trials);
        }
    }

    #[test]
    fn bounds_end_the_search() {
        let above = search(100.0, 1000.0, |_| true);
        assert!((found(&above) - 1000.0).abs() < 1e-9 && above.lowest_failed().is_none(), "{above:?}");
        assert_eq!((above.trials, above.is_confirmed()), (6, true));
        let nothing = search(100.0, 1000.0, |_| false);
        let lowest = RateProbes { rate: 100.0, passed: 0, failed: 3 };
        assert_eq!((nothing.highest_passed(), nothing.probes.as_slice()), (None, [lowest].as_slice()));
    }

    #[test]
    fn one_failed_probe_does_not_end_the_search_below_the_capacity() {
        // Whichever probe is disturbed, and whichever two in sequence: the capacity is found.
        for first in 0..20 {
            for width in [1, 2] {
                let mut number = 0;
                let search = search(100.0, 1e5, |rate| {
                    number += 1;
                    rate <= 1000.0 && !(first..first + width).contains(&number)
                });
                let rate = found(&search);
                assert!((950.0..=1000.0).contains(&rate), "probes {first} and {width} more: {rate} {search:?}");
            }
        }
    }

    #[test]
    fn one_lucky_probe_does_not_raise_the_result() {
        for lucky in 0..30 {
            let mut number = 0;
            let search = search(100.0, 1e5, |rate| {
                number += 1;
                rate <= 1000.0 || number == lucky && rate < 1500.0
            });
            assert!((950.0..=1000.0).contains(&found(&search)), "probe {lucky}: {search:?}");
        }
    }

    #[test]
    fn ten_searches_on_a_steady_server_stay_within_five_per_cent() {
        // Near the capacity, chance decides; elsewhere three probes in a hundred are disturbed.
        for seed in 0..50_u64 {
            let mut random = SmallRng::seed_from_u64(seed);
            let capacity = 300.0 * 1.07_f64.powf(f64::from(u32::try_from(seed).expect("small")));
            let rates = (0..10).map(|_| {
                let search = search(50.0, 1e6, |rate| {
                    let noise = 1.0 + (random.random::<f64>() + random.random::<f64>() - 1.0) * 0.01;
                    rate <= capacity * noise && random.random::<f64>() >= 0.03
                });
                found(&search)
            });
            let rates: Vec<_> = rates.collect();
            let (least, most) = rates.iter().fold((f64::MAX, 0.0_f64), |(a, b), rate| (a.min(*rate), b.max(*rate)));
            assert!(most / least <= 1.05 && least >= capacity * 0.95, "seed {seed}: {capacity} {rates:?}");
        }
    }

    #[test]
    fn a_server_that_passes_by_chance_ends_the_search_without_confirmation() {
        let mut number = 0;
        let search = search(100.0, 1e6, |_| {
            number += 1;
            number % 2 == 0
        });
        assert!(search.trials <= MAX_TRIALS && !search.is_confirmed(), "{search:?}");
    }
}
