//! `refresh`: the app asks the SDK for a refresh.

use super::StepFields;
use crate::protocol::Capability;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refresh {}

impl StepFields for Refresh {
    const NAME: &str = "refresh";
    const ABOUT: &str = "Refreshes the access token now.";
    const HAS_RESULT: bool = true;
    const NEEDS: &[Capability] = &[Capability::Refresh];

    fn describe(&self) -> String {
        "refresh the access token".into()
    }
}
