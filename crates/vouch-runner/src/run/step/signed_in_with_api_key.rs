//! Executes `signed_in_with_api_key`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::message::{self, SetUserId};
use vouch_spec::protocol::{Realm, SdkMethod};
use vouch_spec::step::SignedInWithApiKey;

#[async_trait]
impl Execute for SignedInWithApiKey {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let Realm { environment, region } = world.given.realm();
        let api_key = world.vendor.api_key(world.given.realm())?;
        let configured = world
            .sdk
            .call_for_result(SdkMethod::Configure, message::Configure { api_key, environment, region })
            .await?;
        if configured != StepResult::Ok {
            return Ok(configured);
        }
        let user_id = world.users.id(&self.user)?;
        world.sdk.call_for_result(SdkMethod::SetUserId, SetUserId { user_id }).await
    }
}
