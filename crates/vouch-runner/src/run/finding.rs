//! Makes the verdict and the finding of a case from the failure of a step.

use super::plan::PlannedCase;
use super::step_result::{StepError, StepFailure};
use super::verdict::{Finding, Location, Severity, Verdict};
use super::world::World;
use vouch_sim::wire::redact::Redacted;
use vouch_sim::wire::render;

/// The number of exchanges before a failure in a finding.
const SHOWN_EXCHANGES: usize = 6;
/// The number of lines of standard error in a finding.
const SHOWN_STDERR_LINES: usize = 12;

/// What a failure of the build expected and got.
struct Nonconformity {
    clauses: Vec<String>,
    severity: Severity,
    expected: String,
    got: String,
    /// The standard error at the time of the failure, if it was captured.
    stderr: Option<String>,
}

/// The verdict of a case that failed.
pub(super) async fn verdict(case: &PlannedCase, world: &World, failure: StepFailure) -> Verdict {
    let nonconformity = match failure.halt {
        StepError::Unmet { expected, got } => {
            let clauses = if failure.clauses.is_empty() { tested_clauses(case) } else { failure.clauses };
            Nonconformity { clauses, severity: Severity::ByLevel, expected, got, stderr: None }
        }
        StepError::Adapter(error) => Nonconformity {
            clauses: unambiguous_clauses(case, failure.clauses),
            severity: Severity::Always,
            expected: "an adapter that complies with the protocol".into(),
            got: error.what,
            stderr: None,
        },
        StepError::Backend(error) => Nonconformity {
            clauses: unambiguous_clauses(case, failure.clauses),
            severity: Severity::Always,
            expected: "a backend that serves".into(),
            got: error.what,
            stderr: Some(error.stderr).filter(|stderr| !stderr.trim().is_empty()),
        },
        StepError::Scenario(what) => {
            let location = case.scenario.source.place(failure.span);
            return Verdict::BadScenario(world.redactor.scrub(&format!("{location}: {what}")));
        }
        StepError::Harness(what) => return Verdict::HarnessFailed(world.redactor.scrub(&what)),
        StepError::Inside(_) => {
            return Verdict::HarnessFailed(world.redactor.scrub("the failure of a nested step was not unpacked"));
        }
    };
    let stderr = match nonconformity.stderr {
        Some(stderr) => stderr,
        None => world.stderr().await,
    };
    let step = match world.crash_point.was_reached() {
        true => format!("{} (the process was killed instead of write {})", failure.words, world.crash_point.write),
        false => failure.words,
    };
    Verdict::Failed(vec![Finding {
        clauses: nonconformity.clauses,
        severity: nonconformity.severity,
        location: Location { source: case.scenario.source.clone(), span: failure.span },
        step: world.redactor.scrub(&step),
        expected: world.redactor.scrub(&nonconformity.expected),
        got: world.redactor.scrub(&nonconformity.got),
        wire: last_exchanges(world),
        stderr: world.redactor.scrub(&last_lines(&stderr, SHOWN_STDERR_LINES)),
    }])
}

fn tested_clauses(case: &PlannedCase) -> Vec<String> {
    case.scenario.proves().map(str::to_owned).collect()
}

/// The clauses of a failure that says nothing about the clauses of the case. A case that tests a single clause names it.
fn unambiguous_clauses(case: &PlannedCase, clauses: Vec<String>) -> Vec<String> {
    let tested = tested_clauses(case);
    if clauses.is_empty() && tested.len() == 1 { tested } else { clauses }
}

fn last_exchanges(world: &World) -> Vec<Redacted> {
    let exchanges = world.transcript.since(0);
    let first = exchanges.len().saturating_sub(SHOWN_EXCHANGES);
    let shown = exchanges.iter().enumerate().skip(first);
    shown.map(|(index, exchange)| render::exchange(index + 1, exchange, &world.redactor)).collect()
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
