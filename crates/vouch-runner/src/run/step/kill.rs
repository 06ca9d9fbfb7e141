//! `kill`: a device event.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Kill {}

pub(super) const KIND: StepKind = StepKind::new::<Kill>("kill", "Kills the app (SIGKILL). `launch` starts it again.");

#[async_trait]
impl Step for Kill {
    fn words(&self) -> String {
        "the app is killed".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.kill().await;
        Ok(StepResult::Done)
    }
}
