//! `cancel`: the app cancels a call that `start` started.

use super::StepFields;
use crate::protocol::Capability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cancel {
    /// The name that `start` gave.
    pub call: String,
}

impl StepFields for Cancel {
    const NAME: &str = "cancel";
    const ABOUT: &str = "Cancels a call that `start` started.";
    const NEEDS: &[Capability] = &[Capability::Cancel];

    fn describe(&self) -> String {
        format!("cancel the call `{}`", self.call)
    }
}
