//! Executes `lock_storage`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::{LockStorage, UnlockStorage};

#[async_trait]
impl Execute for LockStorage {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.set_locked(true).await?;
        Ok(StepResult::Done)
    }
}

#[async_trait]
impl Execute for UnlockStorage {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.set_locked(false).await?;
        Ok(StepResult::Done)
    }
}
