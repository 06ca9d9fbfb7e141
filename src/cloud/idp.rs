//! The identity provider: exchange and refresh. Source: wire facts, "Exchange", "Refresh", "Errors"; RFC 6749 section 6, RFC 8693.

use super::store::Standing;
use super::{Inner, refuse, token};
use crate::protocol::Realm;
use crate::wire::{Received, Reply};
use hyper::{Method, StatusCode};
use serde_json::json;
use std::sync::PoisonError;

const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const SUBJECT_TYPE: &str = "urn:junction:sign-in-token";
const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn answer(cloud: &Inner, realm: Realm, request: &Received) -> Reply {
    if request.path_only() != "/v1/token" {
        return refuse(StatusCode::NOT_FOUND, "not_found");
    }
    if request.method != Method::POST {
        return refuse(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    }
    if !request.header("content-type").is_some_and(|t| t.starts_with(FORM)) {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "invalid_request");
    }
    match request.form_field("grant_type").as_deref() {
        Some(EXCHANGE) => exchange(cloud, realm, request),
        Some("refresh_token") => refresh(cloud, realm, request),
        _ => refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
    }
}

fn exchange(cloud: &Inner, realm: Realm, request: &Received) -> Reply {
    if request.form_field("subject_token_type").as_deref() != Some(SUBJECT_TYPE) {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request");
    }
    let invalid = || refuse(StatusCode::BAD_REQUEST, "invalid_token");
    let Some(jwt) = request.form_field("subject_token") else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request");
    };
    let Some(good) = token::check_sign_in(cloud, realm, &jwt) else { return invalid() };
    let refresh_token = token::refresh_token(cloud);
    let (user_id, sid) = {
        let mut store = cloud.store.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(user_id) = store.by_id(realm, &good.user_id).map(|user| user.id.clone()) else { return invalid() };
        if !store.use_sign_in_token(&jwt) {
            return invalid();
        }
        let sid = store.open_session(realm, &user_id, refresh_token.clone());
        (user_id, sid)
    };
    tokens(cloud, realm, &user_id, sid, 0, &refresh_token)
}

fn refresh(cloud: &Inner, realm: Realm, request: &Received) -> Reply {
    let Some(used) = request.form_field("refresh_token") else {
        return refuse(StatusCode::BAD_REQUEST, "invalid_request");
    };
    let new = token::refresh_token(cloud);
    let (user_id, sid, generation) = {
        let mut store = cloud.store.lock().unwrap_or_else(PoisonError::into_inner);
        let sid = match store.standing(&used) {
            Standing::Good(sid) => sid,
            Standing::Revoked => return refuse(StatusCode::BAD_REQUEST, "reauthentication_required"),
            Standing::NoUser => return refuse(StatusCode::BAD_REQUEST, "invalid_token"),
        };
        let Some(session) = store.sessions.get(&sid) else {
            return refuse(StatusCode::BAD_REQUEST, "reauthentication_required");
        };
        if !cloud.rules.realm_fits(session.realm, realm) {
            return refuse(StatusCode::BAD_REQUEST, "reauthentication_required");
        }
        let user_id = session.user_id.clone();
        let generation = store.rotate(sid, &used, new.clone());
        (user_id, sid, generation)
    };
    tokens(cloud, realm, &user_id, sid, generation, &new)
}

fn tokens(cloud: &Inner, realm: Realm, user_id: &str, sid: u64, generation: u64, refresh_token: &str) -> Reply {
    let Some(access_token) = token::access_token(cloud, realm, user_id, sid, generation) else {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "signing_failed");
    };
    let seconds = cloud.lifetimes().access_token.as_secs();
    let expires_in = if cloud.behaviour.expires_in_as_text { json!(seconds.to_string()) } else { json!(seconds) };
    let body = json!({ "access_token": access_token, "refresh_token": refresh_token, "expires_in": expires_in, "token_type": "Bearer" });
    Reply::json(StatusCode::OK, &body).header("cache-control", "no-store")
}
