//! `signedIn`: prepares an installation that is signed in with a sign-in token.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedIn {
    /// A person of the scenario.
    pub user: String,
}

impl StepFields for SignedIn {
    const NAME: &str = "signedIn";
    const ABOUT: &str = "Prepares: the person is signed in with a sign-in token.";
    const HAS_RESULT: bool = true;
    const NAMES_USER: bool = true;
    const SETUP_CLAUSE: Option<&str> = Some("EXC-1");

    fn describe(&self) -> String {
        format!("given: {} is signed in", self.user)
    }
}
