//! The decisions of the cloud, one method each. The default bodies are the scheme; a mutant overrides one.

use super::store::{Team, User};
use crate::protocol::Realm;

/// Who calls the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Caller {
    /// A backend, with its team's API key.
    Team,
    /// An installation, with an access token of this user.
    User(String),
}

pub trait Rules: Send + Sync {
    /// Whether a token of `token` may be used at the host of `host` (SCO-4).
    fn realm_fits(&self, token: Realm, host: Realm) -> bool {
        token == host
    }

    /// Whether a token that ends at `expires_s` is still good at `now_s` (ISS-5).
    fn in_time(&self, expires_s: i64, now_s: i64) -> bool {
        now_s < expires_s
    }

    /// Whether a caller may read a user's resources (SCO-1, SCO-2).
    fn may_read_user(&self, caller: &Caller, user: &User) -> bool {
        match caller {
            Caller::Team => true,
            Caller::User(id) => id.eq_ignore_ascii_case(&user.id),
        }
    }

    /// Whether a caller may use team-level resources (SCO-3).
    fn may_use_team(&self, caller: &Caller) -> bool {
        *caller == Caller::Team
    }

    /// The realm that a team's sign-in tokens carry (ISS-6).
    fn issuer_realm(&self, realm: Realm, _team: &Team) -> Realm {
        realm
    }
}

/// The scheme as it is meant.
pub struct Truthful;

impl Rules for Truthful {}
