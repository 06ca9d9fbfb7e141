//! The system under test in reports: what it is, what it used, and results per vCPU.

use super::escape::escape;
use super::html::write_figure;
use super::metrics_writer::{MetricType, MetricsWriter};
use super::plot::{Axis, Plot, PlotLine};
use super::timeline::{MAX_POINTS, TimelinePoint};
use crate::record::LoadRecord;
use crate::system::{MIB, SystemFigures, SystemSample};
use console::Style;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};
use vouch_spec::text::OutsideText;

impl LoadRecord {
    fn system_figures(&self) -> SystemFigures {
        let vcpus = self.settings.system.as_ref().and_then(|system| system.usable_vcpus());
        SystemFigures::of(&self.result.round, self.result.system.as_ref(), self.settings.warm_up, vcpus)
    }

    /// The lines of the summary.
    pub(super) fn write_system(&self, out: &mut dyn Write, dim: &Style) -> io::Result<()> {
        if let Some(system) = &self.settings.system {
            let facts: Vec<_> = system.facts().into_iter().map(|(name, value)| format!("{name} {value}")).collect();
            if !facts.is_empty() {
                let line = facts.join(", ");
                writeln!(out, "{}", dim.apply_to(format!("  system: {}", OutsideText::line(&line))))?;
            }
        }
        let facts: Vec<_> =
            self.system_figures().facts().into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        if !facts.is_empty() {
            writeln!(out, "{}", dim.apply_to(format!("  system: {}", facts.join("; "))))?;
        }
        Ok(())
    }

    /// What the JSON report says of the system; `null` if nothing is known.
    pub(super) fn system_json(&self) -> Value {
        if self.settings.system.is_none() && self.result.system.is_none() {
            return Value::Null;
        }
        let mut report = self.system_figures().json();
        report["description"] = json!(self.settings.system);
        report["usage"] = json!(self.result.system);
        report
    }

    /// The families of the metrics; none of a system that is not known.
    pub(super) fn system_metrics(&self, writer: &mut MetricsWriter) {
        if let Some(system) = &self.settings.system {
            writer.family("vouch_load_system", MetricType::Info, "What the system under test says of itself.");
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let labels = [
                ("version", text(&system.version)),
                ("commit", text(&system.commit)),
                ("instances", system.instances.map_or_else(String::new, |count| count.to_string())),
                ("memory", text(&system.memory)),
                ("database", text(&system.database)),
                ("region", text(&system.region)),
            ];
            writer.sample(
                "vouch_load_system_info",
                &labels.each_ref().map(|(name, value)| (*name, value.as_str())),
                1.0,
            );
        }
        let figures = self.system_figures();
        for (name, help, value) in [
            ("vouch_load_system_vcpus", "The virtual CPUs of all instances of the system under test.", figures.vcpus),
            (
                "vouch_load_system_mean_cpu_processors",
                "Average CPU of the system under test after the warm-up; 1 is one busy processor.",
                figures.mean_cpu,
            ),
            (
                "vouch_load_system_max_cpu_processors",
                "Highest CPU of the system under test in a second after the warm-up.",
                figures.highest_cpu,
            ),
            (
                "vouch_load_system_max_memory_bytes",
                "Highest memory of the system under test after the warm-up.",
                figures.highest_memory,
            ),
            (
                "vouch_load_system_max_queue_requests",
                "Most requests that waited in the system under test after the warm-up.",
                figures.highest_queue,
            ),
            (
                "vouch_load_system_good_per_second_and_vcpu",
                "Good responses per second of measured time and vCPU.",
                figures.rate_per_vcpu,
            ),
            (
                "vouch_load_system_cpu_per_good_response_seconds",
                "CPU time of the system under test for a good response.",
                figures.cpu_per_response.map(|nanoseconds| nanoseconds / 1e9),
            ),
        ] {
            writer.optional_gauge(name, help, value);
        }
        if let Some(usage) = &self.result.system {
            let name = "vouch_load_system_readings";
            writer.family(name, MetricType::Counter, "Readings of what the system under test uses, by outcome.");
            let good = u64::try_from(usage.samples.len()).unwrap_or(u64::MAX);
            for (outcome, count) in [("good", good), ("failed", usage.failed)] {
                writer.count("vouch_load_system_readings_total", &[("outcome", outcome)], count);
            }
        }
    }

    /// The table of the HTML page.
    pub(super) fn write_system_table(&self, out: &mut String) {
        let described = self.settings.system.iter().flat_map(|system| system.facts());
        let facts: Vec<(String, String)> = described.chain(self.system_figures().facts()).collect();
        if facts.is_empty() {
            return;
        }
        out.push_str("<h2>System under test</h2>\n<dl>\n");
        for (name, value) in facts {
            let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape(&name), escape(&value));
        }
        out.push_str("</dl>\n");
        if let Some(usage) = &self.result.system {
            let _ = writeln!(out, "<p class=\"dim\">CPU and memory are of {}.</p>", escape(&usage.source));
        }
    }

    /// The plots of the HTML page, on the time axis of the others.
    pub(super) fn write_system_plots(&self, out: &mut String, points: &[TimelinePoint], duration: f64, warm_up: f64) {
        let samples: &[SystemSample] = self.result.system.as_ref().map_or(&[], |usage| &usage.samples);
        let each = samples.len().div_ceil(MAX_POINTS).max(1);
        // Of several samples the highest is shown.
        let line = |name: &str, of: fn(&SystemSample) -> Option<f64>| PlotLine {
            name: name.into(),
            points: samples
                .chunks(each)
                .filter_map(|chunk| Some((chunk.last()?.at, chunk.iter().filter_map(of).reduce(f64::max))))
                .filter(|(at, _)| *at <= duration)
                .collect(),
        };
        let generator = PlotLine {
            name: "busiest thread of the generator".into(),
            points: points.iter().map(|point| (point.at, Some(point.cpu_ns / 1e9))).collect(),
        };
        let mut draw = |title: &str, unit: &str, lines: Vec<PlotLine>, text: &str| {
            let values = lines.iter().flat_map(|line| &line.points).filter_map(|(_, value)| *value);
            if let Some(most) = values.reduce(f64::max) {
                let (x_axis, y_axis) = (Axis::seconds(duration), Axis::counts(most, unit));
                let plot = Plot {
                    title: title.into(),
                    x_axis,
                    y_axis,
                    lines,
                    band: vec![],
                    warm_up,
                    tinted: self.fault_times(duration),
                };
                write_figure(out, &plot, text);
            }
        };
        draw(
            "CPU of the system under test and of the generator",
            "busy processors",
            vec![line("system under test", |sample| sample.cpu), generator],
            "1 is one busy processor. The generator is the limit where its busiest thread is near 1.",
        );
        let source = self.result.system.as_ref().map_or("", |usage| &usage.source);
        let source = format!("Source: {source}.");
        draw(
            "Memory of the system under test",
            "MiB",
            vec![line("memory", |sample| sample.memory_bytes.map(|bytes| bytes / MIB))],
            &source,
        );
        draw(
            "Queue of the system under test",
            "waiting",
            vec![line("queue", |sample| sample.queue)],
            "Requests that wait.",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::Exposition;
    use super::super::fixtures::{record, scrape, steady, value_of};
    use crate::record::LoadRecord;
    use crate::system::{SystemSample, SystemUsage};
    use vouch_runner::sut::SystemDescription;

    /// A load of 100/s on four vCPUs that used two processors.
    fn described() -> LoadRecord {
        let sample = |at| SystemSample { at, cpu: Some(2.0), memory_bytes: Some(3e8), queue: Some(4.0) };
        let usage = SystemUsage {
            source: "the metrics at <here>".into(),
            samples: (1..=10).map(f64::from).map(sample).collect(),
            ..SystemUsage::default()
        };
        let mut record = record(steady()).with_system(Some(usage));
        record.settings.system = Some(SystemDescription {
            version: Some("<b>2.1</b>".into()),
            vcpus: Some(4.0),
            ..SystemDescription::default()
        });
        record
    }

    #[test]
    fn results_are_divided_by_what_the_system_has_and_uses() {
        let report: serde_json::Value = serde_json::from_str(&described().json()).expect("JSON");
        let system = &report["system"];
        assert_eq!((&system["ratePerVcpu"], &system["cpuMean"]), (&25.0.into(), &2.0.into()));
        assert_eq!(system["cpuPerGoodResponse"], 2e7, "two processors for 100 responses a second");
        let mut out = Vec::new();
        described().write_summary(&mut out, false).expect("written");
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.contains("system: version <b>2.1</b>, vCPUs of all instances 4\n"), "{text}");
        assert!(text.contains("CPU mean 2.00 (50% of 4 vCPUs), highest 2.00 processors"), "{text}");
        assert!(text.contains("CPU time of a good response 20ms; memory highest 286 MiB; queue highest 4"), "{text}");
    }

    #[test]
    fn the_page_has_the_system_on_the_time_axis() {
        let page = described().html();
        assert!(page.contains("<h2>System under test</h2>") && page.contains("&lt;b&gt;2.1&lt;/b&gt;"), "{page}");
        assert!(page.contains("metrics at &lt;here&gt;") && page.contains("Queue of the system under test"), "{page}");
        assert_eq!(page.matches("class=\"plot\"").count(), 7);
    }

    #[test]
    fn the_metrics_have_what_the_system_has_and_uses_in_base_units() {
        let mut record = described();
        if let Some(system) = &mut record.settings.system {
            system.version = Some("2.1".into());
        }
        let metrics = scrape(&record);
        for (name, expected) in [
            ("vouch_load_system_vcpus", 4.0),
            ("vouch_load_system_mean_cpu_processors", 2.0),
            ("vouch_load_system_max_cpu_processors", 2.0),
            ("vouch_load_system_max_memory_bytes", 3e8),
            ("vouch_load_system_max_queue_requests", 4.0),
            ("vouch_load_system_good_per_second_and_vcpu", 25.0),
            ("vouch_load_system_cpu_per_good_response_seconds", 0.02),
        ] {
            assert_eq!(value_of(&metrics, name, &[]), Some(expected), "{name}");
        }
        assert_eq!(value_of(&metrics, "vouch_load_system_readings_total", &[("outcome", "good")]), Some(10.0));
        assert_eq!(value_of(&metrics, "vouch_load_system_info", &[("version", "2.1")]), Some(1.0));
        let open = record.metrics(Exposition::OpenMetrics);
        assert!(open.contains("# UNIT vouch_load_system_max_memory_bytes bytes\n"), "{open}");
        // What is not known has no samples, not even of zero.
        let unknown = super::super::fixtures::record(steady());
        assert!(!unknown.metrics(Exposition::Text).contains("vouch_load_system"));
    }

    #[test]
    fn nothing_is_said_of_a_system_that_is_not_known() {
        let record = record(steady());
        assert!(!record.html().contains("System under test</h2>") && record.json().contains("\"system\": null"));
    }
}
