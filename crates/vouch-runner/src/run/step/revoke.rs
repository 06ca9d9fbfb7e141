//! Executes `revoke`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::Control;
use vouch_spec::step::Revoke;

#[async_trait]
impl Execute for Revoke {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let id = world.users.id(&self.user)?;
        world.leave_second().await?;
        world.vendor.apply_control(Control::Revoke, world.given.realm(), &id).await?;
        Ok(StepResult::Done)
    }
}
