//! Executes `failWrites`.

use super::{Execute, executor};
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::reference::sdk::ports::WriteFault;
use vouch_spec::step::{FailWrites, WriteError};

#[async_trait]
impl Execute for FailWrites {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let fault = match self.error {
            WriteError::NoSpace => WriteFault::NoSpace,
            WriteError::IoError => WriteFault::IoError,
        };
        world.device.arm(self.write.unwrap_or(world.crash_point.write), fault)?;
        let result = executor(&self.step.step).execute(world).await;
        if world.device.disarm() && self.write.is_none() {
            world.crash_point.mark_reached(fault);
        }
        result
    }
}
