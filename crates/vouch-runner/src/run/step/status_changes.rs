//! Executes `status_changes`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::sync::Arc;
use vouch_spec::protocol::StatusWord;
use vouch_spec::step::{StatusChanges, status_set};

#[async_trait]
impl Execute for StatusChanges {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let told = world.device.take_status_changes();
        let Some(wanted) = &self.are else { return Ok(StepResult::Done) };
        let wanted: Vec<BTreeSet<_>> = wanted.iter().map(|words| words.iter().copied().collect()).collect();
        if told == wanted {
            return Ok(StepResult::Done);
        }
        let list = |sets: &[BTreeSet<StatusWord>]| match sets {
            [] => "no change".to_owned(),
            sets => sets.iter().map(status_set).collect::<Vec<_>>().join(", then "),
        };
        Err(StepError::Unmet { expected: list(&wanted), got: list(&told) })
    }
}
