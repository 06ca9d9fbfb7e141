//! Executes `failSdkCall`.

use super::Execute;
use crate::run::app::SdkCallFault;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::protocol::SdkMethod;
use vouch_spec::step::{AppSdkCall, FailSdkCall};

#[async_trait]
impl Execute for FailSdkCall {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let method = match self.call {
            AppSdkCall::Status => SdkMethod::Status,
            AppSdkCall::CurrentUserId => SdkMethod::CurrentUserId,
            AppSdkCall::SignIn => SdkMethod::SignIn,
            AppSdkCall::SignOut => SdkMethod::SignOut,
        };
        let times = self.times.map(|times| times.max(1));
        world.app.fail_sdk_calls(SdkCallFault { method, error: self.error, times });
        Ok(StepResult::Done)
    }
}
