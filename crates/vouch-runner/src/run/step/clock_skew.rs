//! Executes `clock_skew`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::ClockSkew;

#[async_trait]
impl Execute for ClockSkew {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.set_clock_skew(self.minutes.saturating_mul(60_000));
        Ok(StepResult::Done)
    }
}
