//! `identify`: the SDK is told who the app's user is and asks back for a token when it needs one.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::{Capability, message};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identify {
    /// A person of the scenario.
    user: String,
}

pub(super) const KIND: StepKind = StepKind::new::<Identify>(
    "identify",
    "Identifies the app's user; the SDK asks back for a token when it needs one.",
)
.person()
.answers()
.needs(&[Capability::Identify]);

#[async_trait]
impl Step for Identify {
    fn words(&self) -> String {
        format!("identify {}", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let external_user_id = world.person(&self.user)?.external_id;
        world.tell("identify", message::Identify { external_user_id }).await
    }
}
