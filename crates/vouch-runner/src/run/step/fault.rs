//! Executes `fault`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::wire::{FaultEffect, FaultRule};
use vouch_spec::step::Fault;

#[async_trait]
impl Execute for Fault {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let body = self.body.as_ref().map(|text| world.text(text)).transpose()?;
        let effect = FaultEffect::of(self, body);
        world.faults.add(FaultRule { on: self.on, effect, description: self.effect(), times: self.times });
        Ok(StepResult::Done)
    }
}
