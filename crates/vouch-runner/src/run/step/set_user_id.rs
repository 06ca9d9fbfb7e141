//! Executes `set_user_id`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::{SdkMethod, message};
use vouch_spec::step::SetUserId;

#[async_trait]
impl Execute for SetUserId {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world
            .sdk
            .call_for_result(SdkMethod::SetUserId, message::SetUserId { user_id: world.text(&self.user_id)? })
            .await
    }
}
