//! Variants of the customer's backend.

use super::variants;
use crate::mutant::Mutation;
use crate::reference::backend::BackendPolicy;
use crate::wire::WireResponse;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::borrow::Cow;

variants! { BackendPolicy, Mutation::Backend;
    InternalId "backend-internal-id": "Makes vendor users under an internal id that differs from the login name",
        allowed by "ISS-2: any id that stays the same" {
        fn client_user_id<'a>(&self, app_user: &'a str) -> Cow<'a, str> {
            Cow::Owned(format!("internal-{app_user}"))
        }
    }
    MoreFields "backend-more-fields": "Answers with more fields than the token",
        allowed by "ISS-3" {
        fn token_body(&self, token: &str, _: &str) -> Value {
            json!({ "sign_in_token": token, "issued": true, "links": [] })
        }
    }
    PlainFailure "backend-plain-failure": "Answers every failure of the vendor with a bare 502",
        allowed by "ISS-7" {
        fn failure_response(&self, _: StatusCode, _: &Value) -> WireResponse {
            WireResponse::json(StatusCode::BAD_GATEWAY, &json!({}))
        }
    }
    NoCacheControl "backend-private-no-store": "Forbids caches more than it must",
        allowed by "ISS-8" {
        fn cache_control(&self) -> Option<&'static str> {
            Some("private, no-cache, no-store, must-revalidate, max-age=0")
        }
    }
}
