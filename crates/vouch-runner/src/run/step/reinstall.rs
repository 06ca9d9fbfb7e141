//! `reinstall`: the app is removed and installed again. A keychain may outlive that.

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reinstall {
    /// What outlives the removal: `secure` (as on iOS) or `nothing` (as on Android).
    keeps: Keeps,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Reinstall>("reinstall", "Removes the app, installs and launches it again.");

#[async_trait]
impl Step for Reinstall {
    fn words(&self) -> String {
        match self.keeps {
            Keeps::Secure => "the app is reinstalled, secure storage outlives it".into(),
            Keeps::Nothing => "the app is reinstalled, nothing outlives it".into(),
        }
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.reinstall(self.keeps == Keeps::Secure).await?;
        Ok(StepResult::Done)
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Keeps {
    Secure,
    Nothing,
}
