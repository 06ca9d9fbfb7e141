//! A JWT taken apart, to make forged ones of it. It knows neither what the token is for nor which forgeries there are.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::fmt;

/// The three parts of a JWT in the compact form (RFC 7515 section 7.1), each encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtParts {
    pub header: String,
    pub claims: String,
    pub signature: String,
}

impl JwtParts {
    /// Takes a JWT apart. `None` if the text has not three parts.
    pub fn parse(jwt: &str) -> Option<Self> {
        let [header, claims, signature]: [&str; 3] = jwt.split('.').collect::<Vec<_>>().try_into().ok()?;
        Some(Self { header: header.into(), claims: claims.into(), signature: signature.into() })
    }

    /// The members of the header. `None` if it is not a JSON object.
    pub fn header_members(&self) -> Option<Map<String, Value>> {
        members(&self.header)
    }

    /// The members of the claims. `None` if they are not a JSON object.
    pub fn claim_members(&self) -> Option<Map<String, Value>> {
        members(&self.claims)
    }

    /// The same with these members in the header, beside the others. `None` if the header is not a JSON object.
    pub fn with_header(&self, replaced: Value) -> Option<Self> {
        Some(Self { header: replace(&self.header, replaced)?, ..self.clone() })
    }

    /// The same with these claims, beside the others. `None` if the claims are not a JSON object.
    pub fn with_claims(&self, replaced: Value) -> Option<Self> {
        Some(Self { claims: replace(&self.claims, replaced)?, ..self.clone() })
    }

    /// The same with a header that has these members only.
    #[must_use]
    pub fn with_whole_header(&self, header: &Value) -> Self {
        Self { header: encoded(header), ..self.clone() }
    }

    /// The same with another third part.
    #[must_use]
    pub fn with_signature(&self, signature: impl Into<String>) -> Self {
        Self { signature: signature.into(), ..self.clone() }
    }

    /// Signed with HMAC-SHA-256 and this key, whatever the header says.
    #[must_use]
    pub fn hmac_signed(&self, key: &[u8]) -> Self {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), self.without_signature().as_bytes());
        self.with_signature(URL_SAFE_NO_PAD.encode(tag))
    }

    /// Signed with this RSA key, whatever the header says. `None` if this machine cannot.
    pub fn rsa_signed(&self, pair: &RsaKeyPair) -> Option<Self> {
        let mut signature = vec![0; pair.public_modulus_len()];
        let signed = self.without_signature();
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).ok()?;
        Some(self.with_signature(URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The first two parts.
    pub fn without_signature(&self) -> String {
        format!("{}.{}", self.header, self.claims)
    }
}

impl fmt::Display for JwtParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.header, self.claims, self.signature)
    }
}

fn encoded(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn members(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn replace(part: &str, replaced: Value) -> Option<String> {
    let mut all = members(part)?;
    if let Value::Object(replaced) = replaced {
        all.extend(replaced);
    }
    Some(encoded(&Value::Object(all)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn jwt() -> JwtParts {
        let [header, claims] =
            [json!({ "alg": "RS256", "kid": "k" }), json!({ "sub": "ada" })].map(|part| encoded(&part));
        JwtParts { header, claims, signature: "c2ln".into() }
    }

    #[test]
    fn a_jwt_is_taken_apart_and_put_together() {
        let parts = jwt();
        assert_eq!(JwtParts::parse(&parts.to_string()), Some(parts));
        assert!(JwtParts::parse("a.b").is_none() && JwtParts::parse("a.b.c.d").is_none());
    }

    #[test]
    fn members_are_replaced_beside_the_others() {
        let changed = jwt().with_header(json!({ "alg": "none" })).and_then(|jwt| jwt.with_claims(json!({ "exp": 1 })));
        let changed = changed.expect("JSON");
        assert_eq!(changed.header_members().map(Value::from), Some(json!({ "alg": "none", "kid": "k" })));
        assert_eq!(changed.claim_members().map(Value::from), Some(json!({ "sub": "ada", "exp": 1 })));
        assert!(JwtParts { header: "%".into(), ..jwt() }.with_header(json!({})).is_none());
    }

    #[test]
    fn an_hmac_signature_is_one_that_a_library_verifies() {
        let signed = jwt().with_header(json!({ "alg": "HS256" })).expect("JSON").hmac_signed(b"secret");
        let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
        validation.required_spec_claims.clear();
        let key = jsonwebtoken::DecodingKey::from_secret(b"secret");
        assert!(jsonwebtoken::decode::<Value>(signed.to_string(), &key, &validation).is_ok());
    }
}
