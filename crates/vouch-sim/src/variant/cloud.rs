//! Variants of the vendor's cloud.

use super::variants;
use crate::mock_cloud::{Caller, CloudPolicy};
use crate::mutant::Mutation;
use hyper::StatusCode;
use serde_json::{Value, json};

variants! { CloudPolicy, Mutation::Cloud;
    HidesUsers "cloud-hides-users": "Answers 404 to an installation that requests a user who is not its own",
        allowed by "SCO-2: 403 or 404" {
        fn missing_user_status(&self, _: &Caller) -> StatusCode {
            StatusCode::NOT_FOUND
        }
    }
    MoreFields "cloud-more-fields": "Adds fields to token responses",
        allowed by "RFC 6749 section 5.1: the client ignores unrecognized fields" {
        fn token_answer(&self, body: Value) -> Value {
            let mut body = body;
            if let Some(fields) = body.as_object_mut() {
                fields.insert("scope".into(), json!("user"));
                fields.insert("session".into(), json!({ "device": null }));
            }
            body
        }
    }
    ManyUses "cloud-token-many-uses": "Accepts a sign-in token more than once while it lives",
        allowed by "IDP-1 is a recommendation" {
        fn single_use(&self) -> bool {
            false
        }
    }
    NoGrace "cloud-no-grace": "Refuses a refresh token as soon as its successor was issued",
        allowed by "IDP-8 is a recommendation; certified OpenID providers do so" {
        fn keeps_predecessor(&self) -> bool {
            false
        }
    }
    CacheControl "cloud-more-cache-control": "Forbids caches more than it must",
        allowed by "IDP-5" {
        fn token_cache_control(&self) -> &'static str {
            "private, no-cache, no-store"
        }
    }
    ForbidsUnreadable "cloud-forbids-unreadable": "Answers 422 to a request that cannot be read",
        allowed by "IDP-4: any 4xx" {
        fn bad_request(&self, _: StatusCode) -> StatusCode {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }
}
