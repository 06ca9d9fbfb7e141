//! `signedInWithApiKey`: prepares an older installation.

use super::StepFields;
use crate::protocol::Capability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedInWithApiKey {
    /// A person of the scenario.
    pub user: String,
}

impl StepFields for SignedInWithApiKey {
    const NAME: &str = "signedInWithApiKey";
    const ABOUT: &str = "Prepares: the person is signed in by the older API-key scheme.";
    const HAS_RESULT: bool = true;
    const NAMES_USER: bool = true;
    const NEEDS: &[Capability] = &[Capability::ApiKey];
    const SETUP_CLAUSE: Option<&str> = Some("KEY-1");

    fn describe(&self) -> String {
        format!("given: {} is signed in with an API key", self.user)
    }
}
