//! Executes `crash`.

use super::{Execute, executor};
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::reference::sdk::ports::WriteFault;
use vouch_spec::step::{Crash, Step};

#[async_trait]
impl Execute for Crash {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let write = self.write.unwrap_or(world.crash_point.write);
        match &self.step.step {
            Step::Update(_) | Step::Downgrade(_) | Step::Wake(_) => {
                world.device.arm_next_launch(write, WriteFault::End);
            }
            Step::Launch(_) if !world.device.is_in_background() => {
                world.device.arm_next_launch(write, WriteFault::End);
            }
            _ => world.device.arm(write, WriteFault::End)?,
        }
        let before = world.sdk.reported_end();
        let answer = executor(&self.step.step).execute(world).await;
        // A built-in SDK that was ended in the middle may still have answered: no caller was left to receive it.
        if world.device.disarm() {
            world.sdk.record_crash();
            world.sdk.withdraw_end(before);
            if self.write.is_none() {
                world.crash_point.mark_reached(WriteFault::End);
            }
            return Ok(StepResult::Killed);
        }
        answer
    }
}
