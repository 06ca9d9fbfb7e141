//! The kinds of exchange that the scheme knows: what `on:`, `until:` and `sent:` of a scenario name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an HTTP exchange is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// App to backend: requests a sign-in token.
    TokenRequest,
    /// Backend to API: looks a user up.
    FindUser,
    /// Backend to API: creates a user.
    CreateUser,
    /// Backend to API: issues a sign-in token.
    Issuance,
    /// SDK to identity provider: exchanges a sign-in token for an access and a refresh token.
    Exchange,
    /// SDK to identity provider: exchanges a refresh token for new tokens.
    Refresh,
    /// SDK to API: a resource.
    Api,
    /// A request that the scheme does not have.
    Stray,
}

impl Operation {
    /// The operation as reports name it.
    pub fn words(self) -> &'static str {
        match self {
            Operation::TokenRequest => "token request",
            Operation::FindUser => "user look-up",
            Operation::CreateUser => "user creation",
            Operation::Issuance => "token issuance",
            Operation::Exchange => "exchange",
            Operation::Refresh => "refresh",
            Operation::Api => "API call",
            Operation::Stray => "stray call",
        }
    }
}
