//! Executes `wake`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Wake;

#[async_trait]
impl Execute for Wake {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.wake().await?;
        Ok(StepResult::Done)
    }
}
