//! `deleteUser`: an event at the vendor.

use super::StepFields;
use crate::protocol::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteUser {
    /// A person of the scenario.
    pub user: String,
}

impl StepFields for DeleteUser {
    const NAME: &str = "deleteUser";
    const ABOUT: &str = "The vendor deletes a user.";
    const NAMES_USER: bool = true;
    const DEMANDS: &[Control] = &[Control::DeleteUser];

    fn describe(&self) -> String {
        format!("the vendor deletes {}", self.user)
    }
}
