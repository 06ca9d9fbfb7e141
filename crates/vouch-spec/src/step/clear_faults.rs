//! `clearFaults`: the wire works again.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClearFaults {}

impl StepFields for ClearFaults {
    const NAME: &str = "clearFaults";
    const ABOUT: &str = "Removes every fault from the wire, and from the app's calls of the SDK.";

    fn describe(&self) -> String {
        "the wire works again".into()
    }
}
