//! Mutants of the reference backend.

use super::mutants;
use crate::mutant::Mutation;
use crate::reference::backend::{BackendPolicy, Kept, LookUp, TOKEN_PATH, VendorResponse};
use crate::wire::{WireRequest, WireResponse};
use base64::Engine;
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::collections::HashMap;

/// A user that the request names in its query.
fn named_in(request: &WireRequest, field: &str) -> Option<String> {
    let query = request.path.split('?').nth(1).unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == field);
    asked.map(|(_, value)| value.into_owned())
}

/// A credential that is a JWT.
pub(crate) fn jwt(app_user: &str) -> String {
    let claims = json!({ "sub": app_user, "exp": 4_102_444_800_u64, "jti": uuid::Uuid::new_v4() });
    let key = jsonwebtoken::EncodingKey::from_secret(uuid::Uuid::new_v4().as_bytes());
    jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap_or_default()
}

fn header_of(jwt: &str) -> Option<Value> {
    let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(jwt.split('.').next()?).ok()?;
    serde_json::from_slice(&header).ok()
}

mutants! { BackendPolicy, Mutation::Backend;
    AnybodyIn "backend-anybody-in" breaks "ISS-1": "Issues a token without an app credential" {
        fn unauthenticated_user(&self, credential: Option<&str>) -> Option<String> {
            credential.is_none().then(|| "app-user-ada".into())
        }
    }
    AnyCredential "backend-any-credential" breaks "ISS-1": "Accepts any app credential" {
        fn unauthenticated_user(&self, credential: Option<&str>) -> Option<String> {
            credential.map(|_| "app-user-ada".into())
        }
    }
    OneMoreUser "backend-one-more-user" breaks "ISS-2": "Creates a vendor user for every token" {
        fn looks_up_user(&self) -> bool {
            false
        }
        fn client_user_id<'a>(&self, app_user: &'a str) -> Cow<'a, str> {
            format!("{app_user}-{}", uuid::Uuid::new_v4().simple()).into()
        }
    }
    NoTurns "backend-no-turns" breaks "ISS-2": "Fails when a concurrent request created the user first" {
        fn serializes_user_creation(&self) -> bool {
            false
        }
        fn existing_user(&self, _: &Value) -> Option<String> {
            None
        }
    }
    ConflictFails "backend-conflict-fails" breaks "ISS-2": "Does not use the existing user that a conflict names" {
        fn existing_user(&self, _: &Value) -> Option<String> {
            None
        }
    }
    BelievesQuery "backend-believes-query" breaks "ISS-3": "Issues for the client user id in the query" {
        fn user_of_request<'a>(&self, authenticated: &'a str, request: &'a WireRequest) -> Cow<'a, str> {
            named_in(request, "client_user_id").map_or(authenticated.into(), Cow::Owned)
        }
    }
    BelievesBody "backend-believes-body" breaks "ISS-3": "Issues for the client user id in the body" {
        fn user_of_request<'a>(&self, authenticated: &'a str, request: &'a WireRequest) -> Cow<'a, str> {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            body.get("client_user_id").and_then(Value::as_str).map_or(authenticated.into(), |id| Cow::Owned(id.into()))
        }
    }
    BelievesHeader "backend-believes-header" breaks "ISS-3": "Issues for the user id in a header" {
        fn user_of_request<'a>(&self, authenticated: &'a str, request: &'a WireRequest) -> Cow<'a, str> {
            request.header("x-user-id").map_or(authenticated.into(), Cow::from)
        }
    }
    HandsOutTheKey "backend-hands-out-the-key" breaks "ISS-4": "Puts the team's API key into its response to the app" {
        fn token_body(&self, token: &str, api_key: &str) -> Value {
            json!({ "sign_in_token": token, "debug": { "api_key": api_key } })
        }
    }
    KeyInHeader "backend-key-in-header" breaks "ISS-4": "Copies the API key into a header of its response" {
        fn finish_response(&self, reply: WireResponse, api_key: &str) -> WireResponse {
            reply.header("x-team", api_key)
        }
    }
    KeyInRedirect "backend-key-in-redirect" breaks "ISS-4": "Redirects the app to the vendor with the API key in the URL" {
        fn finish_response(&self, mut reply: WireResponse, api_key: &str) -> WireResponse {
            reply.status = StatusCode::FOUND;
            reply.header("location", &format!("https://api.us.junction.com/v2/user?key={api_key}"))
        }
    }
    VendorErrorPassedOn "backend-passes-errors-on" breaks "ISS-4": "Forwards the vendor's error body with the API key in it" {
        fn failure_response(&self, status: StatusCode, vendor: &Value) -> WireResponse {
            WireResponse::json(status, vendor)
        }
    }
    AnyFailureCreates "backend-any-failure-creates" breaks "ISS-7": "Treats a failed look-up as an unknown user" {
        fn means_unknown_user(&self, _: StatusCode) -> bool {
            true
        }
    }
    HalfAToken "backend-half-a-token" breaks "ISS-7": "Answers 200 without a token when the issuance failed" {
        fn failure_response(&self, _: StatusCode, _: &Value) -> WireResponse {
            WireResponse::json(StatusCode::OK, &json!({ "sign_in_token": null }))
        }
    }
    BlindFaith "backend-blind-faith" breaks "ISS-7": "Forwards the token field of a 2xx issuance without checking it" {
        fn issued_token(&self, answer: &VendorResponse) -> Option<String> {
            if !answer.0.is_success() {
                return None;
            }
            Some(answer.1.get("sign_in_token").map_or("undefined".into(), |token| token.as_str().unwrap_or("[object Object]").into()))
        }
    }
    WaitsForEver "backend-waits-for-ever" breaks "ISS-7": "Waits a minute for a vendor API that hangs" {
        fn vendor_timeout(&self, _: std::time::Duration) -> std::time::Duration {
            std::time::Duration::from_secs(60)
        }
    }
    SaysNothing "backend-without-cache-control-in-get" breaks "ISS-8": "Allows private caches to store the token response" {
        fn cache_control(&self) -> Option<&'static str> {
            Some("private, max-age=10")
        }
    }
    EmptyTokens "backend-empty-tokens" breaks "ISS-7": "Forwards a token that is not a string" {
        fn issued_token(&self, answer: &VendorResponse) -> Option<String> {
            answer.1.get("sign_in_token").map(ToString::to_string)
        }
    }
    Cacheable "backend-cacheable" breaks "ISS-8": "Allows shared caches to store the token response for a minute" {
        fn cache_control(&self) -> Option<&'static str> {
            Some("public, max-age=60")
        }
    }
    PrefixIsEnough "backend-credential-prefix" breaks "ISS-1": "Accepts the beginning of a credential" {
        fn is_credential(&self, session: &str, shown: &str) -> bool {
            !shown.is_empty() && session.starts_with(shown)
        }
    }
    CaseBlind "backend-credential-case" breaks "ISS-1": "Compares credentials without regard to letter case" {
        fn is_credential(&self, session: &str, shown: &str) -> bool {
            session.eq_ignore_ascii_case(shown)
        }
    }
    NameIsCredential "backend-name-is-credential" breaks "ISS-1": "Accepts the user's name in base64 as a credential" {
        fn unauthenticated_user(&self, credential: Option<&str>) -> Option<String> {
            let name = base64::engine::general_purpose::STANDARD.decode(credential?).ok()?;
            String::from_utf8(name).ok().filter(|name| name.starts_with("app-user-"))
        }
    }
    OpenSpelling "backend-trailing-slash-unguarded" breaks "ISS-1": "Guards the path, but not the path with a slash at its end" {
        fn is_token_request(&self, request: &WireRequest) -> bool {
            request.path_only().trim_end_matches('/') == TOKEN_PATH && request.method == Method::POST
        }
        fn unguarded_user(&self, request: &WireRequest) -> Option<String> {
            let user = request.header("x-forwarded-user").unwrap_or("anonymous");
            (request.path_only() != TOKEN_PATH).then(|| user.to_owned())
        }
    }
    OpenMethod "backend-other-method-unguarded" breaks "ISS-1": "Guards POST, but routes PUT to the same handler" {
        fn is_token_request(&self, request: &WireRequest) -> bool {
            request.path_only() == TOKEN_PATH && [Method::POST, Method::PUT].contains(&request.method)
        }
        fn unguarded_user(&self, request: &WireRequest) -> Option<String> {
            (request.method == Method::PUT).then(|| "anonymous".to_owned())
        }
    }
    InternalAddress "backend-trusts-internal-address" breaks "ISS-1": "Takes a request that names a local address for an internal one" {
        fn unguarded_user(&self, request: &WireRequest) -> Option<String> {
            (request.header("x-forwarded-for") == Some("127.0.0.1")).then(|| "anonymous".to_owned())
        }
    }
    UnsignedJwt "backend-jwt-alg-none" breaks "ISS-1": "Accepts a JWT with the algorithm none" {
        fn credential(&self, app_user: &str) -> String {
            jwt(app_user)
        }
        fn is_credential(&self, session: &str, shown: &str) -> bool {
            session == shown || header_of(shown).and_then(|header| Some(header.get("alg")? == "none")).unwrap_or_default()
        }
    }
    UnverifiedJwt "backend-jwt-unverified" breaks "ISS-1": "Reads the claims of a JWT without verifying its signature" {
        fn credential(&self, app_user: &str) -> String {
            jwt(app_user)
        }
        fn is_credential(&self, session: &str, shown: &str) -> bool {
            session.split('.').nth(1) == shown.split('.').nth(1)
        }
    }
    StaysLoggedIn "backend-stays-logged-in" breaks "ISS-1": "Accepts a credential after its log-out" {
        fn ends_sessions(&self) -> bool {
            false
        }
    }
    BelievesCookie "backend-believes-cookie" breaks "ISS-3": "Issues for the user id in a cookie" {
        fn user_of_request<'a>(&self, authenticated: &'a str, request: &'a WireRequest) -> Cow<'a, str> {
            let cookies = request.header("cookie").unwrap_or_default();
            let named = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("uid="));
            named.map_or(authenticated.into(), Cow::from)
        }
    }
    BelievesNested "backend-believes-nested-body" breaks "ISS-3": "Issues for the user id in an object of the body" {
        fn user_of_request<'a>(&self, authenticated: &'a str, request: &'a WireRequest) -> Cow<'a, str> {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            let named = body.pointer("/data/userId").and_then(Value::as_str);
            named.map_or(authenticated.into(), |id| Cow::Owned(id.into()))
        }
    }
    BelievesForm "backend-believes-form" breaks "ISS-3": "Issues for the user id in a form" {
        fn user_of_request<'a>(&self, authenticated: &'a str, request: &'a WireRequest) -> Cow<'a, str> {
            let is_form = request.header("content-type").is_some_and(|kind| kind.contains("urlencoded"));
            let named = request.form().into_iter().find(|(name, _)| is_form && name == "user_id");
            named.map_or(authenticated.into(), |(_, id)| Cow::Owned(id))
        }
    }
    LowerCase "backend-lower-case-names" breaks "ISS-3": "Makes one vendor user for names that differ in letter case" {
        fn client_user_id<'a>(&self, app_user: &'a str) -> Cow<'a, str> {
            app_user.to_lowercase().into()
        }
    }
    TrimmedNames "backend-trimmed-names" breaks "ISS-3": "Makes one vendor user for names that differ in white space" {
        fn client_user_id<'a>(&self, app_user: &'a str) -> Cow<'a, str> {
            app_user.trim().into()
        }
    }
    CutNames "backend-cut-names" breaks "ISS-3": "Cuts long names" {
        fn client_user_id<'a>(&self, app_user: &'a str) -> Cow<'a, str> {
            app_user.chars().take(64).collect::<String>().into()
        }
    }
    PrefixOfNames "backend-finds-by-prefix" breaks "ISS-3": "Takes the first user of the list whose name begins alike" {
        fn look_up(&self) -> LookUp {
            LookUp::List
        }
        fn is_user(&self, entry: &str, client_user_id: &str) -> bool {
            entry.starts_with(client_user_id)
        }
    }
    FirstPageOnly "backend-first-page-only" breaks "ISS-2": "Looks a user up in the first page of the list" {
        fn look_up(&self) -> LookUp {
            LookUp::FirstPage
        }
        fn existing_user(&self, _: &Value) -> Option<String> {
            None
        }
    }
    FollowsRedirects "backend-follows-redirects" breaks "ISS-4": "Follows a redirect of the vendor to another host with the API key" {
        fn follows_redirects(&self) -> bool {
            true
        }
    }
    NeverMadeAgain "backend-keeps-deleted-user" breaks "ISS-2": "Keeps the id of a vendor user for ever, also after its deletion" {
        fn keeps_vendor_user(&self) -> Kept {
            Kept::ForEver
        }
    }
    SharedUser "backend-shares-user" breaks "ISS-3": "Keeps the user of a request where other requests overwrite it" {
        fn shares_current_user(&self) -> bool {
            true
        }
    }
    GivesAgain "backend-gives-token-again" breaks "ISS-5": "Gives the same sign-in token again, used or not" {
        fn gives_token_again(&self) -> bool {
            true
        }
    }
    LimitsReads "backend-limits-reads-only" breaks "ISS-7": "Limits the time of each read of a vendor answer, not of the whole" {
        fn limits_whole_request(&self) -> bool {
            false
        }
    }
    PassesStatusOn "backend-passes-status-on" breaks "ISS-7": "Answers with the vendor's 401 or 403" {
        fn failure_status(&self, vendor: StatusCode) -> StatusCode {
            vendor
        }
    }
    CacheableAtEdge "backend-cacheable-at-edge" breaks "ISS-8": "Allows a content delivery network to store the token response" {
        fn finish_response(&self, reply: WireResponse, _: &str) -> WireResponse {
            reply.header("cdn-cache-control", "max-age=60")
        }
    }
    OldTokenOfAnyone "backend-old-token-of-anyone" breaks "ISS-3": "Gives a token that it has given to anyone when the vendor issues none" {
        fn token_after_failure(&self, given: &HashMap<String, String>, _: &str) -> Option<String> {
            given.values().next().cloned()
        }
    }
    OldTokenOfOwn "backend-old-token-again" breaks "ISS-7": "Gives the user's last token again when the vendor issues none" {
        fn token_after_failure(&self, given: &HashMap<String, String>, app_user: &str) -> Option<String> {
            given.get(app_user).cloned()
        }
    }
}
