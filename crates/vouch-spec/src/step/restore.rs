//! `restore`: a backup of the device comes to a new device (PER-11, PER-12).

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restore {
    /// What the backup holds: `plain` storage only, as where the platform keeps secrets on their device, or `everything`, as at a
    /// transfer from device to device.
    pub holds: BackupContent,
}

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BackupContent {
    Plain,
    Everything,
}

impl StepFields for Restore {
    const NAME: &str = "restore";
    const ABOUT: &str =
        "Restores a backup of the device on a new one, and launches the app there. The case goes on on the new device.";

    fn describe(&self) -> String {
        match self.holds {
            BackupContent::Plain => "a backup without secure storage is restored on a new device".into(),
            BackupContent::Everything => "a backup of everything is restored on a new device".into(),
        }
    }
}
