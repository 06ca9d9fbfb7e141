//! Executes `crash`.

use super::{Execute, executor};
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Crash;

#[async_trait]
impl Execute for Crash {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.arm(self.write.unwrap_or(world.death.at))?;
        let answer = executor(&self.step.step).execute(world).await;
        // A built-in SDK that was ended in the middle may still have answered: nobody was there to on_event it.
        if world.device.disarm() {
            world.note_crash();
            if self.write.is_none() {
                world.death.note();
            }
            return Ok(StepResult::Killed);
        }
        answer
    }
}
