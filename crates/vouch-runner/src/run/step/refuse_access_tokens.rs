//! `refuseAccessTokens`: an event at the vendor.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::Control;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefuseAccessTokens {
    /// A person of the scenario.
    user: String,
}

pub(super) const KIND: StepKind = StepKind::new::<RefuseAccessTokens>(
    "refuseAccessTokens",
    "The API refuses the access tokens of a user issued so far; refresh works.",
)
.person()
.demands(&[Control::RefuseAccessTokens]);

#[async_trait]
impl Step for RefuseAccessTokens {
    fn words(&self) -> String {
        format!("the API refuses the access tokens of {}", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let id = world.user_id(&self.user)?;
        world.vendor.tell(Control::RefuseAccessTokens, world.given.realm(), &id).await?;
        Ok(StepResult::Done)
    }
}
