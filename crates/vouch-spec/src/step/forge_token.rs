//! `forgeToken`: makes a forged or broken token of a good one (EXC-4, EXC-6, IDP-4).

use super::StepFields;
use crate::scenario::Text;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForgeToken {
    /// The good one: a sign-in token, for example `$token`, or an access token, for example `$session.accessToken`. With access
    /// tokens that are no JWTs the case is skipped.
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
    /// `alg` is RS512.
    AlgorithmRs512,
    /// The header names no `alg`.
    NoAlgorithm,
    /// The header is no JSON.
    HeaderNotJson,
    /// The claims are no JSON.
    ClaimsNotJson,
    /// `iss` begins as it should and ends elsewhere.
    LookalikeIssuer,
    /// `iss` goes on after its end: `….iam.gserviceaccount.com.evil.example`.
    SuffixedIssuer,
    /// The halves of `iss` name two environments.
    DisagreeingIssuer,
    /// `iss` is somebody else.
    ForeignIssuer,
    /// The claims lack `uid`.
    NoUser,
    /// Well-formed, but the signature does not fit.
    BadSignature,
    /// `alg` is `None`, and the signature is empty.
    AlgorithmNoneCapitalized,
    /// `alg` is `NONE`, and the signature is empty.
    AlgorithmNoneCapitals,
    /// `alg` is `nOnE`, and the signature is empty.
    AlgorithmNoneMixed,
    /// `alg` is HS512, with the old signature.
    AlgorithmHs512,
    /// `alg` is a word that names no algorithm, with the old signature.
    AlgorithmUnknown,
    /// The header is right, and the signature is empty.
    EmptySignature,
    /// ES256 with a signature of zeros (CVE-2022-21449).
    ZeroSignature,
    /// HS256 with an empty key.
    Hs256EmptyKey,
    /// HS256, keyed with the text of the server's public key: PEM of its `SubjectPublicKeyInfo` (CVE-2016-10555).
    Hs256PublicKeyPem,
    /// The same without the last line break.
    Hs256PublicKeyPemTrimmed,
    /// HS256, keyed with the DER of the public key.
    Hs256PublicKeyDer,
    /// Signed with a key of the forger's own.
    ForeignKey,
    /// The same, and the header holds the public key (`jwk`; CVE-2018-0114).
    EmbeddedJwk,
    /// The same, and the header names a key that nobody knows (`kid`).
    ForeignKid,
    /// `kid` is the path of an empty file, and the token is HS256 with an empty key.
    FileKid,
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
            Forgery::AlgorithmRs512 => "alg RS512",
            Forgery::NoAlgorithm => "without alg",
            Forgery::HeaderNotJson => "its header is no JSON",
            Forgery::ClaimsNotJson => "its claims are no JSON",
            Forgery::LookalikeIssuer => "an issuer of the right beginning",
            Forgery::SuffixedIssuer => "an issuer that goes on after its end",
            Forgery::DisagreeingIssuer => "an issuer whose halves disagree",
            Forgery::ForeignIssuer => "foreign issuer",
            Forgery::NoUser => "without uid",
            Forgery::BadSignature => "signature does not fit",
            Forgery::AlgorithmNoneCapitalized => "alg None",
            Forgery::AlgorithmNoneCapitals => "alg NONE",
            Forgery::AlgorithmNoneMixed => "alg nOnE",
            Forgery::AlgorithmHs512 => "alg HS512",
            Forgery::AlgorithmUnknown => "an unknown alg",
            Forgery::EmptySignature => "empty signature",
            Forgery::ZeroSignature => "an ES256 signature of zeros",
            Forgery::Hs256EmptyKey => "HS256 with an empty key",
            Forgery::Hs256PublicKeyPem => "HS256 with the public key in PEM",
            Forgery::Hs256PublicKeyPemTrimmed => "HS256 with the public key in PEM, trimmed",
            Forgery::Hs256PublicKeyDer => "HS256 with the public key in DER",
            Forgery::ForeignKey => "signed with another key",
            Forgery::EmbeddedJwk => "signed with another key, which its header holds",
            Forgery::ForeignKid => "signed with another key, which its header names",
            Forgery::FileKid => "its header names a file as key",
        }
    }

    /// Whether it takes the server's public key.
    pub fn needs_public_key(self) -> bool {
        matches!(self, Forgery::Hs256PublicKeyPem | Forgery::Hs256PublicKeyPemTrimmed | Forgery::Hs256PublicKeyDer)
    }
}

impl StepFields for ForgeToken {
    const NAME: &str = "forgeToken";
    const ABOUT: &str = "Makes a forged or broken token of a good one.";

    fn describe(&self) -> String {
        format!("a token that is broken ({})", self.how.words())
    }
}
