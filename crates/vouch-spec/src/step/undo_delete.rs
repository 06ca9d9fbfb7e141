//! `undoDelete`: an event at the vendor.

use super::StepFields;
use crate::protocol::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UndoDelete {
    /// A person of the scenario.
    pub user: String,
}

impl StepFields for UndoDelete {
    const NAME: &str = "undoDelete";
    const ABOUT: &str = "The vendor brings a deleted user back; its old sessions stay dead.";
    const NAMES_USER: bool = true;
    const DEMANDS: &[Control] = &[Control::UndoDelete];

    fn describe(&self) -> String {
        format!("the vendor brings {} back", self.user)
    }
}
