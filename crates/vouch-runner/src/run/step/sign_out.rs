//! Executes `sign_out`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;
use vouch_spec::protocol::SdkMethod;
use vouch_spec::step::SignOut;

#[async_trait]
impl Execute for SignOut {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.sdk.call_for_result(SdkMethod::SignOut, json!({})).await
    }
}
