//! `cancel`: the app cancels a call that `begin` began.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::{Arc, PoisonError};
use vouch_spec::protocol::Capability;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cancel {
    /// The name that `begin` gave.
    call: String,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Cancel>("cancel", "Cancels a call that was begun.").needs(&[Capability::Cancel]);

#[async_trait]
impl Step for Cancel {
    fn words(&self) -> String {
        format!("cancel the call `{}`", self.call)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let begun = world.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let begun =
            begun.get(&self.call).ok_or_else(|| StepError::Scenario(format!("no call `{}` was begun", self.call)))?;
        begun.cancel.notify_one();
        Ok(StepResult::Done)
    }
}
