//! The summary on standard output.

use super::PERCENTILES;
use crate::record::LoadRecord;
use crate::system::SystemUsage;
use crate::threshold::{short, time};
use crate::{LoadVerdict, Series, ThresholdResult};
use console::Style;
use std::io::{self, Write};
use std::iter;
use std::time::Duration;
use vouch_spec::text::OutsideText;

/// The most failures of one series that are listed; the others are counted.
const MAX_FAILURES: usize = 6;

/// Names are aligned up to this width, in characters.
const MAX_NAME_WIDTH: usize = 60;

/// The note about coordinated omission.
const CLOSED_MODEL_NOTE: &str = "a closed model: a user waits for its response, so a slow server gets fewer requests, and latencies look lower \
                      than independent users would see (coordinated omission); `vouch load` sends on a schedule";

impl LoadRecord {
    pub fn write_summary(&self, out: &mut dyn Write, colours: bool) -> io::Result<()> {
        let style = |style: Style| style.force_styling(colours);
        let (bold, dim, red) = (style(Style::new().bold()), style(Style::new().dim()), style(Style::new().red()));
        let (load, round) = (&self.settings, &self.result.round);
        let to = OutsideText::line(&load.target);
        let about = match &load.closed_model {
            Some(closed) => {
                format!("journeys of {closed}, measured {}, to {to}", round_to_milliseconds(round.measured))
            }
            None => format!(
                "{}, measured {}, {} installations, {} connections, {} threads, to {to}",
                OutsideText::line(&load.arrivals),
                self.measured_time(),
                load.installations,
                load.connections,
                load.threads,
            ),
        };
        if let Some(loaded) = &load.loaded {
            writeln!(out, "Loaded: {}.\n", OutsideText::line(loaded))?;
        }
        writeln!(out, "{}", bold.apply_to(OutsideText::line(&load.title)))?;
        writeln!(out, "{}\n", dim.apply_to(about))?;
        let width = round.series.iter().map(|(name, _)| name.len()).max().unwrap_or(8).clamp(8, MAX_NAME_WIDTH);
        let head: String = PERCENTILES.iter().map(|p| format!(" {:>9}", format!("p{p}"))).collect();
        writeln!(
            out,
            "{}",
            dim.apply_to(format!("{:width$} {:>9} {:>9}{head} {:>9} {:>8}", "", "good", "good/s", "max", "errors"))
        )?;
        for (name, series) in &round.series {
            write_series(out, name, width, series, round.seconds())?;
        }
        if load.closed_model.is_some() {
            write_series(out, "all calls", width, &round.total, round.seconds())?;
        } else if load.workloads.len() > 1 {
            write_series(out, "all", width, &round.total, round.seconds())?;
        }
        self.failures(out, &red, &dim)?;
        self.write_faults(out, &bold, &dim)?;
        writeln!(out)?;
        for result in &self.result.evaluation.thresholds {
            writeln!(out, "{}", threshold_line(result, colours))?;
        }
        let yellow = style(Style::new().yellow());
        for limit in &self.result.evaluation.generator_limits {
            writeln!(out, "{} the load generator was the limit: {}", yellow.apply_to("!"), OutsideText::line(limit))?;
        }
        for note in self.notes() {
            writeln!(out, "{}", dim.apply_to(format!("  note: {}", OutsideText::line(&note))))?;
        }
        self.write_system(out, &dim)?;
        if round.handshakes.0 > 0 {
            let (all, resumed) = round.handshakes;
            writeln!(out, "{}", dim.apply_to(format!("  TLS handshakes: {all}, of them {resumed} resumed a session")))?;
        }
        if self.result.undeleted_users > 0 {
            writeln!(
                out,
                "{} {} created users could not be deleted",
                yellow.apply_to("!"),
                self.result.undeleted_users
            )?;
        }
        let verdict = match self.result.evaluation.verdict {
            _ if round.interrupted => yellow.apply_to("interrupted: these are the results until then"),
            LoadVerdict::Passed => style(Style::new().green().bold()).apply_to("passed"),
            LoadVerdict::Failed => style(Style::new().red().bold()).apply_to("failed"),
            LoadVerdict::Inconclusive => style(Style::new().yellow().bold()).apply_to("inconclusive"),
        };
        writeln!(out, "\n{verdict}")
    }

    /// For how long it was measured; of a load that ended early also for how long it should have been.
    fn measured_time(&self) -> String {
        let (planned, measured) = (self.settings.measured(), self.result.round.measured);
        let full = humantime::format_duration(planned).to_string();
        let ended_early = self.result.round.interrupted || self.result.round.aborted;
        if ended_early && measured < planned { format!("{} of {full}", round_to_milliseconds(measured)) } else { full }
    }

    /// The notes of the evaluation; before them those of a closed model.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let closed = self.settings.closed_model.as_ref();
        let own = closed
            .into_iter()
            .flat_map(|closed| iter::once(CLOSED_MODEL_NOTE.to_owned()).chain(closed.left_out.clone()));
        let gap = self.result.system.as_ref().and_then(SystemUsage::gap);
        own.chain(self.result.evaluation.notes.iter().cloned()).chain(gap)
    }

    fn failures(&self, out: &mut dyn Write, red: &Style, dim: &Style) -> io::Result<()> {
        let several = self.result.round.series.len() > 1;
        for (name, series) in self.result.round.series.iter().filter(|(name, series)| {
            // Failures are listed for calls; those of the workload are the same.
            let has_calls = self.result.round.series.iter().any(|(other, _)| other.starts_with(&format!("{name}/")));
            !has_calls && !series.failures.is_empty()
        }) {
            writeln!(out)?;
            let mut failures: Vec<_> = series.failures.iter().collect();
            failures.sort_by_key(|(failure, failed)| (!failure.is_wrong(), std::cmp::Reverse(failed.count)));
            let of = if several { format!("{}: ", OutsideText::line(name)) } else { String::new() };
            for (failure, failed) in failures.iter().take(MAX_FAILURES) {
                let example = if failed.example.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", OutsideText::line(&failed.example))
                };
                let failure_text = OutsideText::line(&failure.to_string());
                writeln!(out, "{} {of}{} × {failure_text}{}", red.apply_to("✗"), failed.count, dim.apply_to(example))?;
                if let Some(help) = failure.help(&failed.example) {
                    writeln!(out, "{}", dim.apply_to(format!("  help: {help}")))?;
                }
            }
            if failures.len() > MAX_FAILURES {
                writeln!(out, "  and {} more kinds", failures.len() - MAX_FAILURES)?;
            }
        }
        Ok(())
    }
}

#[allow(clippy::cast_precision_loss, reason = "for readers")]
fn write_series(out: &mut dyn Write, name: &str, width: usize, series: &Series, seconds: f64) -> io::Result<()> {
    let (figures, name) = (series.figures(seconds), OutsideText::line(name).into_string());
    let measured = !series.latency.is_empty();
    let show = |ns: u64| if measured { time(ns as f64) } else { "-".into() };
    let percentiles: String =
        PERCENTILES.iter().map(|p| format!(" {:>9}", show(series.latency.value_at_percentile(*p)))).collect();
    let (rate, max) = (short(figures.rate), show(figures.max));
    writeln!(out, "{name:width$} {:>9} {rate:>9}{percentiles} {max:>9} {:>8}", series.good, figures.errors)
}

fn threshold_line(result: &ThresholdResult, colours: bool) -> String {
    let mark = if result.passed {
        Style::new().green().force_styling(colours).apply_to("✓")
    } else {
        Style::new().red().force_styling(colours).apply_to("✗")
    };
    format!("{mark} {}: {}", result.threshold, result.measured())
}

fn round_to_milliseconds(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}
