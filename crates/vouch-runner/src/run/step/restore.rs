//! Executes `restore`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Restore;

#[async_trait]
impl Execute for Restore {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.restore(self.holds).await?;
        Ok(StepResult::Done)
    }
}
