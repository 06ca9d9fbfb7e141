//! `present`: the harness itself shows a token of the installation's session to a host, its own or another's (SCO-4,
//! IDP-1, IDP-2).

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, Method};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use vouch_sim::wire::{Link, Party, Received, Session};
use vouch_spec::profile::{IdpCall, Request, Values};
use vouch_spec::protocol::{Environment, ErrorKind, Realm, Region};

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PresentToken {
    token: What,
    /// Of the host; left out, the scenario's own.
    #[serde(default)]
    environment: Option<Environment>,
    #[serde(default)]
    region: Option<Region>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::enum_variant_names, reason = "the words of scenario files")]
enum What {
    /// Shown to the API.
    AccessToken,
    /// Shown to the identity provider.
    RefreshToken,
    /// The sign-in token that began the session, shown to the identity provider once more.
    SignInToken,
    /// A refresh token that was rotated out and whose successor is in use, shown to the identity provider.
    OldRefreshToken,
}

impl What {
    fn words(self) -> &'static str {
        match self {
            What::AccessToken => "access token",
            What::RefreshToken => "refresh token",
            What::SignInToken => "sign-in token, used up,",
            What::OldRefreshToken => "refresh token that was rotated out",
        }
    }
}

pub(super) const KIND: StepKind = StepKind::new::<PresentToken>(
    "presentToken",
    "Shows a token of the installation's session to a host, its own or another's.",
)
.answers();

#[async_trait]
impl Step for PresentToken {
    fn words(&self) -> String {
        let place: Vec<_> =
            [self.environment.map(Environment::word), self.region.map(Region::word)].into_iter().flatten().collect();
        let place = if place.is_empty() { "its own realm".to_owned() } else { place.join(" ") };
        format!("the installation's newest {} is shown to a host of {place}", self.token.words())
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let realm = self.realm(world.given.realm());
        let newest = self.newest(world).ok_or_else(|| StepError::Scenario("there is no such token yet".into()))?;
        let (to, request) = self.request(world, realm, &newest)?;
        match world.vendor.upstream().answer(Link { from: Party::Client, to, realm }, request).await {
            Some(reply) => Ok(StepResult::Http { status: reply.status.as_u16() }),
            None => Ok(StepResult::Refused { kind: ErrorKind::Network, text: "no answer".into() }),
        }
    }

    fn realm(&self, home: Realm) -> Realm {
        Realm { environment: self.environment.unwrap_or(home.environment), region: self.region.unwrap_or(home.region) }
    }
}

impl PresentToken {
    fn request(&self, world: &World, realm: Realm, token: &str) -> Result<(Party, Received), StepError> {
        let mut headers = HeaderMap::new();
        Ok(match self.token {
            What::AccessToken => {
                let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
                headers.insert(
                    AUTHORIZATION,
                    bearer.map_err(|_| StepError::Harness("the access token fits no header".into()))?,
                );
                let path = format!("/v2/user/{}", world.somebodys_id());
                (Party::Api, Received { method: Method::GET, path, headers, body: Bytes::new() })
            }
            What::RefreshToken | What::OldRefreshToken => {
                let public_key = world.vendor.public_key(realm);
                let values = Values { refresh_token: token, public_key: &public_key, ..Values::default() };
                self.to_auth(&world.profile.request(IdpCall::Refresh, &values))
            }
            What::SignInToken => {
                let public_key = world.vendor.public_key(realm);
                let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(token).unwrap_or_default();
                let tenant = claims.get("tenant_id").and_then(Value::as_str).unwrap_or_default();
                let values = Values { token, public_key: &public_key, tenant, ..Values::default() };
                self.to_auth(&world.profile.request(IdpCall::Exchange, &values))
            }
        })
    }

    fn to_auth(&self, request: &Request) -> (Party, Received) {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(request.content_type))]);
        let body = Bytes::from(request.body.clone());
        (Party::Auth, Received { method: Method::POST, path: request.path.clone(), headers, body })
    }

    fn newest(&self, world: &World) -> Option<String> {
        let exchanges = world.transcript.since(0);
        let granted = || exchanges.iter().rev().find_map(|exchange| exchange.granted(&world.profile));
        let session = || Session::newest(&exchanges, &world.profile);
        match self.token {
            What::AccessToken => Some(granted()?.access_token),
            What::RefreshToken => Some(granted()?.refresh_token),
            What::SignInToken => Some(session()?.sign_in_token),
            What::OldRefreshToken => session()?.old_refresh_token,
        }
    }
}
