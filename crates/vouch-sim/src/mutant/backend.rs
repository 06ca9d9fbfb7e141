//! Backends that issue wrongly.

use super::mutants;
use crate::mutant::Mutation;
use crate::reference::backend::{Answer, BackendPolicy};
use crate::wire::{Received, Reply};
use hyper::StatusCode;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A user that the caller names, wherever it does.
fn named_in(request: &Received, field: &str) -> Option<String> {
    let query = request.path.split('?').nth(1).unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == field);
    asked.map(|(_, value)| value.into_owned())
}

mutants! { BackendPolicy, Mutation::Backend;
    AnybodyIn "backend-anybody-in" breaks "ISS-1": "issues a token without a credential" {
        fn stranger(&self, credential: Option<&str>) -> Option<String> {
            credential.is_none().then(|| "app-user-ada".into())
        }
    }
    AnyCredential "backend-any-credential" breaks "ISS-1": "takes any credential for a session" {
        fn stranger(&self, credential: Option<&str>) -> Option<String> {
            credential.map(|_| "app-user-ada".into())
        }
    }
    OneMoreUser "backend-one-more-user" breaks "ISS-2": "makes a vendor user for every token" {
        fn looks_up(&self) -> bool {
            false
        }
        fn client_user_id<'a>(&self, app_user: &'a str) -> Cow<'a, str> {
            format!("{app_user}-{}", uuid::Uuid::new_v4().simple()).into()
        }
    }
    NoTurns "backend-no-turns" breaks "ISS-2": "fails when another request made the user first" {
        fn takes_turns(&self) -> bool {
            false
        }
        fn conflict(&self, _: &Value) -> Option<String> {
            None
        }
    }
    ConflictFails "backend-conflict-fails" breaks "ISS-2": "does not take the user that a conflict names" {
        fn conflict(&self, _: &Value) -> Option<String> {
            None
        }
    }
    BelievesQuery "backend-believes-query" breaks "ISS-3": "issues for the client user id in the query" {
        fn subject<'a>(&self, authenticated: &'a str, request: &'a Received) -> Cow<'a, str> {
            named_in(request, "client_user_id").map_or(authenticated.into(), Cow::Owned)
        }
    }
    BelievesBody "backend-believes-body" breaks "ISS-3": "issues for the client user id in the body" {
        fn subject<'a>(&self, authenticated: &'a str, request: &'a Received) -> Cow<'a, str> {
            let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
            body.get("client_user_id").and_then(Value::as_str).map_or(authenticated.into(), |id| Cow::Owned(id.into()))
        }
    }
    BelievesHeader "backend-believes-header" breaks "ISS-3": "issues for the user in a header" {
        fn subject<'a>(&self, authenticated: &'a str, request: &'a Received) -> Cow<'a, str> {
            request.header("x-user-id").map_or(authenticated.into(), Cow::from)
        }
    }
    HandsOutTheKey "backend-hands-out-the-key" breaks "ISS-4": "puts the team's API key into its answer to the app" {
        fn body(&self, token: &str, api_key: &str) -> Value {
            json!({ "sign_in_token": token, "debug": { "api_key": api_key } })
        }
    }
    KeyInHeader "backend-key-in-header" breaks "ISS-4": "copies the API key into a header of its answer" {
        fn dress(&self, reply: Reply, api_key: &str) -> Reply {
            reply.header("x-team", api_key)
        }
    }
    KeyInRedirect "backend-key-in-redirect" breaks "ISS-4": "sends the app to the vendor with the key in the URL" {
        fn dress(&self, mut reply: Reply, api_key: &str) -> Reply {
            reply.status = StatusCode::FOUND;
            reply.header("location", &format!("https://api.us.junction.com/v2/user?key={api_key}"))
        }
    }
    VendorErrorPassedOn "backend-passes-errors-on" breaks "ISS-4": "passes the vendor's error on, key and all" {
        fn failure(&self, status: StatusCode, vendor: &Value) -> Reply {
            Reply::json(status, vendor)
        }
    }
    AnyFailureCreates "backend-any-failure-creates" breaks "ISS-7": "takes a failed look-up for an unknown user" {
        fn unknown(&self, _: StatusCode) -> bool {
            true
        }
    }
    HalfAToken "backend-half-a-token" breaks "ISS-7": "answers 200 without a token when the issuance failed" {
        fn failure(&self, _: StatusCode, _: &Value) -> Reply {
            Reply::json(StatusCode::OK, &json!({ "sign_in_token": null }))
        }
    }
    BlindFaith "backend-blind-faith" breaks "ISS-7": "hands on whatever a good issuance answered" {
        fn issued(&self, answer: &Answer) -> Option<String> {
            if !answer.0.is_success() {
                return None;
            }
            Some(answer.1.get("sign_in_token").map_or("undefined".into(), |token| token.as_str().unwrap_or("[object Object]").into()))
        }
    }
    WaitsForEver "backend-waits-for-ever" breaks "ISS-7": "waits a minute for a vendor that hangs" {
        fn connect_timeout(&self, _: std::time::Duration) -> std::time::Duration {
            std::time::Duration::from_secs(60)
        }
    }
    SaysNothing "backend-without-cache-control-in-get" breaks "ISS-8": "lets the token answer be stored privately" {
        fn cache_control(&self) -> Option<&'static str> {
            Some("private, max-age=10")
        }
    }
    EmptyTokens "backend-empty-tokens" breaks "ISS-7": "hands on a token that is no text" {
        fn issued(&self, answer: &Answer) -> Option<String> {
            answer.1.get("sign_in_token").map(ToString::to_string)
        }
    }
    Cacheable "backend-cacheable" breaks "ISS-8": "lets the token answer be stored for a minute" {
        fn cache_control(&self) -> Option<&'static str> {
            Some("public, max-age=60")
        }
    }
    AlwaysCreates "backend-always-creates" breaks "ISS-2": "makes a user first and looks only whether that failed" {
        fn looks_up(&self) -> bool {
            false
        }
    }
}
