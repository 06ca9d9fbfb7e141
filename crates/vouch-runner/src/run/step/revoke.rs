//! `revoke`: an event at the vendor.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::Control;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revoke {
    /// A person of the scenario.
    user: String,
}

pub(super) const KIND: StepKind = StepKind::new::<Revoke>("revoke", "The vendor revokes the sessions of a user.")
    .person()
    .demands(&[Control::Revoke]);

#[async_trait]
impl Step for Revoke {
    fn words(&self) -> String {
        format!("the sessions of {} are revoked", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let id = world.user_id(&self.user)?;
        world.vendor.tell(Control::Revoke, world.given.realm(), &id).await?;
        Ok(StepResult::Done)
    }
}
