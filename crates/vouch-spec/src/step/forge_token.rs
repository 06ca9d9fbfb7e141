//! `forgeToken`: makes a broken sign-in token of a good one (EXC-4, EXC-6).

use super::StepFields;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForgeToken {
    /// The good one, for example `$token`.
    pub from: Text,
    pub how: Forgery,
    #[serde(rename = "as")]
    pub bind: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Forgery {
    Empty,
    NotBase64,
    NotJson,
    /// The JSON lacks `user_token`.
    NoUserToken,
    /// `user_token` is a word.
    NotAJwt,
    /// The JWT lacks its signature.
    TwoParts,
    /// `alg` is `none`.
    AlgorithmNone,
    /// `alg` is HS256.
    AlgorithmHs256,
    /// `alg` is ES256.
    AlgorithmEs256,
    /// The header names no `alg`.
    NoAlgorithm,
    /// The header is no JSON.
    HeaderNotJson,
    /// The claims are no JSON.
    ClaimsNotJson,
    /// `iss` begins as it should and ends elsewhere.
    LookalikeIssuer,
    /// `iss` is somebody else.
    ForeignIssuer,
    /// The claims lack `uid`.
    NoUser,
    /// Well-formed, but the signature does not fit.
    BadSignature,
}

impl Forgery {
    pub fn words(self) -> &'static str {
        match self {
            Forgery::Empty => "empty",
            Forgery::NotBase64 => "not Base64",
            Forgery::NotJson => "not JSON",
            Forgery::NoUserToken => "without user_token",
            Forgery::NotAJwt => "user_token is no JWT",
            Forgery::TwoParts => "JWT without signature",
            Forgery::AlgorithmNone => "alg none",
            Forgery::AlgorithmHs256 => "alg HS256",
            Forgery::AlgorithmEs256 => "alg ES256",
            Forgery::NoAlgorithm => "without alg",
            Forgery::HeaderNotJson => "its header is no JSON",
            Forgery::ClaimsNotJson => "its claims are no JSON",
            Forgery::LookalikeIssuer => "an issuer of the right beginning",
            Forgery::ForeignIssuer => "foreign issuer",
            Forgery::NoUser => "without uid",
            Forgery::BadSignature => "signature does not fit",
        }
    }
}

impl StepFields for ForgeToken {
    const NAME: &str = "forgeToken";
    const ABOUT: &str = "Makes a broken sign-in token of a good one.";

    fn describe(&self) -> String {
        format!("a sign-in token that is broken ({})", self.how.words())
    }
}
