//! Searches the highest rate that passes the thresholds: doubles the rate until it fails, then bisects.

/// The state of a search. Rates are in arrivals per second.
#[derive(Clone, Debug)]
pub struct MaxRateSearch {
    start: f64,
    max: f64,
    /// The highest rate that passed, and the lowest that failed.
    passed: Option<f64>,
    failed: Option<f64>,
    trials: u32,
}

/// The search ends when the ratio of failed to passed rate is at most this.
const MAX_GAP: f64 = 1.05;
const MAX_STEPS: u32 = 24;

impl MaxRateSearch {
    /// A search that begins at `start` and ends at `max`.
    pub fn new(start: f64, max: f64) -> Self {
        Self { start, max, passed: None, failed: None, trials: 0 }
    }

    /// The next rate to try; `None` when the search is over.
    pub fn next_rate(&self) -> Option<f64> {
        if self.trials >= MAX_STEPS {
            return None;
        }
        match (self.passed, self.failed) {
            (None, None) => Some(self.start),
            (Some(passed), None) if passed >= self.max => None,
            (Some(passed), None) => Some((passed * 2.0).min(self.max)),
            // The start failed: search below it.
            (None, Some(failed)) if failed < 1.0 => None,
            (None, Some(failed)) => Some(failed / 2.0),
            (Some(passed), Some(failed)) if failed / passed <= MAX_GAP => None,
            (Some(passed), Some(failed)) => Some((passed * failed).sqrt()),
        }
    }

    /// Records the result of a rate.
    pub fn record(&mut self, rate: f64, passed: bool) {
        self.trials += 1;
        if passed {
            self.passed = Some(self.passed.map_or(rate, |best| best.max(rate)));
        } else {
            self.failed = Some(self.failed.map_or(rate, |worst| worst.min(rate)));
        }
    }

    /// The highest rate that passed.
    pub fn highest_passed(&self) -> Option<f64> {
        self.passed
    }

    /// The lowest rate that failed; `None` if the search ended at its maximum.
    pub fn lowest_failed(&self) -> Option<f64> {
        self.failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(start: f64, max: f64, capacity: f64) -> (MaxRateSearch, u32) {
        let mut search = MaxRateSearch::new(start, max);
        let mut trials = 0;
        while let Some(rate) = search.next_rate() {
            search.record(rate, rate <= capacity);
            trials += 1;
        }
        (search, trials)
    }

    #[test]
    fn the_capacity_is_found_within_five_per_cent() {
        for capacity in [3.0, 99.0, 1234.0, 48_000.0] {
            let (search, trials) = search(100.0, 1e6, capacity);
            let highest_passed = search.highest_passed().expect("a rate");
            assert!(highest_passed <= capacity && capacity <= highest_passed * MAX_GAP, "{capacity}: {highest_passed}");
            assert!(trials <= MAX_STEPS, "{trials}");
        }
    }

    #[test]
    fn bounds_end_the_search() {
        let (above, trials) = search(100.0, 1000.0, 1e9);
        assert_eq!((above.highest_passed(), above.lowest_failed(), trials), (Some(1000.0), None, 5));
        let (nothing, _) = search(100.0, 1000.0, 0.0);
        assert_eq!(nothing.highest_passed(), None);
        assert!(nothing.lowest_failed().is_some());
    }
}
