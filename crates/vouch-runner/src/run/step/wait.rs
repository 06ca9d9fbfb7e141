//! `wait`: seconds pass that a server has asked for: at once where time is virtual, else for real.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;

/// The longest wait, in seconds: an SDK without a clock waits for real.
const LONGEST: u64 = 5;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Wait {
    /// At most 5.
    seconds: u64,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Wait>("wait", "Lets seconds pass that a server has asked for, virtual ones or real ones.");

#[async_trait]
impl Step for Wait {
    fn words(&self) -> String {
        format!("{} s pass", self.seconds)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.advance(Duration::from_secs(self.seconds.min(LONGEST))).await?;
        Ok(StepResult::Done)
    }
}
