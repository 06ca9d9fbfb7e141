//! The end-of-test summary in the shape that k6 gives to `handleSummary`, for dashboards and gates that read it. Times are in
//! milliseconds.

use crate::record::LoadRecord;
use crate::{Latencies, Series};
use serde_json::{Map, Value, json};

impl LoadRecord {
    /// The results as k6's summary data. The metrics `http_…` and `checks` are of the calls; `http_req_duration` is the time from
    /// the send. `iterations` and `iteration_duration` are of the workloads or lifecycles, and count from the intended start, as
    /// every latency of Vouch.
    pub fn k6_summary(&self) -> String {
        let (round, seconds) = (&self.result.round, self.result.round.seconds());
        let mut metrics = Map::new();
        let (mut calls, mut iterations) = (Series::default(), Series::default());
        let several = round.series.len() > 1;
        for (name, series) in &round.series {
            let tag = format!("{{name:{name}}}");
            if !round.series.iter().any(|(part, _)| is_part_of(part, name)) {
                calls.merge(series);
                if several {
                    metrics.extend(of_calls(&tag, series, seconds));
                }
            }
            if !round.series.iter().any(|(whole, _)| is_part_of(name, whole)) {
                iterations.merge(series);
                if several {
                    metrics.insert(format!("iteration_duration{tag}"), trend(&series.latency));
                }
            }
        }
        metrics.extend(of_calls("", &calls, seconds));
        metrics.insert("iteration_duration".into(), trend(&iterations.latency));
        metrics.insert("iterations".into(), counter(iterations.done(), seconds));
        metrics.insert("dropped_iterations".into(), counter(round.starved, seconds));
        let thresholds = self.result.evaluation.thresholds.iter();
        let thresholds: Map<String, Value> =
            thresholds.map(|result| (result.threshold.to_string(), json!({ "ok": result.passed }))).collect();
        if let Some(metric) = metrics.get_mut("iteration_duration").and_then(Value::as_object_mut) {
            metric.insert("thresholds".into(), thresholds.into());
        }
        let duration_ms = (self.settings.warm_up.as_secs_f64() + seconds) * 1e3;
        let report = json!({
            "metrics": metrics,
            "state": { "isStdOutTTY": false, "isStdErrTTY": false, "testRunDurationMs": duration_ms },
            "options": { "summaryTrendStats": ["avg", "min", "med", "max", "p(90)", "p(95)", "p(99)"], "noColor": true },
            "root_group": { "name": "", "path": "", "id": "", "groups": [], "checks": [] },
        });
        format!("{report:#}\n")
    }
}

/// Whether a series is a call of a workload or journey, by their names.
fn is_part_of(part: &str, whole: &str) -> bool {
    part.strip_prefix(whole).is_some_and(|rest| rest.starts_with('/'))
}

/// The metrics of HTTP requests.
fn of_calls(tag: &str, series: &Series, seconds: f64) -> [(String, Value); 4] {
    let figures = series.figures(seconds);
    let all = series.done();
    [
        (format!("http_req_duration{tag}"), trend(&series.service)),
        (format!("http_reqs{tag}"), counter(all, seconds)),
        (format!("http_req_failed{tag}"), rate(figures.errors, series.good)),
        (format!("checks{tag}"), rate(all.saturating_sub(figures.wrong), figures.wrong)),
    ]
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
fn trend(values: &Latencies) -> Value {
    let ms = |ns: u64| if values.is_empty() { 0.0 } else { ns as f64 / 1e6 };
    let at = |percentile: f64| ms(values.value_at_percentile(percentile));
    let avg = if values.is_empty() { 0.0 } else { values.mean() / 1e6 };
    json!({ "type": "trend", "contains": "time", "values": {
        "avg": avg, "min": ms(values.min()), "med": at(50.0), "max": ms(values.max()),
        "p(90)": at(90.0), "p(95)": at(95.0), "p(99)": at(99.0),
    } })
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn counter(count: u64, seconds: f64) -> Value {
    let rate = if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
    json!({ "type": "counter", "contains": "default", "values": { "count": count, "rate": rate } })
}

/// A rate: the share of `passes`, which for `http_req_failed` are the failed requests.
#[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn rate(passes: u64, fails: u64) -> Value {
    let all = passes + fails;
    let share = if all == 0 { 0.0 } else { passes as f64 / all as f64 };
    json!({ "type": "rate", "contains": "default", "values": { "rate": share, "passes": passes, "fails": fails } })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{failing, nothing, record, steady};
    use serde_json::Value;

    fn summary(round: crate::Round) -> Value {
        serde_json::from_str(&record(round).k6_summary()).expect("JSON")
    }

    #[test]
    fn figures_are_in_milliseconds_and_rates_in_shares() {
        let steady = summary(steady());
        let metrics = &steady["metrics"];
        let duration = metrics["http_req_duration"]["values"]["med"].as_f64().expect("a number");
        assert!((duration - 9.0).abs() < 0.01, "{metrics:#}");
        assert_eq!(metrics["http_reqs"]["values"]["count"], 1000);
        assert_eq!(metrics["http_reqs"]["values"]["rate"], 100.0);
        assert_eq!(metrics["http_req_failed"]["values"]["rate"], 0.0);
        assert_eq!(metrics["iteration_duration"]["thresholds"]["p99<20ms"]["ok"], true);
        assert_eq!(steady["state"]["testRunDurationMs"], 10_000.0);
    }

    #[test]
    fn failures_and_series_are_there() {
        let failing = summary(failing());
        let failed = &failing["metrics"]["http_req_failed{name:launch/refresh}"]["values"];
        assert_eq!((&failed["passes"], &failed["fails"]), (&1.into(), &100.into()), "{failing:#}");
        assert_eq!(failing["metrics"]["http_req_failed"]["values"], *failed, "the workload is no request");
        assert_eq!(failing["metrics"]["http_reqs"]["values"]["count"], 101);
        assert_eq!(failing["metrics"]["iterations"]["values"]["count"], 103);
        let iteration = &failing["metrics"]["iteration_duration{name:launch}"];
        assert_eq!(failing["metrics"]["iteration_duration"]["values"], iteration["values"]);
        assert_eq!(failing["metrics"]["checks{name:launch/refresh}"]["values"]["fails"], 1);
        assert_eq!(summary(nothing())["metrics"]["http_req_duration"]["values"]["max"], 0.0);
    }
}
