//! Mutants of the mock cloud.

use super::mutants;
use crate::mock_cloud::{Caller, CloudPolicy, DefaultCloudPolicy, Team, User};
use crate::mutant::Mutation;
use crate::wire::WireRequest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Method, StatusCode};
use serde_json::Value;
use vouch_spec::protocol::{Environment, ErrorKind, Realm, Region};

/// The last segment of a path.
fn last(request: &WireRequest) -> &str {
    request.path_only().rsplit('/').next().unwrap_or_default()
}

/// The claims of a JWT with this `alg` in its header; the signature is not checked.
fn unsigned(jwt: &str, algorithm: &str) -> Option<Value> {
    let part = |text: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok() };
    let mut parts = jwt.split('.');
    let (header, claims) = (part(parts.next()?)?, part(parts.next()?)?);
    (header.get("alg").and_then(Value::as_str) == Some(algorithm)).then_some(claims)
}

mutants! { CloudPolicy, Mutation::Cloud;
    EternalTokens "cloud-eternal-tokens" breaks "ISS-5": "Accepts a sign-in token after its lifetime" {
        fn sign_in_token_is_current(&self, _: i64, _: i64) -> bool {
            true
        }
    }
    OneRegionTokens "cloud-one-region-tokens" breaks "ISS-6": "Issues every sign-in token for the region us" {
        fn issuer_realm(&self, realm: Realm, _: &Team) -> Realm {
            Realm { region: Region::Us, ..realm }
        }
    }
    OneEnvironmentTokens "cloud-one-environment-tokens" breaks "ISS-6": "Issues every sign-in token for production" {
        fn issuer_realm(&self, realm: Realm, _: &Team) -> Realm {
            Realm { environment: Environment::Production, ..realm }
        }
    }
    OwnRefused "cloud-own-refused" breaks "SCO-1": "Refuses every user resource to installations" {
        fn may_read_user(&self, caller: &Caller, _: &User, _: &WireRequest) -> bool {
            *caller == Caller::Team
        }
    }
    OthersReadable "cloud-others-readable" breaks "SCO-2": "Lets an installation read other users" {
        fn may_read_user(&self, _: &Caller, _: &User, _: &WireRequest) -> bool {
            true
        }
    }
    TeamOpen "cloud-team-open" breaks "SCO-3": "Lets an installation use team-level resources" {
        fn may_use_team(&self, _: &Caller, _: &WireRequest) -> bool {
            true
        }
    }
    RegionIgnored "cloud-region-ignored" breaks "SCO-4": "Accepts tokens of the other region" {
        fn realm_fits(&self, token: Realm, host: Realm) -> bool {
            token.environment == host.environment
        }
    }
    ManyUses "cloud-many-uses" breaks "IDP-1": "Accepts a sign-in token for more than one exchange" {
        fn single_use(&self) -> bool {
            false
        }
    }
    OldRefreshTokensGood "cloud-old-refresh-tokens-good" breaks "IDP-2": "Accepts refresh tokens that were rotated out long ago" {
        fn detects_reuse(&self) -> bool {
            false
        }
    }
    RevocationForgotten "cloud-revocation-forgotten" breaks "IDP-3": "Refreshes a revoked session" {
        fn refreshes_revoked_sessions(&self) -> bool {
            true
        }
    }
    DeletedRefreshed "cloud-deleted-refreshed" breaks "IDP-3": "Reports a deleted user's session as needing a new sign-in" {
        fn refreshes_deleted_users(&self) -> bool {
            true
        }
    }
    FallsOver "cloud-falls-over" breaks "IDP-4": "Answers 500 to a malformed request" {
        fn bad_request(&self, _: StatusCode) -> StatusCode {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
    StoredTokens "cloud-stored-tokens" breaks "IDP-5": "Allows caches to store token responses for an hour" {
        fn token_cache_control(&self) -> &'static str {
            "max-age=3600"
        }
    }
    NoTokenType "cloud-no-token-type" breaks "IDP-6": "Omits `token_type` from token responses" {
        fn token_answer(&self, mut body: Value) -> Value {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("token_type");
            }
            body
        }
    }
    NoIssuedTokenType "cloud-no-issued-token-type" breaks "IDP-6": "Omits `issued_token_type` from token responses" {
        fn token_answer(&self, mut body: Value) -> Value {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("issued_token_type");
            }
            body
        }
    }
    EternalAccess "cloud-eternal-access" breaks "IDP-7": "Accepts access tokens after their lifetime" {
        fn access_token_is_current(&self, _: i64, _: i64) -> bool {
            true
        }
    }
    LockedOut "cloud-locked-out" breaks "IDP-8": "Refuses a refresh token as soon as its successor was issued" {
        fn keeps_predecessor(&self) -> bool {
            false
        }
    }
    AccessOutlivesRevocation "cloud-access-outlives-revocation" breaks "IDP-3": "Accepts access tokens of a revoked session" {
        fn access_survives_revocation(&self) -> bool {
            true
        }
    }
    SessionsComeBack "cloud-sessions-come-back" breaks "IDP-3": "Restores the old session of a user whose deletion was undone" {
        fn deletion_ends_sessions(&self) -> bool {
            false
        }
    }
    Twins "cloud-twins" breaks "ISS-2": "Creates a second user with the same client user id" {
        fn allows_duplicate_client_ids(&self) -> bool {
            true
        }
    }
    EnvironmentIgnored "cloud-environment-ignored" breaks "SCO-4": "Accepts tokens of the other environment" {
        fn realm_fits(&self, token: Realm, host: Realm) -> bool {
            token.region == host.region
        }
    }
    OpenDoor "cloud-open-door" breaks "IDP-4": "Answers API calls without a credential" {
        fn unauthenticated_caller(&self, request: &WireRequest) -> Option<Caller> {
            let shown = request.header("authorization").or(request.header("x-vital-api-key"));
            shown.is_none().then_some(Caller::Team)
        }
    }
    AnyBearer "cloud-any-bearer" breaks "IDP-4": "Accepts any bearer value as an access token of the requested user" {
        fn unauthenticated_caller(&self, request: &WireRequest) -> Option<Caller> {
            request.header("authorization").map(|_| Caller::User(last(request).to_owned()))
        }
    }
    AnyKey "cloud-any-key" breaks "IDP-4": "Accepts any value that begins like an API key" {
        fn unauthenticated_caller(&self, request: &WireRequest) -> Option<Caller> {
            request.header("x-vital-api-key").filter(|key| key.starts_with("pk_")).map(|_| Caller::Team)
        }
    }
    KeyOfAnyRealm "cloud-key-of-any-realm" breaks "SCO-4": "Accepts the API keys of every environment and region" {
        fn unauthenticated_caller(&self, request: &WireRequest) -> Option<Caller> {
            let issued = |key: &&str| key.rsplit('_').next().is_some_and(|end| uuid::Uuid::try_parse(end).is_ok());
            request.header("x-vital-api-key").filter(issued).map(|_| Caller::Team)
        }
    }
    AnySignature "cloud-any-signature" breaks "IDP-4": "Does not verify signatures" {
        fn claims_without_signature(&self, jwt: &str) -> Option<Value> {
            unsigned(jwt, "RS256")
        }
    }
    NoAlgorithm "cloud-no-algorithm" breaks "IDP-4": "Accepts tokens with the algorithm `none`" {
        fn claims_without_signature(&self, jwt: &str) -> Option<Value> {
            unsigned(jwt, "none")
        }
    }
    NamelessUsers "cloud-nameless-users" breaks "IDP-4": "Creates a user without a client user id" {
        fn client_user_id(&self, body: &Value) -> Option<String> {
            Some(body.get("client_user_id").and_then(Value::as_str).unwrap_or_default().to_owned())
        }
    }
    TokensForNobody "cloud-tokens-for-nobody" breaks "IDP-4": "Issues sign-in tokens for users that do not exist" {
        fn issues_for_unknown_users(&self) -> bool {
            true
        }
    }
    SummariesClosed "cloud-summaries-closed" breaks "SCO-1": "Lets an installation read its user but not its summaries" {
        fn may_read_user(&self, caller: &Caller, user: &User, request: &WireRequest) -> bool {
            !request.path_only().starts_with("/v2/summary/") && DefaultCloudPolicy.may_read_user(caller, user, request)
        }
    }
    TeamWritable "cloud-team-writable" breaks "SCO-3": "Refuses an installation team-level reads, but not writes" {
        fn may_use_team(&self, caller: &Caller, request: &WireRequest) -> bool {
            request.method != Method::GET || DefaultCloudPolicy.may_use_team(caller, request)
        }
    }
    MetricsOpen "cloud-metrics-open" breaks "SCO-3": "Lets an installation read the team's metrics" {
        fn may_use_team(&self, caller: &Caller, request: &WireRequest) -> bool {
            last(request) == "metrics" || DefaultCloudPolicy.may_use_team(caller, request)
        }
    }
    MissingIsUnauthorized "cloud-missing-is-unauthorized" breaks "DEL-4": "Answers 401 to an installation that requests an unknown user" {
        fn missing_user_status(&self, _: &Caller) -> StatusCode {
            StatusCode::UNAUTHORIZED
        }
    }
    CutsRefreshTokens "cloud-cuts-refresh-tokens" breaks "EXC-1": "Truncates refresh tokens" {
        fn token_answer(&self, mut body: Value) -> Value {
            if let Some(Value::String(token)) = body.get_mut("refresh_token") {
                token.truncate(30);
            }
            body
        }
    }
    LifetimeAsText "cloud-lifetime-as-text" breaks "IDP-6" on "standard": "Writes `expires_in` as a string" {
        fn token_answer(&self, mut body: Value) -> Value {
            if let Some(seconds) = body.get_mut("expires_in") {
                *seconds = Value::String(seconds.to_string());
            }
            body
        }
    }
    TypeUnsaid "cloud-type-unsaid" breaks "IDP-6" on "standard": "Omits `issued_token_type` on a wire that claims RFC 8693" {
        fn token_answer(&self, body: Value) -> Value {
            NoIssuedTokenType::default().token_answer(body)
        }
    }
    RefreshedRefused "cloud-refuses-refreshed-tokens" breaks "SCO-1": "Accepts the access token of an exchange, but not those of refreshes" {
        fn accepts_generation(&self, generation: u64) -> bool {
            generation == 0
        }
    }
    RevokedIsGone "cloud-revoked-is-gone" breaks "IDP-3": "Reports the user of a revoked session as deleted" {
        fn revoked_session_error(&self) -> ErrorKind {
            ErrorKind::InvalidUser
        }
    }
}
