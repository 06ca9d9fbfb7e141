//! `undoDelete`: an event at the vendor.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::Control;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UndoDelete {
    /// A person of the scenario.
    user: String,
}

pub(super) const KIND: StepKind =
    StepKind::new::<UndoDelete>("undoDelete", "The vendor brings a deleted user back; its old sessions stay dead.")
        .person()
        .demands(&[Control::UndoDelete]);

#[async_trait]
impl Step for UndoDelete {
    fn words(&self) -> String {
        format!("the vendor brings {} back", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let id = world.user_id(&self.user)?;
        world.vendor.tell(Control::UndoDelete, world.given.realm(), &id).await?;
        Ok(StepResult::Done)
    }
}
