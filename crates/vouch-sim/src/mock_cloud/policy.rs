//! The decisions of the mock cloud, one method each. The default bodies follow the scheme; a mutant overrides one.

use super::team::Team;
use super::users::User;
use crate::wire::WireRequest;
use hyper::StatusCode;
use serde_json::Value;
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
    fn claims_without_signature(&self, _jwt: &str) -> Option<Value> {
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
    fn token_answer(&self, body: Value) -> Value {
        body
    }

    /// The Cache-Control of token answers (IDP-5; RFC 6749 section 5.1).
    fn token_cache_control(&self) -> &'static str {
        "no-store"
    }

    /// The realm that a team's sign-in tokens carry (ISS-6).
    fn issuer_realm(&self, realm: Realm, _team: &Team) -> Realm {
        realm
    }
}

/// The policy that follows the scheme.
pub struct DefaultCloudPolicy;

impl CloudPolicy for DefaultCloudPolicy {}
