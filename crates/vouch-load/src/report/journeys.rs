//! Reports of journeys: the closed model. Series, failures and thresholds are told as those of any load.

use super::json::{figures, row, thresholds_json};
use super::summary::{line, threshold};
use super::{PERCENTILES, Results};
use crate::Verdict;
use crate::journey::Pace;
use console::Style;
use serde_json::{Value, json};
use std::io::{self, Write};

/// All that a report of journeys can tell.
pub struct JourneyResults<'a> {
    pub results: Results<'a>,
    pub pace: &'a Pace,
    /// Steps of the scenarios that a load leaves out, in words.
    pub left_out: &'a [String],
}

/// What must be known to read the figures.
const CLOSED: &str = "a closed model: a user waits for its answer, so a slow server is asked less, and figures look better \
                      than what users who come anyhow would see (coordinated omission); `vouch load` sends on a schedule";

impl JourneyResults<'_> {
    /// Writes the summary.
    pub fn write_summary(&self, out: &mut dyn Write, colours: bool) -> io::Result<()> {
        let style = |style: Style| style.force_styling(colours);
        let (bold, dim, red) = (style(Style::new().bold()), style(Style::new().dim()), style(Style::new().red()));
        let yellow = style(Style::new().yellow());
        let Results { target, load, round, judged, left_users, target_file: _ } = &self.results;
        let pace = self.pace;
        writeln!(out, "{}", bold.apply_to(&load.title))?;
        let about = format!(
            "journeys of {} users, {} more a second, thinking {}..{}, measured {}, to {target}",
            pace.users,
            crate::threshold::short(pace.spawn_rate),
            humantime::format_duration(pace.think.0),
            humantime::format_duration(pace.think.1),
            humantime::format_duration(round_to_milliseconds(round.measured)),
        );
        writeln!(out, "{}\n", dim.apply_to(about))?;
        let width = round.series.iter().map(|(name, _)| name.len()).max().unwrap_or(8).max(8);
        let head: String = PERCENTILES.iter().map(|p| format!(" {:>9}", format!("p{p}"))).collect();
        let columns = format!("{:width$} {:>9} {:>9}{head} {:>9} {:>8}", "", "good", "good/s", "max", "errors");
        writeln!(out, "{}", dim.apply_to(columns))?;
        for (name, series) in &round.series {
            line(out, name, width, series, round.seconds())?;
        }
        line(out, "all calls", width, &round.whole, round.seconds())?;
        self.results.failures(out, &red, &dim)?;
        writeln!(out)?;
        for held in &judged.held {
            writeln!(out, "{}", threshold(held, colours))?;
        }
        for limit in &judged.limits {
            writeln!(out, "{} the generator was the limit: {limit}", yellow.apply_to("!"))?;
        }
        for note in self.notes() {
            writeln!(out, "{}", dim.apply_to(format!("  note: {note}")))?;
        }
        if *left_users > 0 {
            let mark = yellow.apply_to("!");
            writeln!(out, "{mark} {left_users} users that the load made could not be deleted")?;
        }
        let verdict = match judged.verdict {
            _ if round.interrupted => yellow.apply_to("interrupted: this is what was measured until then"),
            Verdict::Passed => style(Style::new().green().bold()).apply_to("passed"),
            Verdict::Failed => style(Style::new().red().bold()).apply_to("failed"),
            Verdict::Inconclusive => style(Style::new().yellow().bold()).apply_to("inconclusive"),
        };
        writeln!(out, "\n{verdict}")
    }

    fn notes(&self) -> Vec<String> {
        let own = [CLOSED.to_owned()].into_iter().chain(self.left_out.iter().cloned());
        own.chain(self.results.judged.notes.iter().cloned()).collect()
    }

    /// The results as JSON. Times are in nanoseconds unless the name says otherwise.
    pub fn json(&self) -> String {
        let Results { target, load, round, judged, .. } = &self.results;
        let held = thresholds_json(judged);
        let all: serde_json::Map<String, Value> =
            round.series.iter().map(|(name, series)| (name.clone(), figures(series, round.seconds()))).collect();
        let report = json!({
            "schema": 1,
            "vouch": env!("CARGO_PKG_VERSION"),
            "model": "closed",
            "title": load.title,
            "target": target,
            "realm": { "environment": load.realm.environment, "region": load.realm.region },
            "users": self.pace.users,
            "spawnRate": self.pace.spawn_rate,
            "thinkSeconds": [self.pace.think.0.as_secs_f64(), self.pace.think.1.as_secs_f64()],
            "measuredSeconds": round.seconds(),
            "verdict": judged.verdict,
            "interrupted": round.interrupted,
            "thresholds": held,
            "limits": judged.limits,
            "notes": self.notes(),
            "series": all,
            "all": figures(&round.whole, round.seconds()),
            "checks": { "userClaim": round.learned.user, "constantClaims": round.learned.constant,
                "opaqueTokens": round.opaque, "handedOutTwiceOneIn": round.one_in },
            "timeline": round.rows.iter().map(row).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

fn round_to_milliseconds(duration: std::time::Duration) -> std::time::Duration {
    std::time::Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}
