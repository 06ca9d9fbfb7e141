//! Forged tokens, for the tests of those who must refuse them.

use crate::public_key;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use vouch_spec::step::Forgery;

/// The forger's own key. None where this machine cannot make one.
static FOREIGN: LazyLock<Option<RsaKeyPair>> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).ok());

/// A token that is broken in one way; none where `good` is neither a sign-in token nor a JWT.
pub fn forge(good: &str, how: Forgery) -> Option<String> {
    forge_with_keys(good, how, None)
}

/// The same; `keys` are the server's public keys, for the forgeries that take one.
pub fn forge_with_keys(good: &str, how: Forgery, keys: Option<&Value>) -> Option<String> {
    let envelope: Option<Value> = STANDARD.decode(good).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let jwt = match &envelope {
        Some(envelope) => envelope.get("user_token")?.as_str()?,
        None => good,
    };
    let parts = JwtParts::of(jwt)?;
    let with = |jwt: String| match envelope.clone() {
        Some(mut envelope) => {
            envelope["user_token"] = jwt.into();
            STANDARD.encode(envelope.to_string())
        }
        None => jwt,
    };
    let broken_envelope = match how {
        Forgery::Empty => String::new(),
        Forgery::NotBase64 => format!("%%{}", &good[..good.len().min(40)]),
        Forgery::NotJson => STANDARD.encode("a sign-in token, honestly"),
        Forgery::NoUserToken => {
            let key = envelope.as_ref().and_then(|envelope| envelope.get("public_key"));
            STANDARD.encode(json!({ "public_key": key }).to_string())
        }
        _ => return parts.forged(how, keys).map(with),
    };
    Some(broken_envelope)
}

/// The parts of a JWT, as they stand there.
struct JwtParts<'a> {
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> JwtParts<'a> {
    fn of(jwt: &'a str) -> Option<Self> {
        let [header, claims, signature]: [&str; 3] = jwt.split('.').collect::<Vec<_>>().try_into().ok()?;
        Some(Self { header, claims, signature })
    }

    fn forged(&self, how: Forgery, keys: Option<&Value>) -> Option<String> {
        let Self { header, claims, signature } = self;
        let with_alg = |alg: &str, signature: &str| {
            let header = URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
            format!("{header}.{claims}.{signature}")
        };
        Some(match how {
            Forgery::NotAJwt => "token".into(),
            Forgery::TwoParts => format!("{header}.{claims}"),
            Forgery::AlgorithmNone => with_alg("none", ""),
            Forgery::AlgorithmNoneCapitalized => with_alg("None", ""),
            Forgery::AlgorithmNoneCapitals => with_alg("NONE", ""),
            Forgery::AlgorithmNoneMixed => with_alg("nOnE", ""),
            Forgery::AlgorithmHs256 => with_alg("HS256", signature),
            Forgery::AlgorithmEs256 => with_alg("ES256", signature),
            Forgery::AlgorithmHs512 => with_alg("HS512", signature),
            Forgery::AlgorithmUnknown => with_alg("XS256", signature),
            Forgery::ZeroSignature => with_alg("ES256", &URL_SAFE_NO_PAD.encode([0; 64])),
            Forgery::NoAlgorithm => {
                let header = URL_SAFE_NO_PAD.encode(json!({ "typ": "JWT" }).to_string());
                format!("{header}.{claims}.{signature}")
            }
            Forgery::HeaderNotJson => format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode("RS256")),
            Forgery::ClaimsNotJson => format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("uid=ada")),
            Forgery::LookalikeIssuer => self.with_claims(|claims| {
                let right = claims.get("iss").and_then(Value::as_str).unwrap_or_default();
                let name = right.split('@').next().unwrap_or_default();
                let other = format!("{name}@accounts.example.com");
                claims.insert("iss".into(), other.into());
            })?,
            Forgery::ForeignIssuer => self.with_claims(|claims| {
                claims.insert("iss".into(), "https://accounts.example.com".into());
            })?,
            Forgery::NoUser => self.with_claims(|claims| {
                claims.remove("uid");
            })?,
            Forgery::BadSignature => format!("{header}.{claims}.{}", signature.chars().rev().collect::<String>()),
            Forgery::EmptySignature => format!("{header}.{claims}."),
            Forgery::Hs256EmptyKey => self.hs256(&[], None)?,
            Forgery::FileKid => self.hs256(&[], Some("../../../../../../../dev/null"))?,
            Forgery::Hs256PublicKeyPem => self.hs256(self.public_key(keys)?.pem().as_bytes(), None)?,
            Forgery::Hs256PublicKeyPemTrimmed => {
                self.hs256(self.public_key(keys)?.pem().trim_end().as_bytes(), None)?
            }
            Forgery::Hs256PublicKeyDer => self.hs256(&self.public_key(keys)?.0, None)?,
            Forgery::ForeignKey => self.foreign(|_, _| {})?,
            Forgery::ForeignKid => self.foreign(|header, _| {
                header.insert("kid".into(), "nobody-knows-this-key".into());
            })?,
            Forgery::EmbeddedJwk => self.foreign(|header, key| {
                let PublicKeyComponents::<Vec<u8>> { n, e } = key.public_key().into();
                let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number));
                header.insert("jwk".into(), json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e }));
            })?,
            // These break the envelope, which an access token has not.
            Forgery::Empty | Forgery::NotBase64 | Forgery::NotJson | Forgery::NoUserToken => return None,
        })
    }

    fn with_claims(&self, edit: impl Fn(&mut Map<String, Value>)) -> Option<String> {
        let mut claims = object(self.claims)?;
        edit(&mut claims);
        let claims = URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string());
        Some(format!("{}.{claims}.{}", self.header, self.signature))
    }

    /// Signed with HS256, under the same header otherwise.
    fn hs256(&self, key: &[u8], kid: Option<&str>) -> Option<String> {
        let mut header = object(self.header)?;
        header.insert("alg".into(), "HS256".into());
        if let Some(kid) = kid {
            header.insert("kid".into(), kid.into());
        }
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(Value::Object(header).to_string()), self.claims);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag)))
    }

    /// Signed with the forger's own RSA key, under the same header otherwise.
    fn foreign(&self, edit: impl Fn(&mut Map<String, Value>, &RsaKeyPair)) -> Option<String> {
        let pair = FOREIGN.as_ref()?;
        let mut header = object(self.header)?;
        header.insert("alg".into(), "RS256".into());
        edit(&mut header, pair);
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(Value::Object(header).to_string()), self.claims);
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The published key that this token is signed with.
    fn public_key(&self, keys: Option<&Value>) -> Option<public_key::Spki> {
        let jwt = format!("{}.{}.{}", self.header, self.claims, self.signature);
        let keys = keys?.get("keys")?.as_array()?;
        let key = keys.iter().find(|key| public_key::verifies(key, &jwt))?;
        public_key::Spki::of(key)
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock_cloud::Keys;

    #[test]
    fn a_token_with_the_public_key_as_secret_is_well_formed_and_is_refused() {
        let keys = Keys::generate().expect("keys");
        let good = keys.sign(&json!({ "sub": "ada" })).expect("a token");
        let published = keys.jwks();
        for how in [Forgery::Hs256PublicKeyPem, Forgery::Hs256PublicKeyDer, Forgery::EmbeddedJwk, Forgery::FileKid] {
            let forged = forge_with_keys(&good, how, Some(&published)).expect("a forged token");
            assert_eq!(forged.split('.').nth(1), good.split('.').nth(1));
            assert!(jsonwebtoken::decode_header(&forged).is_ok(), "{how:?}");
            assert!(keys.check::<Value>(&good).is_some() && keys.check::<Value>(&forged).is_none(), "{how:?}");
        }
        let other = Keys::generate().expect("keys").jwks();
        assert_eq!(forge_with_keys(&good, Forgery::Hs256PublicKeyPem, Some(&other)), None);
    }
}
