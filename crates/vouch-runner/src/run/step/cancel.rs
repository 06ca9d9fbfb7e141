//! Executes `cancel`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Cancel;

#[async_trait]
impl Execute for Cancel {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let begun = world.started_calls.lock();
        let begun =
            begun.get(&self.call).ok_or_else(|| StepError::Scenario(format!("no call `{}` was begun", self.call)))?;
        begun.cancel.notify_one();
        Ok(StepResult::Done)
    }
}
