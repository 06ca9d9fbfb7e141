//! `revoke`: an event at the vendor.

use super::StepFields;
use crate::protocol::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Revoke {
    /// A person of the scenario.
    pub user: String,
}

impl StepFields for Revoke {
    const NAME: &str = "revoke";
    const ABOUT: &str = "The vendor revokes the sessions of a user.";
    const NAMES_USER: bool = true;
    const DEMANDS: &[Control] = &[Control::Revoke];

    fn describe(&self) -> String {
        format!("the sessions of {} are revoked", self.user)
    }
}
