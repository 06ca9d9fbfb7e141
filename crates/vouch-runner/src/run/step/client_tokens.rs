//! Executes `client_tokens`.

use super::Execute;
use crate::run::step_result::{StepError, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use hyper::Method;
use hyper::body::Bytes;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use vouch_sim::clock::ClockMode;
use vouch_sim::sign_in_token::TokenParts;
use vouch_sim::wire::redact::SecretKind;
use vouch_sim::wire::{Party, WireRequest, WireResponse};
use vouch_spec::profile::{IdpCall, Profile, RequestValues, Rotation, Standard, TokenGrant};
use vouch_spec::protocol::{ErrorKind, Realm};
use vouch_spec::step::{ClientExchange, ClientRefresh, GrantCall};

#[async_trait]
impl Execute for ClientExchange {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let token = world.text(&self.0.token)?;
        let parts = TokenParts::of(&token);
        let (home, host) = (world.given.realm(), self.0.realm(world.given.realm()));
        check_distinguishable(world, host)?;
        // Where one host serves all realms, its key is what names another. What is no sign-in token has none of its own.
        let other = (host != home || parts.public_key.is_empty()).then(|| world.vendor.public_key(host));
        let public_key = other.as_deref().unwrap_or(&parts.public_key);
        let values = RequestValues { token: &parts.jwt, public_key, tenant: &parts.tenant, ..RequestValues::default() };
        perform(&self.0, world, IdpCall::Exchange, &values).await.map(|(result, _)| result)
    }
}

#[async_trait]
impl Execute for ClientRefresh {
    async fn execute(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let token = world.text(&self.0.token)?;
        let host = self.0.realm(world.given.realm());
        check_distinguishable(world, host)?;
        let key = world.vendor.public_key(host);
        let values = RequestValues { refresh_token: &token, public_key: &key, ..RequestValues::default() };
        if self.0.rotated_out {
            pass_reuse_interval(world).await?;
        }
        if self.0.rotates {
            return perform_rotation(&self.0, world, &values).await;
        }
        perform(&self.0, world, IdpCall::Refresh, &values).await.map(|(result, _)| result)
    }
}

/// Where one host serves all realms, the public key tells them apart. If two realms have the same one, their requests are the
/// same, and an answer to them says nothing of the other realm.
fn check_distinguishable(world: &World, host: Realm) -> Result<(), StepError> {
    let home = world.given.realm();
    let same_key = || world.vendor.public_key(host) == world.vendor.public_key(home);
    if host != home && world.profile.one_auth_host && same_key() {
        let why = "one host serves all realms, and these two have the same public key: their requests are the same";
        return Err(StepError::NotApplicable(why.into()));
    }
    Ok(())
}

/// The longest reuse interval that is waited for in real time.
const MAX_REAL_WAIT: Duration = Duration::from_secs(15);

/// The time passes for which the cloud may accept a refresh token that was rotated out.
async fn pass_reuse_interval(world: &World) -> Result<(), StepError> {
    let interval = world.vendor.reuse_interval();
    if interval.is_zero() {
        return Ok(());
    }
    if interval > MAX_REAL_WAIT && world.clock.mode() == ClockMode::Real && !world.vendor.has_clock() {
        let seconds = interval.as_secs();
        let why = format!("the target has a reuse interval of {seconds} s and no hook advance: too long to wait for");
        return Err(StepError::NotApplicable(why));
    }
    world.advance(interval + Duration::from_secs(1)).await
}

/// How often a refresh is repeated until it brings a new refresh token.
const MAX_REFRESHES: usize = 10;

/// Refreshes until a new refresh token comes, and checks it against what the target declares.
async fn perform_rotation(
    step: &GrantCall,
    world: &World,
    values: &RequestValues<'_>,
) -> Result<StepResult, StepError> {
    let rotation = world.vendor.rotation(&world.profile);
    let unmet = |expected: &str, got: &str| Err(StepError::Unmet { expected: expected.into(), got: got.into() });
    for _ in 0..MAX_REFRESHES {
        let (result, refresh_token) = perform(step, world, IdpCall::Refresh, values).await?;
        let Some(refresh_token) = refresh_token else { return Ok(result) };
        match (rotation, refresh_token == values.refresh_token) {
            (Rotation::Required | Rotation::Optional, false) => return Ok(result),
            (Rotation::Required, true) => {
                return unmet("a new refresh token (the target declares rotation = required)", "the same one");
            }
            (Rotation::Never, false) => {
                return unmet("the same refresh token (the target declares rotation = never)", "another one");
            }
            (Rotation::Never, true) => {
                return Err(StepError::NotApplicable(
                    "the target declares that it does not rotate refresh tokens".into(),
                ));
            }
            (Rotation::Optional, true) => {}
        }
    }
    let why = format!("the cloud does not rotate refresh tokens, not in {MAX_REFRESHES} refreshes");
    Err(StepError::NotApplicable(why))
}

/// Makes one call. Also returns the refresh token that it brings.
async fn perform(
    step: &GrantCall,
    world: &World,
    call: IdpCall,
    values: &RequestValues<'_>,
) -> Result<(StepResult, Option<String>), StepError> {
    let request = world.profile.request(call, values);
    let headers = request.header_map();
    let body = Bytes::from(request.body);
    let received = WireRequest { method: Method::POST, path: request.path, headers, body };
    let realm = step.realm(world.given.realm());
    let Some(reply) = world.client_call(Party::Auth, realm, received).await else {
        return Ok((StepResult::Refused { kind: ErrorKind::Network, text: "no answer".into() }, None));
    };
    if step.not_cacheable {
        check_not_cacheable(&reply)?;
    }
    if let Some(standard) = step.obeys {
        obey(standard, call, &reply)?;
    }
    match granted(&world.profile, call, (reply.status.as_u16(), &reply.body), Some(values.refresh_token)) {
        Ok(granted) => {
            let refresh_token = granted.refresh_token.clone();
            keep(step, world, granted);
            Ok((StepResult::Ok, Some(refresh_token)))
        }
        Err(Some(answer)) => Ok((answer, None)),
        Err(None) => Err(StepError::Unmet {
            expected: "access token, refresh token and lifetime in an answer with status 200".into(),
            got: "an answer without them all".into(),
        }),
    }
}

fn keep(step: &GrantCall, world: &World, granted: TokenGrant) {
    world.redactor.secret(SecretKind::AccessToken, &granted.access_token);
    world.redactor.secret(SecretKind::RefreshToken, &granted.refresh_token);
    if let Some(name) = &step.bind {
        if let Some(seconds) = granted.expires_in {
            world.bind(&format!("{name}.expiresIn"), seconds.to_string());
        }
        world.bind(&format!("{name}.issuedMs"), world.clock.now_ms().to_string());
        world.bind(&format!("{name}.accessToken"), granted.access_token);
        world.bind(&format!("{name}.refreshToken"), granted.refresh_token);
    }
}

/// What an answer of the identity provider grants; else what it is for `expect`, or None for a good answer that lacks some
/// of it. `used`: the refresh token of the request.
pub fn granted(
    profile: &Profile,
    call: IdpCall,
    (status, body): (u16, &[u8]),
    used: Option<&str>,
) -> Result<TokenGrant, Option<StepResult>> {
    if status == 200 {
        return profile.granted(call, body, used).ok_or(None);
    }
    Err(Some(match profile.meaning(call, body).filter(|_| (400..500).contains(&status)) {
        Some(kind) => StepResult::Refused { kind, text: format!("HTTP {status}") },
        None => StepResult::Http { status },
    }))
}

pub(super) fn check_not_cacheable(reply: &WireResponse) -> Result<(), StepError> {
    let said = said(reply, "cache-control");
    if said.contains("no-store") {
        return Ok(());
    }
    let got = if said.is_empty() { "no Cache-Control".to_owned() } else { format!("Cache-Control: {said}") };
    Err(StepError::Unmet {
        expected: "Cache-Control: no-store on an answer with a token (RFC 6749 section 5.1)".into(),
        got,
    })
}

fn said(reply: &WireResponse, name: &str) -> String {
    let values = reply.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(", ").to_lowercase()
}

/// The error codes of RFC 6749 section 5.2, and that of RFC 8693 section 2.2.2.
const CODES: [&str; 7] = [
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
];

fn obey(standard: Standard, call: IdpCall, reply: &WireResponse) -> Result<(), StepError> {
    let unmet = |expected: &str, got: String| Err(StepError::Unmet { expected: expected.into(), got });
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let text = |field: &str| body.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    if !said(reply, "content-type").starts_with("application/json") {
        return unmet("Content-Type: application/json (RFC 6749 section 5)", said(reply, "content-type"));
    }
    match (standard, reply.status.is_success()) {
        (Standard::Rfc6749, true) => {
            if text("token_type").is_empty() {
                return unmet("`token_type` in a token answer (RFC 6749 section 5.1)", "none".into());
            }
            if text("access_token").is_empty() {
                return unmet("`access_token` in a token answer (RFC 6749 section 5.1)", "none".into());
            }
            if !body.get("expires_in").is_none_or(Value::is_number) {
                return unmet("`expires_in` as a number (RFC 6749 appendix A.14)", "another kind of value".into());
            }
            check_not_cacheable(reply)
        }
        (Standard::Rfc8693, true) => match (call, text("issued_token_type").is_empty()) {
            (IdpCall::Exchange, true) => {
                unmet("`issued_token_type` in the answer to an exchange (RFC 8693 section 2.2.1)", "none".into())
            }
            _ => Ok(()),
        },
        (_, false) => {
            let code = text("error");
            if !CODES.contains(&code.as_str()) {
                let got = if code.is_empty() { "no `error`".to_owned() } else { format!("`{code}`") };
                return unmet("`error` with a code of RFC 6749 section 5.2", got);
            }
            let status = reply.status.as_u16();
            if status != 400 && !(status == 401 && code == "invalid_client") {
                return unmet("status 400 for an error (RFC 6749 section 5.2)", format!("HTTP {status}"));
            }
            Ok(())
        }
    }
}
