//! The vendor API: users, sign-in tokens, user-level and team-level resources. Source: wire facts, "API", "More of the backend API".

use super::policy::Caller;
use super::store::Store;
use super::store::TokenGeneration;
use super::team::Team;
use super::token::TokenShape;
use super::users::User;
use super::{CloudState, refuse, token};
use crate::wire::{WireRequest, WireResponse};
use hyper::{Method, StatusCode};
use parking_lot::MutexGuard;
use serde_json::{Value, json};
use std::borrow::Cow;
use vouch_spec::protocol::Realm;

pub(super) fn answer(cloud: &CloudState, realm: Realm, request: &WireRequest) -> WireResponse {
    let caller = match authenticate(cloud, realm, request) {
        Ok(caller) => caller,
        Err(reason) => match cloud.policy.unauthenticated_caller(request) {
            Some(caller) => caller,
            None => {
                let body = json!({ "detail": "not authenticated" });
                return WireResponse::json(StatusCode::UNAUTHORIZED, &body).reason(reason);
            }
        },
    };
    cloud.policy.note_caller(request, &caller);
    let call = ApiCall { cloud, realm, caller, request };
    let decode = |segment| if cloud.policy.decodes_paths() { percent_decoded(segment) } else { Cow::Borrowed(segment) };
    let segments: Vec<_> = request.path_only().trim_matches('/').split('/').map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(|segment| &**segment).collect();
    match (&request.method, segments.as_slice()) {
        (&Method::POST, ["v2", "user"]) => call.team(|| call.create_user()),
        (&Method::GET, ["v2", "user"]) => call.team(|| call.list_users(request)),
        (&Method::GET, ["v2", "user", "metrics"]) => {
            call.team(|| ok(&json!({ "total_users": call.store().live_count(realm) })))
        }
        (&Method::POST, ["v2", "user", "undo_delete"]) => call.team(|| call.undo_delete()),
        (&Method::GET, ["v2", "user", "resolve", client_id]) => call.team(|| call.resolve(client_id)),
        (&Method::GET, ["v2", "user", id]) => call.user_resource(id, user_json),
        (&Method::DELETE, ["v2", "user", id]) => call.team(|| call.delete(id)),
        (&Method::POST, ["v2", "user", id, "sign_in_token"]) => call.team(|| call.issue(id)),
        (&Method::GET, ["v2", "summary", resource, id]) => {
            call.user_resource(id, |user, _| json!({ "user_id": user.id, "resource": resource, "data": [] }))
        }
        (&Method::POST, ["v2", "summary", resource, id]) => {
            call.user_resource(id, |user, _| json!({ "user_id": user.id, "resource": resource, "success": true }))
        }
        _ => refuse(StatusCode::NOT_FOUND, "not_found"),
    }
}

/// A segment of a path with its percent escapes decoded. A plus sign stands for itself there.
fn percent_decoded(segment: &str) -> Cow<'_, str> {
    if !segment.contains('%') {
        return Cow::Borrowed(segment);
    }
    let escaped = segment.replace('+', "%2B");
    let decoded = form_urlencoded::parse(escaped.as_bytes()).next().map(|(name, _)| name.into_owned());
    Cow::Owned(decoded.unwrap_or_default())
}

/// Who calls. The error says why the credential is refused.
fn authenticate(cloud: &CloudState, realm: Realm, request: &WireRequest) -> Result<Caller, &'static str> {
    if let Some(key) = request.header("x-vital-api-key") {
        let store = cloud.store.lock();
        let known = store.team(realm).key == key;
        return if known { Ok(Caller::Team) } else { Err("the API key is not that of the team at this host") };
    }
    let jwt = request.bearer().ok_or("there is neither an API key nor a bearer token")?;
    let claims = token::access_claims(cloud, jwt).ok_or("the access token is none that this cloud issued")?;
    let own = Realm { environment: claims.env, region: claims.region };
    if !cloud.policy.realm_fits(own, realm) {
        return Err("the access token is of another environment or region than this host");
    }
    if !cloud.policy.access_token_is_current(claims.exp, cloud.clock.now_s()) {
        return Err("the access token has expired");
    }
    let mut store = cloud.store.lock();
    let session = store.session(claims.sid).ok_or("the session of the access token does not exist")?;
    let refused = claims.generation < session.access_from && !cloud.policy.access_survives_revocation();
    if refused || !cloud.policy.accepts_generation(claims.generation) {
        return Err("the access token is revoked");
    }
    if store.by_id(own, &claims.sub).is_none() {
        return Err("the user of the access token does not exist");
    }
    store.confirm(
        claims.sid,
        cloud.refresh_generation(TokenGeneration { sid: claims.sid, generation: claims.generation }),
    );
    Ok(Caller::User(claims.sub))
}

/// The most users in one answer.
const USERS_A_PAGE: usize = 100;

fn ok(body: &Value) -> WireResponse {
    WireResponse::json(StatusCode::OK, body)
}

fn user_json(user: &User, team: &Team) -> Value {
    json!({
        "user_id": user.id, "team_id": team.id, "client_user_id": user.client_user_id,
        "created_on": "2026-01-01T00:00:00+00:00", "connected_sources": [],
    })
}

/// One authenticated call.
struct ApiCall<'a> {
    cloud: &'a CloudState,
    realm: Realm,
    caller: Caller,
    request: &'a WireRequest,
}

impl ApiCall<'_> {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.cloud.store.lock()
    }

    fn team(&self, work: impl FnOnce() -> WireResponse) -> WireResponse {
        if self.cloud.policy.may_use_team(&self.caller, self.request) {
            work()
        } else {
            refuse(self.cloud.policy.team_refusal_status(), "forbidden")
        }
    }

    /// The realm in which the user of an id is looked up.
    fn realm_of(&self, store: &Store, id: &str) -> Realm {
        self.found_realm(|realm| store.by_id(realm, id).is_some())
    }

    /// The first realm that has what is looked for; the call's own if none has.
    fn found_realm(&self, has: impl Fn(Realm) -> bool) -> Realm {
        let seen = |other: &Realm| self.cloud.policy.finds_users_of(self.realm, *other);
        let all = std::iter::once(self.realm).chain(Realm::all().filter(seen));
        all.into_iter().find(|realm| has(*realm)).unwrap_or(self.realm)
    }

    fn user_resource(&self, id: &str, body: impl FnOnce(&User, &Team) -> Value) -> WireResponse {
        let store = self.store();
        let user = store.by_id(self.realm_of(&store, id), id);
        let shown = self.cloud.policy.shows_user(id, user.is_some());
        let Some(user) = user.filter(|_| shown) else {
            return refuse(self.cloud.policy.missing_user_status(&self.caller), "not_found");
        };
        if !self.cloud.policy.may_read_user(&self.caller, user, self.request) {
            return refuse(StatusCode::FORBIDDEN, "forbidden");
        }
        ok(&body(user, store.team(self.realm)))
    }

    fn create_user(&self) -> WireResponse {
        let body: Value = serde_json::from_slice(&self.request.body).unwrap_or_default();
        let Some(client_id) = self.cloud.policy.client_user_id(&body) else {
            return refuse(self.cloud.policy.bad_user_status(&self.request.body), "invalid_request");
        };
        let client_id = self.cloud.policy.stored_client_id(&client_id);
        let allows_twins = self.cloud.policy.allows_duplicate_client_ids() || self.cloud.loses_race();
        let mut store = self.store();
        let taken = store.by_client_id(self.realm, &client_id).filter(|_| !allows_twins);
        if let Some(existing) = taken {
            let detail = json!({
                "error_type": "INVALID_REQUEST", "error_message": "Client user id already exists.",
                "user_id": existing.id, "created_on": "2026-01-01T00:00:00+00:00",
            });
            return WireResponse::json(StatusCode::BAD_REQUEST, &json!({ "detail": detail }));
        }
        if self.cloud.policy.reuses_ids() && store.revive(self.realm, &client_id) {
            let user = store.by_client_id(self.realm, &client_id).cloned();
            return user.map_or_else(
                || refuse(StatusCode::CONFLICT, "conflict"),
                |user| ok(&user_json(&user, store.team(self.realm))),
            );
        }
        let user = match allows_twins {
            true => Some(store.add_user_with_duplicate_client_id(self.realm, &client_id)),
            false => store.add_user(self.realm, &client_id, None),
        };
        let Some(user) = user else {
            return refuse(StatusCode::CONFLICT, "INVALID_REQUEST");
        };
        self.cloud.redactor.id(&user.id, format!("user id of {client_id}"));
        ok(&user_json(&user, store.team(self.realm)))
    }

    fn list_users(&self, request: &WireRequest) -> WireResponse {
        let (_, query) = request.path.split_once('?').unwrap_or_default();
        let asked = |name: &str, usual: usize| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok()).unwrap_or(usual)
        };
        let (offset, limit) = (asked("offset", 0), asked("limit", USERS_A_PAGE).min(USERS_A_PAGE));
        let store = self.store();
        let team = store.team(self.realm);
        let page = store.live(self.realm).skip(offset).take(limit);
        let users: Vec<_> = page.map(|user| user_json(user, team)).collect();
        ok(&json!({ "total": store.live_count(self.realm), "users": users, "offset": offset, "limit": limit }))
    }

    fn resolve(&self, client_id: &str) -> WireResponse {
        let client_id = &self.cloud.policy.stored_client_id(client_id);
        let store = self.store();
        let realm = self.found_realm(|realm| store.by_client_id(realm, client_id).is_some());
        let user = store.by_client_id(realm, client_id);
        match user.filter(|user| self.cloud.policy.resolves(client_id, true) && !user.deleted) {
            Some(user) => ok(&user_json(user, store.team(self.realm))),
            None => {
                self.cloud.policy.resolves(client_id, false);
                refuse(StatusCode::NOT_FOUND, "not_found")
            }
        }
    }

    fn delete(&self, id: &str) -> WireResponse {
        let mut store = self.store();
        let realm = self.realm_of(&store, id);
        if store.set_deleted(realm, id, true, &*self.cloud.policy) {
            ok(&json!({ "success": true }))
        } else {
            refuse(StatusCode::NOT_FOUND, "not_found")
        }
    }

    fn undo_delete(&self) -> WireResponse {
        let body: Value = serde_json::from_slice(&self.request.body).unwrap_or_default();
        let id = body.get("user_id").and_then(Value::as_str).unwrap_or_default();
        if self.store().set_deleted(self.realm, id, false, &*self.cloud.policy) {
            ok(&json!({ "success": true }))
        } else {
            refuse(StatusCode::NOT_FOUND, "not_found")
        }
    }

    fn issue(&self, id: &str) -> WireResponse {
        let (team, user) = {
            let store = self.store();
            (store.team(self.realm).clone(), store.by_id(self.realm, id).map(|user| user.id.clone()))
        };
        let user_id = user.or_else(|| self.cloud.policy.issues_for_unknown_users().then(|| id.to_owned()));
        let Some(user_id) = user_id else { return refuse(StatusCode::NOT_FOUND, "not_found") };
        match token::sign_in_token(self.cloud, self.realm, &team, &user_id, &TokenShape::default()) {
            Some(token) => ok(&json!({ "user_id": user_id, "sign_in_token": token }))
                .header("cache-control", self.cloud.policy.issuance_cache_control()),
            None => refuse(StatusCode::INTERNAL_SERVER_ERROR, "signing_failed"),
        }
    }
}
