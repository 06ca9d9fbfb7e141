//! `setUserId`: the older API-key scheme.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::{Capability, message};
use vouch_spec::scenario::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetUserId {
    /// For example `$ada.id`.
    pub user_id: Text,
}

pub(super) const KIND: StepKind =
    StepKind::new::<SetUserId>("setUserId", "API-key scheme: names the user.").answers().needs(&[Capability::ApiKey]);

#[async_trait]
impl Step for SetUserId {
    fn words(&self) -> String {
        format!("setUserId {}", self.user_id.0)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.tell("setUserId", message::SetUserId { user_id: world.text(&self.user_id)? }).await
    }
}
