//! `signOut`.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignOut {}

impl StepFields for SignOut {
    const NAME: &str = "signOut";
    const ABOUT: &str = "Signs out.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        "signOut".into()
    }
}
