//! `lockStorage`, `unlockStorage`: secure storage before and after the device's first unlock (PER-6).

use super::StepFields;
use crate::protocol::Capability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LockStorage {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UnlockStorage {}

impl StepFields for LockStorage {
    const NAME: &str = "lockStorage";
    const ABOUT: &str = "Locks secure storage, as before the device's first unlock.";
    const NEEDS: &[Capability] = &[Capability::StorageLock];

    fn describe(&self) -> String {
        "secure storage is locked".into()
    }
}

impl StepFields for UnlockStorage {
    const NAME: &str = "unlockStorage";
    const ABOUT: &str = "Unlocks secure storage.";
    const NEEDS: &[Capability] = &[Capability::StorageLock];

    fn describe(&self) -> String {
        "secure storage is unlocked".into()
    }
}
