//! The signing key of one run. Made at its start: the repository has no key.

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
use std::sync::{Arc, LazyLock};

/// What tokens are signed with. `SigningKey` pairs are parsed once, when they are made.
pub struct Keys {
    sign_in: Arc<SigningKey>,
    access: Arc<SigningKey>,
}

enum SigningKey {
    /// An RS256 key pair of 2048 bits.
    Rsa { pair: Box<RsaKeyPair>, public: ParsedPublicKey },
    /// An ES256 key pair: a signature costs a twentieth of an RSA one.
    Ecdsa { pair: Box<EcdsaKeyPair>, public: ParsedPublicKey },
    /// A secret of the process: a hundred times as fast, and only good where nobody but the cloud itself checks.
    Hmac(Box<hmac::Key>),
}

/// The machine could not make a key.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a key: {0}")]
pub struct KeyError(String);

/// The headers of our JWTs, in `Base64URL` and with the dot that follows. The key order is that of the vendor's own tokens.
static RS256: LazyLock<String> = LazyLock::new(|| URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"RS256"}"#) + ".");
static ES256: LazyLock<String> = LazyLock::new(|| URL_SAFE_NO_PAD.encode(br#"{"typ":"JWT","alg":"ES256"}"#) + ".");

fn failed(error: impl std::fmt::Debug) -> KeyError {
    KeyError(format!("{error:?}"))
}

impl Keys {
    /// RS256 throughout. The vendor signs its sign-in tokens so (wire facts, "Sign-in token").
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self::with_one_key(SigningKey::rs256()?))
    }

    /// RS256 for sign-in tokens, whose algorithm clients may check; ES256 for access tokens, which are opaque to them.
    pub fn es256() -> Result<Self, KeyError> {
        Ok(Self { sign_in: Arc::new(SigningKey::rs256()?), access: Arc::new(SigningKey::es256()?) })
    }

    /// Keys for walks in memory: tokens say RS256, as clients read them, and are authenticated by the process's own secret.
    pub fn hmac() -> Result<Self, KeyError> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(failed)?;
        Ok(Self::with_one_key(SigningKey::Hmac(Box::new(key))))
    }

    fn with_one_key(key: SigningKey) -> Self {
        let key = Arc::new(key);
        Self { sign_in: key.clone(), access: key }
    }

    /// An access token: a compact JWT (RFC 7515 section 3.1).
    pub fn sign(&self, claims: &impl Serialize) -> Option<String> {
        self.access.sign(claims)
    }

    /// The claims of an access token that this signed. Times are the caller's to check, by the case's clock.
    pub fn check<T: DeserializeOwned>(&self, jwt: &str) -> Option<T> {
        self.access.check(jwt)
    }

    /// The sign-in JWT whose middle part is `payload`.
    pub(super) fn sign_in_jwt(&self, payload: &str) -> Option<String> {
        self.sign_in.sign_payload(payload)
    }

    /// The claims of a sign-in JWT that this signed.
    pub(super) fn check_sign_in<T: DeserializeOwned>(&self, jwt: &str) -> Option<T> {
        self.sign_in.check(jwt)
    }

    /// Whether an access token takes so long to sign that the thread which reads connections should not do it.
    pub fn access_is_slow(&self) -> bool {
        self.access.is_slow()
    }

    /// The same of sign-in tokens.
    pub fn sign_in_is_slow(&self) -> bool {
        self.sign_in.is_slow()
    }

    /// The public keys as a JWK Set (RFC 7517 section 5), that of access tokens first. A secret of the process has none.
    pub fn jwks(&self) -> Value {
        let mut keys: Vec<_> = [&self.access, &self.sign_in].into_iter().filter_map(|key| key.jwk()).collect();
        keys.dedup();
        json!({ "keys": keys })
    }
}

/// The middle part of a JWT.
pub(super) fn payload(claims: &impl Serialize) -> Option<String> {
    Some(URL_SAFE_NO_PAD.encode(serde_json::to_vec(claims).ok()?))
}

impl SigningKey {
    fn rs256() -> Result<Self, KeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
        let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key()).map_err(failed)?;
        SigningKey::Rsa { pair: Box::new(pair), public }.self_tested()
    }

    /// RFC 7518 section 3.4: P-256 with SHA-256.
    fn es256() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
        let public = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()).map_err(failed)?;
        SigningKey::Ecdsa { pair: Box::new(pair), public }.self_tested()
    }

    fn self_tested(self) -> Result<Self, KeyError> {
        let probe = self.sign(&json!({})).ok_or_else(|| KeyError("it does not sign".into()))?;
        self.check::<Value>(&probe).ok_or_else(|| KeyError("it does not verify".into()))?;
        Ok(self)
    }

    fn is_slow(&self) -> bool {
        matches!(self, SigningKey::Rsa { .. })
    }

    fn header(&self) -> &'static str {
        match self {
            SigningKey::Ecdsa { .. } => &ES256,
            SigningKey::Rsa { .. } | SigningKey::Hmac(_) => &RS256,
        }
    }

    /// A compact JWT: `alg` RS256 or ES256, `typ` JWT.
    fn sign(&self, claims: &impl Serialize) -> Option<String> {
        self.sign_payload(&payload(claims)?)
    }

    fn sign_payload(&self, payload: &str) -> Option<String> {
        let mut jwt = String::with_capacity(self.header().len() + payload.len() + 344);
        jwt.push_str(self.header());
        jwt.push_str(payload);
        let mut rsa = [0; 256];
        let (tag, ecdsa);
        let signature: &[u8] = match self {
            SigningKey::Rsa { pair, .. } => {
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), jwt.as_bytes(), &mut rsa).ok()?;
                &rsa
            }
            SigningKey::Ecdsa { pair, .. } => {
                ecdsa = pair.sign(&SystemRandom::new(), jwt.as_bytes()).ok()?;
                ecdsa.as_ref()
            }
            SigningKey::Hmac(key) => {
                tag = hmac::sign(key, jwt.as_bytes());
                tag.as_ref()
            }
        };
        jwt.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
        Some(jwt)
    }

    fn check<T: DeserializeOwned>(&self, jwt: &str) -> Option<T> {
        // Every JWT of this key has this very header; another would be another algorithm (RFC 8725 section 3.1).
        let rest = jwt.strip_prefix(self.header())?;
        let (payload, signature) = rest.split_once('.')?;
        let signed = &jwt.as_bytes()[..self.header().len() + payload.len()];
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        match self {
            SigningKey::Rsa { public, .. } | SigningKey::Ecdsa { public, .. } => {
                public.verify_sig(signed, &signature).ok()?;
            }
            SigningKey::Hmac(key) => hmac::verify(key, signed, &signature).ok()?,
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    fn jwk(&self) -> Option<Value> {
        match self {
            SigningKey::Rsa { pair, .. } => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public_key().into();
                let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number));
                Some(json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e }))
            }
            SigningKey::Ecdsa { pair, .. } => {
                // An uncompressed point: 4, then the two coordinates (SEC 1 section 2.3.3).
                let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
                let [x, y] = [x, y].map(|number| URL_SAFE_NO_PAD.encode(number));
                Some(json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "x": x, "y": y }))
            }
            SigningKey::Hmac(_) => None,
        }
    }
}

/// Authenticates what the cloud hands out and takes back: 16 bytes of HMAC-SHA256, under a key of one cloud.
pub(super) struct TokenMac(hmac::Key);

impl TokenMac {
    pub(super) fn new() -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>()))
    }

    pub(super) fn sign(&self, content: &[u8]) -> [u8; 16] {
        let mut mac = [0; 16];
        mac.copy_from_slice(&hmac::sign(&self.0, content).as_ref()[..16]);
        mac
    }

    pub(super) fn verify(&self, content: &[u8], mac: &[u8]) -> bool {
        constant_time::verify_slices_are_equal(&self.sign(content), mac).is_ok()
    }
}
