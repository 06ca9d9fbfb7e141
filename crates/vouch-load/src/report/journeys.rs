//! Reports of journeys (a closed model). Series, failures and thresholds are reported as for any load.

use super::json::{interval_json, series_json, thresholds_json};
use super::summary::{threshold_line, write_series};
use super::{LoadReport, PERCENTILES};
use crate::LoadVerdict;
use crate::journey::JourneyOptions;
use console::Style;
use serde_json::{Value, json};
use std::io::{self, Write};

/// The data of a report of journeys.
pub struct JourneyReport<'a> {
    pub report: LoadReport<'a>,
    pub options: &'a JourneyOptions,
    /// Notes about the steps that were left out.
    pub left_out: &'a [String],
}

/// The note about coordinated omission.
const CLOSED_MODEL_NOTE: &str = "a closed model: a user waits for its response, so a slow server gets fewer requests, and latencies look lower \
                      than independent users would see (coordinated omission); `vouch load` sends on a schedule";

impl JourneyReport<'_> {
    /// Writes the summary.
    pub fn write_summary(&self, out: &mut dyn Write, colours: bool) -> io::Result<()> {
        let style = |style: Style| style.force_styling(colours);
        let (bold, dim, red) = (style(Style::new().bold()), style(Style::new().dim()), style(Style::new().red()));
        let yellow = style(Style::new().yellow());
        let LoadReport { target, load, round, evaluation, undeleted_users, target_file: _ } = &self.report;
        let options = self.options;
        writeln!(out, "{}", bold.apply_to(&load.title))?;
        let about = format!(
            "journeys of {} users, spawn rate {}/s, think time {}..{}, measured {}, to {target}",
            options.users,
            crate::threshold::short(options.spawn_rate),
            humantime::format_duration(options.think_time.0),
            humantime::format_duration(options.think_time.1),
            humantime::format_duration(round_to_milliseconds(round.measured)),
        );
        writeln!(out, "{}\n", dim.apply_to(about))?;
        let width = round.series.iter().map(|(name, _)| name.len()).max().unwrap_or(8).max(8);
        let head: String = PERCENTILES.iter().map(|p| format!(" {:>9}", format!("p{p}"))).collect();
        let columns = format!("{:width$} {:>9} {:>9}{head} {:>9} {:>8}", "", "good", "good/s", "max", "errors");
        writeln!(out, "{}", dim.apply_to(columns))?;
        for (name, series) in &round.series {
            write_series(out, name, width, series, round.seconds())?;
        }
        write_series(out, "all calls", width, &round.total, round.seconds())?;
        self.report.failures(out, &red, &dim)?;
        writeln!(out)?;
        for result in &evaluation.thresholds {
            writeln!(out, "{}", threshold_line(result, colours))?;
        }
        for limit in &evaluation.generator_limits {
            writeln!(out, "{} the load generator was the limit: {limit}", yellow.apply_to("!"))?;
        }
        for note in self.notes() {
            writeln!(out, "{}", dim.apply_to(format!("  note: {note}")))?;
        }
        if *undeleted_users > 0 {
            let mark = yellow.apply_to("!");
            writeln!(out, "{mark} {undeleted_users} created users could not be deleted")?;
        }
        let verdict = match evaluation.verdict {
            _ if round.interrupted => yellow.apply_to("interrupted: these are the results until then"),
            LoadVerdict::Passed => style(Style::new().green().bold()).apply_to("passed"),
            LoadVerdict::Failed => style(Style::new().red().bold()).apply_to("failed"),
            LoadVerdict::Inconclusive => style(Style::new().yellow().bold()).apply_to("inconclusive"),
        };
        writeln!(out, "\n{verdict}")
    }

    fn notes(&self) -> Vec<String> {
        let own = [CLOSED_MODEL_NOTE.to_owned()].into_iter().chain(self.left_out.iter().cloned());
        own.chain(self.report.evaluation.notes.iter().cloned()).collect()
    }

    /// The results as JSON. Times are in nanoseconds unless the name says otherwise.
    pub fn json(&self) -> String {
        let LoadReport { target, load, round, evaluation, .. } = &self.report;
        let result = thresholds_json(evaluation);
        let all: serde_json::Map<String, Value> =
            round.series.iter().map(|(name, series)| (name.clone(), series_json(series, round.seconds()))).collect();
        let report = json!({
            "schema": 1,
            "vouch": env!("CARGO_PKG_VERSION"),
            "model": "closed",
            "title": load.title,
            "target": target,
            "realm": { "environment": load.realm.environment, "region": load.realm.region },
            "users": self.options.users,
            "spawnRate": self.options.spawn_rate,
            "thinkSeconds": [self.options.think_time.0.as_secs_f64(), self.options.think_time.1.as_secs_f64()],
            "measuredSeconds": round.seconds(),
            "verdict": evaluation.verdict,
            "interrupted": round.interrupted,
            "thresholds": result,
            "limits": evaluation.generator_limits,
            "notes": self.notes(),
            "series": all,
            "all": series_json(&round.total, round.seconds()),
            "checks": { "userClaim": round.learned_claims.user, "constantClaims": round.learned_claims.constant,
                "opaqueTokens": round.opaque_tokens, "handedOutTwiceOneIn": round.sample_one_in },
            "timeline": round.intervals.iter().map(interval_json).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

fn round_to_milliseconds(duration: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
