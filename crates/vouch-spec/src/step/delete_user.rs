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
    /// The case goes on alike where the provider cannot say that the user is gone. Otherwise such a provider skips the case.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub any_refusal: bool,
}

impl StepFields for DeleteUser {
    const NAME: &str = "deleteUser";
    const ABOUT: &str = "The vendor deletes a user.";
    const NAMES_USER: bool = true;
    const DEMANDS: &[Control] = &[Control::DeleteUser];

    fn demands(&self) -> &'static [Control] {
        if self.any_refusal { &[] } else { &[Control::ReportDeletion] }
    }

    fn describe(&self) -> String {
        format!("the vendor deletes {}", self.user)
    }
}
