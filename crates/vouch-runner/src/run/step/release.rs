//! `release`: every held answer goes on its way.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Release {}

pub(super) const KIND: StepKind = StepKind::new::<Release>("release", "Lets every held exchange go on.");

#[async_trait]
impl Step for Release {
    fn words(&self) -> String {
        "held exchanges go on".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.faults.release();
        Ok(StepResult::Done)
    }
}
