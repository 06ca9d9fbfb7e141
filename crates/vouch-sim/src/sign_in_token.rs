//! Sign-in tokens as clients see them: taken apart for an exchange, and forged for the tests of those who must refuse them.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use vouch_spec::step::Forgery;

/// What an exchange sends of a sign-in token.
pub struct TokenParts {
    pub jwt: String,
    pub public_key: String,
    pub tenant: String,
}

impl TokenParts {
    /// The parts of a token, however broken it is.
    pub fn of(token: &str) -> Self {
        let envelope: Value =
            STANDARD.decode(token).ok().and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
        let field = |name: &str| envelope.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let jwt = if field("user_token").is_empty() { token.to_owned() } else { field("user_token") };
        let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(&jwt).unwrap_or_default();
        let tenant = claims.get("tenant_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        Self { public_key: field("public_key"), jwt, tenant }
    }
}

/// A sign-in token that is broken in one way; none where `good` is not a sign-in token.
pub fn forge(good: &str, how: Forgery) -> Option<String> {
    let envelope: Value = serde_json::from_slice(&STANDARD.decode(good).ok()?).ok()?;
    let jwt = envelope.get("user_token")?.as_str()?;
    let [header, claims, signature]: [&str; 3] = jwt.split('.').collect::<Vec<_>>().try_into().ok()?;
    let with = |jwt: String| {
        let mut envelope = envelope.clone();
        envelope["user_token"] = jwt.into();
        STANDARD.encode(envelope.to_string())
    };
    let header_with = |alg: &str| URL_SAFE_NO_PAD.encode(json!({ "alg": alg, "typ": "JWT" }).to_string());
    let edit_claims = |edit: fn(&mut Value)| -> Option<String> {
        let mut value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        edit(&mut value);
        Some(with(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(value.to_string()))))
    };
    Some(match how {
        Forgery::Empty => String::new(),
        Forgery::NotBase64 => format!("%%{}", &good[..good.len().min(40)]),
        Forgery::NotJson => STANDARD.encode("a sign-in token, honestly"),
        Forgery::NoUserToken => STANDARD.encode(json!({ "public_key": envelope.get("public_key") }).to_string()),
        Forgery::NotAJwt => with("token".into()),
        Forgery::TwoParts => with(format!("{header}.{claims}")),
        Forgery::AlgorithmNone => with(format!("{}.{claims}.", header_with("none"))),
        Forgery::AlgorithmHs256 => with(format!("{}.{claims}.{signature}", header_with("HS256"))),
        Forgery::AlgorithmEs256 => with(format!("{}.{claims}.{signature}", header_with("ES256"))),
        Forgery::NoAlgorithm => {
            with(format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode(json!({ "typ": "JWT" }).to_string())))
        }
        Forgery::HeaderNotJson => with(format!("{}.{claims}.{signature}", URL_SAFE_NO_PAD.encode("RS256"))),
        Forgery::ClaimsNotJson => with(format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode("uid=ada"))),
        Forgery::LookalikeIssuer => edit_claims(|claims| {
            let right = claims["iss"].as_str().unwrap_or_default();
            claims["iss"] = format!("{}@accounts.example.com", right.split('@').next().unwrap_or_default()).into();
        })?,
        Forgery::ForeignIssuer => edit_claims(|claims| claims["iss"] = "https://accounts.example.com".into())?,
        Forgery::NoUser => edit_claims(|claims| {
            if let Some(map) = claims.as_object_mut() {
                map.remove("uid");
            }
        })?,
        Forgery::BadSignature => with(format!("{header}.{claims}.{}", signature.chars().rev().collect::<String>())),
    })
}
