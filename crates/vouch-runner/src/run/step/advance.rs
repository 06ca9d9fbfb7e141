//! Executes `advance`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::Advance;

#[async_trait]
impl Execute for Advance {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let by = humantime::parse_duration(&self.by)
            .map_err(|e| StepError::Scenario(format!("`{}` is not a duration: {e}", self.by)))?;
        world.advance(by).await?;
        Ok(StepResult::Done)
    }
}
