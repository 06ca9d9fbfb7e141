//! `signIn`: the app signs in with a sign-in token.

use super::StepFields;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// For example `$token`.
    pub token: Text,
}

impl StepFields for SignIn {
    const NAME: &str = "signIn";
    const ABOUT: &str = "Signs in with a sign-in token.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        format!("signIn with {}", self.token.0)
    }
}
