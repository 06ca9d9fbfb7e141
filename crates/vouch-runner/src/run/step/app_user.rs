//! Executes `app_user`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use vouch_spec::step::{AppUser, NO_USER};

#[async_trait]
impl Execute for AppUser {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        if self.user == NO_USER {
            world.app.set_user(None).await?;
        } else {
            world.users.get(&self.user)?;
            world.app.set_user(Some(self.user.clone())).await?;
        }
        Ok(StepResult::Done)
    }
}
