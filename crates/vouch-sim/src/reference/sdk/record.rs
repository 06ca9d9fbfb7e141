//! What the SDK remembers between launches: one record, of one scheme, whole or absent.

use serde::{Deserialize, Serialize};
use std::fmt;
use vouch_spec::protocol::{Environment, Realm, Region};

/// A secret of the installation. It can be stored and sent, but not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the wire and the storage.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// One installation's sign-in. Being one value, it is replaced in one write: there is no moment with both schemes or
/// half of one (EXC-5, MIG-9).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "camelCase")]
pub enum Record {
    ApiKey(ApiKeyRecord),
    SignInToken(TokenRecord),
}

impl Record {
    /// Whether a new sign-in token is wanted (REF-7).
    pub fn is_on_hold(&self) -> bool {
        matches!(self, Record::SignInToken(session) if session.on_hold)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKeyRecord {
    pub api_key: Secret,
    pub environment: Environment,
    pub region: Region,
    pub user_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenRecord {
    pub user_id: String,
    pub environment: Environment,
    pub region: Region,
    pub access_token: Secret,
    pub refresh_token: Secret,
    /// By the device's clock, in milliseconds since 1970.
    pub expires_at_ms: i64,
    /// How long it was good when it was issued, in milliseconds.
    #[serde(default = "usual_lifetime_ms")]
    pub lifetime_ms: i64,
    /// The identity provider wants a new sign-in token first (REF-7).
    pub on_hold: bool,
    /// What names the project at the identity provider, where its wire profile asks for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub public_key: String,
    /// The wire profile by which its tokens were issued. Empty in records of earlier releases, which do not name it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// The team of the user, if the sign-in token named it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub team: String,
    /// The app's own id of the user, when it signed in by `identify`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_user_id: Option<String>,
}

impl ApiKeyRecord {
    pub fn realm(&self) -> Realm {
        Realm { environment: self.environment, region: self.region }
    }
}

impl TokenRecord {
    pub fn realm(&self) -> Realm {
        Realm { environment: self.environment, region: self.region }
    }
}

impl Record {
    pub fn user_id(&self) -> Option<&str> {
        match self {
            Record::ApiKey(record) => record.user_id.as_deref(),
            Record::SignInToken(record) => Some(&record.user_id),
        }
    }

    pub fn realm(&self) -> Realm {
        match self {
            Record::ApiKey(record) => record.realm(),
            Record::SignInToken(record) => record.realm(),
        }
    }
}

/// An hour, for records of earlier releases.
fn usual_lifetime_ms() -> i64 {
    3_600_000
}
