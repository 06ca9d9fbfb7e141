//! Executes `await_call`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Await;

#[async_trait]
impl Execute for Await {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let begun = world.started_calls.lock().remove(&self.call);
        let begun = begun.ok_or_else(|| StepError::Scenario(format!("no call `{}` goes on", self.call)))?;
        begun.task.await.map_err(|e| StepError::Harness(format!("the call `{}` was lost: {e}", self.call)))?
    }

    fn counts_from(&self, world: &World) -> Option<usize> {
        world.started_calls.lock().get(&self.call).map(|begun| begun.mark)
    }
}
