//! The decisions of the mock cloud, one method each. The default bodies follow the scheme; a mutant overrides one.

use super::keys::Keys;
use super::team::Team;
use super::users::User;
use crate::wire::WireRequest;
use hyper::StatusCode;
use serde_json::Value;
use std::time::Duration;
use vouch_spec::profile::IdpCall;
use vouch_spec::protocol::{ErrorKind, Realm};

/// Who calls the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A backend, with its team's API key.
    Team,
    /// An installation, with an access token of this user.
    User(String),
}

pub trait CloudPolicy: Send + Sync {
    /// Whether a token of `token` may be used at the host of `host` (SCO-4).
    fn realm_fits(&self, token: Realm, host: Realm) -> bool {
        token == host
    }

    /// Whether a token that ends at `expires_s` is still good at `now_s` (ISS-5).
    fn sign_in_token_is_current(&self, expires_s: i64, now_s: i64) -> bool {
        now_s < expires_s
    }

    /// The caller of a request without a valid credential; none (IDP-4, SCO-4).
    fn unauthenticated_caller(&self, _request: &WireRequest) -> Option<Caller> {
        None
    }

    /// The claims of a JWT without the vendor's signature, if the cloud accepts them (IDP-4).
    fn claims_without_signature(&self, _jwt: &str, _keys: &Keys) -> Option<Value> {
        None
    }

    /// Whether an access token of this generation is accepted. An exchange grants generation 0 (SCO-1).
    fn accepts_generation(&self, _generation: u64) -> bool {
        true
    }

    /// Whether a caller may read a user's resources (SCO-1, SCO-2).
    fn may_read_user(&self, caller: &Caller, user: &User, _request: &WireRequest) -> bool {
        match caller {
            Caller::Team => true,
            Caller::User(id) => id.eq_ignore_ascii_case(&user.id),
        }
    }

    /// The status for a user that does not exist. An installation cannot distinguish unknown users from the users of
    /// others (SCO-2, DEL-4).
    fn missing_user_status(&self, caller: &Caller) -> StatusCode {
        if *caller == Caller::Team { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN }
    }

    /// Whether a caller may use team-level resources (SCO-3).
    fn may_use_team(&self, caller: &Caller, _request: &WireRequest) -> bool {
        *caller == Caller::Team
    }

    /// The client user id for which a user is to be made; none where the request does not say (IDP-4).
    fn client_user_id(&self, body: &Value) -> Option<String> {
        body.get("client_user_id")?.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
    }

    /// Whether a sign-in token is issued for a user id that nobody has (IDP-4).
    fn issues_for_unknown_users(&self) -> bool {
        false
    }

    /// Whether a user's sign-in tokens can be exchanged at all (EXC-1).
    fn exchanges_for(&self, _user_id: &str) -> bool {
        true
    }

    /// Whether a sign-in token is good for one exchange only (IDP-1).
    fn single_use(&self) -> bool {
        true
    }

    /// Whether a refresh token that was rotated out ends its chain (IDP-2).
    fn detects_reuse(&self) -> bool {
        true
    }

    /// Whether a revoked session can be refreshed all the same (IDP-3).
    fn refreshes_revoked_sessions(&self) -> bool {
        false
    }

    /// The error of a refresh of a revoked session (IDP-3).
    fn revoked_session_error(&self) -> ErrorKind {
        ErrorKind::NeedsReauthentication
    }

    /// Whether the API accepts access tokens of a revoked session all the same (IDP-3).
    fn access_survives_revocation(&self) -> bool {
        false
    }

    /// Whether a user's sessions end for good with the user (IDP-3).
    fn deletion_ends_sessions(&self) -> bool {
        true
    }

    /// Whether a client user id can have two users (ISS-2).
    fn allows_duplicate_client_ids(&self) -> bool {
        false
    }

    /// Whether the session of a deleted user can be refreshed all the same (IDP-3).
    fn refreshes_deleted_users(&self) -> bool {
        false
    }

    /// Whether a token whose lifetime is over still counts; the API's own check (IDP-7).
    fn access_token_is_current(&self, expires_s: i64, now_s: i64) -> bool {
        now_s < expires_s
    }

    /// Whether a refresh token that was used stays good until a successor is seen (IDP-8).
    fn keeps_predecessor(&self) -> bool {
        true
    }

    /// The status for a request that cannot be read (IDP-4).
    fn bad_request(&self, status: StatusCode) -> StatusCode {
        status
    }

    /// The body of a good token answer, before it is sent.
    fn token_answer(&self, _: IdpCall, body: Value) -> Value {
        body
    }

    /// The Cache-Control of token answers (IDP-5; RFC 6749 section 5.1).
    fn token_cache_control(&self, _call: IdpCall) -> &'static str {
        "no-store"
    }

    /// The Cache-Control of an answer with a sign-in token (IDP-5).
    fn issuance_cache_control(&self) -> &'static str {
        "no-store"
    }

    /// Whether of several requests at the same time each is answered as if it were the only one (IDP-1, ISS-2).
    fn loses_races(&self) -> bool {
        false
    }

    /// Whether of several requests at the same time each is answered for the user of the first (SCO-1).
    fn mixes_up_users(&self) -> bool {
        false
    }

    /// Whether a revocation or deletion ends every session of its user, or the newest only (IDP-3).
    fn ends_all_sessions(&self) -> bool {
        true
    }

    /// Whether a session that is opened ends the user's earlier ones (IDP-7).
    fn one_session_a_user(&self) -> bool {
        false
    }

    /// Whether sign-in tokens from before a user's deletion work after it was undone (IDP-3).
    fn sign_in_tokens_survive_deletion(&self) -> bool {
        false
    }

    /// Whether the users of the realm `other` are found by a team of `own` (SCO-4).
    fn finds_users_of(&self, own: Realm, other: Realm) -> bool {
        own == other
    }

    /// The announced lifetime of an access token whose lifetime is `seconds` (IDP-7).
    fn announced_lifetime(&self, seconds: u64) -> u64 {
        seconds
    }

    /// Whether a malformed request is answered as if it were well-formed (IDP-4).
    fn overlooks_malformation(&self, _call: IdpCall, _request: &WireRequest) -> bool {
        false
    }

    /// Whether an access token works as a refresh token (IDP-4).
    fn refreshes_with_access_tokens(&self) -> bool {
        false
    }

    /// The status for a body from which no user can be made (IDP-4).
    fn bad_user_status(&self, _body: &[u8]) -> StatusCode {
        StatusCode::UNPROCESSABLE_ENTITY
    }

    /// A client user id as it is stored and looked up (ISS-3).
    fn stored_client_id(&self, id: &str) -> String {
        id.to_owned()
    }

    /// Whether the segments of a path are percent-decoded (ISS-2).
    fn decodes_paths(&self) -> bool {
        true
    }

    /// Whether a look-up answers that there is such a user; `found` is the truth (ISS-2).
    fn resolves(&self, _client_id: &str, found: bool) -> bool {
        found
    }

    /// The same of a look-up by the vendor's id (ISS-2).
    fn shows_user(&self, _id: &str, found: bool) -> bool {
        found
    }

    /// Whether a user who is created again gets the id of the deleted one (IDP-3).
    fn reuses_ids(&self) -> bool {
        false
    }

    /// Sees each authenticated API call.
    fn note_caller(&self, _request: &WireRequest, _caller: &Caller) {}

    /// The generation of the refresh token that comes with the access token of `generation`: an earlier one where not every
    /// refresh brings a new refresh token (IDP-2).
    fn refresh_generation(&self, generation: u64) -> u64 {
        generation
    }

    /// How long a refresh token that was rotated out may be used again, counted from its first use (IDP-2).
    fn reuse_interval(&self) -> Duration {
        Duration::ZERO
    }

    /// The unit of the times that tokens and revocations carry (IDP-3). Within it, a token may be older or newer.
    fn time_resolution(&self) -> Duration {
        Duration::ZERO
    }

    /// The status for an installation that wants a team-level resource (SCO-3).
    fn team_refusal_status(&self) -> StatusCode {
        StatusCode::FORBIDDEN
    }

    /// The realm that a team's sign-in tokens carry (ISS-6).
    fn issuer_realm(&self, realm: Realm, _team: &Team) -> Realm {
        realm
    }
}

/// The policy that follows the scheme.
pub struct DefaultCloudPolicy;

impl CloudPolicy for DefaultCloudPolicy {}
