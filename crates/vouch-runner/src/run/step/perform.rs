//! Performs a step: executes it, then checks its result and what it sent.

use super::executor;
use crate::run::step_result::{StepError, StepFailure, StepResult};
use crate::run::traffic;
use crate::run::world::World;
use std::sync::Arc;
use vouch_spec::step::{Outcomes, ScenarioStep};

/// Executes the step and checks its result and what it sent.
pub async fn perform(step: &ScenarioStep, world: &Arc<World>) -> Result<StepResult, Box<StepFailure>> {
    let result = execute_and_check(step, world).await;
    result.map_err(|halt| {
        let mut clauses = step.clauses.clone();
        if clauses.is_empty() {
            clauses.extend(step.step.kind().setup_clause.map(str::to_owned));
        }
        Box::new(StepFailure { span: step.span, words: step.step.describe(), clauses, halt })
    })
}

async fn execute_and_check(step: &ScenarioStep, world: &Arc<World>) -> Result<StepResult, StepError> {
    let idle_from = world.sdk.idle_from();
    let executor = executor(&step.step);
    let mark = executor.counts_from(world).unwrap_or_else(|| world.transcript.len());
    let result = executor.execute(world).await?;
    if step.step.kind().has_result {
        check(&step.expect, &result)?;
    }
    if let Some(sent) = &step.sent {
        traffic::check(sent, &world.sdk.window(mark, idle_from), world)?;
    }
    Ok(result)
}

fn check(expect: &Outcomes, result: &StepResult) -> Result<(), StepError> {
    if expect.accepts(result) {
        return Ok(());
    }
    Err(StepError::Unmet { expected: expect.to_string(), got: result.to_string() })
}
