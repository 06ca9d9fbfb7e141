//! Executes `configure`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::{SdkMethod, message};
use vouch_spec::step::Configure;

#[async_trait]
impl Execute for Configure {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let home = world.given.realm();
        let api_key = match &self.api_key {
            Some(text) => world.text(text)?,
            None => world.vendor.api_key(home)?,
        };
        let environment = self.environment.unwrap_or(home.environment);
        let region = self.region.unwrap_or(home.region);
        world.sdk.call_for_result(SdkMethod::Configure, message::Configure { api_key, environment, region }).await
    }
}
