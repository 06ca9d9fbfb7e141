//! The results as metrics, in the Prometheus text format 0.0.4 and in `OpenMetrics` 1.0. Times are in seconds, shares from 0 to 1.

use super::metrics_writer::{Exposition, MetricType, MetricsWriter, unique_labels};
use crate::journey::{MemorySample, SdkMemory};
use crate::record::LoadRecord;
use crate::threshold::{Metric, Threshold};
use crate::{Latencies, LoadVerdict, Series};

impl LoadRecord {
    /// The results as metrics.
    pub fn metrics(&self, exposition: Exposition) -> String {
        let mut writer = MetricsWriter::new(exposition);
        self.run_metrics(&mut writer);
        self.request_metrics(&mut writer);
        self.latency_metrics(&mut writer);
        self.generator_metrics(&mut writer);
        self.threshold_metrics(&mut writer);
        self.system_metrics(&mut writer);
        self.fault_metrics(&mut writer);
        writer.finish()
    }

    fn run_metrics(&self, writer: &mut MetricsWriter) {
        let (load, round) = (&self.settings, &self.result.round);
        writer.family("vouch_load_run", MetricType::Info, "The load and its settings.");
        let labels = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("title", load.title.clone()),
            ("target", self.settings.target.clone()),
            ("arrivals", load.arrivals.clone()),
            ("environment", label_value(&load.realm.environment)),
            ("region", label_value(&load.realm.region)),
            ("protocol", label_value(&load.protocol)),
            ("installations", load.installations.to_string()),
            ("connections", load.connections.to_string()),
            ("threads", load.threads.to_string()),
            ("seed", load.seed.to_string()),
        ];
        writer.sample("vouch_load_run_info", &labels.each_ref().map(|(name, value)| (*name, value.as_str())), 1.0);
        writer.gauge(
            "vouch_load_measured_seconds",
            "The measured time, without warm-up.",
            &[(vec![], round.seconds())],
        );
        writer.gauge(
            "vouch_load_interrupted",
            "1 if the run was interrupted.",
            &[(vec![], bool_value(round.interrupted))],
        );
        let verdicts = [
            ("passed", LoadVerdict::Passed),
            ("failed", LoadVerdict::Failed),
            ("inconclusive", LoadVerdict::Inconclusive),
        ];
        let verdicts = verdicts
            .map(|(name, verdict)| (vec![("verdict", name)], bool_value(self.result.evaluation.verdict == verdict)));
        writer.gauge("vouch_load_verdict", "1 for the verdict of the run, 0 for the others.", &verdicts);
        #[allow(clippy::cast_precision_loss, reason = "a handful")]
        let limits = self.result.evaluation.generator_limits.len() as f64;
        let help = "Reasons why the results may show the limits of the generator instead of those of the server.";
        writer.gauge("vouch_load_generator_limits", help, &[(vec![], limits)]);
    }

    fn request_metrics(&self, writer: &mut MetricsWriter) {
        let of = |name| [("series", name), ("level", self.level(name))];
        writer.family("vouch_load_requests", MetricType::Counter, "Requests that ended in the measured time.");
        for (name, series) in &self.result.round.series {
            let wrong = series.wrong();
            for (outcome, count) in
                [("good", series.good), ("failed", series.errors().saturating_sub(wrong)), ("wrong", wrong)]
            {
                let [series, level] = of(name);
                writer.count("vouch_load_requests_total", &[series, level, ("outcome", outcome)], count);
            }
        }
        writer.family(
            "vouch_load_failures",
            MetricType::Counter,
            "Requests that failed or had a wrong response, by kind.",
        );
        for (name, series) in &self.result.round.series {
            for (failure, failed) in &series.failures {
                let [series, level] = of(name);
                let kind = failure.to_string();
                writer.count("vouch_load_failures_total", &[series, level, ("kind", &kind)], failed.count);
            }
        }
        let rates = self
            .result
            .round
            .series
            .iter()
            .map(|(name, series)| (of(name).to_vec(), series.figures(self.result.round.seconds()).rate));
        writer.gauge(
            "vouch_load_good_per_second",
            "Good responses per second of measured time.",
            &rates.collect::<Vec<_>>(),
        );
    }

    fn latency_metrics(&self, writer: &mut MetricsWriter) {
        let kinds: [(&str, &str, HistogramOf); 2] = [
            (
                "vouch_load_latency_seconds",
                "Time from the intended start to the response, for good responses and timeouts.",
                |series| &series.latency,
            ),
            (
                "vouch_load_service_seconds",
                "Time from the send to the response, for good responses; for a workload with several calls, their sum.",
                |series| &series.service,
            ),
        ];
        for (family, help, of) in kinds {
            writer.family(family, MetricType::Histogram, help);
            for (name, series) in &self.result.round.series {
                writer.histogram(family, &[("series", name), ("level", self.level(name))], of(series));
            }
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "counts and bytes far below 2^53")]
    fn generator_metrics(&self, writer: &mut MetricsWriter) {
        let round = &self.result.round;
        writer.family(
            "vouch_load_arrivals",
            MetricType::Counter,
            "Arrivals, warm-up included: started, or not sent because no installation or token was available.",
        );
        writer.count("vouch_load_arrivals_total", &[("outcome", "started")], round.started);
        writer.count("vouch_load_arrivals_total", &[("outcome", "starved")], round.starved);
        writer.family("vouch_load_waited_arrivals", MetricType::Counter, "Arrivals that waited for a free connection.");
        writer.count("vouch_load_waited_arrivals_total", &[], round.waited_for_connection);
        writer.family(
            "vouch_load_tls_handshakes",
            MetricType::Counter,
            "TLS handshakes, by whether they resumed a session.",
        );
        let (all, resumed) = round.handshakes;
        writer.count("vouch_load_tls_handshakes_total", &[("resumed", "false")], all.saturating_sub(resumed));
        writer.count("vouch_load_tls_handshakes_total", &[("resumed", "true")], resumed);
        let lag = "vouch_load_generator_lag_seconds";
        writer.family(
            lag,
            MetricType::Histogram,
            "Delay between arrivals and their start although a connection was free.",
        );
        writer.histogram(lag, &[], &round.lag);
        let left = self.result.undeleted_users as f64;
        writer.gauge("vouch_load_left_users", "Created users that could not be deleted.", &[(vec![], left)]);
        let memory = self.result.sdk_memory.as_ref();
        let bytes = |sample: MemorySample| sample.bytes as f64;
        for (name, help, sample) in [
            (
                "vouch_load_sdk_max_memory_bytes",
                "Highest memory of all processes of the SDK that made the load; what they share counts once.",
                memory.and_then(SdkMemory::peak),
            ),
            (
                "vouch_load_sdk_last_memory_bytes",
                "The same memory at the end of the load.",
                memory.and_then(|memory| memory.samples.last().copied()),
            ),
        ] {
            writer.optional_gauge(name, help, sample.map(bytes));
        }
    }

    fn threshold_metrics(&self, writer: &mut MetricsWriter) {
        let results = &self.result.evaluation.thresholds;
        // Two bounds may be equal after rounding.
        let names = unique_labels(results.iter().map(|result| result.threshold.to_string()));
        let named = || names.iter().map(String::as_str).zip(results);
        let label = |name, unit| vec![("threshold", name), ("unit", unit)];
        let passed: Vec<_> =
            named().map(|(name, results)| (vec![("threshold", name)], bool_value(results.passed))).collect();
        writer.gauge("vouch_load_threshold_passed", "1 if the threshold passed.", &passed);
        let limits = named().map(|(name, results)| {
            let (unit, factor) = unit(&results.threshold);
            (label(name, unit), results.threshold.limit / factor)
        });
        let limits: Vec<_> = limits.collect();
        writer.gauge("vouch_load_threshold_limit", "The bound of the threshold, in the unit of its label.", &limits);
        let values = named().filter_map(|(name, results)| {
            let (unit, factor) = unit(&results.threshold);
            Some((label(name, unit), results.value? / factor))
        });
        let help = "The measured value of the threshold; absent if nothing was measured.";
        writer.gauge("vouch_load_threshold_value", help, &values.collect::<Vec<_>>());
    }

    /// The level of a series. A workload includes its calls, so a sum must use one level only.
    fn level(&self, name: &str) -> &'static str {
        let part_of = |parent: &str| name.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'));
        if self.result.round.series.iter().any(|(parent, _)| part_of(parent)) { "call" } else { "workload" }
    }
}

/// The base unit of a threshold, and the divisor from its own unit.
fn unit(threshold: &Threshold) -> (&'static str, f64) {
    match threshold.metric {
        Metric::Percentile(_) | Metric::Mean | Metric::Max => ("seconds", 1e9),
        Metric::ErrorShare => ("ratio", 100.0),
        Metric::Errors | Metric::Wrong => ("requests", 1.0),
        Metric::Rate => ("requests per second", 1.0),
    }
}

fn bool_value(on: bool) -> f64 {
    f64::from(u8::from(on))
}

/// The name of a value in reports.
fn label_value(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(label_value)) => label_value,
        other => other.map(|value| value.to_string()).unwrap_or_default(),
    }
}

/// Selects a histogram of a series.
type HistogramOf = fn(&Series) -> &Latencies;

#[cfg(test)]
mod tests {
    use super::super::fixtures::{failing, nothing, record, steady};
    use super::*;

    fn value(writer: &str, sample: &str) -> Option<f64> {
        writer.lines().find_map(|line| line.strip_prefix(sample)?.trim().parse().ok())
    }

    #[test]
    fn an_empty_round_has_every_family_and_no_impossible_number() {
        for exposition in [Exposition::Text, Exposition::OpenMetrics] {
            let writer = record(nothing()).metrics(exposition);
            assert!(!writer.contains("NaN") && !writer.contains("inf\n"), "{writer}");
            assert_eq!(
                value(&writer, "vouch_load_latency_seconds_count{series=\"refresh\",level=\"workload\"}"),
                Some(0.0)
            );
            assert_eq!(value(&writer, "vouch_load_verdict{verdict=\"inconclusive\"}"), Some(1.0), "{writer}");
            assert!(!writer.contains("\nvouch_load_threshold_value{"), "nothing was measured: {writer}");
        }
    }

    #[test]
    fn buckets_are_cumulative_and_in_seconds() {
        let writer = record(steady()).metrics(Exposition::Text);
        let bucket = |le: &str| {
            let labels = format!("{{series=\"refresh\",level=\"workload\",le=\"{le}\"}}");
            value(&writer, &format!("vouch_load_latency_seconds_bucket{labels}"))
        };
        assert_eq!(
            [bucket("0.005"), bucket("0.01"), bucket("0.025"), bucket("+Inf")],
            [0.0, 1000.0, 1000.0, 1000.0].map(Some)
        );
        let sum = value(&writer, "vouch_load_latency_seconds_sum{series=\"refresh\",level=\"workload\"}");
        assert!(sum.is_some_and(|sum| (9.9..10.1).contains(&sum)), "{sum:?}");
        assert_eq!(value(&writer, "vouch_load_threshold_limit{threshold=\"p99<20ms\",unit=\"seconds\"}"), Some(0.02));
        assert_eq!(value(&writer, "vouch_load_threshold_limit{threshold=\"errors<1%\",unit=\"ratio\"}"), Some(0.01));
    }

    #[test]
    fn calls_are_told_from_workloads_and_labels_are_escaped() {
        let writer = record(failing()).metrics(Exposition::OpenMetrics);
        let request_metrics = |series: &str, level: &str, outcome: &str| {
            let labels = format!("{{series=\"{series}\",level=\"{level}\",outcome=\"{outcome}\"}}");
            value(&writer, &format!("vouch_load_requests_total{labels}"))
        };
        assert_eq!(request_metrics("launch", "workload", "failed"), Some(3.0), "{writer}");
        assert_eq!(request_metrics("launch/refresh", "call", "wrong"), Some(1.0), "{writer}");
        let kind = "vouch_load_failures_total{series=\"launch\",level=\"workload\",kind=\"status 500\"}";
        assert_eq!(value(&writer, kind), Some(3.0), "{writer}");
        assert!(writer.contains(r#"title="a \"load\" \\ of\n<script>two</script>""#), "{writer}");
    }

    #[test]
    fn the_two_formats_name_counters_and_end_each_in_its_way() {
        let [text, open] =
            [Exposition::Text, Exposition::OpenMetrics].map(|exposition| record(failing()).metrics(exposition));
        assert!(text.contains("# TYPE vouch_load_requests_total counter\n") && !text.contains("# UNIT"), "{text}");
        assert!(text.contains("# TYPE vouch_load_run_info gauge\n") && !text.contains("# EOF"), "{text}");
        assert!(open.contains("# TYPE vouch_load_requests counter\n") && open.ends_with("\n# EOF\n"), "{open}");
        assert!(open.contains("# TYPE vouch_load_run info\n"), "{open}");
        assert!(open.contains("# UNIT vouch_load_latency_seconds seconds\n"), "{open}");
        // A repeated threshold gets a numbered label.
        assert!(open.contains("threshold=\"p99<20ms\"}") && open.contains("threshold=\"p99<20ms #2\"}"), "{open}");
    }
}
