//! `pause`: real time for calls that were begun to get where they wait. Virtual time stands still.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The longest pause, in milliseconds.
const LONGEST: u64 = 2000;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pause {
    /// At most 2000.
    milliseconds: u64,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Pause>("pause", "Waits a moment of real time for begun calls to get where they wait.");

#[async_trait]
impl Step for Pause {
    fn words(&self) -> String {
        format!("{} ms of real time pass", self.milliseconds)
    }

    async fn run(&self, _: &Arc<World>) -> Result<StepResult, StepError> {
        tokio::time::sleep(Duration::from_millis(self.milliseconds.min(LONGEST))).await;
        Ok(StepResult::Done)
    }
}
