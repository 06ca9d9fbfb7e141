//! Public keys of JWTs in the forms in which servers keep them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;

/// Whether a JWT was signed with the key of a JWK.
pub fn verifies(jwk: &Value, jwt: &str) -> bool {
    let Ok(header) = jsonwebtoken::decode_header(jwt) else { return false };
    let Ok(jwk) = serde_json::from_value::<Jwk>(jwk.clone()) else { return false };
    let mut validation = Validation::new(header.alg);
    (validation.validate_exp, validation.validate_aud) = (false, false);
    validation.required_spec_claims.clear();
    DecodingKey::from_jwk(&jwk).is_ok_and(|key| jsonwebtoken::decode::<Value>(jwt, &key, &validation).is_ok())
}

/// The DER of a `SubjectPublicKeyInfo` (RFC 5280 section 4.1).
pub struct Spki(pub Vec<u8>);

/// The algorithm identifiers of RSA and of ECDSA on P-256, in DER.
const RSA: [u8; 15] = [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
const P256: [u8; 21] = [
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];

impl Spki {
    /// Of a JWK with an RSA key, or with one of the curve P-256.
    pub fn of(jwk: &Value) -> Option<Self> {
        let number = |name: &str| URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok();
        let (algorithm, key) = match jwk.get("kty")?.as_str()? {
            "RSA" => {
                let numbers = [integer(&number("n")?), integer(&number("e")?)].concat();
                (RSA.as_slice(), der(0x30, &numbers))
            }
            "EC" if jwk.get("crv")?.as_str()? == "P-256" => {
                (P256.as_slice(), [vec![4], number("x")?, number("y")?].concat())
            }
            _ => return None,
        };
        let bits = der(0x03, &[vec![0], key].concat());
        Some(Self(der(0x30, &[algorithm.to_vec(), bits].concat())))
    }

    /// As `openssl` writes it.
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(&self.0);
        let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

/// A positive INTEGER.
fn integer(bytes: &[u8]) -> Vec<u8> {
    let sign = bytes.first().is_some_and(|first| first & 0x80 != 0);
    der(0x02, &[vec![0; usize::from(sign)], bytes.to_vec()].concat())
}

/// A value with its tag and length.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().position(|byte| *byte != 0).unwrap_or(length.len() - 1)..];
    let mut out = vec![tag];
    if content.len() >= 0x80 {
        out.push(0x80 | u8::try_from(significant.len()).unwrap_or_default());
    }
    out.extend_from_slice(significant);
    out.extend_from_slice(content);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mock_cloud::Keys;

    #[test]
    fn the_pem_of_a_published_key_verifies_its_tokens() {
        for (keys, algorithm) in
            [(Keys::generate(), jsonwebtoken::Algorithm::RS256), (Keys::es256(), jsonwebtoken::Algorithm::ES256)]
        {
            let keys = keys.expect("keys");
            let token = keys.sign(&serde_json::json!({ "sub": "ada" })).expect("a token");
            let jwk = &keys.jwks()["keys"][0];
            assert!(verifies(jwk, &token));
            let pem = Spki::of(jwk).expect("a public key").pem();
            let key = match algorithm {
                jsonwebtoken::Algorithm::RS256 => DecodingKey::from_rsa_pem(pem.as_bytes()),
                _ => DecodingKey::from_ec_pem(pem.as_bytes()),
            };
            let mut validation = Validation::new(algorithm);
            validation.validate_exp = false;
            validation.required_spec_claims.clear();
            jsonwebtoken::decode::<Value>(&token, &key.expect("a key"), &validation).expect("it verifies");
        }
    }
}
