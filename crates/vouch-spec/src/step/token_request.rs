//! `tokenRequest`: the app asks its backend for a sign-in token, rightly or not (ISS-1 to ISS-8).

use super::StepFields;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenRequest {
    /// A person of the scenario.
    pub user: String,
    /// What the app authenticates with; left out, the person's own session.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub credential: CredentialKind,
    /// More of the query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub query: BTreeMap<String, Text>,
    /// More headers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Text>,
    /// More fields of the body, which becomes JSON.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub body: BTreeMap<String, Text>,
    /// The user that the request of the target file names in the place of `$user`; left out, the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub named_user: Option<Text>,
    /// If a token comes, it must be of this vendor user, for example `$ada.id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<Text>,
    /// The answer must not be stored by caches.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub not_cacheable: bool,
    /// The name of the token from here on.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub bind: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Copy, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CredentialKind {
    #[default]
    Own,
    Missing,
    Empty,
    Garbage,
    /// The person's own with a character in its middle changed.
    Tampered,
    /// One that the person was given by a log-in of its own and that a log-out has ended since. The target file says how to
    /// log out; without that the case is skipped.
    LoggedOut,
}

impl CredentialKind {
    pub fn words(self) -> &'static str {
        match self {
            CredentialKind::Own => "",
            CredentialKind::Missing => " without a credential",
            CredentialKind::Empty => " with an empty credential",
            CredentialKind::Garbage => " with a credential that nobody issued",
            CredentialKind::Tampered => " with a credential that was tampered with",
            CredentialKind::LoggedOut => " with a credential from before the log-out",
        }
    }
}

impl TokenRequest {
    /// Whether it is what a right app asks.
    pub fn is_plain(&self) -> bool {
        let more = [&self.query, &self.headers, &self.body];
        self.credential == CredentialKind::Own
            && self.named_user.is_none()
            && more.iter().all(|fields| fields.is_empty())
    }
}

impl StepFields for TokenRequest {
    const NAME: &str = "tokenRequest";
    const ABOUT: &str = "The app asks its backend for a sign-in token.";
    const HAS_RESULT: bool = true;
    const NAMES_USER: bool = true;

    fn describe(&self) -> String {
        let extra: Vec<_> = [("query", &self.query), ("headers", &self.headers), ("body", &self.body)]
            .into_iter()
            .filter(|(_, fields)| !fields.is_empty())
            .map(|(place, fields)| format!("{} in the {place}", fields.keys().cloned().collect::<Vec<_>>().join(", ")))
            .collect();
        let extra = if extra.is_empty() { String::new() } else { format!(", naming {}", extra.join(" and ")) };
        let named = self.named_user.as_ref().map(|named| format!(", as the user {}", named.0)).unwrap_or_default();
        format!("the app of {} asks for a sign-in token{}{named}{extra}", self.user, self.credential.words())
    }
}
