//! The results as metrics: Prometheus' text format 0.0.4 and OpenMetrics 1.0. Times are in seconds, shares from 0 to 1.

use super::Results;
use crate::threshold::{Metric, Threshold};
use crate::{Latencies, Series, Verdict};
use std::fmt::Write;

/// Which of the two formats. They differ in the names of types, in units, and in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exposition {
    /// `text/plain; version=0.0.4`.
    Text,
    /// `application/openmetrics-text; version=1.0.0`.
    OpenMetrics,
}

/// The upper bounds of the buckets: as written, and in nanoseconds.
const BUCKETS: [(&str, u64); 18] = [
    ("0.0001", 100_000),
    ("0.00025", 250_000),
    ("0.0005", 500_000),
    ("0.001", 1_000_000),
    ("0.0025", 2_500_000),
    ("0.005", 5_000_000),
    ("0.01", 10_000_000),
    ("0.025", 25_000_000),
    ("0.05", 50_000_000),
    ("0.1", 100_000_000),
    ("0.25", 250_000_000),
    ("0.5", 500_000_000),
    ("1.0", 1_000_000_000),
    ("2.5", 2_500_000_000),
    ("5.0", 5_000_000_000),
    ("10.0", 10_000_000_000),
    ("30.0", 30_000_000_000),
    ("60.0", 60_000_000_000),
];

impl Results<'_> {
    /// The results as metrics.
    pub fn metrics(&self, exposition: Exposition) -> String {
        let mut page = Page { exposition, out: String::new() };
        self.about(&mut page);
        self.requests(&mut page);
        self.latencies(&mut page);
        self.generator(&mut page);
        self.threshold_metrics(&mut page);
        if exposition == Exposition::OpenMetrics {
            page.out.push_str("# EOF\n");
        }
        page.out
    }

    fn about(&self, page: &mut Page) {
        let (load, round) = (self.load, self.round);
        page.family("vouch_load_run", Kind::Info, "What was measured, and how.");
        let labels = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("title", load.title.clone()),
            ("target", self.target.to_owned()),
            ("arrivals", load.arrivals.to_string()),
            ("environment", word(&load.realm.environment)),
            ("region", word(&load.realm.region)),
            ("protocol", word(&load.protocol)),
            ("fleet", load.fleet.to_string()),
            ("connections", load.connections.to_string()),
            ("threads", load.threads.to_string()),
            ("seed", load.seed.to_string()),
        ];
        page.sample("vouch_load_run_info", &labels.each_ref().map(|(name, value)| (*name, value.as_str())), 1.0);
        page.gauge("vouch_load_measured_seconds", "The measured time, warm-up left out.", &[(vec![], round.seconds())]);
        page.gauge(
            "vouch_load_interrupted",
            "1 if somebody ended the run early.",
            &[(vec![], flag(round.interrupted))],
        );
        let verdicts =
            [("passed", Verdict::Passed), ("failed", Verdict::Failed), ("inconclusive", Verdict::Inconclusive)];
        let verdicts = verdicts.map(|(name, verdict)| (vec![("verdict", name)], flag(self.judged.verdict == verdict)));
        page.gauge("vouch_load_verdict", "1 for the verdict that the run has, 0 for the others.", &verdicts);
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        let limits = self.judged.limits.len() as f64;
        let help = "Reasons why the figures may be the generator's and not the server's.";
        page.gauge("vouch_load_generator_limits", help, &[(vec![], limits)]);
    }

    fn requests(&self, page: &mut Page) {
        let of = |name| [("series", name), ("level", self.level(name))];
        page.family("vouch_load_requests", Kind::Counter, "Requests that ended in the measured time.");
        for (name, series) in &self.round.series {
            let wrong = series.wrong();
            for (outcome, count) in
                [("good", series.good), ("failed", series.errors().saturating_sub(wrong)), ("wrong", wrong)]
            {
                let [series, level] = of(name);
                page.count("vouch_load_requests_total", &[series, level, ("outcome", outcome)], count);
            }
        }
        page.family("vouch_load_failures", Kind::Counter, "Requests that failed or were answered wrongly, by kind.");
        for (name, series) in &self.round.series {
            for (failure, failed) in &series.failures {
                let [series, level] = of(name);
                let kind = failure.to_string();
                page.count("vouch_load_failures_total", &[series, level, ("kind", &kind)], failed.count);
            }
        }
        let rates = self
            .round
            .series
            .iter()
            .map(|(name, series)| (of(name).to_vec(), series.figures(self.round.seconds()).rate));
        page.gauge(
            "vouch_load_good_per_second",
            "Good answers a second of the measured time.",
            &rates.collect::<Vec<_>>(),
        );
    }

    fn latencies(&self, page: &mut Page) {
        let kinds: [(&str, &str, Reads); 2] = [
            (
                "vouch_load_latency_seconds",
                "From the intended start to the answer. Of good answers, and of requests that were never answered.",
                |series| &series.latency,
            ),
            (
                "vouch_load_service_seconds",
                "From the sending to the answer, of good answers; of a workload of several calls, their sum.",
                |series| &series.service,
            ),
        ];
        for (family, help, of) in kinds {
            page.family(family, Kind::Histogram, help);
            for (name, series) in &self.round.series {
                page.histogram(family, &[("series", name), ("level", self.level(name))], of(series));
            }
        }
    }

    fn generator(&self, page: &mut Page) {
        let round = self.round;
        page.family(
            "vouch_load_arrivals",
            Kind::Counter,
            "Arrivals, warm-up included: taken up, or left out for want of supply.",
        );
        page.count("vouch_load_arrivals_total", &[("outcome", "started")], round.started);
        page.count("vouch_load_arrivals_total", &[("outcome", "starved")], round.starved);
        page.family("vouch_load_waited_arrivals", Kind::Counter, "Arrivals that waited for a connection to be free.");
        page.count("vouch_load_waited_arrivals_total", &[], round.held);
        page.family("vouch_load_tls_handshakes", Kind::Counter, "TLS handshakes, by whether they took up a session.");
        let (all, resumed) = round.handshakes;
        page.count("vouch_load_tls_handshakes_total", &[("resumed", "false")], all.saturating_sub(resumed));
        page.count("vouch_load_tls_handshakes_total", &[("resumed", "true")], resumed);
        let lag = "vouch_load_generator_lag_seconds";
        page.family(lag, Kind::Histogram, "How late arrivals were taken up though a connection was free.");
        page.histogram(lag, &[], &round.lag);
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let left = self.left_users as f64;
        page.gauge("vouch_load_left_users", "Users that the load made and could not delete.", &[(vec![], left)]);
    }

    fn threshold_metrics(&self, page: &mut Page) {
        let held = &self.judged.held;
        let mut names: Vec<String> = Vec::new();
        for held in held {
            // Two bounds may look the same once they are rounded; their labels must not.
            let text = held.threshold.to_string();
            let same = |text: &String| names.contains(text);
            let numbered = (2..).map(|n| format!("{text} #{n}"));
            let name = std::iter::once(text.clone()).chain(numbered).find(|text| !same(text)).unwrap_or(text);
            names.push(name);
        }
        let named = || names.iter().map(String::as_str).zip(held);
        let label = |name, unit| vec![("threshold", name), ("unit", unit)];
        let passed: Vec<_> = named().map(|(name, held)| (vec![("threshold", name)], flag(held.passed))).collect();
        page.gauge("vouch_load_threshold_passed", "1 if the threshold passed.", &passed);
        let limits = named().map(|(name, held)| {
            let (unit, factor) = unit(&held.threshold);
            (label(name, unit), held.threshold.limit / factor)
        });
        let limits: Vec<_> = limits.collect();
        page.gauge("vouch_load_threshold_limit", "The bound of the threshold, in the unit of its label.", &limits);
        let values = named().filter_map(|(name, held)| {
            let (unit, factor) = unit(&held.threshold);
            Some((label(name, unit), held.value? / factor))
        });
        let help = "What was measured for the threshold; left out where nothing was.";
        page.gauge("vouch_load_threshold_value", help, &values.collect::<Vec<_>>());
    }

    /// Calls of a workload are part of it: a sum must take one level only.
    fn level(&self, name: &str) -> &'static str {
        let part_of = |whole: &str| name.strip_prefix(whole).is_some_and(|rest| rest.starts_with('/'));
        if self.round.series.iter().any(|(whole, _)| part_of(whole)) { "call" } else { "workload" }
    }
}

/// The base unit of a threshold, and what its own unit must be divided by.
fn unit(threshold: &Threshold) -> (&'static str, f64) {
    match threshold.metric {
        Metric::Percentile(_) | Metric::Mean | Metric::Max => ("seconds", 1e9),
        Metric::ErrorShare => ("ratio", 100.0),
        Metric::Errors | Metric::Wrong => ("requests", 1.0),
        Metric::Rate => ("requests per second", 1.0),
    }
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

/// The word that a value has in reports.
fn word(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        other => other.map(|value| value.to_string()).unwrap_or_default(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
    Histogram,
    Info,
}

/// Reads a histogram of a series.
type Reads = fn(&Series) -> &Latencies;

type Labels<'l> = [(&'l str, &'l str)];

struct Page {
    exposition: Exposition,
    out: String,
}

impl Page {
    /// Begins a family. In OpenMetrics, its name is that of the samples without `_total` or `_info`.
    fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let open = self.exposition == Exposition::OpenMetrics;
        let (end, word) = match kind {
            Kind::Counter => (if open { "" } else { "_total" }, "counter"),
            Kind::Gauge => ("", "gauge"),
            Kind::Histogram => ("", "histogram"),
            Kind::Info if open => ("", "info"),
            Kind::Info => ("_info", "gauge"),
        };
        let _ = writeln!(self.out, "# HELP {name}{end} {help}\n# TYPE {name}{end} {word}");
        if open && name.ends_with("_seconds") {
            let _ = writeln!(self.out, "# UNIT {name} seconds");
        }
    }

    fn gauge(&mut self, name: &str, help: &str, samples: &[(Vec<(&str, &str)>, f64)]) {
        self.family(name, Kind::Gauge, help);
        for (labels, value) in samples {
            self.sample(name, labels, *value);
        }
    }

    fn sample(&mut self, name: &str, labels: &Labels<'_>, value: f64) {
        self.write(name, labels, None, &value.to_string());
    }

    fn count(&mut self, name: &str, labels: &Labels<'_>, count: u64) {
        self.write(name, labels, None, &count.to_string());
    }

    /// Buckets count from zero on. A value just above a bound, by less than the histogram's three digits, may count below it.
    fn histogram(&mut self, family: &str, labels: &Labels<'_>, values: &Latencies) {
        let bucket = format!("{family}_bucket");
        for (bound, nanoseconds) in BUCKETS {
            self.write(&bucket, labels, Some(bound), &values.count_between(0, nanoseconds).to_string());
        }
        self.write(&bucket, labels, Some("+Inf"), &values.len().to_string());
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let sum = if values.is_empty() { 0.0 } else { values.mean() * values.len() as f64 / 1e9 };
        self.sample(&format!("{family}_sum"), labels, sum);
        self.count(&format!("{family}_count"), labels, values.len());
    }

    fn write(&mut self, name: &str, labels: &Labels<'_>, bound: Option<&str>, value: &str) {
        let all: Vec<String> = labels
            .iter()
            .copied()
            .chain(bound.map(|bound| ("le", bound)))
            .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
            .collect();
        let labels = if all.is_empty() { String::new() } else { format!("{{{}}}", all.join(",")) };
        let _ = writeln!(self.out, "{name}{labels} {value}");
    }
}

/// A label's value, as both formats write it.
fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{failing, made_up, nothing, steady};
    use super::*;

    fn value(page: &str, sample: &str) -> Option<f64> {
        page.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
    }

    #[test]
    fn an_empty_round_has_every_family_and_no_impossible_number() {
        for exposition in [Exposition::Text, Exposition::OpenMetrics] {
            let page = made_up(nothing(), |results| results.metrics(exposition));
            assert!(!page.contains("NaN") && !page.contains("inf\n"), "{page}");
            assert_eq!(
                value(&page, "vouch_load_latency_seconds_count{series=\"refresh\",level=\"workload\"}"),
                Some(0.0)
            );
            assert_eq!(value(&page, "vouch_load_verdict{verdict=\"inconclusive\"}"), Some(1.0), "{page}");
            assert!(!page.contains("\nvouch_load_threshold_value{"), "nothing was measured: {page}");
        }
    }

    #[test]
    fn buckets_are_cumulative_and_in_seconds() {
        let page = made_up(steady(), |results| results.metrics(Exposition::Text));
        let bucket = |le: &str| {
            let labels = format!("{{series=\"refresh\",level=\"workload\",le=\"{le}\"}}");
            value(&page, &format!("vouch_load_latency_seconds_bucket{labels}"))
        };
        assert_eq!(
            [bucket("0.005"), bucket("0.01"), bucket("0.025"), bucket("+Inf")],
            [0.0, 1000.0, 1000.0, 1000.0].map(Some)
        );
        let sum = value(&page, "vouch_load_latency_seconds_sum{series=\"refresh\",level=\"workload\"}");
        assert!(sum.is_some_and(|sum| (9.9..10.1).contains(&sum)), "{sum:?}");
        assert_eq!(value(&page, "vouch_load_threshold_limit{threshold=\"p99<20ms\",unit=\"seconds\"}"), Some(0.02));
        assert_eq!(value(&page, "vouch_load_threshold_limit{threshold=\"errors<1%\",unit=\"ratio\"}"), Some(0.01));
    }

    #[test]
    fn calls_are_told_from_workloads_and_labels_are_escaped() {
        let page = made_up(failing(), |results| results.metrics(Exposition::OpenMetrics));
        let requests = |series: &str, level: &str, outcome: &str| {
            let labels = format!("{{series=\"{series}\",level=\"{level}\",outcome=\"{outcome}\"}}");
            value(&page, &format!("vouch_load_requests_total{labels}"))
        };
        assert_eq!(requests("launch", "workload", "failed"), Some(3.0), "{page}");
        assert_eq!(requests("launch/refresh", "call", "wrong"), Some(1.0), "{page}");
        let kind = "vouch_load_failures_total{series=\"launch\",level=\"workload\",kind=\"status 500\"}";
        assert_eq!(value(&page, kind), Some(3.0), "{page}");
        assert!(page.contains(r#"title="a \"load\" \\ of\n<script>two</script>""#), "{page}");
    }

    #[test]
    fn the_two_formats_name_counters_and_end_each_in_its_way() {
        let [text, open] = [Exposition::Text, Exposition::OpenMetrics]
            .map(|exposition| made_up(failing(), |results| results.metrics(exposition)));
        assert!(text.contains("# TYPE vouch_load_requests_total counter\n") && !text.contains("# UNIT"), "{text}");
        assert!(text.contains("# TYPE vouch_load_run_info gauge\n") && !text.contains("# EOF"), "{text}");
        assert!(open.contains("# TYPE vouch_load_requests counter\n") && open.ends_with("\n# EOF\n"), "{open}");
        assert!(open.contains("# TYPE vouch_load_run info\n"), "{open}");
        assert!(open.contains("# UNIT vouch_load_latency_seconds seconds\n"), "{open}");
        // The same threshold twice has two names.
        assert!(open.contains("threshold=\"p99<20ms\"}") && open.contains("threshold=\"p99<20ms #2\"}"), "{open}");
    }
}
