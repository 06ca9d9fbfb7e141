//! `reboot`: a device event.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reboot {}

pub(super) const KIND: StepKind =
    StepKind::new::<Reboot>("reboot", "Reboots the device and launches the app: volatile storage is gone.");

#[async_trait]
impl Step for Reboot {
    fn words(&self) -> String {
        "the device reboots and the app is launched".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.reboot().await?;
        Ok(StepResult::Done)
    }
}
