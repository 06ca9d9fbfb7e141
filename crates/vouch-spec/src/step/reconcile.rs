//! `reconcile`: the app compares its user with the SDK's and mends what is out of step.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reconcile {
    /// How many times the app calls `signIn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_ins: Option<usize>,
    /// How many times the app calls `signOut`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_outs: Option<usize>,
}

impl StepFields for Reconcile {
    const NAME: &str = "reconcile";
    const ABOUT: &str = "The app reconciles its user with the SDK's.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        "the app reconciles".into()
    }
}
