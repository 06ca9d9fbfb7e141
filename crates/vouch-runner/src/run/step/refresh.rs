//! Executes `refresh`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;
use vouch_spec::protocol::SdkMethod;
use vouch_spec::step::Refresh;

#[async_trait]
impl Execute for Refresh {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.sdk.call_for_result(SdkMethod::Refresh, json!({})).await
    }
}
