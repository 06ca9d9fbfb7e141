//! The system under test in reports: what it is, what it used, and results per vCPU.

use super::escape::escape;
use super::html::write_figure;
use super::plot::{Axis, Plot, PlotLine};
use super::timeline::{MAX_POINTS, TimelinePoint};
use crate::record::LoadRecord;
use crate::system::SystemSample;
use crate::threshold::{short, time};
use console::Style;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};
use vouch_spec::text::OutsideText;

const MIB: f64 = 1024.0 * 1024.0;

/// Results in relation to what the system has and uses.
struct Figures {
    /// Average and highest CPU after the warm-up, in processors.
    mean_cpu: Option<f64>,
    highest_cpu: Option<f64>,
    highest_memory: Option<f64>,
    highest_queue: Option<f64>,
    vcpus: Option<f64>,
    /// Good responses per second and vCPU.
    rate_per_vcpu: Option<f64>,
    /// The CPU time of a good response, in nanoseconds.
    cpu_per_response: Option<f64>,
}

impl LoadRecord {
    fn system_figures(&self) -> Figures {
        let (round, warm_up) = (&self.result.round, self.settings.warm_up.as_secs_f64());
        let rate = round.total.figures(round.seconds()).rate;
        let usage = self.result.system.as_ref();
        let highest = |of: fn(&SystemSample) -> Option<f64>| usage.and_then(|usage| usage.highest(warm_up, of));
        let mean_cpu = usage.and_then(|usage| usage.mean_cpu(warm_up));
        let vcpus = self.settings.system.as_ref().and_then(|system| system.usable_vcpus());
        Figures {
            mean_cpu,
            highest_cpu: highest(|sample| sample.cpu),
            highest_memory: highest(|sample| sample.memory_bytes),
            highest_queue: highest(|sample| sample.queue),
            vcpus,
            rate_per_vcpu: vcpus.map(|vcpus| rate / vcpus),
            cpu_per_response: mean_cpu.filter(|_| rate > 0.0).map(|cpu| cpu / rate * 1e9),
        }
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
        let figures = self.system_figures();
        json!({
            "description": self.settings.system,
            "cpuMean": figures.mean_cpu, "cpuMax": figures.highest_cpu, "memoryBytesMax": figures.highest_memory,
            "queueMax": figures.highest_queue, "ratePerVcpu": figures.rate_per_vcpu,
            "cpuPerGoodResponse": figures.cpu_per_response, "usage": self.result.system,
        })
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
        draw(
            "Memory of the system under test",
            "MiB",
            vec![line("memory", |sample| sample.memory_bytes.map(|bytes| bytes / MIB))],
            "Resident memory of all its processes.",
        );
        draw(
            "Queue of the system under test",
            "waiting",
            vec![line("queue", |sample| sample.queue)],
            "Requests that wait.",
        );
    }
}

impl Figures {
    /// Names and values for readers.
    fn facts(&self) -> Vec<(String, String)> {
        let of_vcpus = |cpu: f64| {
            self.vcpus.map_or_else(String::new, |vcpus| format!(" ({:.0}% of {vcpus} vCPUs)", cpu / vcpus * 100.0))
        };
        let cpu = self.mean_cpu.zip(self.highest_cpu);
        [
            (
                "CPU",
                cpu.map(|(mean, highest)| format!("mean {mean:.2}{}, highest {highest:.2} processors", of_vcpus(mean))),
            ),
            ("CPU time of a good response", self.cpu_per_response.map(time)),
            ("memory", self.highest_memory.map(|bytes| format!("highest {:.0} MiB", bytes / MIB))),
            ("queue", self.highest_queue.map(|queue| format!("highest {}", short(queue)))),
            ("good/s per vCPU", self.rate_per_vcpu.map(short)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{record, steady};
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
    fn nothing_is_said_of_a_system_that_is_not_known() {
        let record = record(steady());
        assert!(!record.html().contains("System under test</h2>") && record.json().contains("\"system\": null"));
    }
}
