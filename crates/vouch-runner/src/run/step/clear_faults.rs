//! Executes `clear_faults`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::ClearFaults;

#[async_trait]
impl Execute for ClearFaults {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.faults.clear();
        world.app.clear_sdk_faults();
        Ok(StepResult::Done)
    }
}
