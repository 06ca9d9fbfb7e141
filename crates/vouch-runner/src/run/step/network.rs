//! Executes `network`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::{Network, NetworkState};

#[async_trait]
impl Execute for Network {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.faults.set_network(self.is == NetworkState::Up);
        Ok(StepResult::Done)
    }
}
