//! The highest rate that keeps to the thresholds: doubles until one is broken, then halves the gap.

/// A search. Rates are arrivals a second.
#[derive(Clone, Debug)]
pub struct Search {
    start: f64,
    most: f64,
    /// The highest rate that kept, and the lowest that did not.
    kept: Option<f64>,
    broken: Option<f64>,
    steps: u32,
}

/// The gap between kept and broken at which a search ends.
const CLOSE: f64 = 1.05;
const MOST_STEPS: u32 = 24;

impl Search {
    /// A search from a rate that should keep, up to `most`.
    pub fn new(start: f64, most: f64) -> Self {
        Self { start, most, kept: None, broken: None, steps: 0 }
    }

    /// The next rate to try; None when the search is over.
    pub fn next_rate(&self) -> Option<f64> {
        if self.steps >= MOST_STEPS {
            return None;
        }
        match (self.kept, self.broken) {
            (None, None) => Some(self.start),
            (Some(kept), None) if kept >= self.most => None,
            (Some(kept), None) => Some((kept * 2.0).min(self.most)),
            // Not even the start kept: look below it.
            (None, Some(broken)) if broken < 1.0 => None,
            (None, Some(broken)) => Some(broken / 2.0),
            (Some(kept), Some(broken)) if broken / kept <= CLOSE => None,
            (Some(kept), Some(broken)) => Some((kept * broken).sqrt()),
        }
    }

    /// Notes how a rate went.
    pub fn tried(&mut self, rate: f64, kept: bool) {
        self.steps += 1;
        if kept {
            self.kept = Some(self.kept.map_or(rate, |best| best.max(rate)));
        } else {
            self.broken = Some(self.broken.map_or(rate, |worst| worst.min(rate)));
        }
    }

    /// The highest rate that kept.
    pub fn found(&self) -> Option<f64> {
        self.kept
    }

    /// The lowest rate that did not keep; None when the search ended at its own bound.
    pub fn limit(&self) -> Option<f64> {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(start: f64, most: f64, capacity: f64) -> (Search, u32) {
        let mut search = Search::new(start, most);
        let mut steps = 0;
        while let Some(rate) = search.next_rate() {
            search.tried(rate, rate <= capacity);
            steps += 1;
        }
        (search, steps)
    }

    #[test]
    fn the_capacity_is_found_within_five_per_cent() {
        for capacity in [3.0, 99.0, 1234.0, 48_000.0] {
            let (search, steps) = search(100.0, 1e6, capacity);
            let found = search.found().expect("a rate");
            assert!(found <= capacity && capacity <= found * CLOSE, "{capacity}: {found}");
            assert!(steps <= MOST_STEPS, "{steps}");
        }
    }

    #[test]
    fn bounds_end_the_search() {
        let (above, steps) = search(100.0, 1000.0, 1e9);
        assert_eq!((above.found(), above.limit(), steps), (Some(1000.0), None, 5));
        let (nothing, _) = search(100.0, 1000.0, 0.0);
        assert_eq!(nothing.found(), None);
        assert!(nothing.limit().is_some());
    }
}
