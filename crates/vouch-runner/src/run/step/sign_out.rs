//! `signOut`.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignOut {}

pub(super) const KIND: StepKind = StepKind::new::<SignOut>("signOut", "Signs out.").answers();

#[async_trait]
impl Step for SignOut {
    fn words(&self) -> String {
        "signOut".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.tell("signOut", json!({})).await
    }
}
