//! `statusChanges`: the statuses that the SDK told since the last such step (or the start), in order. With `any: true`
//! whatever was told is right, and counts no longer.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use vouch_spec::protocol::{Capability, StatusWord};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Fields {
    /// Each a whole set.
    #[serde(default)]
    are: Option<Vec<Vec<StatusWord>>>,
    /// Whatever was told so far is right.
    #[serde(default)]
    any: bool,
}

#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "Fields")]
pub struct StatusChanges {
    /// None: any.
    are: Option<Vec<Vec<StatusWord>>>,
}

impl TryFrom<Fields> for StatusChanges {
    type Error = &'static str;

    fn try_from(fields: Fields) -> Result<Self, &'static str> {
        match (fields.are, fields.any) {
            (are @ Some(_), false) => Ok(Self { are }),
            (None, true) => Ok(Self { are: None }),
            _ => Err("this needs either the changes, each a list of words, or `any: true`"),
        }
    }
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

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let told = world.device.take_status_changes();
        let Some(wanted) = &self.are else { return Ok(StepResult::Done) };
        let wanted: Vec<BTreeSet<_>> = wanted.iter().map(|words| words.iter().copied().collect()).collect();
        if told == wanted {
            return Ok(StepResult::Done);
        }
        let list = |sets: &[BTreeSet<StatusWord>]| match sets {
            [] => "no change".to_owned(),
            sets => sets.iter().map(super::status::set).collect::<Vec<_>>().join(", then "),
        };
        Err(StepError::Unmet { expected: list(&wanted), got: list(&told) })
    }
}
