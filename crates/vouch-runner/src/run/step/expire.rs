//! Executes `expire`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::step::{Expire, ExpiringToken};

#[async_trait]
impl Execute for Expire {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let lifetimes = world.vendor.lifetimes();
        let lifetime = match self.what {
            ExpiringToken::AccessToken => lifetimes.access_token,
            ExpiringToken::SignInToken => lifetimes.sign_in_token,
        };
        world.advance(lifetime + Duration::from_secs(1)).await?;
        world.update_expiries(|left| match self.what {
            ExpiringToken::AccessToken => left.access_token = left.access_token.saturating_sub(1),
            ExpiringToken::SignInToken => left.sign_in_token = left.sign_in_token.saturating_sub(1),
        });
        Ok(StepResult::Done)
    }
}
