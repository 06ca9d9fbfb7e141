//! Executes `either`.

use super::{Execute, perform};
use crate::run::step_result::{StepError, StepFailure, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::{Either, ScenarioStep};

#[async_trait]
impl Execute for Either {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let mut wanted = Vec::new();
        let mut found = String::new();
        for way in &self.ways {
            let Some((first, others)) = way.split_first() else { continue };
            match perform(first, world).await {
                Ok(_) => return follow(others, world).await,
                Err(failure) => match failure.error {
                    StepError::Unmet { expected, got } => {
                        wanted.push(expected);
                        found = got;
                    }
                    error => return Err(StepError::Inside(Box::new(StepFailure { error, ..*failure }))),
                },
            }
        }
        Err(StepError::Unmet { expected: wanted.join(", or "), got: found })
    }
}

/// Performs the steps of the way that the case goes.
async fn follow(steps: &[ScenarioStep], world: &Arc<World>) -> Result<StepResult, StepError> {
    for step in steps {
        perform(step, world).await.map_err(StepError::Inside)?;
    }
    Ok(StepResult::Done)
}
