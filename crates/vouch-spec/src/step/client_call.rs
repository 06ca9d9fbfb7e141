//! `clientCall`: the harness's own client at the vendor API, with any credential.

use super::StepFields;
use crate::protocol::Environment;
use crate::protocol::Realm;
use crate::protocol::Region;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientCall {
    /// Method and path, for example `GET /v2/user/$ada.id`.
    pub call: Text,
    /// An access token to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearer: Option<Text>,
    /// Shows the API key of the team whose realm is called.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub as_team: bool,
    /// An API key to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Text>,
    /// A JSON body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// A field of a good answer and the value that it must have; letter case does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<FieldCheck>,
    /// A good answer must not be stored by caches.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub not_cacheable: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FieldCheck {
    /// A JSON pointer, for example `/user_id`.
    pub at: String,
    pub is: Text,
}

impl FieldCheck {
    /// What a body has instead of what is wanted.
    pub fn unmet(&self, wanted: &str, body: &[u8]) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let got = body.pointer(&self.at).and_then(serde_json::Value::as_str).unwrap_or_default();
        if got.eq_ignore_ascii_case(wanted) {
            return None;
        }
        Some(if got.is_empty() { "nothing there".to_owned() } else { got.to_owned() })
    }
}

impl StepFields for ClientCall {
    const NAME: &str = "clientCall";
    const ABOUT: &str = "The harness's own client calls the vendor API.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        let with = match (&self.bearer, &self.key) {
            (Some(bearer), _) => format!(" with {}", bearer.0),
            (None, Some(key)) => format!(" with {}", key.0),
            (None, None) if self.as_team => " with the team's key".into(),
            (None, None) => " without a credential".into(),
        };
        let place: Vec<_> =
            [self.environment.map(Environment::word), self.region.map(Region::word)].into_iter().flatten().collect();
        let place = if place.is_empty() { String::new() } else { format!(" at a host of {}", place.join(" ")) };
        format!("the client calls {}{with}{place}", self.call.0)
    }

    fn realm(&self, home: Realm) -> Realm {
        Realm { environment: self.environment.unwrap_or(home.environment), region: self.region.unwrap_or(home.region) }
    }
}
