//! Writes metrics in the Prometheus text format 0.0.4 and in `OpenMetrics` 1.0.

use crate::Latencies;
use std::fmt::Write;
use vouch_spec::text::OutsideText;

/// The format. The two differ in type names, in units, and in the end marker.
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

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MetricType {
    Counter,
    Gauge,
    Histogram,
    Info,
}

pub(super) type Labels<'l> = [(&'l str, &'l str)];

/// A page of metrics.
pub(super) struct MetricsWriter {
    exposition: Exposition,
    out: String,
}

impl MetricsWriter {
    pub fn new(exposition: Exposition) -> Self {
        Self { exposition, out: String::new() }
    }

    /// Ends the page.
    pub fn finish(mut self) -> String {
        if self.exposition == Exposition::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    /// Starts a metric family. In `OpenMetrics` its name is that of the samples without `_total` or `_info`.
    pub fn family(&mut self, name: &str, kind: MetricType, help: &str) {
        let open = self.exposition == Exposition::OpenMetrics;
        let (end, label_value) = match kind {
            MetricType::Counter => (if open { "" } else { "_total" }, "counter"),
            MetricType::Gauge => ("", "gauge"),
            MetricType::Histogram => ("", "histogram"),
            MetricType::Info if open => ("", "info"),
            MetricType::Info => ("_info", "gauge"),
        };
        let _ = writeln!(self.out, "# HELP {name}{end} {help}\n# TYPE {name}{end} {label_value}");
        let unit = ["seconds", "bytes"].into_iter().find(|unit| name.ends_with(&format!("_{unit}")));
        if let Some(unit) = unit.filter(|_| open) {
            let _ = writeln!(self.out, "# UNIT {name} {unit}");
        }
    }

    pub fn gauge(&mut self, name: &str, help: &str, samples: &[(Vec<(&str, &str)>, f64)]) {
        self.family(name, MetricType::Gauge, help);
        for (labels, value) in samples {
            self.sample(name, labels, *value);
        }
    }

    pub fn sample(&mut self, name: &str, labels: &Labels<'_>, value: f64) {
        self.write(name, labels, None, &value.to_string());
    }

    pub fn count(&mut self, name: &str, labels: &Labels<'_>, count: u64) {
        self.write(name, labels, None, &count.to_string());
    }

    /// Writes cumulative buckets. The histogram has three significant digits, so a value just above a bound may count below it.
    pub fn histogram(&mut self, family: &str, labels: &Labels<'_>, values: &Latencies) {
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

    /// Writes an optional value as a gauge without labels; `None` writes nothing.
    pub fn optional_gauge(&mut self, name: &str, help: &str, value: Option<f64>) {
        if let Some(value) = value {
            self.gauge(name, help, &[(vec![], value)]);
        }
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

/// Texts as label values of one family, which must be unique: a text that is there already gets a number.
pub(super) fn unique_labels(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for text in texts {
        let numbered = (2..).map(|n| format!("{text} #{n}"));
        let label = std::iter::once(text.clone()).chain(numbered).find(|text| !labels.contains(text)).unwrap_or(text);
        labels.push(label);
    }
    labels
}

/// Escapes a label value; the rules are the same in both formats.
fn escape(value: &str) -> String {
    OutsideText::block(value).as_str().replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
