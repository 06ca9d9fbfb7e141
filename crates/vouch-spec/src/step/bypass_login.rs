//! `bypassLogin`: token requests without a valid credential, in the ways that are known to get past a guard (ISS-1).

use super::StepFields;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BypassLogin {
    /// The person in whose name the requests are sent.
    pub user: String,
    pub technique: BypassTechnique,
}

/// How a request tries to get past the guard.
#[derive(Clone, Debug, PartialEq, Eq, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BypassTechnique {
    /// Other spellings of the path, with and without headers that name the user.
    Path,
    /// Other methods, and headers that name another method.
    Method,
    /// Headers that name the user, or that a proxy in front of the backend would set.
    Header,
    /// Credentials that nobody issued: the user's id, parts and other spellings of the real one, wildcards.
    Credential,
    /// Where the credential is a JWT: without, or with another, signature.
    Jwt,
}

impl BypassTechnique {
    fn words(self) -> &'static str {
        match self {
            BypassTechnique::Path => "by another spelling of the path",
            BypassTechnique::Method => "by another method",
            BypassTechnique::Header => "by headers",
            BypassTechnique::Credential => "by a credential that nobody issued",
            BypassTechnique::Jwt => "by a forged JWT",
        }
    }
}

impl StepFields for BypassLogin {
    const NAME: &str = "bypassLogin";
    const ABOUT: &str = "Asks for a sign-in token without a valid credential, in many ways. None may yield a token or a call to the vendor.";
    const NAMES_USER: bool = true;

    fn describe(&self) -> String {
        format!("a sign-in token of {} is asked for without a log-in, {}", self.user, self.technique.words())
    }
}
