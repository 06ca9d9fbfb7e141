//! Executes `second_process`.

use super::{Execute, executor};
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::SecondProcess;

#[async_trait]
impl Execute for SecondProcess {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.in_second_process(executor(&self.step.step).execute(world)).await?
    }
}
