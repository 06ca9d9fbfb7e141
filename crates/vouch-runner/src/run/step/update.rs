//! Executes `update`.

use super::Execute;
use crate::run::device::Build;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Update;

#[async_trait]
impl Execute for Update {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.install(Build::UnderTest).await?;
        Ok(StepResult::Done)
    }
}
