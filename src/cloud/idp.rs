//! The identity provider: exchange and refresh, in the words of the case's wire profile. Source: wire facts, "Exchange",
//! "Refresh", "Errors"; RFC 6749 section 6, RFC 8693.

use super::store::Standing;
use super::{Inner, token};
use crate::profile::{Call, Carried, Granted, Misfit};
use crate::protocol::{ErrorKind, Realm};
use crate::wire::{Received, Reply};
use hyper::{Method, StatusCode};
use std::sync::PoisonError;

pub(super) fn answer(cloud: &Inner, realm: Realm, request: &Received) -> Reply {
    let profile = &cloud.profile;
    if ![&profile.exchange.path, &profile.refresh.path].into_iter().any(|path| path == request.path_only()) {
        return error(cloud, StatusCode::NOT_FOUND, "not_found");
    }
    if request.method != Method::POST {
        return error(cloud, StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed");
    }
    let Some((call, carried)) = profile.recognise(&request.method, &request.path, &request.body) else {
        return error(cloud, StatusCode::BAD_REQUEST, "unsupported_grant_type");
    };
    match profile.misfit(call, &request.headers, &request.body) {
        Some(Misfit::ContentType) => error(cloud, StatusCode::UNSUPPORTED_MEDIA_TYPE, &profile.errors.bad_request),
        Some(Misfit::Fields) => error(cloud, StatusCode::BAD_REQUEST, &profile.errors.bad_request),
        None => {
            let done = match call {
                Call::Exchange => exchange(cloud, realm, &carried),
                Call::Refresh => refresh(cloud, realm, &carried.refresh_token.unwrap_or_default()),
            };
            match done {
                Ok(session) => tokens(cloud, realm, call, &session),
                Err(kind) => Reply::json(StatusCode::BAD_REQUEST, &profile.refusal(call, 400, kind)),
            }
        }
    }
}

fn error(cloud: &Inner, status: StatusCode, word: &str) -> Reply {
    let status = cloud.rules.bad_request(status);
    Reply::json(status, &cloud.profile.error(status.as_u16(), word))
}

/// A session as it is after a call.
struct Session {
    user_id: String,
    sid: u64,
    generation: u64,
    refresh_token: String,
}

fn exchange(cloud: &Inner, realm: Realm, carried: &Carried) -> Result<Session, ErrorKind> {
    let jwt = carried.token.as_deref().unwrap_or_default();
    let good = token::check_sign_in(cloud, realm, jwt).ok_or(ErrorKind::InvalidSignInToken)?;
    let refresh_token = token::refresh_token(cloud);
    let mut store = cloud.store.lock().unwrap_or_else(PoisonError::into_inner);
    if carried.tenant.as_ref().is_some_and(|tenant| *tenant != store.team(realm).tenant) {
        return Err(ErrorKind::InvalidSignInToken);
    }
    let user = store.by_id(realm, &good.user_id).filter(|_| cloud.rules.exchanges_for(&good.user_id));
    let user_id = user.map(|user| user.id.clone()).ok_or(ErrorKind::InvalidSignInToken)?;
    if !store.use_sign_in_token(jwt) && cloud.rules.single_use() {
        return Err(ErrorKind::InvalidSignInToken);
    }
    let sid = store.open_session(realm, &user_id, refresh_token.clone());
    Ok(Session { user_id, sid, generation: 0, refresh_token })
}

fn refresh(cloud: &Inner, realm: Realm, used: &str) -> Result<Session, ErrorKind> {
    let refresh_token = token::refresh_token(cloud);
    let mut store = cloud.store.lock().unwrap_or_else(PoisonError::into_inner);
    let sid = match store.standing(used, &*cloud.rules) {
        Standing::Good(sid) => sid,
        Standing::Revoked => return Err(cloud.rules.of_revoked()),
        Standing::NoUser => return Err(ErrorKind::InvalidUser),
    };
    let fits = store.sessions.get(&sid).filter(|session| cloud.rules.realm_fits(session.realm, realm));
    let user_id = fits.map(|session| session.user_id.clone()).ok_or(ErrorKind::NeedsReauthentication)?;
    let generation = store.rotate(sid, used, refresh_token.clone(), cloud.rules.keeps_predecessor());
    Ok(Session { user_id, sid, generation, refresh_token })
}

fn tokens(cloud: &Inner, realm: Realm, call: Call, session: &Session) -> Reply {
    let Session { user_id, sid, generation, refresh_token } = session;
    let Some(access_token) = token::access_token(cloud, realm, user_id, *sid, *generation) else {
        return error(cloud, StatusCode::INTERNAL_SERVER_ERROR, "signing_failed");
    };
    let expires_in = cloud.lifetimes().access_token.as_secs();
    let granted = Granted { access_token, refresh_token: refresh_token.clone(), expires_in };
    let body = cloud.profile.answer(call, &granted, user_id, cloud.behaviour.expires_in);
    let reply = Reply::json(StatusCode::OK, &cloud.rules.token_answer(body));
    reply.header("cache-control", cloud.rules.token_cache_control()).header("pragma", "no-cache")
}
