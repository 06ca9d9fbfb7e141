//! What a sign-in token says. The SDK reads it without checking the signature: the identity provider does that.
//! Source: wire facts, "Sign-in token".

use super::rules::Rules;
use super::{Result, SdkError, record::Secret};
use crate::protocol::{Environment, ErrorKind, Realm, Region};
use serde::Deserialize;

/// A well-formed sign-in token.
#[derive(Clone, Debug)]
pub struct SignInToken {
    pub user_id: String,
    pub realm: Realm,
    /// When it ends, in seconds since 1970 by the issuer's clock, if it says so.
    pub expires_at_s: Option<i64>,
    /// When it was issued, likewise.
    pub issued_at_s: Option<i64>,
    /// What names the project and the tenant at the identity provider.
    pub public_key: String,
    pub tenant: String,
    /// The subject token of the exchange.
    pub jwt: Secret,
}

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
}

impl SignInToken {
    /// Reads a token, or says what is wrong with it, without a network call (EXC-6).
    pub fn parse(text: &str, rules: &dyn Rules) -> Result<Self> {
        let malformed = |what: &str| {
            SdkError::new(ErrorKind::InvalidSignInToken, format!("the sign-in token is malformed: {what}"))
        };
        let envelope = rules.decode_base64(text).ok_or_else(|| malformed("not Base64"))?;
        let envelope: Envelope = serde_json::from_slice(&envelope).map_err(|_| malformed("not the expected JSON"))?;
        let mut parts = envelope.user_token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed("its JWT has not three parts"));
        };
        let header = rules.decode_base64url(header).ok_or_else(|| malformed("JWT header"))?;
        let header: Header = serde_json::from_slice(&header).map_err(|_| malformed("JWT header"))?;
        if !rules.accepts_algorithm(&header.alg) || signature.is_empty() {
            return Err(malformed("not signed with RS256"));
        }
        let claims = rules.decode_base64url(claims).ok_or_else(|| malformed("JWT claims"))?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| malformed("JWT claims"))?;
        let realm = rules.realm_of_issuer(&claims.iss).ok_or_else(|| malformed("unknown issuer"))?;
        Ok(Self {
            user_id: claims.uid,
            realm,
            expires_at_s: claims.exp,
            issued_at_s: claims.iat,
            public_key: envelope.public_key,
            tenant: claims.tenant_id,
            jwt: Secret::new(envelope.user_token),
        })
    }
}

/// `id-signer-{env}-{region}@vital-id-{env}-{region}.iam.gserviceaccount.com`
pub fn realm_of_issuer(issuer: &str) -> Option<Realm> {
    let rest = issuer.strip_prefix("id-signer-")?.strip_suffix(".iam.gserviceaccount.com")?;
    let (signer, project) = rest.split_once('@')?;
    if project.strip_prefix("vital-id-")? != signer {
        return None;
    }
    let (environment, region) = signer.split_once('-')?;
    Some(Realm { environment: Environment::from_issuer_label(environment)?, region: Region::parse(region)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_names_environment_and_region_and_nothing_else_does() {
        let realm = realm_of_issuer("id-signer-stg-eu@vital-id-stg-eu.iam.gserviceaccount.com");
        assert_eq!(realm, Some(Realm { environment: Environment::Sandbox, region: Region::Eu }));
        for wrong in [
            "id-signer-stg-eu@vital-id-prd-eu.iam.gserviceaccount.com",
            "id-signer-stg-mars@vital-id-stg-mars.iam.gserviceaccount.com",
            "id-signer-stg-eu@vital-id-stg-eu.iam.gserviceaccount.com.evil.example",
            "",
        ] {
            assert_eq!(realm_of_issuer(wrong), None, "{wrong}");
        }
    }
}
