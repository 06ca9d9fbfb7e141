//! Executes `kill`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Kill;

#[async_trait]
impl Execute for Kill {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.kill().await;
        Ok(StepResult::Done)
    }
}
