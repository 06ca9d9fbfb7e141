//! `refuseAccessTokens`: an event at the vendor.

use super::StepFields;
use crate::protocol::Control;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefuseAccessTokens {
    /// A person of the scenario.
    pub user: String,
}

impl StepFields for RefuseAccessTokens {
    const NAME: &str = "refuseAccessTokens";
    const ABOUT: &str = "The API refuses the access tokens of a user issued so far; refresh works.";
    const NAMES_USER: bool = true;
    const DEMANDS: &[Control] = &[Control::RefuseAccessTokens];

    fn describe(&self) -> String {
        format!("the API refuses the access tokens of {}", self.user)
    }
}
