//! `present`: the harness itself shows the installation's newest token to a host, its own or another's (SCO-4).

use super::{Answer, Halt, Step, StepKind};
use crate::protocol::{Environment, Realm, Region};
use crate::run::world::World;
use crate::wire::{Link, Operation, Party, Received, Upstream};
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Present {
    token: Token,
    /// Of the host; left out, the scenario's own.
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    region: Option<Region>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
enum Token {
    /// Shown to the API.
    AccessToken,
    /// Shown to the identity provider.
    RefreshToken,
}

pub(super) const KIND: StepKind =
    StepKind::new::<Present>("present", "Shows the installation's newest token to a host, its own or another's.")
        .answers();

impl Token {
    fn field(self) -> &'static str {
        match self {
            Token::AccessToken => "access_token",
            Token::RefreshToken => "refresh_token",
        }
    }
}

#[async_trait]
impl Step for Present {
    fn words(&self) -> String {
        let place: Vec<_> =
            [self.environment.map(Environment::word), self.region.map(Region::word)].into_iter().flatten().collect();
        let place = if place.is_empty() { "its own realm".to_owned() } else { place.join(" ") };
        format!("the newest {} is shown to a host of {place}", self.token.field().replace('_', " "))
    }

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt> {
        let home = world.given.realm();
        let realm = Realm {
            environment: self.environment.unwrap_or(home.environment),
            region: self.region.unwrap_or(home.region),
        };
        let newest =
            newest(world, self.token.field()).ok_or_else(|| Halt::Scenario("no token was issued yet".into()))?;
        let (to, request) = self.request(&newest)?;
        let reply = world.cloud.answer(Link { from: Party::Sdk, to, realm }, request).await;
        Ok(Answer::Http { status: reply.status.as_u16() })
    }
}

impl Present {
    fn request(&self, token: &str) -> Result<(Party, Received), Halt> {
        let mut headers = HeaderMap::new();
        Ok(match self.token {
            Token::AccessToken => {
                let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
                headers.insert(
                    AUTHORIZATION,
                    bearer.map_err(|_| Halt::Harness("the access token fits no header".into()))?,
                );
                let path = format!("/v2/user/{}", subject(token).unwrap_or_default());
                (Party::Api, Received { method: Method::GET, path, headers, body: Bytes::new() })
            }
            Token::RefreshToken => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
                let mut form = form_urlencoded::Serializer::new(String::new());
                let body = form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token).finish();
                (
                    Party::Auth,
                    Received { method: Method::POST, path: "/v1/token".into(), headers, body: Bytes::from(body) },
                )
            }
        })
    }
}

/// The token of the last exchange or refresh that was answered.
fn newest(world: &World, field: &str) -> Option<String> {
    let exchanges = world.transcript.since(0);
    let answers = exchanges.iter().rev().filter(|e| matches!(e.operation, Operation::Exchange | Operation::Refresh));
    answers.filter_map(|exchange| exchange.answer_json()?.get(field)?.as_str().map(str::to_owned)).next()
}

/// `sub` of an access token, read without checking it.
fn subject(token: &str) -> Option<String> {
    let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(token).ok()?;
    claims.get("sub")?.as_str().map(str::to_owned)
}
