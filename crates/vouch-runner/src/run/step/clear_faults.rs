//! `clearFaults`: the wire works again.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClearFaults {}

pub(super) const KIND: StepKind = StepKind::new::<ClearFaults>("clearFaults", "Removes every fault from the wire.");

#[async_trait]
impl Step for ClearFaults {
    fn words(&self) -> String {
        "the wire works again".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.faults.clear();
        Ok(StepResult::Done)
    }
}
