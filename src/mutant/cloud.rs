//! Clouds that decide wrongly.

use super::mutants;
use crate::cloud::{Caller, Rules, Team, User};
use crate::mutant::Fault;
use crate::protocol::{Environment, Realm, Region};
use hyper::StatusCode;
use serde_json::Value;

mutants! { Rules, Fault::Cloud;
    EternalTokens "cloud-eternal-tokens" breaks "ISS-5": "accepts a sign-in token after its lifetime" {
        fn in_time(&self, _: i64, _: i64) -> bool {
            true
        }
    }
    OneRegionTokens "cloud-one-region-tokens" breaks "ISS-6": "issues every sign-in token for the region us" {
        fn issuer_realm(&self, realm: Realm, _: &Team) -> Realm {
            Realm { region: Region::Us, ..realm }
        }
    }
    OneEnvironmentTokens "cloud-one-environment-tokens" breaks "ISS-6": "issues every sign-in token for production" {
        fn issuer_realm(&self, realm: Realm, _: &Team) -> Realm {
            Realm { environment: Environment::Production, ..realm }
        }
    }
    OwnRefused "cloud-own-refused" breaks "SCO-1": "refuses installations everything" {
        fn may_read_user(&self, caller: &Caller, _: &User) -> bool {
            *caller == Caller::Team
        }
    }
    OthersReadable "cloud-others-readable" breaks "SCO-2": "lets an installation read other users" {
        fn may_read_user(&self, _: &Caller, _: &User) -> bool {
            true
        }
    }
    TeamOpen "cloud-team-open" breaks "SCO-3": "lets an installation use team-level resources" {
        fn may_use_team(&self, _: &Caller) -> bool {
            true
        }
    }
    RegionIgnored "cloud-region-ignored" breaks "SCO-4": "accepts tokens of the other region" {
        fn realm_fits(&self, token: Realm, host: Realm) -> bool {
            token.environment == host.environment
        }
    }
    ManyUses "cloud-many-uses" breaks "IDP-1": "lets a sign-in token be exchanged again and again" {
        fn single_use(&self) -> bool {
            false
        }
    }
    OldRefreshTokensGood "cloud-old-refresh-tokens-good" breaks "IDP-2": "accepts refresh tokens that were rotated out long ago" {
        fn detects_reuse(&self) -> bool {
            false
        }
    }
    RevocationForgotten "cloud-revocation-forgotten" breaks "IDP-3": "refreshes a revoked session" {
        fn forgives_revocation(&self) -> bool {
            true
        }
    }
    DeletedRefreshed "cloud-deleted-refreshed" breaks "IDP-3": "says that the session of a deleted user only wants a new sign-in" {
        fn refreshes_the_deleted(&self) -> bool {
            true
        }
    }
    FallsOver "cloud-falls-over" breaks "IDP-4": "answers 500 to what it cannot read" {
        fn bad_request(&self, _: StatusCode) -> StatusCode {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
    StoredTokens "cloud-stored-tokens" breaks "IDP-5": "lets token answers be stored for an hour" {
        fn token_cache_control(&self) -> &'static str {
            "max-age=3600"
        }
    }
    NoTokenType "cloud-no-token-type" breaks "IDP-6": "leaves token_type out" {
        fn token_answer(&self, mut body: Value) -> Value {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("token_type");
            }
            body
        }
    }
    NoIssuedTokenType "cloud-no-issued-token-type" breaks "IDP-6": "leaves issued_token_type out" {
        fn token_answer(&self, mut body: Value) -> Value {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("issued_token_type");
            }
            body
        }
    }
    EternalAccess "cloud-eternal-access" breaks "IDP-7": "accepts access tokens after their lifetime" {
        fn access_in_time(&self, _: i64, _: i64) -> bool {
            true
        }
    }
    LockedOut "cloud-locked-out" breaks "IDP-8": "refuses a refresh token as soon as its successor was made" {
        fn keeps_predecessor(&self) -> bool {
            false
        }
    }
    AccessOutlivesRevocation "cloud-access-outlives-revocation" breaks "IDP-3": "lets access tokens of a revoked session in" {
        fn access_survives_revocation(&self) -> bool {
            true
        }
    }
    SessionsComeBack "cloud-sessions-come-back" breaks "IDP-3": "revives the old session of a user who was brought back" {
        fn deletion_ends_sessions(&self) -> bool {
            false
        }
    }
    Twins "cloud-twins" breaks "ISS-2": "makes a second user for a client user id" {
        fn allows_twins(&self) -> bool {
            true
        }
    }
    EnvironmentIgnored "cloud-environment-ignored" breaks "SCO-4": "accepts tokens of the other environment" {
        fn realm_fits(&self, token: Realm, host: Realm) -> bool {
            token.region == host.region
        }
    }
}
