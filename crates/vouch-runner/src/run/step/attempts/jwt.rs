//! Forgeries of an app credential that is a JWT.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Map, Value, json};

/// A JWT in its parts.
pub(super) struct Jwt {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    parts: [String; 3],
}

impl Jwt {
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(str::to_owned);
        let parts = [parts.next()?, parts.next()?, parts.next()?];
        let decoded = |part: &str| -> Option<Map<String, Value>> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let (header, claims) = (decoded(&parts[0])?, decoded(&parts[1])?);
        header.contains_key("alg").then_some(Self { header, claims, parts })
    }

    /// The first part with some members replaced.
    fn header_with(&self, members: Value) -> String {
        let mut header = self.header.clone();
        header.extend(members.as_object().cloned().unwrap_or_default());
        encoded(&header)
    }

    pub fn forgeries(&self) -> Vec<(String, String)> {
        let [head, body, signature] = &self.parts;
        let other_signature = URL_SAFE_NO_PAD.encode([7_u8; 32]);
        let zeros = URL_SAFE_NO_PAD.encode([0_u8; 64]);
        let mut all = Vec::new();
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let head = self.header_with(json!({ "alg": alg }));
            all.push((format!("a JWT with the algorithm `{alg}` and no signature"), format!("{head}.{body}.")));
            all.push((
                format!("a JWT with the algorithm `{alg}` and the old signature"),
                format!("{head}.{body}.{signature}"),
            ));
            all.push((format!("a JWT with the algorithm `{alg}` in two parts"), format!("{head}.{body}")));
        }
        all.push(("the real JWT without its signature".into(), format!("{head}.{body}.")));
        all.push(("the real JWT in two parts".into(), format!("{head}.{body}")));
        all.push(("the real JWT with another signature".into(), format!("{head}.{body}.{other_signature}")));
        all.push(("the real JWT with a signature of zeros".into(), format!("{head}.{body}.{zeros}")));
        for alg in ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "XX999"] {
            if self.header.get("alg").and_then(Value::as_str) != Some(alg) {
                let head = self.header_with(json!({ "alg": alg }));
                all.push((
                    format!("a JWT with the algorithm `{alg}` and another signature"),
                    format!("{head}.{body}.{zeros}"),
                ));
            }
        }
        for key in ["", "secret", "changeme", "your-256-bit-secret", "\0"] {
            let head = self.header_with(json!({ "alg": "HS256" }));
            all.extend(
                signed(&head, body, key.as_bytes()).map(|jwt| (format!("a JWT signed with the key {key:?}"), jwt)),
            );
            let head = self.header_with(json!({ "alg": "HS256", "kid": "nobody-knows-this-key" }));
            let jwt = signed(&head, body, key.as_bytes());
            all.extend(jwt.map(|jwt| (format!("a JWT of an unknown `kid` signed with the key {key:?}"), jwt)));
        }
        let empty = self.header_with(json!({ "alg": "HS256", "kid": "../../../../../../dev/null" }));
        all.extend(signed(&empty, body, b"").map(|jwt| ("a JWT whose `kid` names an empty file".to_owned(), jwt)));
        let key = [42_u8; 32];
        let jwk = json!({ "kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(key) });
        let head_with_key = self.header_with(json!({ "alg": "HS256", "jwk": jwk }));
        all.extend(signed(&head_with_key, body, &key).map(|jwt| ("a JWT that brings its own key".to_owned(), jwt)));
        // The same claims of nobody, and of a time that has passed: the old signature fits neither.
        for (about, claim, value) in [
            ("of another user", "sub", json!("somebody-else")),
            ("that ended in 2001", "exp", json!(1_000_000_000)),
            ("that never ends", "exp", json!(99_999_999_999_u64)),
        ] {
            let mut claims = self.claims.clone();
            claims.insert(claim.to_owned(), value);
            let body = encoded(&claims);
            all.push((format!("a JWT {about} with the old signature"), format!("{head}.{body}.{signature}")));
        }
        all
    }
}

fn encoded(part: &Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(Value::Object(part.clone()).to_string())
}

fn signed(head: &str, body: &str, key: &[u8]) -> Option<String> {
    let message = format!("{head}.{body}");
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &EncodingKey::from_secret(key), Algorithm::HS256).ok()?;
    Some(format!("{message}.{signature}"))
}
