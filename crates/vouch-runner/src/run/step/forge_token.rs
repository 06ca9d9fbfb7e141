//! `forgeToken`: makes a broken sign-in token of a good one (EXC-4, EXC-6).

use super::{Step, StepError, StepKind, StepResult};
use crate::run::world::World;
use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use vouch_spec::scenario::Text;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForgeToken {
    /// The good one, for example `$token`.
    pub from: Text,
    pub how: How,
    #[serde(rename = "as")]
    pub bind: String,
}

pub(super) const KIND: StepKind =
    StepKind::new::<ForgeToken>("forgeToken", "Makes a broken sign-in token of a good one.");

#[async_trait]
impl Step for ForgeToken {
    fn words(&self) -> String {
        format!("a sign-in token that is broken ({})", self.how.words())
    }

    async fn run(&self, world: &Arc<World>) -> Result<StepResult, StepError> {
        let good = world.text(&self.from)?;
        let forged = forge(&good, self.how).ok_or_else(|| StepError::Scenario("`from` is no sign-in token".into()))?;
        world.bind(&self.bind, forged);
        Ok(StepResult::Done)
    }
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum How {
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

impl How {
    fn words(self) -> &'static str {
        match self {
            How::Empty => "empty",
            How::NotBase64 => "not Base64",
            How::NotJson => "not JSON",
            How::NoUserToken => "without user_token",
            How::NotAJwt => "user_token is no JWT",
            How::TwoParts => "JWT without signature",
            How::AlgorithmNone => "alg none",
            How::AlgorithmHs256 => "alg HS256",
            How::AlgorithmEs256 => "alg ES256",
            How::NoAlgorithm => "without alg",
            How::HeaderNotJson => "its header is no JSON",
            How::ClaimsNotJson => "its claims are no JSON",
            How::LookalikeIssuer => "an issuer of the right beginning",
            How::ForeignIssuer => "foreign issuer",
            How::NoUser => "without uid",
            How::BadSignature => "signature does not fit",
        }
    }
}

pub fn forge(good: &str, how: How) -> Option<String> {
    let envelope: Value = serde_json::from_slice(&STANDARD.decode(good).ok()?).ok()?;
    let jwt = envelope.get("user_token")?.as_str()?;
    let [header, claims, signature]: [&str; 3] = jwt.split('.').collect::<Vec<_>>().try_into().ok()?;
    let with = |jwt: String| {
        let mut envelope = envelope.clone();
        envelope["user_token"] = jwt.into();
        STANDARD.encode(envelope.to_string())
    };
    let header_with = |alg: &str| URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
    let edit_claims = |edit: fn(&mut Value)| -> Option<String> {
        let mut value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        edit(&mut value);
        Some(with(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(value.to_string()))))
    };
    Some(match how {
        How::Empty => String::new(),
        How::NotBase64 => format!("%%{}", &good[..good.len().min(40)]),
        How::NotJson => STANDARD.encode("a sign-in token, honestly"),
        How::NoUserToken => STANDARD.encode(json!({ "public_key": envelope.get("public_key") }).to_string()),
        How::NotAJwt => with("token".into()),
        How::TwoParts => with(format!("{header}.{claims}")),
        How::AlgorithmNone => with(format!("{}.{claims}.", header_with("none"))),
        How::AlgorithmHs256 => with(format!("{}.{claims}.{signature}", header_with("HS256"))),
        How::AlgorithmEs256 => with(format!("{}.{claims}.{signature}", header_with("ES256"))),
        How::NoAlgorithm => {
            with(format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(json!({ "typ": "JWT" }).to_string())))
        }
        How::HeaderNotJson => with(format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode("RS256"))),
        How::ClaimsNotJson => with(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("uid=ada"))),
        How::LookalikeIssuer => edit_claims(|claims| {
            let right = claims["iss"].as_str().unwrap_or_default();
            claims["iss"] = format!("{}@accounts.example.com", right.split('@').next().unwrap_or_default()).into();
        })?,
        How::ForeignIssuer => edit_claims(|claims| claims["iss"] = "https://accounts.example.com".into())?,
        How::NoUser => edit_claims(|claims| {
            if let Some(map) = claims.as_object_mut() {
                map.remove("uid");
            }
        })?,
        How::BadSignature => with(format!("{header}.{claims}.{}", signature.chars().rev().collect::<String>())),
    })
}
