//! Variants of the vendor's cloud.

use super::variants;
use crate::mock_cloud::{Caller, CloudPolicy};
use crate::mutant::Mutation;
use hyper::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;
use vouch_spec::profile::IdpCall;

variants! { CloudPolicy, Mutation::Cloud;
    HidesUsers "cloud-hides-users": "Answers 404 to an installation that requests a user who is not its own",
        allowed by "SCO-2: 403 or 404" {
        fn missing_user_status(&self, _: &Caller) -> StatusCode {
            StatusCode::NOT_FOUND
        }
    }
    MoreFields "cloud-more-fields": "Adds fields to token responses",
        allowed by "RFC 6749 section 5.1: the client ignores unrecognized fields" {
        fn token_answer(&self, _: IdpCall, body: Value) -> Value {
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
        fn token_cache_control(&self, _: IdpCall) -> &'static str {
            "private, no-cache, no-store"
        }
    }
    ForbidsUnreadable "cloud-forbids-unreadable": "Answers 422 to a request that cannot be read",
        allowed by "IDP-4: any 4xx" {
        fn bad_request(&self, _: StatusCode) -> StatusCode {
            StatusCode::UNPROCESSABLE_ENTITY
        }
    }
    SameRefreshToken "cloud-same-refresh-token": "Answers a refresh with the same refresh token",
        allowed by "RFC 6749 section 6; servers of the profile gcip do so" {
        fn refresh_generation(&self, _: u64) -> u64 {
            0
        }
    }
    NoRefreshToken "cloud-leaves-out-members" on "standard": "Answers a refresh without a refresh token, and without `expires_in` where it is the usual one",
        allowed by "RFC 6749 sections 5.1 and 6: `refresh_token` is optional, `expires_in` is recommended" {
        fn refresh_generation(&self, _: u64) -> u64 {
            0
        }
        fn token_answer(&self, call: IdpCall, mut body: Value) -> Value {
            if let Some(fields) = body.as_object_mut() {
                if call == IdpCall::Refresh {
                    fields.remove("refresh_token");
                }
                if fields.get("expires_in").is_some_and(|seconds| *seconds == 3600 || *seconds == "3600") {
                    fields.remove("expires_in");
                }
            }
            body
        }
    }
    EveryThird "cloud-rotates-every-third": "Brings a new refresh token with every third refresh",
        allowed by "RFC 6749 section 6: the authorization server may issue a new refresh token" {
        fn refresh_generation(&self, generation: u64) -> u64 {
            generation - generation % 3
        }
    }
    ReuseInterval "cloud-reuse-interval": "Accepts a refresh token that was rotated out for 30 s after its first use",
        allowed by "providers document such an interval for lost answers; the target declares it (`reuseInterval`)" {
        fn reuse_interval(&self) -> Duration {
            Duration::from_secs(30)
        }
    }
    WholeSeconds "cloud-whole-seconds": "Ends the sessions that were opened in an earlier second than the revocation",
        allowed by "RFC 7519 section 2: NumericDate; identity platforms compare `iat` with the second of the revocation" {
        fn time_resolution(&self) -> Duration {
            Duration::from_secs(1)
        }
    }
    Leeway "cloud-leeway": "Accepts tokens for 30 s after their end",
        allowed by "RFC 7519 section 4.1.4: some small leeway to account for clock skew" {
        fn access_token_is_current(&self, expires_s: i64, now_s: i64) -> bool {
            now_s < expires_s + 30
        }
        fn sign_in_token_is_current(&self, expires_s: i64, now_s: i64) -> bool {
            now_s < expires_s + 30
        }
    }
    AnnouncesLess "cloud-announces-less": "Announces ten seconds less than an access token lives",
        allowed by "IDP-7: a reserve for the time that the answer takes" {
        fn announced_lifetime(&self, seconds: u64) -> u64 {
            seconds - seconds.min(10)
        }
    }
    TeamUnauthorized "cloud-team-unauthorized": "Answers 401 to an installation that wants a team-level resource",
        allowed by "SCO-3: any refusal" {
        fn team_refusal_status(&self) -> StatusCode {
            StatusCode::UNAUTHORIZED
        }
    }
    StrictMethods "cloud-plain-bad-request": "Answers 400 to a body from which no user can be made",
        allowed by "IDP-4: any 4xx" {
        fn bad_user_status(&self, _: &[u8]) -> StatusCode {
            StatusCode::BAD_REQUEST
        }
    }
}
