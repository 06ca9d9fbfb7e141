//! `statusChanges`: the statuses that the SDK told since the last such step (or the start), in order.

use super::{Answer, Halt, Step, StepKind};
use crate::protocol::{Capability, StatusWord};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatusChanges {
    /// Each a whole set.
    are: Vec<Vec<StatusWord>>,
}

pub(super) const KIND: StepKind = StepKind::new::<StatusChanges>(
    "statusChanges",
    "Checks the status changes that were told since the last such step.",
)
.needs(&[Capability::StatusStream]);

#[async_trait]
impl Step for StatusChanges {
    fn words(&self) -> String {
        "the status changes told so far".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt> {
        let told = world.device.take_status_changes();
        let wanted: Vec<BTreeSet<_>> = self.are.iter().map(|words| words.iter().copied().collect()).collect();
        if told == wanted {
            return Ok(Answer::Done);
        }
        let list = |sets: &[BTreeSet<StatusWord>]| match sets {
            [] => "no change".to_owned(),
            sets => sets.iter().map(super::status::set).collect::<Vec<_>>().join(", then "),
        };
        Err(Halt::Unmet { expected: list(&wanted), got: list(&told) })
    }
}
