//! `relaunch`: a device event.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Relaunch {}

pub(super) const KIND: StepKind =
    StepKind::new::<Relaunch>("relaunch", "Closes the app in order and launches it again on the same storage.");

#[async_trait]
impl Step for Relaunch {
    fn words(&self) -> String {
        "the app is closed and launched again".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.stop().await?;
        world.device.launch().await?;
        Ok(StepResult::Done)
    }
}
