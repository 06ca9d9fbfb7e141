//! Executes `status`.

use super::Execute;
use crate::run::device::Called;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use vouch_spec::protocol::{SdkMethod, message};
use vouch_spec::step::{Status, status_set};

#[async_trait]
impl Execute for Status {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let told = match world.sdk.call::<message::Status>(SdkMethod::Status, json!({})).await? {
            Called::Ok(message::Status { status }) => status,
            Called::Refused { kind, text } => return Ok(StepResult::Refused { kind, text }),
            Called::Killed => return Ok(StepResult::Killed),
        };
        world.sdk.record_status(&told);
        let got: BTreeSet<_> = told.iter().copied().collect();
        let unmet =
            |expected: String| Err(StepError::Unmet { expected, got: format!("the status {}", status_set(&got)) });
        if let Some(wanted) = &self.is {
            let wanted: BTreeSet<_> = wanted.iter().copied().collect();
            if wanted != got {
                return unmet(format!("the status {}", status_set(&wanted)));
            }
        }
        if let Some(word) = self.includes.iter().find(|word| !got.contains(word)) {
            return unmet(format!("a status with {word}"));
        }
        if let Some(word) = self.excludes.iter().find(|word| got.contains(word)) {
            return unmet(format!("a status without {word}"));
        }
        Ok(StepResult::Done)
    }
}
