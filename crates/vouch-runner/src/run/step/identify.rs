//! Executes `identify`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::{SdkMethod, message};
use vouch_spec::step::Identify;

#[async_trait]
impl Execute for Identify {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let external_user_id = world.users.get(&self.user)?.external_id;
        world.sdk.call_for_result(SdkMethod::Identify, message::Identify { external_user_id }).await
    }
}
