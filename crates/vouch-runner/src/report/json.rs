//! The JSON report: one document at the end of the run.

use super::Listener;
use crate::run::event::{RunEvent, Started};
use crate::run::verdict::{CaseReport, Finding, Verdict};
use serde_json::{Value, json};
use std::io::{self, Write};

/// The version of the document's layout, raised on every incompatible change.
const FORMAT: u32 = 1;

/// Writes the JSON report.
pub struct Json<W> {
    out: W,
    started: Option<Started>,
    cases: Vec<Value>,
}

impl<W: Write> Json<W> {
    /// A report that is written to `out`.
    pub fn new(out: W) -> Self {
        Self { out, started: None, cases: Vec::new() }
    }
}

impl<W: Write> Listener for Json<W> {
    fn on_event(&mut self, event: &RunEvent) -> io::Result<()> {
        match event {
            RunEvent::Started(started) => self.started = Some(started.clone()),
            RunEvent::CaseFinished(case) => self.cases.push(case_json(case)),
            RunEvent::Finished(summary) => {
                // Cases finish in any order; a stable order makes runs comparable.
                self.cases.sort_by_key(|case| case["id"].as_str().unwrap_or_default().to_owned());
                let document = json!({
                    "format": FORMAT,
                    "vouch": env!("CARGO_PKG_VERSION"),
                    "run": self.started,
                    "outcome": summary.outcome(),
                    "seconds": summary.duration.as_secs_f64(),
                    "summary": summary,
                    "cases": self.cases,
                });
                serde_json::to_writer_pretty(&mut self.out, &document)?;
                writeln!(self.out)?;
                self.out.flush()?;
            }
        }
        Ok(())
    }
}

fn case_json(case: &CaseReport) -> Value {
    let (verdict, detail) = match &case.verdict {
        Verdict::Passed => ("passed", Value::Null),
        Verdict::Failed(findings) => ("failed", findings.iter().map(finding_json).collect()),
        Verdict::Warned(findings) => ("warned", findings.iter().map(finding_json).collect()),
        Verdict::NotReached(case) => (
            "notReached",
            json!({ "becauseOf": case.because_of, "clauses": case.clauses, "setup": finding_json(&case.setup) }),
        ),
        Verdict::Skipped(reason) => ("skipped", json!(reason)),
        Verdict::BadScenario(what) => ("badScenario", json!(what)),
        Verdict::HarnessFailed(what) => ("harnessFailed", json!(what)),
    };
    json!({
        "id": case.id, "group": case.group, "title": case.title, "advice": case.advice, "file": case.file, "proves": case.proves,
        "conditions": case.conditions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>(),
        "verdict": verdict, "seconds": case.duration.as_secs_f64(), "detail": detail,
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "clauses": finding.clauses, "location": finding.location.to_string(), "step": finding.step,
        "expected": finding.expected, "got": finding.got, "wire": finding.wire, "stderr": finding.stderr,
    })
}
