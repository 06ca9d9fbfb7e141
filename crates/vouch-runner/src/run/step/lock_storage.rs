//! `lockStorage`, `unlockStorage`: secure storage before and after the device's first unlock (PER-6).

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_spec::protocol::Capability;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockStorage {}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnlockStorage {}

pub(super) const LOCK: StepKind =
    StepKind::new::<LockStorage>("lockStorage", "Locks secure storage, as before the device's first unlock.")
        .needs(&[Capability::StorageLock]);
pub(super) const UNLOCK: StepKind =
    StepKind::new::<UnlockStorage>("unlockStorage", "Unlocks secure storage.").needs(&[Capability::StorageLock]);

#[async_trait]
impl Step for LockStorage {
    fn words(&self) -> String {
        "secure storage is locked".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.set_locked(true).await?;
        Ok(StepResult::Done)
    }
}

#[async_trait]
impl Step for UnlockStorage {
    fn words(&self) -> String {
        "secure storage is unlocked".into()
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        world.device.set_locked(false).await?;
        Ok(StepResult::Done)
    }
}
