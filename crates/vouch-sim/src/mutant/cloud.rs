//! Clouds that decide wrongly.

use super::mutants;
use crate::mock_cloud::{Caller, CloudPolicy, DefaultCloudPolicy, Team, User};
use crate::mutant::Mutation;
use crate::wire::Received;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Method, StatusCode};
use serde_json::Value;
use vouch_spec::protocol::{Environment, ErrorKind, Realm, Region};

/// The last word of a path.
fn last(request: &Received) -> &str {
    request.path_only().rsplit('/').next().unwrap_or_default()
}

/// The claims of a JWT that says this of its algorithm, whoever signed it.
fn unsigned(jwt: &str, algorithm: &str) -> Option<Value> {
    let part = |text: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok() };
    let mut parts = jwt.split('.');
    let (header, claims) = (part(parts.next()?)?, part(parts.next()?)?);
    (header.get("alg").and_then(Value::as_str) == Some(algorithm)).then_some(claims)
}

mutants! { CloudPolicy, Mutation::Cloud;
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
        fn may_read_user(&self, caller: &Caller, _: &User, _: &Received) -> bool {
            *caller == Caller::Team
        }
    }
    OthersReadable "cloud-others-readable" breaks "SCO-2": "lets an installation read other users" {
        fn may_read_user(&self, _: &Caller, _: &User, _: &Received) -> bool {
            true
        }
    }
    TeamOpen "cloud-team-open" breaks "SCO-3": "lets an installation use team-level resources" {
        fn may_use_team(&self, _: &Caller, _: &Received) -> bool {
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
    OpenDoor "cloud-open-door" breaks "IDP-4": "answers the API without a credential" {
        fn stranger(&self, request: &Received) -> Option<Caller> {
            let shown = request.header("authorization").or(request.header("x-vital-api-key"));
            shown.is_none().then_some(Caller::Team)
        }
    }
    AnyBearer "cloud-any-bearer" breaks "IDP-4": "takes any bearer for an access token of the user that is asked for" {
        fn stranger(&self, request: &Received) -> Option<Caller> {
            request.header("authorization").map(|_| Caller::User(last(request).to_owned()))
        }
    }
    AnyKey "cloud-any-key" breaks "IDP-4": "takes whatever begins like an API key for one" {
        fn stranger(&self, request: &Received) -> Option<Caller> {
            request.header("x-vital-api-key").filter(|key| key.starts_with("pk_")).map(|_| Caller::Team)
        }
    }
    KeyOfAnyRealm "cloud-key-of-any-realm" breaks "SCO-4": "accepts the API keys of all environments and regions" {
        fn stranger(&self, request: &Received) -> Option<Caller> {
            let issued = |key: &&str| key.rsplit('_').next().is_some_and(|end| uuid::Uuid::try_parse(end).is_ok());
            request.header("x-vital-api-key").filter(issued).map(|_| Caller::Team)
        }
    }
    AnySignature "cloud-any-signature" breaks "IDP-4": "does not check signatures" {
        fn believed(&self, jwt: &str) -> Option<Value> {
            unsigned(jwt, "RS256")
        }
    }
    NoAlgorithm "cloud-no-algorithm" breaks "IDP-4": "accepts tokens whose algorithm is none" {
        fn believed(&self, jwt: &str) -> Option<Value> {
            unsigned(jwt, "none")
        }
    }
    NamelessUsers "cloud-nameless-users" breaks "IDP-4": "makes a user of a body that names none" {
        fn client_user_id(&self, body: &Value) -> Option<String> {
            Some(body.get("client_user_id").and_then(Value::as_str).unwrap_or_default().to_owned())
        }
    }
    TokensForNobody "cloud-tokens-for-nobody" breaks "IDP-4": "issues sign-in tokens for users that do not exist" {
        fn issues_for_nobody(&self) -> bool {
            true
        }
    }
    SummariesClosed "cloud-summaries-closed" breaks "SCO-1": "lets an installation see its user, but no summaries" {
        fn may_read_user(&self, caller: &Caller, user: &User, request: &Received) -> bool {
            !request.path_only().starts_with("/v2/summary/") && DefaultCloudPolicy.may_read_user(caller, user, request)
        }
    }
    TeamWritable "cloud-team-writable" breaks "SCO-3": "refuses an installation team-level reads only" {
        fn may_use_team(&self, caller: &Caller, request: &Received) -> bool {
            request.method != Method::GET || DefaultCloudPolicy.may_use_team(caller, request)
        }
    }
    MetricsOpen "cloud-metrics-open" breaks "SCO-3": "shows an installation the team's metrics" {
        fn may_use_team(&self, caller: &Caller, request: &Received) -> bool {
            last(request) == "metrics" || DefaultCloudPolicy.may_use_team(caller, request)
        }
    }
    MissingIsUnauthorized "cloud-missing-is-unauthorized" breaks "DEL-4": "tells an installation 401 of users that do not exist" {
        fn missing(&self, _: &Caller) -> StatusCode {
            StatusCode::UNAUTHORIZED
        }
    }
    CutsRefreshTokens "cloud-cuts-refresh-tokens" breaks "EXC-1": "hands out refresh tokens without their end" {
        fn token_answer(&self, mut body: Value) -> Value {
            if let Some(Value::String(token)) = body.get_mut("refresh_token") {
                token.truncate(30);
            }
            body
        }
    }
    LifetimeAsText "cloud-lifetime-as-text" breaks "IDP-6" on "standard": "writes expires_in as a text" {
        fn token_answer(&self, mut body: Value) -> Value {
            if let Some(seconds) = body.get_mut("expires_in") {
                *seconds = Value::String(seconds.to_string());
            }
            body
        }
    }
    TypeUnsaid "cloud-type-unsaid" breaks "IDP-6" on "standard": "does not say what type of token it issued" {
        fn token_answer(&self, body: Value) -> Value {
            NoIssuedTokenType::default().token_answer(body)
        }
    }
    RefreshedRefused "cloud-refuses-refreshed-tokens" breaks "SCO-1": "accepts the access token of an exchange, but not those of refreshes" {
        fn accepts_generation(&self, generation: u64) -> bool {
            generation == 0
        }
    }
    RevokedIsGone "cloud-revoked-is-gone" breaks "IDP-3": "says of a revoked session that its user is gone" {
        fn of_revoked(&self) -> ErrorKind {
            ErrorKind::InvalidUser
        }
    }
}
