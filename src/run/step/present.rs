//! `present`: the harness itself shows the installation's newest token to a host, its own or another's (SCO-4).

use super::{Answer, Halt, Step, StepKind};
use crate::profile::{Call, Values};
use crate::protocol::{Environment, ErrorKind, Realm, Region};
use crate::run::world::World;
use crate::wire::{Link, Party, Received};
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method};
use schemars::JsonSchema;
use serde::Deserialize;
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

impl Token {
    fn words(self) -> &'static str {
        match self {
            Token::AccessToken => "access token",
            Token::RefreshToken => "refresh token",
        }
    }
}

pub(super) const KIND: StepKind =
    StepKind::new::<Present>("present", "Shows the installation's newest token to a host, its own or another's.")
        .answers();

#[async_trait]
impl Step for Present {
    fn words(&self) -> String {
        let place: Vec<_> =
            [self.environment.map(Environment::word), self.region.map(Region::word)].into_iter().flatten().collect();
        let place = if place.is_empty() { "its own realm".to_owned() } else { place.join(" ") };
        format!("the newest {} is shown to a host of {place}", self.token.words())
    }

    async fn run(&self, world: &Arc<World>) -> Result<Answer, Halt> {
        let realm = self.realm(world.given.realm());
        let newest = self.newest(world).ok_or_else(|| Halt::Scenario("no token was issued yet".into()))?;
        let (to, request) = self.request(world, realm, &newest)?;
        match world.vendor.upstream().answer(Link { from: Party::Client, to, realm }, request).await {
            Some(reply) => Ok(Answer::Http { status: reply.status.as_u16() }),
            None => Ok(Answer::Refused { kind: ErrorKind::Network, text: "no answer".into() }),
        }
    }

    fn realm(&self, home: Realm) -> Realm {
        Realm { environment: self.environment.unwrap_or(home.environment), region: self.region.unwrap_or(home.region) }
    }
}

impl Present {
    fn request(&self, world: &World, realm: Realm, token: &str) -> Result<(Party, Received), Halt> {
        let mut headers = HeaderMap::new();
        Ok(match self.token {
            Token::AccessToken => {
                let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
                headers.insert(
                    AUTHORIZATION,
                    bearer.map_err(|_| Halt::Harness("the access token fits no header".into()))?,
                );
                let path = format!("/v2/user/{}", world.somebodys_id());
                (Party::Api, Received { method: Method::GET, path, headers, body: Bytes::new() })
            }
            Token::RefreshToken => {
                let public_key = world.vendor.public_key(realm);
                let values = Values { refresh_token: token, public_key: &public_key, ..Values::default() };
                let request = world.profile.request(Call::Refresh, &values);
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(request.content_type));
                let body = Bytes::from(request.body);
                (Party::Auth, Received { method: Method::POST, path: request.path, headers, body })
            }
        })
    }

    /// The token of the last exchange or refresh that was answered.
    fn newest(&self, world: &World) -> Option<String> {
        let granted = world.transcript.since(0).iter().rev().find_map(|exchange| exchange.granted(&world.profile))?;
        Some(match self.token {
            Token::AccessToken => granted.access_token,
            Token::RefreshToken => granted.refresh_token,
        })
    }
}
