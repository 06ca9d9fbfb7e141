//! Makes findings of failed steps and violated invariants.

use super::plan::PlannedCase;
use super::step_result::{About, StepError, StepFailure};
use super::verdict::{Excerpt, Finding, Location, Severity};
use super::world::World;
use crate::invariant::Violation;
use vouch_sim::wire::redact::Redacted;
use vouch_sim::wire::{Exchange, Party, render};
use vouch_spec::scenario::Advice;
use vouch_spec::step::{FaultKind, ScenarioStep};
use vouch_spec::text::Span;

/// The number of exchanges before a failure in a finding.
const SHOWN_EXCHANGES: usize = 6;
/// The number of lines of standard error in a finding.
const SHOWN_STDERR_LINES: usize = 12;

/// A failed step that says nothing about the build.
pub(super) enum NoFinding {
    /// The case says nothing about the build, for this reason.
    NotApplicable(Redacted),
    BadScenario(Redacted),
    Harness(Redacted),
}

/// What failed, where, and what it means for the clauses.
struct Nonconformity {
    span: Span,
    description: String,
    /// The kind of the step, or the clause of the invariant.
    kind: String,
    is_of_invariant: bool,
    clauses: Vec<String>,
    severity: Severity,
    expected: String,
    got: String,
    /// The standard error at the time of the failure, if it was captured.
    stderr: Option<String>,
    advice: Option<String>,
}

/// The finding of a failed step.
pub(super) async fn of_step(case: &PlannedCase, world: &World, failure: StepFailure) -> Result<Finding, NoFinding> {
    let found = |clauses, severity, expected: String, got| Nonconformity {
        span: failure.span,
        description: failure.description.clone(),
        kind: failure.kind.clone(),
        is_of_invariant: false,
        clauses,
        severity,
        expected,
        got,
        stderr: None,
        advice: advice(case, world, failure.advice.as_ref()),
    };
    let undocumented = matches!(failure.error, StepError::Undocumented { .. });
    let nonconformity = match failure.error {
        StepError::Unmet { expected, got } | StepError::Undocumented { expected, got } => {
            let (clauses, severity) = clauses(case, &failure.about);
            let severity = if undocumented && severity == Severity::ByLevel { Severity::AnyLevel } else { severity };
            let of_case = case.scenario.header.advice.as_ref().map(|advice| &advice.value);
            // A step that the case is not about fails for a reason of its own.
            let of_case = of_case.filter(|_| severity != Severity::Setup && !clauses.is_empty());
            let found = found(clauses, severity, expected, got);
            let of_case = || advice(case, world, of_case);
            Nonconformity { advice: found.advice.or_else(of_case), ..found }
        }
        StepError::Violates { clause, expected, got } => {
            found(vec![clause.to_owned()], Severity::ByLevel, expected, got)
        }
        // The output of an adapter is read from its process, which is still known.
        StepError::Adapter(error) => {
            let named = named_clauses(case, &failure.about);
            found(named, Severity::Always, "an adapter that complies with the protocol".into(), error.what)
        }
        StepError::Backend(error) => {
            let named = if let About::Clauses(clauses) = &failure.about { clauses.clone() } else { vec![] };
            let stderr = Some(error.stderr).filter(|stderr| !stderr.trim().is_empty());
            Nonconformity { stderr, ..found(named, Severity::Always, "a backend that serves".into(), error.what) }
        }
        StepError::Scenario(what) => {
            let location = case.scenario.source.place(failure.span);
            return Err(NoFinding::BadScenario(world.redactor.scrub(&format!("{location}: {what}"))));
        }
        StepError::NotApplicable(why) => return Err(NoFinding::NotApplicable(world.redactor.scrub(&why))),
        StepError::Harness(what) => return Err(NoFinding::Harness(world.redactor.scrub(&what))),
        StepError::Inside(_) => {
            return Err(NoFinding::Harness(world.redactor.scrub("the failure of a nested step was not unpacked")));
        }
    };
    Ok(finding(case, world, nonconformity).await)
}

/// The finding of an invariant that was violated during a step.
pub(super) async fn of_invariant(
    case: &PlannedCase,
    world: &World,
    step: &ScenarioStep,
    violation: Violation,
) -> Finding {
    let nonconformity = Nonconformity {
        span: step.span,
        description: format!("{}, and an invariant of every case", step.step.describe()),
        kind: format!("invariant {}", violation.clause),
        is_of_invariant: true,
        clauses: vec![violation.clause.to_owned()],
        severity: Severity::ByLevel,
        expected: violation.expected.to_owned(),
        got: violation.got,
        stderr: None,
        advice: None,
    };
    finding(case, world, nonconformity).await
}

async fn finding(case: &PlannedCase, world: &World, found: Nonconformity) -> Finding {
    let stderr = match found.stderr {
        Some(stderr) => stderr,
        None => world.stderr().await,
    };
    let step = match world.crash_point.describe() {
        Some(what) => format!("{} ({what})", found.description),
        None => found.description,
    };
    let scrub = |text: &str| world.redactor.scrub(text);
    let exchanges = world.transcript.since(0);
    let last = shape(exchanges.last());
    // An error after a server refused: what was expected instead, and by which step, does not make it another cause.
    let exact = [&found.kind, &found.expected, &found.got, &last].map(|part| scrub(part));
    let exact_cause = super::cause::key(&exact);
    let cause = match is_refusal(exchanges.last()) && found.got.starts_with("the error ") {
        true => super::cause::key(&[scrub(&found.got), scrub(&last)]),
        false => exact_cause.clone(),
    };
    Finding {
        clauses: found.clauses,
        severity: found.severity,
        location: Location::of(&case.scenario.source, found.span),
        excerpt: Excerpt::of(&case.scenario.source, found.span),
        cause,
        exact_cause: exact_cause.digest(),
        setup: false,
        is_of_invariant: found.is_of_invariant,
        step: scrub(&step),
        expected: scrub(&found.expected),
        got: scrub(&found.got),
        wire: last_exchanges(&exchanges, world),
        stderr: scrub(&last_lines(&stderr)),
        advice: found.advice,
    }
}

/// The advice for the roles under test, in the words of the wire profile.
fn advice(case: &PlannedCase, world: &World, advice: Option<&Advice>) -> Option<String> {
    let roles = &case.scenario.header.roles;
    let under_test: Vec<_> =
        roles.iter().copied().filter(|role| world.under_test.is_empty() || world.under_test.contains(role)).collect();
    let text = advice?.for_roles(&under_test, *roles.first()?)?;
    Some(world.profile.fill_phrases(text))
}

/// The clauses of a step that did something else than was expected.
fn clauses(case: &PlannedCase, about: &About) -> (Vec<String>, Severity) {
    match about {
        About::Clauses(clauses) if clauses.is_empty() => (vec![], Severity::Always),
        About::Clauses(clauses) => (clauses.clone(), Severity::ByLevel),
        About::Setup(Some(clause)) => (vec![(*clause).to_owned()], Severity::Setup),
        // Where some steps name their clauses, the others prepare them.
        About::Case | About::Setup(None) if case.names_clauses() => (vec![], Severity::Setup),
        About::Case => (tested_clauses(case), Severity::ByLevel),
        About::Setup(None) => (tested_clauses(case), Severity::Setup),
    }
}

/// The clauses of an adapter that fails. A case that tests a single clause names it.
fn named_clauses(case: &PlannedCase, about: &About) -> Vec<String> {
    let tested = tested_clauses(case);
    match about {
        About::Clauses(clauses) => clauses.clone(),
        About::Case if tested.len() == 1 => tested,
        About::Case | About::Setup(_) => vec![],
    }
}

fn tested_clauses(case: &PlannedCase) -> Vec<String> {
    case.scenario.proves().map(str::to_owned).collect()
}

/// Whether the server itself refused the last request.
fn is_refusal(exchange: Option<&Exchange>) -> bool {
    exchange.is_some_and(|exchange| {
        exchange.fault.as_deref().is_none_or(FaultKind::keeps_answer)
            && exchange.status().is_some_and(|status| status.is_client_error())
    })
}

/// What the last exchange was, without what differs from case to case.
fn shape(exchange: Option<&Exchange>) -> String {
    let Some(exchange) = exchange else { return "no exchange".into() };
    let answer = exchange.status().map_or("no answer".to_owned(), |status| status.as_str().to_owned());
    format!("{} {} {answer}", exchange.operation.words(), exchange.request.method)
}

fn last_exchanges(exchanges: &[Exchange], world: &World) -> Vec<Redacted> {
    // How the token came about matters only where app, backend or API are the last to speak.
    let by_sdk = exchanges.last().is_some_and(|exchange| exchange.link.from == Party::Sdk);
    let matters =
        |(_, exchange): &(usize, &Exchange)| !by_sdk || exchange.link.from == Party::Sdk || exchange.fault.is_some();
    let shown: Vec<_> = exchanges.iter().enumerate().filter(matters).collect();
    let shown = shown[shown.len().saturating_sub(SHOWN_EXCHANGES)..].iter().copied();
    shown.map(|(index, exchange)| render::exchange(index + 1, exchange, &world.redactor)).collect()
}

/// The lines of standard error that a finding shows.
pub(super) fn last_lines(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().collect();
    lines[lines.len().saturating_sub(SHOWN_STDERR_LINES)..].join("\n")
}
