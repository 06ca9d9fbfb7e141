//! Executes `pause`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::step::{LONGEST_PAUSE, Pause};

#[async_trait]
impl Execute for Pause {
    async fn execute(&self, _: &Arc<World>) -> Result<StepResult, StepError> {
        tokio::time::sleep(Duration::from_millis(self.milliseconds.min(LONGEST_PAUSE))).await;
        Ok(StepResult::Done)
    }
}
