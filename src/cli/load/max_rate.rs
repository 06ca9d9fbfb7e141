//! What `vouch load --find-max-rate` says of its result.

use serde_json::{Value, json};
use vouch_load::threshold::short;
use vouch_load::{MaxRateSearch, RateProbes};

/// The result of a search, and how sure it is.
pub fn summary(search: &MaxRateSearch) -> String {
    let (passed, failed) = (search.highest_passed(), search.lowest_failed());
    let rate = |probes: Option<&RateProbes>| probes.map_or_else(|| "none".into(), |probes| shown(probes.rate));
    let of =
        |probes: &RateProbes| format!("{} of {} probes passed at {}", probes.passed, probes.all(), shown(probes.rate));
    let ends: Vec<_> = passed.into_iter().chain(failed).map(of).collect();
    let mut lines = format!("highest passing rate: {}; lowest failing rate: {}", rate(passed), rate(failed));
    if !ends.is_empty() {
        let between =
            interval_percent(search).map_or_else(String::new, |percent| format!("; the two differ by {percent:.1}%"));
        lines.push_str(&format!("\nconfidence: {}{between}", ends.join(", ")));
    }
    if !search.is_confirmed() {
        lines.push_str("\n! the probes do not agree: the server is not steady at these rates, or the search was cut short; use a longer --duration");
    }
    lines
}

/// The confidence in the JSON report.
pub fn confidence_json(search: &MaxRateSearch) -> Value {
    json!({ "passed": search.highest_passed(), "failed": search.lowest_failed(),
        "differencePercent": interval_percent(search), "confirmed": search.is_confirmed() })
}

/// The distance of the lowest failing from the highest passing rate, in per cent of the latter.
fn interval_percent(search: &MaxRateSearch) -> Option<f64> {
    Some((search.lowest_failed()?.rate / search.highest_passed()?.rate - 1.0) * 100.0)
}

fn shown(rate: f64) -> String {
    format!("{}/s", short(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(mut passes: impl FnMut(f64) -> bool) -> MaxRateSearch {
        let mut search = MaxRateSearch::new(100.0, 1000.0);
        while let Some(rate) = search.next_rate() {
            search.record(rate, passes(rate));
        }
        search
    }

    #[test]
    fn a_steady_server_has_a_result_with_its_probes() {
        let text = summary(&search(|rate| rate <= 500.0));
        assert!(text.contains("\nconfidence: 2 of 2 probes passed at 49"), "{text}");
        assert!(text.contains("0 of 3 probes passed at 50") && text.contains("the two differ by"), "{text}");
        assert!(!text.contains('!'), "{text}");
        let text = summary(&search(|_| true));
        assert!(text.contains("highest passing rate: 1000/s; lowest failing rate: none\nconfidence: 2 of 2"), "{text}");
        assert_eq!(confidence_json(&search(|rate| rate <= 500.0))["failed"]["failed"], 3);
    }

    #[test]
    fn probes_that_do_not_agree_are_reported() {
        let mut number = 0;
        let text = summary(&search(|rate| {
            number += 1;
            rate < 300.0 || rate < 600.0 && number % 2 == 0
        }));
        assert!(text.contains("! the probes do not agree"), "{text}");
    }
}
