//! `clientCall`: the harness's own client at the vendor API, with any credential.

use super::request::line;
use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::Arc;
use vouch_sim::wire::{Party, Received};
use vouch_spec::protocol::{Environment, ErrorKind, Realm, Region};
use vouch_spec::scenario::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientCall {
    /// Method and path, for example `GET /v2/user/$ada.id`.
    pub call: Text,
    /// An access token to show.
    #[serde(default)]
    pub bearer: Option<Text>,
    /// An API key to show.
    #[serde(default)]
    pub key: Option<Text>,
    /// A JSON body.
    #[serde(default)]
    pub body: Option<Text>,
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    region: Option<Region>,
    /// A field of a good answer and the value that it must have; letter case does not count.
    #[serde(default)]
    pub field: Option<Field>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Field {
    /// A JSON pointer, for example `/user_id`.
    pub at: String,
    pub is: Text,
}

pub(super) const KIND: StepKind =
    StepKind::new::<ClientCall>("clientCall", "The harness's own client calls the vendor API.").answers();

#[async_trait]
impl Step for ClientCall {
    fn words(&self) -> String {
        let with = match (&self.bearer, &self.key) {
            (Some(bearer), _) => format!(" with {}", bearer.0),
            (None, Some(key)) => format!(" with {}", key.0),
            (None, None) => " without a credential".into(),
        };
        format!("the client calls {}{with}", self.call.0)
    }

    fn realm(&self, home: Realm) -> Realm {
        Realm { environment: self.environment.unwrap_or(home.environment), region: self.region.unwrap_or(home.region) }
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let call = world.text(&self.call)?;
        let bad = || StepError::Scenario(format!("`{}` is no method and path", self.call.0));
        let (method, path) = line(&call).ok_or_else(bad)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| bad())?;
        let mut headers = HeaderMap::new();
        let value = |text: String| {
            HeaderValue::from_str(&text).map_err(|_| StepError::Scenario("a credential that fits no header".into()))
        };
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, value(format!("Bearer {}", world.text(bearer)?))?);
        }
        if let Some(key) = &self.key {
            headers.insert(HeaderName::from_static("x-vital-api-key"), value(world.text(key)?)?);
        }
        let body = match &self.body {
            Some(body) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Bytes::from(world.text(body)?)
            }
            None => Bytes::new(),
        };
        let request = Received { method, path: path.to_owned(), headers, body };
        let Some(reply) = world.client_call(Party::Api, self.realm(world.given.realm()), request).await else {
            return Ok(StepResult::Refused { kind: ErrorKind::Network, text: "no answer".into() });
        };
        if let (Some(field), true) = (&self.field, reply.status.is_success())
            && let Some(got) = field.unmet(&world.text(&field.is)?, &reply.body)
        {
            return Err(StepError::Unmet { expected: format!("`{}` to be {}", field.at, world.text(&field.is)?), got });
        }
        Ok(StepResult::Http { status: reply.status.as_u16() })
    }
}

impl Field {
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
