//! `hosts`: from the next launch on, a server cannot be reached at all.

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Unreachable {
    /// What is wrong with the identity provider's address; left out, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<UnreachableKind>,
    /// What is wrong with the API's address; left out, nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<UnreachableKind>,
}

impl StepFields for Unreachable {
    const NAME: &str = "unreachable";
    const ABOUT: &str = "From the next launch on, a server cannot be reached: its name, port or certificate is wrong.";

    fn describe(&self) -> String {
        let of = |host: &str, why: Option<UnreachableKind>| why.map(|why| format!("the {host} {}", why.words()));
        let words: Vec<_> = [of("identity provider", self.auth), of("API", self.api)].into_iter().flatten().collect();
        if words.is_empty() { "all servers can be reached again".into() } else { words.join(" and ") }
    }
}

/// Why a server cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UnreachableKind {
    /// The connection is refused.
    Refused,
    /// The host's name does not resolve (`.invalid`, RFC 6761 section 6.4).
    Unresolvable,
    /// HTTPS, and the other side does not speak TLS.
    NoTls,
    /// HTTPS, and the other side's certificate is self-signed.
    Untrusted,
}

impl UnreachableKind {
    pub fn words(self) -> &'static str {
        match self {
            UnreachableKind::Refused => "refuses connections",
            UnreachableKind::Unresolvable => "has a name that does not resolve",
            UnreachableKind::NoTls => "does not speak TLS",
            UnreachableKind::Untrusted => "shows a self-signed certificate",
        }
    }
}
