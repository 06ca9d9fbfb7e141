//! `finish`: waits for a call that `begin` began and judges its answer. `sent` counts from its beginning.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::{Arc, PoisonError};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Await {
    /// The name that `begin` gave.
    call: String,
}

pub(super) const KIND: StepKind = StepKind::new::<Await>("await", "Waits for a call that was begun.").answers();

#[async_trait]
impl Step for Await {
    fn words(&self) -> String {
        format!("finish the call `{}`", self.call)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let begun = world.begun.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.call);
        let begun = begun.ok_or_else(|| StepError::Scenario(format!("no call `{}` goes on", self.call)))?;
        begun.task.await.map_err(|e| StepError::Harness(format!("the call `{}` was lost: {e}", self.call)))?
    }

    fn counts_from(&self, world: &World) -> Option<usize> {
        world.begun.lock().unwrap_or_else(PoisonError::into_inner).get(&self.call).map(|begun| begun.mark)
    }
}
