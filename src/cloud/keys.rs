//! The signing key of one run. Made at its start: no key lies in the repository.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// An RS256 key pair.
pub struct Keys {
    signing: EncodingKey,
    checking: DecodingKey,
}

/// The machine could not make a key.
#[derive(Debug, thiserror::Error)]
#[error("cannot make an RSA key pair: {0}")]
pub struct KeyError(String);

impl Keys {
    pub fn generate() -> Result<Self, KeyError> {
        let failed = |e: &dyn std::fmt::Debug| KeyError(format!("{e:?}"));
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|e| failed(&e))?;
        let pkcs8 = pair.as_der().map_err(|e| failed(&e))?;
        let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8.as_ref()));
        let signing = EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|e| failed(&e))?;
        let checking = DecodingKey::from_rsa_raw_components(&public.n, &public.e);
        let keys = Self { signing, checking };
        let probe = keys.sign(&serde_json::json!({})).ok_or_else(|| KeyError("it does not sign".into()))?;
        keys.check::<serde_json::Value>(&probe).ok_or_else(|| KeyError("it does not verify".into()))?;
        Ok(keys)
    }

    /// A compact JWT: `alg` RS256, `typ` JWT.
    pub fn sign(&self, claims: &impl Serialize) -> Option<String> {
        jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, &self.signing).ok()
    }

    /// The claims of a JWT that this key signed. Times are the caller's to check, by the case's clock.
    pub fn check<T: DeserializeOwned>(&self, jwt: &str) -> Option<T> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        Some(jsonwebtoken::decode::<T>(jwt, &self.checking, &validation).ok()?.claims)
    }
}
