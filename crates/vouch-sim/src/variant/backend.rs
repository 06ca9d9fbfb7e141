//! Variants of the customer's backend.

use super::variants;
use crate::mutant::Mutation;
use crate::mutant::jwt;
use crate::reference::backend::{BackendPolicy, Kept, LookUp, TOKEN_PATH};
use crate::wire::{WireRequest, WireResponse};
use hyper::{Method, StatusCode};
use serde_json::{Value, json};
use std::borrow::Cow;

variants! { BackendPolicy, Mutation::Backend;
    InternalId "backend-internal-id": "Makes vendor users under an internal id that differs from the login name",
        allowed by "ISS-2: any id that stays the same" {
        fn client_user_id<'a>(&self, app_user: &'a str) -> Cow<'a, str> {
            Cow::Owned(format!("internal-{app_user}"))
        }
        fn declared_client_user_id(&self, app_user: &str) -> String {
            format!("internal-{app_user}")
        }
    }
    CreatesFirst "backend-creates-first": "Creates the user without a look-up first, and learns its id from the conflict",
        allowed by "ISS-2: exactly one vendor user" {
        fn looks_up_user(&self) -> bool {
            false
        }
    }
    CreatesAfterFailure "backend-creates-after-failure": "Creates the user after a look-up that failed, and learns its id from the conflict",
        allowed by "ISS-2: exactly one vendor user; ISS-7 is a recommendation" {
        fn means_unknown_user(&self, _: StatusCode) -> bool {
            true
        }
    }
    ReadsList "backend-reads-list": "Looks users up in the list, page by page",
        allowed by "ISS-2; GET /v2/user of the vendor API" {
        fn look_up(&self) -> LookUp {
            LookUp::List
        }
    }
    JwtCredential "backend-jwt-credential": "Gives its app a JWT as the credential",
        allowed by "ISS-1" {
        fn credential(&self, app_user: &str) -> String {
            jwt(app_user)
        }
    }
    HexCredential "backend-hex-credential": "Gives its app a UUID as the credential and reads it in either letter case",
        allowed by "RFC 9562 section 4: hexadecimal digits are read in either case" {
        fn credential(&self, _: &str) -> String {
            uuid::Uuid::new_v4().to_string()
        }
        fn is_credential(&self, session: &str, shown: &str) -> bool {
            session.eq_ignore_ascii_case(shown)
        }
    }
    KeepsVendorUser "backend-keeps-vendor-user": "Keeps the id of a vendor user until the vendor does not know it",
        allowed by "ISS-2" {
        fn keeps_vendor_user(&self) -> Kept {
            Kept::UntilUnknown
        }
    }
    EdgeNoStore "backend-edge-no-store": "Forbids a content delivery network too to store the answer",
        allowed by "RFC 9213" {
        fn finish_response(&self, reply: WireResponse, _: &str) -> WireResponse {
            reply.header("cdn-cache-control", "no-store").header("surrogate-control", "max-age=0").header("expires", "0")
        }
    }
    TolerantPath "backend-tolerant-path": "Serves the path with a slash at its end too, behind the same guard",
        allowed by "ISS-1" {
        fn is_token_request(&self, request: &WireRequest) -> bool {
            request.path_only().trim_end_matches('/') == TOKEN_PATH && request.method == Method::POST
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
