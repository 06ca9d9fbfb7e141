//! `identify`: the SDK is told who the app's user is and asks back for a token when it needs one.

use super::StepFields;
use crate::protocol::Capability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identify {
    /// A person of the scenario.
    pub user: String,
}

impl StepFields for Identify {
    const NAME: &str = "identify";
    const ABOUT: &str = "Identifies the app's user; the SDK asks back for a token when it needs one.";
    const HAS_RESULT: bool = true;
    const NAMES_USER: bool = true;
    const NEEDS: &[Capability] = &[Capability::Identify];

    fn describe(&self) -> String {
        format!("identify {}", self.user)
    }
}
