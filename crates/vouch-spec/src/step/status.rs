//! `status`: what the SDK says of itself. A bare list is the whole set; without one, any documented combination will do.

use super::StepFields;
use crate::protocol::StatusWord;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Status {
    /// The whole set, in any order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<Vec<StatusWord>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub includes: Vec<StatusWord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<StatusWord>,
}

/// A status set as people write it.
pub fn status_set(words: &BTreeSet<StatusWord>) -> String {
    if words.is_empty() {
        return "[] (none)".into();
    }
    format!("[{}]", words.iter().map(|word| word.word()).collect::<Vec<_>>().join(", "))
}

impl StepFields for Status {
    const NAME: &str = "status";
    const ABOUT: &str = "Checks the status set.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        "status".into()
    }
}
