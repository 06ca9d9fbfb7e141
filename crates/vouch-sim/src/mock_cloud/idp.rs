//! The identity provider: exchange and refresh, in the words of the case's wire profile. Source: wire facts, "Exchange",
//! "Refresh", "Errors"; RFC 6749 section 6, RFC 8693.

use super::store::{RefreshTokenState, TokenGeneration};
use super::{CloudState, token};
use crate::wire::{WireRequest, WireResponse};
use hyper::{Method, StatusCode};
use serde_json::Value;
use std::sync::atomic::Ordering;
use vouch_spec::profile::{IdpCall, NumberForm, Profile, RequestMismatch, RequestTokens, ResponseTemplate, TokenGrant};
use vouch_spec::protocol::{ErrorKind, Realm};

pub(super) fn answer(cloud: &CloudState, realm: Realm, request: &WireRequest) -> WireResponse {
    let profile = cloud.profile.now();
    if ![&profile.exchange.path, &profile.refresh.path].into_iter().any(|path| path == request.path_only()) {
        return error(cloud, StatusCode::NOT_FOUND, "not_found");
    }
    if request.method != Method::POST {
        return error(cloud, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    }
    let checked = profile.check_request(&request.method, &request.path, &request.headers, &request.body);
    let Some((call, carried, mismatch)) = checked else {
        return error(cloud, StatusCode::BAD_REQUEST, "unsupported_grant_type")
            .reason("neither the grant type of an exchange nor that of a refresh");
    };
    match mismatch {
        Some(RequestMismatch::ContentType) => {
            error(cloud, StatusCode::UNSUPPORTED_MEDIA_TYPE, &profile.errors.bad_request)
                .reason("the content type is not that of the wire profile")
        }
        Some(RequestMismatch::Client) => {
            // RFC 6749 section 5.2.
            let word = profile.errors.bad_client.as_deref().unwrap_or("invalid_client");
            error(cloud, StatusCode::UNAUTHORIZED, word)
                .header("www-authenticate", "Basic realm=\"mock cloud\"")
                .reason("the client does not authenticate as the wire profile says")
        }
        Some(RequestMismatch::Header) => error(cloud, StatusCode::BAD_REQUEST, &profile.errors.bad_request)
            .reason("a header is missing, or has another value than the wire profile says"),
        Some(RequestMismatch::Fields) if !cloud.policy.overlooks_malformation(call, request) => {
            error(cloud, StatusCode::BAD_REQUEST, &profile.errors.bad_request)
                .reason("a field is missing, repeated, or has another value than the wire profile says")
        }
        _ => {
            let done = match call {
                IdpCall::Exchange => exchange(cloud, realm, &carried),
                IdpCall::Refresh => refresh(cloud, realm, &carried.refresh_token.unwrap_or_default()),
            };
            match done {
                Ok(session) => tokens(cloud, realm, call, &session),
                Err(Refusal(kind, reason)) => {
                    refusal(profile, StatusCode::BAD_REQUEST, profile.refusal(call, 400, kind)).reason(reason)
                }
            }
        }
    }
}

fn error(cloud: &CloudState, status: StatusCode, word: &str) -> WireResponse {
    let status = cloud.policy.bad_request(status);
    let profile = cloud.profile.now();
    refusal(profile, status, profile.error(status.as_u16(), word))
}

fn refusal(profile: &Profile, status: StatusCode, body: Value) -> WireResponse {
    match body {
        Value::String(word) if profile.errors.is_whole_body() => WireResponse::plain_text(status, word),
        body => WireResponse::json(status, &body),
    }
}

/// An error of the wire profile, and why it is the answer.
struct Refusal(ErrorKind, &'static str);

/// A session as it is after a call.
struct IssuedSession {
    user_id: String,
    generation_of_token: TokenGeneration,
    /// That of its refresh token: an earlier one where not every refresh rotates it.
    refresh_generation: TokenGeneration,
}

fn exchange(cloud: &CloudState, realm: Realm, carried: &RequestTokens) -> Result<IssuedSession, Refusal> {
    let refused = |reason| Refusal(ErrorKind::InvalidSignInToken, reason);
    let no_user = "the user of the sign-in token does not exist";
    let jwt = carried.token.as_deref().unwrap_or_default();
    let good = token::check_sign_in(cloud, realm, jwt).map_err(refused)?;
    let mut store = cloud.store.lock();
    if carried.tenant.as_ref().is_some_and(|tenant| *tenant != store.team(realm).tenant) {
        return Err(refused("the tenant is not that of the team"));
    }
    let user = store.by_id(realm, &good.user_id).filter(|_| cloud.policy.exchanges_for(&good.user_id));
    let user_id = user.map(|user| user.id.clone()).ok_or_else(|| refused(no_user))?;
    if store.deletions_of(realm, &user_id) != good.deletions && !cloud.policy.sign_in_tokens_survive_deletion() {
        return Err(refused("the user was deleted after the sign-in token was issued"));
    }
    let first = store.use_sign_in_token(good.id, good.expires_s, cloud.clock.now_s());
    if !first && cloud.policy.single_use() && !cloud.loses_race() {
        return Err(refused("the sign-in token was used before"));
    }
    if cloud.policy.one_session_a_user() {
        store.revoke(realm, &user_id);
    }
    let generation_of_token =
        store.open_session(realm, &user_id, cloud.clock.now_s()).ok_or_else(|| refused(no_user))?;
    let user_id = if cloud.policy.mixes_up_users() { cloud.user_of_first_in_flight(user_id) } else { user_id };
    Ok(IssuedSession { user_id, generation_of_token, refresh_generation: generation_of_token })
}

fn refresh(cloud: &CloudState, realm: Realm, used: &str) -> Result<IssuedSession, Refusal> {
    let unknown = |reason| Refusal(ErrorKind::NeedsReauthentication, reason);
    let used = token::read_refresh_token(cloud, used).or_else(|| {
        let claims = token::access_claims(cloud, used).filter(|_| cloud.policy.refreshes_with_access_tokens())?;
        Some(TokenGeneration { sid: claims.sid, generation: claims.generation })
    });
    let used = used.ok_or_else(|| unknown("the refresh token is none that this cloud issued"))?;
    let mut store = cloud.store.lock();
    let now_s = cloud.clock.now_s();
    match store.refresh_token_state(used, &*cloud.policy, now_s) {
        RefreshTokenState::Valid => {}
        RefreshTokenState::Revoked => {
            let reason = "the refresh token was rotated out, or its session is revoked";
            return Err(Refusal(cloud.policy.revoked_session_error(), reason));
        }
        RefreshTokenState::UserDeleted => return Err(Refusal(ErrorKind::InvalidUser, "the user is deleted")),
    }
    let fits = store.session(used.sid).filter(|session| cloud.policy.realm_fits(session.realm, realm));
    let user = fits.and_then(|session| store.user_of(session));
    let user_id = user.map(|user| user.id.clone());
    let user_id =
        user_id.ok_or_else(|| unknown("the refresh token is of another environment or region than this host"))?;
    let refresh_generation = |generation| cloud.refresh_generation(TokenGeneration { generation, ..used });
    let generation_of_token = store.rotate(used, refresh_generation, &*cloud.policy, now_s);
    let generation_of_token = generation_of_token.ok_or_else(|| unknown("the session has ended"))?;
    cloud.note_unrotated(generation_of_token);
    let generation = cloud.refresh_generation(generation_of_token);
    Ok(IssuedSession { user_id, generation_of_token, refresh_generation: TokenGeneration { generation, ..used } })
}

fn tokens(cloud: &CloudState, realm: Realm, call: IdpCall, session: &IssuedSession) -> WireResponse {
    let IssuedSession { user_id, generation_of_token, refresh_generation } = session;
    let count = if call == IdpCall::Exchange { &cloud.exchanges } else { &cloud.refreshes };
    count.fetch_add(1, Ordering::Relaxed);
    let refresh_token = token::refresh_token(cloud, *refresh_generation);
    let Some(access_token) = token::access_token(cloud, realm, user_id, *generation_of_token) else {
        return error(cloud, StatusCode::INTERNAL_SERVER_ERROR, "signing_failed");
    };
    let expires_in = cloud.lifetimes().access_token.as_secs();
    let expires_in = cloud.policy.announced_lifetime(expires_in);
    let granted = TokenGrant { access_token, refresh_token, expires_in: Some(expires_in) };
    let reply = match &cloud.response_templates {
        Some(templates) => WireResponse::json_text(StatusCode::OK, templates.of(call).text(&granted, user_id)),
        None => {
            let body = cloud.profile.now().answer(call, &granted, user_id, cloud.behaviour.expires_in);
            WireResponse::json(StatusCode::OK, &cloud.policy.token_answer(call, body))
        }
    };
    reply.header("cache-control", cloud.policy.token_cache_control(call)).header("pragma", "no-cache")
}

/// The good answers, made in advance.
pub(super) struct ResponseTemplates([ResponseTemplate; 2]);

impl ResponseTemplates {
    pub fn new(profile: &Profile, form: Option<NumberForm>) -> Self {
        Self([IdpCall::Exchange, IdpCall::Refresh].map(|call| ResponseTemplate::new(profile, call, form)))
    }

    fn of(&self, call: IdpCall) -> &ResponseTemplate {
        let [exchange, refresh] = &self.0;
        match call {
            IdpCall::Exchange => exchange,
            IdpCall::Refresh => refresh,
        }
    }
}
