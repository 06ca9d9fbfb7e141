//! Executes `downgrade`.

use super::Execute;
use crate::run::device::Build;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Downgrade;

#[async_trait]
impl Execute for Downgrade {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.install(Build::Previous).await?;
        Ok(StepResult::Done)
    }
}
