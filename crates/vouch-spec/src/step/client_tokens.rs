//! `clientExchange` and `clientRefresh`: the harness's own client at the identity provider, for the roles behind the wire.

use super::StepFields;
use crate::profile::Standard;
use crate::protocol::Environment;
use crate::protocol::Realm;
use crate::protocol::Region;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What both steps take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrantCall {
    /// A sign-in token, for example `$token`, or a refresh token, for example `$session.refreshToken`.
    pub token: Text,
    /// The name of the session from here on: `$name.accessToken`, `$name.refreshToken`, and `$name.expiresIn` in seconds.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
    /// Of the host; left out, the scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Environment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// The answer must not be stored by caches (RFC 6749 section 5.1).
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub not_cacheable: bool,
    /// The answer must keep to what a standard says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obeys: Option<Standard>,
    /// The case needs a new refresh token. The refresh is repeated where the same one comes back; if none comes, the case is
    /// skipped, unless the target declares that every refresh brings one.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub rotates: bool,
    /// The token was rotated out: first the time passes for which the target declares that such a token may be used again.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub rotated_out: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ClientExchange(pub GrantCall);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct ClientRefresh(pub GrantCall);

impl GrantCall {
    /// Whether it looks at an answer's headers or further fields.
    pub fn looks_closer(&self) -> bool {
        self.not_cacheable || self.rotates || self.rotated_out || self.obeys.is_some()
    }

    pub fn place(&self) -> String {
        let words: Vec<_> =
            [self.environment.map(Environment::word), self.region.map(Region::word)].into_iter().flatten().collect();
        if words.is_empty() { String::new() } else { format!(" at a host of {}", words.join(" ")) }
    }

    pub fn realm(&self, home: Realm) -> Realm {
        Realm { environment: self.environment.unwrap_or(home.environment), region: self.region.unwrap_or(home.region) }
    }
}

impl StepFields for ClientExchange {
    const NAME: &str = "clientExchange";
    const ABOUT: &str = "The harness's own client exchanges a sign-in token.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        format!("the client exchanges {}{}", self.0.token.0, self.0.place())
    }

    fn realm(&self, home: Realm) -> Realm {
        self.0.realm(home)
    }
}

impl StepFields for ClientRefresh {
    const NAME: &str = "clientRefresh";
    const ABOUT: &str = "The harness's own client uses a refresh token.";
    const HAS_RESULT: bool = true;

    fn describe(&self) -> String {
        format!("the client refreshes with {}{}", self.0.token.0, self.0.place())
    }

    fn realm(&self, home: Realm) -> Realm {
        self.0.realm(home)
    }
}
