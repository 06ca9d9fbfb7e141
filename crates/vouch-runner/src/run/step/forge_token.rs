//! Executes `forge_token`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_sim::sign_in_token::forge;
use vouch_spec::step::ForgeToken;

#[async_trait]
impl Execute for ForgeToken {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let good = world.text(&self.from)?;
        let forged = forge(&good, self.how).ok_or_else(|| StepError::Scenario("`from` is no sign-in token".into()))?;
        world.bind(&self.bind, forged);
        Ok(StepResult::Done)
    }
}
