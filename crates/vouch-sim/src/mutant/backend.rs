//! Mutants of the reference backend.

use super::mutants;
use crate::mutant::Mutation;
use crate::reference::backend::{BackendPolicy, VendorResponse};
use crate::wire::{WireRequest, WireResponse};
use hyper::StatusCode;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A user that the request names in its query.
fn named_in(request: &WireRequest, field: &str) -> Option<String> {
    let query = request.path.split('?').nth(1).unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == field);
    asked.map(|(_, value)| value.into_owned())
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
    AlwaysCreates "backend-always-creates" breaks "ISS-2": "Creates a user without a look-up first" {
        fn looks_up_user(&self) -> bool {
            false
        }
    }
}
