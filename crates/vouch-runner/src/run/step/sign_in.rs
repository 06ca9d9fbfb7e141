//! Executes `sign_in`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::{SdkMethod, message};
use vouch_spec::step::SignIn;

#[async_trait]
impl Execute for SignIn {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.sdk.call_for_result(SdkMethod::SignIn, message::SignIn { token: world.text(&self.token)? }).await
    }
}
