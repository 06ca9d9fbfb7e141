//! Executes `advance`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::duration;
use vouch_spec::step::Advance;

#[async_trait]
impl Execute for Advance {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let by = duration::parse_positive(&self.by).map_err(|why| StepError::Scenario(why.to_string()))?;
        match self.foreground {
            true => world.advance_in_foreground(by).await?,
            false => world.advance(by).await?,
        }
        Ok(StepResult::Done)
    }
}
