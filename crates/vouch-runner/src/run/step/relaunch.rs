//! Executes `relaunch`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Relaunch;

#[async_trait]
impl Execute for Relaunch {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.stop().await?;
        world.device.launch().await?;
        Ok(StepResult::Done)
    }
}
