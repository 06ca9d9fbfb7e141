//! One case from the first launch to the verdict.

use super::crash_points::{CrashPoint, MOST_WRITES};
use super::plan::PlannedCase;
use super::snapshots::Snapshots;
use super::step_result::{StepError, StepFailure};
use super::verdict::{CaseReport, Finding, Location, Severity, Verdict};
use super::world::{Setup, World};
use crate::invariant::{self, Evidence, InvariantState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_sim::wire::render;
use vouch_spec::text::Span;

/// A case that takes longer than this, in real time, is stopped.
const CASE_LIMIT: Duration = Duration::from_secs(120);
/// How many exchanges before a failure are shown.
const WIRE_SHOWN: usize = 6;
/// How many lines of standard error are shown.
const STDERR_SHOWN: usize = 12;

/// Plays one case whose steps stand nowhere but in its plan: there are no snapshots of it.
pub async fn play(case: &PlannedCase, setup: &Setup) -> CaseReport {
    run(case, setup, None).await
}

pub(super) async fn run(case: &PlannedCase, setup: &Setup, snapshots: Option<&Snapshots>) -> CaseReport {
    let began = Instant::now();
    let mut write = 1;
    let verdict = loop {
        match once(case, setup, snapshots, CrashPoint::at(write)).await {
            (Verdict::Passed, true) if write == MOST_WRITES => {
                let why = format!("the call writes more than {MOST_WRITES} times; later deaths are not tried");
                break Verdict::Skipped(why);
            }
            (Verdict::Passed, true) => write += 1,
            (verdict, _) => break verdict,
        }
    };
    CaseReport::new(case, verdict, began.elapsed())
}

/// Plays the case once. Also whether its process died where the scenario leaves open when.
async fn once(case: &PlannedCase, setup: &Setup, snapshots: Option<&Snapshots>, death: CrashPoint) -> (Verdict, bool) {
    match World::build(setup, case.given.clone(), case.expiries(), case.traps(), death).await {
        Ok(world) => {
            let verdict = judge(case, &world, snapshots).await;
            world.shut_down().await;
            (verdict, world.death.came())
        }
        Err(error) => {
            let redactor = vouch_sim::wire::redact::Redactor::default();
            (Verdict::HarnessFailed(redactor.scrub(&format!("cannot bring up the case: {error}"))), false)
        }
    }
}

async fn judge(case: &PlannedCase, world: &Arc<World>, snapshots: Option<&Snapshots>) -> Verdict {
    let steps = async {
        match perform(case, world).await {
            Ok(()) => snapshots.map_or(Ok(()), |snapshots| snapshots.check(case, world)),
            Err(failure) => Err(failure),
        }
    };
    let result = tokio::time::timeout(CASE_LIMIT, steps).await.unwrap_or_else(|_| {
        let got = format!("still at work after {CASE_LIMIT:?}");
        Err(Box::new(whole_case(case, StepError::Unmet { expected: "the case to end".into(), got })))
    });
    match result {
        Ok(()) => Verdict::Passed,
        Err(failure) => match world.check_environment().await {
            Ok(()) => verdict(case, world, failure.innermost()).await,
            // A full disk fails every SDK alike.
            Err(error) => {
                Verdict::HarnessFailed(world.redactor.scrub(&format!("this machine fails the case: {error}")))
            }
        },
    }
}

/// Every status that was told is a documented combination. Judged at the end: a step that names a clause of its own for a wrong
/// status goes before.
fn told_statuses(case: &PlannedCase, world: &World) -> Result<(), Box<StepFailure>> {
    let Some(odd) = world.device.odd_status() else { return Ok(()) };
    let words: Vec<_> = odd.iter().map(|word| word.word()).collect();
    let (expected, got) = ("a documented combination of status words".into(), words.join(", "));
    let halt = StepError::Unmet { expected, got: format!("the told status [{got}]") };
    Err(Box::new(StepFailure { clauses: vec!["LIF-7".to_owned()], ..whole_case(case, halt) }))
}

async fn perform(case: &PlannedCase, world: &Arc<World>) -> Result<(), Box<StepFailure>> {
    let mut state = InvariantState::default();
    world.prepare_users().await.map_err(|halt| Box::new(whole_case(case, halt)))?;
    world.launch().await.map_err(|halt| Box::new(whole_case(case, halt)))?;
    for step in &case.steps {
        super::step::perform(step, world).await?;
        let items = world.items().await.map_err(|halt| Box::new(whole_case(case, halt)))?;
        let (exchanges, written, sdk) = (world.transcript.since(0), world.take_written(), world.observed());
        let begun = world.calls_under_way();
        let evidence = Evidence {
            redactor: &world.redactor,
            profile: &world.profile,
            mode: world.clock.mode(),
            exchanges: &exchanges,
            written: &written,
            items: &items,
            sdk: &sdk,
            calls: step.step.calls() + begun,
            idle: begun == 0 && world.sdk_runs(),
        };
        if let Some(halt) = world.unreadable() {
            return Err(Box::new(StepFailure { span: step.span, words: step.step.describe(), clauses: vec![], halt }));
        }
        if let Some(violation) = invariant::after_step(&mut state, &evidence) {
            return Err(Box::new(StepFailure {
                span: step.span,
                words: format!("{}, and what must hold in every run", step.step.describe()),
                clauses: vec![violation.clause.to_owned()],
                halt: StepError::Unmet { expected: violation.expected.to_owned(), got: violation.got },
            }));
        }
    }
    told_statuses(case, world)
}

/// A failure of no step in particular: it points at the scenario's id.
fn whole_case(case: &PlannedCase, halt: StepError) -> StepFailure {
    let span: Span = case.scenario.header.id.span;
    StepFailure { span, words: "the case as a whole".into(), clauses: vec![], halt }
}

async fn verdict(case: &PlannedCase, world: &World, failure: StepFailure) -> Verdict {
    let proves: Vec<_> = case.scenario.proves().map(str::to_owned).collect();
    let mut clauses = failure.clauses;
    let (mut severity, mut stderr) = (Severity::ByLevel, None);
    if matches!(failure.halt, StepError::Adapter(_) | StepError::Backend(_)) {
        // It proves nothing of the clauses, good or bad; one is named only where there is no doubt which.
        severity = Severity::Always;
        if clauses.is_empty() && proves.len() == 1 {
            clauses.clone_from(&proves);
        }
    }
    let (expected, got) = match failure.halt {
        StepError::Unmet { expected, got } => {
            if clauses.is_empty() {
                clauses = proves;
            }
            (expected, got)
        }
        StepError::Adapter(trouble) => ("an adapter that keeps to the protocol".to_owned(), trouble.what),
        StepError::Backend(trouble) => {
            let own = if trouble.stderr.trim().is_empty() { world.stderr().await } else { trouble.stderr };
            stderr = Some(own);
            ("a backend that serves".to_owned(), trouble.what)
        }
        StepError::Scenario(what) => {
            let place = case.scenario.source.place(failure.span);
            return Verdict::BadScenario(world.redactor.scrub(&format!("{place}: {what}")));
        }
        StepError::Harness(what) => return Verdict::HarnessFailed(world.redactor.scrub(&what)),
        StepError::Inside(_) => {
            return Verdict::HarnessFailed(world.redactor.scrub("a failure inside a failure was not unpacked"));
        }
    };
    let stderr = match stderr {
        Some(stderr) => stderr,
        None => world.stderr().await,
    };
    let exchanges = world.transcript.since(0);
    let first = exchanges.len().saturating_sub(WIRE_SHOWN);
    let wire = exchanges
        .iter()
        .enumerate()
        .skip(first)
        .map(|(i, exchange)| render::exchange(i + 1, exchange, &world.redactor))
        .collect();
    let words = match world.death.came() {
        true => format!("{} (the process died instead of write {})", failure.words, world.death.at),
        false => failure.words,
    };
    Verdict::Failed(vec![Finding {
        clauses,
        severity,
        location: Location { source: case.scenario.source.clone(), span: failure.span },
        step: world.redactor.scrub(&words),
        expected: world.redactor.scrub(&expected),
        got: world.redactor.scrub(&got),
        wire,
        stderr: world.redactor.scrub(&tail(&stderr, STDERR_SHOWN)),
    }])
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
