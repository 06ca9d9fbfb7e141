//! Runs one case, from the first launch to the verdict.

use super::crash_points::{CrashPoint, MAX_CRASH_POINTS};
use super::finding;
use super::plan::PlannedCase;
use super::role_setup::RoleSetup;
use super::snapshots::Snapshots;
use super::step_result::{StepError, StepFailure};
use super::verdict::{CaseReport, Verdict};
use super::world::{World, WorldOptions};
use crate::invariant::{self, Evidence, InvariantState};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_sim::wire::redact::Redactor;
use vouch_spec::step::ScenarioStep;

/// The timeout of a case, in real time.
const CASE_TIMEOUT: Duration = Duration::from_secs(120);

/// Runs a case without comparing wire snapshots.
pub async fn play(case: &PlannedCase, setup: &RoleSetup) -> CaseReport {
    run(case, setup, None).await
}

/// Runs a case: once, or once for each crash point.
pub(super) async fn run(case: &PlannedCase, setup: &RoleSetup, snapshots: Option<&Snapshots>) -> CaseReport {
    let started = Instant::now();
    let mut write = 1;
    let verdict = loop {
        match run_once(case, setup, snapshots, CrashPoint::at(write)).await {
            (Verdict::Passed, true) if write == MAX_CRASH_POINTS => {
                let reason =
                    format!("the call writes more than {MAX_CRASH_POINTS} times; later crash points are not tested");
                break Verdict::Skipped(reason);
            }
            (Verdict::Passed, true) => write += 1,
            (verdict, _) => break verdict,
        }
    };
    CaseReport::new(case, verdict, started.elapsed())
}

/// Runs the case once. Also returns whether the process was killed at the crash point.
async fn run_once(
    case: &PlannedCase,
    setup: &RoleSetup,
    snapshots: Option<&Snapshots>,
    crash_point: CrashPoint,
) -> (Verdict, bool) {
    let options = WorldOptions {
        given: case.given.clone(),
        expiries: case.expiries(),
        intercept_writes: case.traps(),
        crash_point,
    };
    match World::build(setup, options).await {
        Ok(world) => {
            let verdict = run_in(case, &world, snapshots).await;
            world.shut_down().await;
            (verdict, world.crash_point.was_reached())
        }
        Err(error) => {
            let what = format!("the environment of the case cannot be started: {error}");
            (Verdict::HarnessFailed(Redactor::default().scrub(&what)), false)
        }
    }
}

async fn run_in(case: &PlannedCase, world: &Arc<World>, snapshots: Option<&Snapshots>) -> Verdict {
    let steps = async {
        perform_steps(case, world).await?;
        match snapshots {
            Some(snapshots) => snapshots.check(case, world),
            None => Ok(()),
        }
    };
    let result = tokio::time::timeout(CASE_TIMEOUT, steps).await.unwrap_or_else(|_| {
        let got = format!("still running after {CASE_TIMEOUT:?}");
        Err(Box::new(case_failure(case, StepError::Unmet { expected: "the case to end".into(), got })))
    });
    let Err(failure) = result else { return Verdict::Passed };
    match world.check_environment().await {
        Ok(()) => finding::verdict(case, world, failure.innermost()).await,
        // With a full disk, for example, every SDK fails.
        Err(error) => Verdict::HarnessFailed(world.redactor.scrub(&format!("this machine fails the case: {error}"))),
    }
}

async fn perform_steps(case: &PlannedCase, world: &Arc<World>) -> Result<(), Box<StepFailure>> {
    let fail = |error| Box::new(case_failure(case, error));
    let mut state = InvariantState::default();
    world.prepare_users().await.map_err(fail)?;
    world.launch().await.map_err(fail)?;
    for step in &case.steps {
        super::step::perform(step, world).await?;
        if let Some(error) = world.invalid_notification() {
            return Err(Box::new(step_failure(step, step.step.describe(), vec![], error)));
        }
        let items = world.items().await.map_err(fail)?;
        check_invariants(step, world, &items, &mut state)?;
    }
    check_notified_statuses(case, world)
}

fn check_invariants(
    step: &ScenarioStep,
    world: &World,
    items: &[vouch_spec::protocol::message::Item],
    state: &mut InvariantState,
) -> Result<(), Box<StepFailure>> {
    let in_flight = world.calls_in_flight();
    let evidence = Evidence {
        redactor: &world.redactor,
        profile: &world.profile,
        mode: world.clock.mode(),
        exchanges: &world.transcript.since(0),
        written: &world.device.take_written(),
        items,
        sdk: &world.sdk.observed(),
        calls: step.step.calls() + in_flight,
        idle: in_flight == 0 && world.device.runs(),
    };
    let Some(violation) = invariant::after_step(state, &evidence) else { return Ok(()) };
    let description = format!("{}, and an invariant of every case", step.step.describe());
    let error = StepError::Unmet { expected: violation.expected.to_owned(), got: violation.got };
    Err(Box::new(step_failure(step, description, vec![violation.clause.to_owned()], error)))
}

/// Checks that every notified status is a documented combination. It runs at the end, because a step can report a wrong status
/// under a more specific clause.
fn check_notified_statuses(case: &PlannedCase, world: &World) -> Result<(), Box<StepFailure>> {
    let Some(status) = world.device.undocumented_status() else { return Ok(()) };
    let words: Vec<_> = status.iter().map(|word| word.word()).collect();
    let got = format!("the notified status [{}]", words.join(", "));
    let error = StepError::Unmet { expected: "a documented combination of status words".into(), got };
    Err(Box::new(StepFailure { clauses: vec!["LIF-7".to_owned()], ..case_failure(case, error) }))
}

fn step_failure(step: &ScenarioStep, description: String, clauses: Vec<String>, error: StepError) -> StepFailure {
    StepFailure { span: step.span, words: description, clauses, halt: error }
}

/// A failure that belongs to no step. Its location is the id of the scenario.
fn case_failure(case: &PlannedCase, error: StepError) -> StepFailure {
    StepFailure { span: case.scenario.header.id.span, words: "the whole case".into(), clauses: vec![], halt: error }
}
