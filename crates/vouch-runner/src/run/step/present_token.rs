//! Executes `present_token`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{HeaderMap, Method};
use serde_json::Value;
use std::sync::Arc;
use vouch_sim::wire::{Link, ObservedSession, Party, WireRequest};
use vouch_spec::profile::{IdpCall, IdpRequest, RequestValues};
use vouch_spec::protocol::{ErrorKind, Realm};
use vouch_spec::step::{PresentToken, PresentedToken, StepFields as _};

#[async_trait]
impl Execute for PresentToken {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let realm = self.realm(world.given.realm());
        let newest = newest(self, world).ok_or_else(|| StepError::Scenario("there is no such token yet".into()))?;
        let (to, request) = request(self, world, realm, &newest)?;
        match world.vendor.upstream().answer(Link { from: Party::Client, to, realm }, request).await {
            Some(reply) => Ok(StepResult::Http { status: reply.status.as_u16() }),
            None => Ok(StepResult::Refused { kind: ErrorKind::Network, text: "no answer".into() }),
        }
    }
}

fn request(step: &PresentToken, world: &World, realm: Realm, token: &str) -> Result<(Party, WireRequest), StepError> {
    let mut headers = HeaderMap::new();
    Ok(match step.token {
        PresentedToken::AccessToken => {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            headers.insert(
                AUTHORIZATION,
                bearer.map_err(|_| StepError::Harness("the access token fits no header".into()))?,
            );
            let path = format!("/v2/user/{}", world.users.first_id());
            (Party::Api, WireRequest { method: Method::GET, path, headers, body: Bytes::new() })
        }
        PresentedToken::RefreshToken | PresentedToken::OldRefreshToken => {
            let public_key = world.vendor.public_key(realm);
            let values = RequestValues { refresh_token: token, public_key: &public_key, ..RequestValues::default() };
            to_auth(step, &world.profile.request(IdpCall::Refresh, &values))
        }
        PresentedToken::SignInToken => {
            let public_key = world.vendor.public_key(realm);
            let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(token).unwrap_or_default();
            let tenant = claims.get("tenant_id").and_then(Value::as_str).unwrap_or_default();
            let values = RequestValues { token, public_key: &public_key, tenant, ..RequestValues::default() };
            to_auth(step, &world.profile.request(IdpCall::Exchange, &values))
        }
    })
}

fn to_auth(_step: &PresentToken, request: &IdpRequest) -> (Party, WireRequest) {
    let headers = request.header_map();
    let body = Bytes::from(request.body.clone());
    (Party::Auth, WireRequest { method: Method::POST, path: request.path.clone(), headers, body })
}

fn newest(step: &PresentToken, world: &World) -> Option<String> {
    let exchanges = world.transcript.since(0);
    let granted = || exchanges.iter().rev().find_map(|exchange| exchange.granted());
    let session = || ObservedSession::newest(&exchanges);
    match step.token {
        PresentedToken::AccessToken => Some(granted()?.access_token),
        PresentedToken::RefreshToken => Some(granted()?.refresh_token),
        PresentedToken::SignInToken => Some(session()?.sign_in_token),
        PresentedToken::OldRefreshToken => session()?.old_refresh_token,
    }
}
