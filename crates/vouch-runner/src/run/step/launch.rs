//! `launch`: a device event.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Launch {}

pub(super) const KIND: StepKind = StepKind::new::<Launch>("launch", "Launches the app after a kill.");

#[async_trait]
impl Step for Launch {
    fn words(&self) -> String {
        "the app is launched".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.launch().await?;
        Ok(StepResult::Done)
    }
}
