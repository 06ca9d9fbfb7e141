//! `deleteUser`: an event at the vendor.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::Control;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteUser {
    /// A person of the scenario.
    pub user: String,
}

pub(super) const KIND: StepKind =
    StepKind::new::<DeleteUser>("deleteUser", "The vendor deletes a user.").person().demands(&[Control::DeleteUser]);

#[async_trait]
impl Step for DeleteUser {
    fn words(&self) -> String {
        format!("the vendor deletes {}", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let id = world.user_id(&self.user)?;
        world.vendor.tell(Control::DeleteUser, world.given.realm(), &id).await?;
        Ok(StepResult::Done)
    }
}
