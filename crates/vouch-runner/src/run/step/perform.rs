//! Performs a step: executes it, then checks its result and what it sent.

use super::executor;
use crate::run::queued::HeldRequests;
use crate::run::step_result::{About, StepError, StepFailure, StepResult};
use crate::run::traffic;
use crate::run::world::World;
use std::sync::Arc;
use vouch_sim::wire::Operation;
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::{Outcomes, ScenarioStep, Step};

/// Executes the step and checks its result and what it sent.
pub async fn perform(step: &ScenarioStep, world: &Arc<World>) -> Result<StepResult, Box<StepFailure>> {
    execute_and_check(step, world).await.map_err(|(error, claim)| {
        let (name, description) = (step.step.kind().name, step.step.describe());
        let home = world.given.realm();
        let kind = if step.step.realm(home) == home { name.to_owned() } else { format!("{name} in another realm") };
        let (about, error) = (about(step, claim), testable(step, world, error));
        Box::new(StepFailure { span: step.span, description, kind, about, advice: step.advice.clone(), error })
    })
}

/// A token request that did not meet its fault failed to do what a fault would have brought about: a backend need not look a
/// user up before it creates one, and may have created it at the log-in.
fn testable(step: &ScenarioStep, world: &World, error: StepError) -> StepError {
    let StepError::Unmet { got, .. } = &error else { return error };
    let optional = [Operation::FindUser, Operation::CreateUser];
    let missing = world.faults.untouched().into_iter().find(|on| optional.contains(on));
    match (&step.step, missing) {
        (Step::TokenRequest(_), Some(on)) if got.starts_with("HTTP 2") => {
            StepError::NotApplicable(format!("the backend made no {} that could fail", on.words()))
        }
        _ => error,
    }
}

/// Whether what failed is written in the scenario, or goes without saying: a bare `signIn` must succeed, for example.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    Written,
    Implied,
}

/// A step that names no clause, and of which the scenario says nothing, prepares the case.
fn about(step: &ScenarioStep, claim: Claim) -> About {
    match step.step.kind().setup_clause {
        _ if !step.clauses.is_empty() => About::Clauses(step.clauses.clone()),
        Some(clause) => About::Setup(Some(clause)),
        None if claim == Claim::Implied => About::Setup(None),
        None => About::Case,
    }
}

async fn execute_and_check(step: &ScenarioStep, world: &Arc<World>) -> Result<StepResult, (StepError, Claim)> {
    let idle_from = world.sdk.idle_from();
    let executor = executor(&step.step);
    let mark = executor.counts_from(world).unwrap_or_else(|| world.transcript.len());
    let held = HeldRequests::now(world);
    let from = world.transcript.len();
    let ended = executor.execute(world).await;
    if let Some(reason) = held.not_applicable(&step.step, &ended, from, world) {
        return Err((reason, Claim::Written));
    }
    let result = ended.map_err(|error| (error, Claim::Written))?;
    if step.step.kind().has_result {
        let claim = if step.expect == Outcomes::default() { Claim::Implied } else { Claim::Written };
        check(&step.expect, &result).map_err(|error| (error, claim))?;
    }
    if let Some(sent) = &step.sent {
        let checked = traffic::check(sent, &world.sdk.window(mark, idle_from), world);
        checked.map_err(|error| (error, Claim::Written))?;
    }
    Ok(result)
}

fn check(expect: &Outcomes, result: &StepResult) -> Result<(), StepError> {
    if expect.accepts(result) {
        return Ok(());
    }
    let (expected, got) = (expect.to_string(), result.to_string());
    match result {
        StepResult::Refused { kind: ErrorKind::Internal, .. } => Err(StepError::Undocumented { expected, got }),
        _ => Err(StepError::Unmet { expected, got }),
    }
}
