//! Executes `signed_in`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::{SdkMethod, message::SignIn};
use vouch_spec::step::SignedIn;

#[async_trait]
impl Execute for SignedIn {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let token = match world.app.request_token(&self.user, world.given.realm()).await? {
            Ok(token) => token,
            Err(failed) => return Ok(StepResult::Refused { kind: failed.kind, text: failed.text }),
        };
        world.sdk.call_for_result(SdkMethod::SignIn, SignIn { token }).await
    }
}
