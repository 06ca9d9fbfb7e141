//! Executes `wait`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::step::{LONGEST_WAIT, Wait};

#[async_trait]
impl Execute for Wait {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.advance(Duration::from_secs(self.seconds.min(LONGEST_WAIT))).await?;
        Ok(StepResult::Done)
    }
}
