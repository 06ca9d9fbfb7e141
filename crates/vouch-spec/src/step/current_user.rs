//! `currentUser`: who is signed in, or `none`. Letter case does not count (MIG-10).

use super::StepFields;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CurrentUser {
    /// For example `$ada.id`, or `none`.
    pub is: Text,
}

impl StepFields for CurrentUser {
    const NAME: &str = "currentUser";
    const ABOUT: &str = "Checks who is signed in.";

    fn describe(&self) -> String {
        format!("currentUser is {}", self.is.0)
    }
}
