//! Reading a sign-in token. The SDK does so without checking the signature: the identity provider does that.
//! Source: wire facts, "Sign-in token".

use super::policy::SdkPolicy;
use super::record::Secret;
use super::token::SignInToken;
use super::{Result, SdkError};
use serde::Deserialize;
use vouch_spec::protocol::ErrorKind;

#[derive(Deserialize)]
struct Envelope {
    public_key: String,
    user_token: String,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    uid: String,
    exp: Option<i64>,
    iat: Option<i64>,
    #[serde(default)]
    tenant_id: String,
    #[serde(default)]
    claims: TeamClaims,
}

#[derive(Default, Deserialize)]
struct TeamClaims {
    #[serde(default)]
    vital_team_id: String,
}

impl SignInToken {
    /// Reads a token, or says what is wrong with it, without a network call (EXC-6).
    pub fn parse(text: &str, policy: &dyn SdkPolicy) -> Result<Self> {
        let malformed = |what: &str| {
            SdkError::new(ErrorKind::InvalidSignInToken, format!("the sign-in token is malformed: {what}"))
        };
        let envelope = policy.decode_base64(text).ok_or_else(|| malformed("not Base64"))?;
        let envelope: Envelope = serde_json::from_slice(&envelope).map_err(|_| malformed("not the expected JSON"))?;
        let mut parts = envelope.user_token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("its JWT has not three parts"));
        };
        let header = policy.decode_base64url(header).ok_or_else(|| malformed("JWT header"))?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| malformed("JWT header"))?;
        if !policy.accepts_algorithm(&header.alg) || signature.is_empty() {
            return Err(malformed("not signed with RS256"));
        }
        let claims = policy.decode_base64url(claims).ok_or_else(|| malformed("JWT claims"))?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| malformed("JWT claims"))?;
        let realm = policy.realm_of_issuer(&claims.iss).ok_or_else(|| malformed("unknown issuer"))?;
        Ok(Self {
            user_id: claims.uid,
            realm,
            expires_at_s: claims.exp,
            issued_at_s: claims.iat,
            public_key: envelope.public_key,
            tenant: claims.tenant_id,
            team: claims.claims.vital_team_id,
            jwt: Secret::new(envelope.user_token),
        })
    }
}
