//! `app`: who is signed in to the app itself.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

/// The word for an app that nobody is signed in to.
pub(super) const NOBODY: &str = "nobody";

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppUser {
    /// A person of the scenario, or `nobody`.
    user: String,
}

pub(super) const KIND: StepKind =
    StepKind::new::<AppUser>("app", "Signs a person in to the app itself, or out of it (`nobody`).").person();

#[async_trait]
impl Step for AppUser {
    fn words(&self) -> String {
        format!("{} is signed in to the app", self.user)
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        if self.user == NOBODY {
            world.app.set_user(world, None).await?;
        } else {
            world.person(&self.user)?;
            world.app.set_user(world, Some(self.user.clone())).await?;
        }
        Ok(StepResult::Done)
    }
}
