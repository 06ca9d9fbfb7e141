//! Executes `client_call`.

use super::Execute;
use super::client_tokens::check_not_cacheable;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method};
use std::sync::Arc;
use vouch_sim::wire::{Party, WireRequest};
use vouch_spec::protocol::ErrorKind;
use vouch_spec::step::{ClientCall, StepFields as _, method_and_path};

#[async_trait]
impl Execute for ClientCall {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let call = world.text(&self.call)?;
        let bad = || StepError::Scenario(format!("`{}` is not a method and a path", self.call.0));
        let (method, path) = method_and_path(&call).ok_or_else(bad)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| bad())?;
        let mut headers = HeaderMap::new();
        let value = |text: String| {
            HeaderValue::from_str(&text).map_err(|_| StepError::Scenario("a credential that fits no header".into()))
        };
        if let Some(bearer) = &self.bearer {
            headers.insert(AUTHORIZATION, value(format!("Bearer {}", world.text(bearer)?))?);
        }
        let realm = self.realm(world.given.realm());
        if self.as_team {
            headers.insert(HeaderName::from_static("x-vital-api-key"), value(world.vendor.api_key(realm)?)?);
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
        let request = WireRequest { method, path: path.to_owned(), headers, body };
        let Some(reply) = world.client_call(Party::Api, realm, request).await else {
            return Ok(StepResult::Refused { kind: ErrorKind::Network, text: "no answer".into() });
        };
        if self.not_cacheable && reply.status.is_success() {
            check_not_cacheable(&reply)?;
        }
        if let (Some(field), true) = (&self.field, reply.status.is_success())
            && let Some(got) = field.unmet(&world.text(&field.is)?, &reply.body)
        {
            return Err(StepError::Unmet { expected: format!("`{}` to be {}", field.at, world.text(&field.is)?), got });
        }
        Ok(StepResult::Http { status: reply.status.as_u16() })
    }
}
