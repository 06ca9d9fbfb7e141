//! `status`: what the SDK says of itself. A bare list is the whole set; without one, any documented combination will do.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use vouch_spec::protocol::{StatusWord, message};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Status {
    /// The whole set, in any order.
    #[serde(default)]
    is: Option<Vec<StatusWord>>,
    #[serde(default)]
    includes: Vec<StatusWord>,
    #[serde(default)]
    excludes: Vec<StatusWord>,
}

pub(super) const KIND: StepKind = StepKind::new::<Status>("status", "Checks the status set.");

#[async_trait]
impl Step for Status {
    fn words(&self) -> String {
        "status".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let told = world.ask::<message::Status>("status", json!({})).await?.status;
        world.note_status(&told);
        let got: BTreeSet<_> = told.iter().copied().collect();
        let unmet = |expected: String| Err(StepError::Unmet { expected, got: format!("the status {}", set(&got)) });
        if let Some(wanted) = &self.is {
            let wanted: BTreeSet<_> = wanted.iter().copied().collect();
            if wanted != got {
                return unmet(format!("the status {}", set(&wanted)));
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

/// A status set as people write it.
pub(super) fn set(words: &BTreeSet<StatusWord>) -> String {
    if words.is_empty() {
        return "[] (none)".into();
    }
    format!("[{}]", words.iter().map(|word| word.word()).collect::<Vec<_>>().join(", "))
}
