//! The signing key of one run. Made at its start: no key lies in the repository.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What tokens are signed with.
pub struct Keys(Kind);

enum Kind {
    /// An RS256 key pair.
    Rsa { signing: Box<EncodingKey>, checking: Box<DecodingKey> },
    /// A secret of the process: a hundred times as fast, and only good where nobody but the cloud itself checks.
    Quick(Box<hmac::Key>),
}

/// The machine could not make a key.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a key: {0}")]
pub struct KeyError(String);

impl Keys {
    pub fn generate() -> Result<Self, KeyError> {
        let failed = |e: &dyn std::fmt::Debug| KeyError(format!("{e:?}"));
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|e| failed(&e))?;
        let pkcs8 = pair.as_der().map_err(|e| failed(&e))?;
        let public = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(pkcs8.as_ref()));
        let signing = Box::new(EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|e| failed(&e))?);
        let checking = Box::new(DecodingKey::from_rsa_raw_components(&public.n, &public.e));
        let keys = Self(Kind::Rsa { signing, checking });
        let probe = keys.sign(&serde_json::json!({})).ok_or_else(|| KeyError("it does not sign".into()))?;
        keys.check::<serde_json::Value>(&probe).ok_or_else(|| KeyError("it does not verify".into()))?;
        Ok(keys)
    }

    /// Keys for walks in memory: tokens say RS256, as clients read them, and are authenticated by the process's own secret.
    pub fn quick() -> Result<Self, KeyError> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &aws_lc_rs::rand::SystemRandom::new());
        key.map(|key| Self(Kind::Quick(Box::new(key)))).map_err(|e| KeyError(format!("{e:?}")))
    }

    /// A compact JWT: `alg` RS256, `typ` JWT.
    pub fn sign(&self, claims: &impl Serialize) -> Option<String> {
        match &self.0 {
            Kind::Rsa { signing, .. } => jsonwebtoken::encode(&Header::new(Algorithm::RS256), claims, signing).ok(),
            Kind::Quick(key) => {
                let header = URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"RS256"}"#);
                let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).ok()?));
                let tag = hmac::sign(key, signed.as_bytes());
                Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
            }
        }
    }

    /// The claims of a JWT that this key signed. Times are the caller's to check, by the case's clock.
    pub fn check<T: DeserializeOwned>(&self, jwt: &str) -> Option<T> {
        match &self.0 {
            Kind::Rsa { checking, .. } => {
                let mut validation = Validation::new(Algorithm::RS256);
                validation.required_spec_claims.clear();
                validation.validate_exp = false;
                validation.validate_aud = false;
                Some(jsonwebtoken::decode::<T>(jwt, checking, &validation).ok()?.claims)
            }
            Kind::Quick(key) => {
                let (signed, tag) = jwt.rsplit_once('.')?;
                hmac::verify(key, signed.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).ok()?).ok()?;
                let claims = signed.split('.').nth(1)?;
                serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
            }
        }
    }
}
