//! Executes `await_call`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::{CallProgress, World};
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Await;

#[async_trait]
impl Execute for Await {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let missing = || StepError::Scenario(format!("no call `{}` goes on", self.call));
        let task = {
            let mut calls = world.started_calls.lock();
            let call = calls.get_mut(&self.call).ok_or_else(missing)?;
            match std::mem::replace(&mut call.progress, CallProgress::Awaited) {
                CallProgress::Running(task) => task,
                CallProgress::Awaited => return Err(missing()),
                CallProgress::Ended(result) => {
                    call.progress = CallProgress::Ended(result.clone());
                    return result;
                }
            }
        };
        let result = task.await.map_err(|e| StepError::Harness(format!("the call `{}` was lost: {e}", self.call)))?;
        if let Some(call) = world.started_calls.lock().get_mut(&self.call) {
            call.progress = CallProgress::Ended(result.clone());
        }
        result
    }

    fn counts_from(&self, world: &World) -> Option<usize> {
        world.started_calls.lock().get(&self.call).map(|begun| begun.mark)
    }
}
