//! Mutants of the mock cloud.

use super::mutants;
use crate::mock_cloud::{Caller, CloudPolicy, DefaultCloudPolicy, Keys, Team, User};
use crate::mutant::Mutation;
use crate::public_key::Spki;
use crate::wire::WireRequest;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::{Method, StatusCode};
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use vouch_spec::profile::IdpCall;
use vouch_spec::protocol::{Environment, ErrorKind, Realm, Region};

/// The last segment of a path.
fn last(request: &WireRequest) -> &str {
    request.path_only().rsplit('/').next().unwrap_or_default()
}

/// The claims of a JWT with this `alg` in its header; the signature is not checked.
fn unsigned(jwt: &str, algorithm: &str) -> Option<Value> {
    unsigned_if(jwt, |header| header.get("alg").and_then(Value::as_str) == Some(algorithm))
}

/// The claims of a JWT with such a header; the signature is not checked.
fn unsigned_if(jwt: &str, fits: impl Fn(&Value) -> bool) -> Option<Value> {
    let part = |text: &str| -> Option<Value> { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok() };
    let mut parts = jwt.split('.');
    let (header, claims) = (part(parts.next()?)?, part(parts.next()?)?);
    fits(&header).then_some(claims)
}

/// The claims of an HS256 JWT with this key.
fn hs256(jwt: &str, key: &[u8]) -> Option<Value> {
    let (signed, signature) = jwt.rsplit_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes(), &signature).ok()?;
    unsigned(jwt, "HS256")
}

/// The value of a field of a form; of one that is there twice, the last.
fn field(request: &WireRequest, name: &str) -> String {
    let fields = request.form().into_iter().filter(|(key, _)| key == name);
    fields.map(|(_, value)| value).next_back().unwrap_or_default()
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
        fn token_cache_control(&self, _: IdpCall) -> &'static str {
            "max-age=3600"
        }
    }
    NoRefreshToken "cloud-keeps-refresh-tokens-back" breaks "IDP-2": "Rotates at a refresh and does not answer with the new refresh token" {
        fn token_answer(&self, call: IdpCall, mut body: Value) -> Value {
            if let (IdpCall::Refresh, Some(fields)) = (call, body.as_object_mut()) {
                fields.remove("refresh_token");
            }
            body
        }
    }
    NoTokenType "cloud-no-token-type" breaks "IDP-6": "Omits `token_type` from token responses" {
        fn token_answer(&self, _: IdpCall, mut body: Value) -> Value {
            if let Some(fields) = body.as_object_mut() {
                fields.remove("token_type");
            }
            body
        }
    }
    NoIssuedTokenType "cloud-no-issued-token-type" breaks "IDP-6": "Omits `issued_token_type` from token responses" {
        fn token_answer(&self, _: IdpCall, mut body: Value) -> Value {
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
        fn claims_without_signature(&self, jwt: &str, _: &Keys) -> Option<Value> {
            unsigned(jwt, "RS256")
        }
    }
    NoAlgorithm "cloud-no-algorithm" breaks "IDP-4": "Accepts tokens with the algorithm `none`" {
        fn claims_without_signature(&self, jwt: &str, _: &Keys) -> Option<Value> {
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
        fn token_answer(&self, _: IdpCall, mut body: Value) -> Value {
            if let Some(Value::String(token)) = body.get_mut("refresh_token") {
                token.truncate(30);
            }
            body
        }
    }
    LifetimeAsText "cloud-lifetime-as-text" breaks "IDP-6" on "standard": "Writes `expires_in` as a string" {
        fn token_answer(&self, _: IdpCall, mut body: Value) -> Value {
            if let Some(seconds) = body.get_mut("expires_in") {
                *seconds = Value::String(seconds.to_string());
            }
            body
        }
    }
    TypeUnsaid "cloud-type-unsaid" breaks "IDP-6" on "standard": "Omits `issued_token_type` on a wire that claims RFC 8693" {
        fn token_answer(&self, call: IdpCall, body: Value) -> Value {
            NoIssuedTokenType::default().token_answer(call, body)
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
    ExchangeRace "cloud-exchange-race" breaks "IDP-1": "Exchanges a sign-in token for each of several requests at the same time" {
        fn loses_races(&self) -> bool {
            true
        }
    }
    CreationRace "cloud-creation-race" breaks "ISS-2": "Creates a user for each of several requests at the same time" {
        fn loses_races(&self) -> bool {
            true
        }
    }
    MixesUsersUp "cloud-mixes-users-up" breaks "SCO-1": "Issues the access token of another user who signs in at the same time" {
        fn mixes_up_users(&self) -> bool {
            true
        }
    }
    NoneSpelt "cloud-none-in-capitals" breaks "IDP-4": "Accepts the algorithm `none` in any letter case but its own" {
        fn claims_without_signature(&self, jwt: &str, _: &Keys) -> Option<Value> {
            let none = |alg: &str| alg != "none" && alg.eq_ignore_ascii_case("none");
            unsigned_if(jwt, |header| header.get("alg").and_then(Value::as_str).is_some_and(none))
        }
    }
    UnknownAlgorithm "cloud-unknown-algorithm" breaks "IDP-4": "Skips the check of an algorithm that it does not know" {
        fn claims_without_signature(&self, jwt: &str, _: &Keys) -> Option<Value> {
            let unknown = |alg: &str| !alg.starts_with("RS") && !alg.starts_with("HS") && !alg.eq_ignore_ascii_case("none");
            unsigned_if(jwt, |header| header.get("alg").and_then(Value::as_str).is_some_and(unknown))
        }
    }
    EmptySignature "cloud-empty-signature" breaks "IDP-4": "Accepts an empty signature" {
        fn claims_without_signature(&self, jwt: &str, _: &Keys) -> Option<Value> {
            jwt.ends_with('.').then(|| unsigned(jwt, "RS256"))?
        }
    }
    PublicKeyAsSecret "cloud-public-key-as-secret" breaks "IDP-4": "Accepts HS256 with its public key as the secret" {
        fn claims_without_signature(&self, jwt: &str, keys: &Keys) -> Option<Value> {
            let keys = keys.jwks();
            let pem = |jwk: &Value| Spki::of(jwk).map(|key| key.pem());
            keys.get("keys")?.as_array()?.iter().filter_map(pem).find_map(|pem| hs256(jwt, pem.as_bytes()))
        }
    }
    EmptySecret "cloud-empty-secret" breaks "IDP-4": "Accepts HS256 with an empty secret" {
        fn claims_without_signature(&self, jwt: &str, _: &Keys) -> Option<Value> {
            hs256(jwt, &[])
        }
    }
    BringsItsKey "cloud-brings-its-key" breaks "IDP-4": "Verifies a token with the key in its own header" {
        fn claims_without_signature(&self, jwt: &str, _: &Keys) -> Option<Value> {
            unsigned_if(jwt, |header| header.get("jwk").is_some())
        }
    }
    UnsignedAccess "cloud-unsigned-access" breaks "IDP-4": "Accepts access tokens without a signature" {
        fn claims_without_signature(&self, jwt: &str, _: &Keys) -> Option<Value> {
            unsigned(jwt, "none").filter(|claims| claims.get("sid").is_some())
        }
    }
    SignInAsAccess "cloud-sign-in-as-access" breaks "IDP-4": "Accepts a sign-in token as an access token" {
        fn unauthenticated_caller(&self, request: &WireRequest) -> Option<Caller> {
            let claims = unsigned(request.bearer()?, "RS256").filter(|claims| claims.get("tenant_id").is_some())?;
            Some(Caller::User(claims.get("uid")?.as_str()?.to_owned()))
        }
    }
    AccessAsSignIn "cloud-access-as-sign-in" breaks "IDP-4": "Exchanges an access token" {
        fn claims_without_signature(&self, jwt: &str, keys: &Keys) -> Option<Value> {
            let claims: Value = keys.check(jwt)?;
            let word = |name: &str| claims.get(name).and_then(Value::as_str);
            let (env, region) = (Environment::parse(word("env")?)?.issuer_label(), word("region")?);
            Some(json!({
                "iss": format!("id-signer-{env}-{region}@vital-id-{env}-{region}.iam.gserviceaccount.com"),
                "uid": word("sub")?, "exp": claims.get("exp")?, "jti": word("jti")?,
            }))
        }
    }
    RefreshAsAccess "cloud-refresh-as-access" breaks "IDP-4": "Accepts a refresh token as an access token" {
        fn unauthenticated_caller(&self, request: &WireRequest) -> Option<Caller> {
            let refresh_token = |token: &str| token.len() >= 32 && !token.contains('.');
            request.bearer().filter(|token| refresh_token(token)).map(|_| Caller::User(last(request).to_owned()))
        }
    }
    AccessAsRefresh "cloud-access-as-refresh" breaks "IDP-4": "Accepts an access token as a refresh token" {
        fn refreshes_with_access_tokens(&self) -> bool {
            true
        }
    }
    WarmTokens[seen: Mutex<HashMap<String, Caller>>] "cloud-warm-tokens" breaks "IDP-3": "Does not see that an access token was revoked that it has seen before" {
        fn note_caller(&self, request: &WireRequest, caller: &Caller) {
            if let Some(token) = request.bearer() {
                self.seen.lock().insert(token.to_owned(), caller.clone());
            }
        }
        fn unauthenticated_caller(&self, request: &WireRequest) -> Option<Caller> {
            self.seen.lock().get(request.bearer()?).cloned()
        }
    }
    LastSession "cloud-last-session" breaks "IDP-3": "Ends only the newest session of a revoked or deleted user" {
        fn ends_all_sessions(&self) -> bool {
            false
        }
    }
    OldSignInTokens "cloud-old-sign-in-tokens" breaks "IDP-3": "Accepts a sign-in token from before its user was deleted" {
        fn sign_in_tokens_survive_deletion(&self) -> bool {
            true
        }
    }
    UsersOfAllRealms "cloud-users-of-all-realms" breaks "SCO-4": "Finds the users of every environment and region" {
        fn finds_users_of(&self, _: Realm, _: Realm) -> bool {
            true
        }
    }
    UsersOfAllRegions "cloud-users-of-all-regions" breaks "SCO-4": "Finds the users of the other region" {
        fn finds_users_of(&self, own: Realm, other: Realm) -> bool {
            own.environment == other.environment
        }
    }
    AnnouncesTwice "cloud-announces-twice" breaks "IDP-7": "Announces twice the lifetime of an access token" {
        fn announced_lifetime(&self, seconds: u64) -> u64 {
            seconds * 2
        }
    }
    AnnouncesHalf "cloud-announces-half" breaks "IDP-7": "Announces half the lifetime of an access token" {
        fn announced_lifetime(&self, seconds: u64) -> u64 {
            seconds / 2
        }
    }
    EndsEarly "cloud-ends-early" breaks "IDP-7": "Refuses access tokens ten minutes before their end" {
        fn access_token_is_current(&self, expires_s: i64, now_s: i64) -> bool {
            now_s < expires_s - 600
        }
    }
    OneDevice "cloud-one-device" breaks "IDP-7": "Ends the user's access tokens on other devices at a sign-in" {
        fn one_session_a_user(&self) -> bool {
            true
        }
    }
    StoredRefreshes "cloud-stored-refreshes" breaks "IDP-5": "Allows caches to store the answers of refreshes" {
        fn token_cache_control(&self, call: IdpCall) -> &'static str {
            if call == IdpCall::Refresh { "private" } else { "no-store" }
        }
    }
    StoredSignInTokens "cloud-stored-sign-in-tokens" breaks "IDP-5": "Allows caches to store sign-in tokens" {
        fn issuance_cache_control(&self) -> &'static str {
            "no-cache"
        }
    }
    AnyGrantType "cloud-any-grant-type" breaks "IDP-4": "Does not look at the grant type" {
        fn overlooks_malformation(&self, _: IdpCall, request: &WireRequest) -> bool {
            !field(request, "subject_token").is_empty() && field(request, "subject_token_type").contains("sign-in-token")
        }
    }
    AnySubjectType "cloud-any-subject-type" breaks "IDP-4": "Does not look at the type of the subject token" {
        fn overlooks_malformation(&self, _: IdpCall, request: &WireRequest) -> bool {
            field(request, "grant_type").contains("token-exchange") && !field(request, "subject_token").is_empty()
        }
    }
    RepeatedFields "cloud-repeated-fields" breaks "IDP-4": "Takes the last of a field that is there twice" {
        fn overlooks_malformation(&self, call: IdpCall, request: &WireRequest) -> bool {
            let (grant, token) = match call {
                IdpCall::Exchange => ("token-exchange", "subject_token"),
                IdpCall::Refresh => ("refresh_token", "refresh_token"),
            };
            field(request, "grant_type").contains(grant) && field(request, token).len() > 20
        }
    }
    ListsFail "cloud-lists-fail" breaks "IDP-4": "Answers 500 to a JSON array where it expects an object" {
        fn bad_user_status(&self, body: &[u8]) -> StatusCode {
            match serde_json::from_slice(body) {
                Ok(Value::Array(_)) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            }
        }
    }
    CaseBlind "cloud-case-blind" breaks "ISS-3": "Compares client user ids without letter case" {
        fn stored_client_id(&self, id: &str) -> String {
            id.to_lowercase()
        }
    }
    Trims "cloud-trims" breaks "ISS-3": "Compares client user ids without the space around them" {
        fn stored_client_id(&self, id: &str) -> String {
            id.trim().to_owned()
        }
    }
    RawPaths "cloud-raw-paths" breaks "ISS-2": "Does not decode the percent escapes of paths" {
        fn decodes_paths(&self) -> bool {
            false
        }
    }
    RemembersMissing[missing: Mutex<HashSet<String>>] "cloud-remembers-missing" breaks "ISS-2": "Still answers 404 for a user who was created after a look-up" {
        fn resolves(&self, client_id: &str, found: bool) -> bool {
            let mut missing = self.missing.lock();
            if !found {
                missing.insert(client_id.to_owned());
            }
            found && !missing.contains(client_id)
        }
    }
    KeyBeginning[keys: Mutex<HashSet<String>>] "cloud-key-beginning" breaks "IDP-4": "Accepts the beginning of an API key" {
        fn note_caller(&self, request: &WireRequest, _: &Caller) {
            if let Some(key) = request.header("x-vital-api-key") {
                self.keys.lock().insert(key.to_owned());
            }
        }
        fn unauthenticated_caller(&self, request: &WireRequest) -> Option<Caller> {
            let shown = request.header("x-vital-api-key").filter(|key| key.len() > 20)?;
            self.keys.lock().iter().any(|key| key.starts_with(shown)).then_some(Caller::Team)
        }
    }
    DevelopmentOpen "cloud-development-open" breaks "SCO-4": "Accepts tokens of the development environment everywhere" {
        fn realm_fits(&self, token: Realm, host: Realm) -> bool {
            token == host || token.environment == Environment::Dev
        }
    }
    KnowsNamesAgain "cloud-knows-names-again" breaks "IDP-3": "Lets a new user of an old client user id take over the old user's tokens" {
        fn reuses_ids(&self) -> bool {
            true
        }
    }
    SeesDeletionLate[seen: Mutex<HashSet<String>>] "cloud-sees-deletion-late" breaks "ISS-2": "Still answers that a user is gone whose deletion was undone" {
        fn shows_user(&self, id: &str, found: bool) -> bool {
            let mut seen = self.seen.lock();
            if !found {
                seen.insert(id.to_owned());
            }
            found && !seen.contains(id)
        }
    }
    UndoOpen "cloud-undo-open" breaks "SCO-3": "Lets an installation undo deletions" {
        fn may_use_team(&self, caller: &Caller, request: &WireRequest) -> bool {
            last(request) == "undo_delete" || DefaultCloudPolicy.may_use_team(caller, request)
        }
    }
    SharedAnswers[seen: Mutex<HashSet<String>>] "cloud-shared-answers" breaks "SCO-2": "Answers whoever asks for a resource that its user has read" {
        fn may_read_user(&self, caller: &Caller, user: &User, request: &WireRequest) -> bool {
            let own = DefaultCloudPolicy.may_read_user(caller, user, request);
            let mut seen = self.seen.lock();
            if own {
                seen.insert(request.path.clone());
            }
            own || seen.contains(&request.path)
        }
    }
}
