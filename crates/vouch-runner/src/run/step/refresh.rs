//! `refresh`: the app asks the SDK for a refresh.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use vouch_spec::protocol::Capability;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refresh {}

pub(super) const KIND: StepKind =
    StepKind::new::<Refresh>("refresh", "Refreshes the access token now.").answers().needs(&[Capability::Refresh]);

#[async_trait]
impl Step for Refresh {
    fn words(&self) -> String {
        "refresh the access token".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.tell("refresh", json!({})).await
    }
}
