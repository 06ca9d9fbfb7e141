//! `request`: the app has the SDK call the vendor API with its own credentials.

use super::StepFields;
use crate::protocol::Capability;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Method and path, for example `GET /v2/user/$ada.id`.
    pub call: Text,
    /// Fields that the JSON body of a 2xx answer must have, with these values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub body: BTreeMap<String, Text>,
    /// Fields of the JSON body to send; needs `requestBody`. Each attempt of the SDK must carry the body (REF-3).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub json: BTreeMap<String, Text>,
}

/// Method and path of a call.
pub fn method_and_path(call: &str) -> Option<(&str, &str)> {
    call.split_once(' ').map(|(method, path)| (method, path.trim()))
}

impl StepFields for Request {
    const NAME: &str = "request";
    const ABOUT: &str = "Calls the vendor API with the SDK's own credentials.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        let with = if self.json.is_empty() { "" } else { " with a JSON body" };
        format!("request {}{with}", self.call.0)
    }

    fn needs(&self) -> &'static [Capability] {
        if self.json.is_empty() { &[] } else { &[Capability::RequestBody] }
    }
}
