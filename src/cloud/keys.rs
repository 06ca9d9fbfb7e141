//! The signing key of one run. Made at its start: no key lies in the repository.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, ParsedPublicKey,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// What tokens are signed with. Key pairs are parsed once, when they are made.
pub struct Keys(Kind);

enum Kind {
    /// An RS256 key pair of 2048 bits.
    Rsa { pair: Box<RsaKeyPair>, public: ParsedPublicKey },
    /// An ES256 key pair: a signature costs a tenth of an RSA one and more.
    Ecdsa { pair: Box<EcdsaKeyPair>, public: ParsedPublicKey },
    /// A secret of the process: a hundred times as fast, and only good where nobody but the cloud itself checks.
    Quick(Box<hmac::Key>),
}

/// The machine could not make a key.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a key: {0}")]
pub struct KeyError(String);

/// The headers of our JWTs, in Base64URL and with the dot that follows. The key order is that of the vendor's own tokens.
static RS256: LazyLock<String> = LazyLock::new(|| URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"RS256"}"#) + ".");
static ES256: LazyLock<String> = LazyLock::new(|| URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"ES256"}"#) + ".");

fn failed(error: impl std::fmt::Debug) -> KeyError {
    KeyError(format!("{error:?}"))
}

impl Keys {
    /// RS256, as the vendor signs (wire facts, "Sign-in token").
    pub fn generate() -> Result<Self, KeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key()).map_err(failed)?;
        Self(Kind::Rsa { pair: Box::new(pair), public }).tried()
    }

    /// ES256 (RFC 7518 section 3.4): P-256 with SHA-256.
    pub fn es256() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()).map_err(failed)?;
        Self(Kind::Ecdsa { pair: Box::new(pair), public }).tried()
    }

    /// Keys for walks in memory: tokens say RS256, as clients read them, and are authenticated by the process's own secret.
    pub fn quick() -> Result<Self, KeyError> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(failed)?;
        Ok(Self(Kind::Quick(Box::new(key))))
    }

    fn tried(self) -> Result<Self, KeyError> {
        let probe = self.sign(&json!({})).ok_or_else(|| KeyError("it does not sign".into()))?;
        self.check::<Value>(&probe).ok_or_else(|| KeyError("it does not verify".into()))?;
        Ok(self)
    }

    /// Whether a signature takes so long that the thread which reads connections should not make it.
    pub fn are_slow(&self) -> bool {
        matches!(self.0, Kind::Rsa { .. })
    }

    fn header(&self) -> &'static str {
        match self.0 {
            Kind::Ecdsa { .. } => &ES256,
            Kind::Rsa { .. } | Kind::Quick(_) => &RS256,
        }
    }

    /// A compact JWT: `alg` RS256 or ES256, `typ` JWT.
    pub fn sign(&self, claims: &impl Serialize) -> Option<String> {
        self.sign_payload(&Self::payload(claims)?)
    }

    /// The middle part of a JWT.
    pub(super) fn payload(claims: &impl Serialize) -> Option<String> {
        Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).ok()?))
    }

    /// The JWT whose middle part is `payload`.
    pub(super) fn sign_payload(&self, payload: &str) -> Option<String> {
        let mut jwt = String::with_capacity(self.header().len() + payload.len() + 344);
        jwt.push_str(self.header());
        jwt.push_str(payload);
        let mut rsa = [0; 256];
        let (tag, ecdsa);
        let signature: &[u8] = match &self.0 {
            Kind::Rsa { pair, .. } => {
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), jwt.as_bytes(), &mut rsa).ok()?;
                &rsa
            }
            Kind::Ecdsa { pair, .. } => {
                ecdsa = pair.sign(&SystemRandom::new(), jwt.as_bytes()).ok()?;
                ecdsa.as_ref()
            }
            Kind::Quick(key) => {
                tag = hmac::sign(key, jwt.as_bytes());
                tag.as_ref()
            }
        };
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
        Some(jwt)
    }

    /// The claims of a JWT that this key signed. Times are the caller's to check, by the case's clock.
    pub fn check<T: DeserializeOwned>(&self, jwt: &str) -> Option<T> {
        // Every JWT of this key has this very header; another would be another algorithm (RFC 8725 section 3.1).
        let rest = jwt.strip_prefix(self.header())?;
        let (payload, signature) = rest.split_once('.')?;
        let signed = jwt[..self.header().len() + payload.len()].as_bytes();
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        match &self.0 {
            Kind::Rsa { public, .. } | Kind::Ecdsa { public, .. } => public.verify_sig(signed, &signature).ok()?,
            Kind::Quick(key) => hmac::verify(key, signed, &signature).ok()?,
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// The public key as a JWK Set (RFC 7517). A secret of the process has no public key: the set is empty then.
    pub fn jwks(&self) -> Value {
        let key = match &self.0 {
            Kind::Rsa { pair, .. } => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public_key().into();
                json!({ "kty": "RSA", "alg": "RS256", "use": "sig",
                    "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e) })
            }
            Kind::Ecdsa { pair, .. } => {
                // An uncompressed point: 4, then the two coordinates (SEC 1 section 2.3.3).
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
                    "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
            }
            Kind::Quick(_) => return json!({ "keys": [] }),
        };
        json!({ "keys": [key] })
    }
}

/// Authenticates what the cloud hands out and takes back: 16 bytes of HMAC-SHA256, under a key of one cloud.
pub(super) struct Seal(hmac::Key);

impl Seal {
    pub(super) fn new() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()))
    }

    pub(super) fn of(&self, content: &[u8]) -> [u8; 16] {
        let mut seal = [0; 16];
        seal.copy_from_slice(&hmac::sign(&self.0, content).as_ref()[..16]);
        seal
    }

    pub(super) fn fits(&self, content: &[u8], seal: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.of(content), seal).is_ok()
    }
}
