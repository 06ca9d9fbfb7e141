//! `signedInWithApiKey`: prepares an older installation.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::message::{self, SetUserId};
use vouch_spec::protocol::{Capability, Realm};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedInWithApiKey {
    /// A person of the scenario.
    pub user: String,
}

pub(super) const KIND: StepKind = StepKind::new::<SignedInWithApiKey>(
    "signedInWithApiKey",
    "Prepares: the person is signed in by the older API-key scheme.",
)
.answers()
.needs(&[Capability::ApiKey])
.clause("KEY-1")
.person();

#[async_trait]
impl Step for SignedInWithApiKey {
    fn words(&self) -> String {
        format!("given: {} is signed in with an API key", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let Realm { environment, region } = world.given.realm();
        let api_key = world.vendor.api_key(world.given.realm())?;
        let configured = world.tell("configure", message::Configure { api_key, environment, region }).await?;
        if configured != StepResult::Ok {
            return Ok(configured);
        }
        let user_id = world.user_id(&self.user)?;
        world.tell("setUserId", SetUserId { user_id }).await
    }
}
