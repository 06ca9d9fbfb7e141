//! Executes `vendor_users`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::VendorUsers;

#[async_trait]
impl Execute for VendorUsers {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let all = world.vendor.simulated()?.store().live(world.given.realm()).count();
        let got = all.saturating_sub(world.given.strangers);
        if got == self.count {
            return Ok(StepResult::Done);
        }
        Err(StepError::Unmet { expected: format!("{} vendor users of the team", self.count), got: got.to_string() })
    }
}
