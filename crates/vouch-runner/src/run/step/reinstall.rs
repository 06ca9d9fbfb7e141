//! Executes `reinstall`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::{Keeps, Reinstall};

#[async_trait]
impl Execute for Reinstall {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.reinstall(self.keeps == Keeps::Secure).await?;
        Ok(StepResult::Done)
    }
}
