//! Forgeries of an app credential that is a JWT.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vouch_sim::forgery::UNKNOWN_KEY_ID;
use vouch_sim::jwt_parts::JwtParts;

/// A forged credential, after what is wrong with it.
pub(super) type Forged = (String, String);

/// A credential as a JWT with an algorithm. `None` if it is not one.
pub(super) fn parse(credential: &str) -> Option<JwtParts> {
    let jwt = JwtParts::parse(credential)?;
    (jwt.header_members()?.contains_key("alg") && jwt.claim_members().is_some()).then_some(jwt)
}

/// Every forgery of a credential.
pub(super) fn forgeries(jwt: &JwtParts) -> Vec<Forged> {
    let mut all = unsigned(jwt);
    all.extend(wrongly_signed(jwt));
    all.extend(signed_with_guessed_keys(jwt));
    all.extend(changed_claims(jwt));
    all
}

fn unsigned(jwt: &JwtParts) -> Vec<Forged> {
    let mut all = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", ""] {
        let Some(jwt) = jwt.with_header(json!({ "alg": alg })) else { continue };
        let about = format!("a JWT with the algorithm `{alg}`");
        all.push((format!("{about} and no signature"), jwt.with_signature("").to_string()));
        all.push((format!("{about} and the old signature"), jwt.to_string()));
        all.push((format!("{about} in two parts"), jwt.without_signature()));
    }
    all.push(("the real JWT without its signature".into(), jwt.with_signature("").to_string()));
    all.push(("the real JWT in two parts".into(), jwt.without_signature()));
    all
}

fn wrongly_signed(jwt: &JwtParts) -> Vec<Forged> {
    let zeros = URL_SAFE_NO_PAD.encode([0_u8; 64]);
    let other = jwt.with_signature(URL_SAFE_NO_PAD.encode([7_u8; 32]));
    let mut all = vec![
        ("the real JWT with another signature".to_owned(), other.to_string()),
        ("the real JWT with a signature of zeros".to_owned(), jwt.with_signature(&*zeros).to_string()),
    ];
    let own = jwt.header_members().and_then(|header| Some(header.get("alg")?.as_str()?.to_owned()));
    for alg in ["HS256", "HS384", "HS512", "RS256", "PS256", "ES256", "EdDSA", "XX999"] {
        if let Some(jwt) = jwt.with_header(json!({ "alg": alg })).filter(|_| own.as_deref() != Some(alg)) {
            let about = format!("a JWT with the algorithm `{alg}` and another signature");
            all.push((about, jwt.with_signature(&*zeros).to_string()));
        }
    }
    all
}

fn signed_with_guessed_keys(jwt: &JwtParts) -> Vec<Forged> {
    let signed = |header: Value, key: &[u8]| Some(jwt.with_header(header)?.hmac_signed(key).to_string());
    let mut all = Vec::new();
    for key in ["", "secret", "changeme", "your-256-bit-secret", "\0"] {
        let jwt = signed(json!({ "alg": "HS256" }), key.as_bytes());
        all.extend(jwt.map(|jwt| (format!("a JWT signed with the key {key:?}"), jwt)));
        let jwt = signed(json!({ "alg": "HS256", "kid": UNKNOWN_KEY_ID }), key.as_bytes());
        all.extend(jwt.map(|jwt| (format!("a JWT of an unknown `kid` signed with the key {key:?}"), jwt)));
    }
    let empty = signed(json!({ "alg": "HS256", "kid": "../../../../../../dev/null" }), b"");
    all.extend(empty.map(|jwt| ("a JWT whose `kid` names an empty file".to_owned(), jwt)));
    let key = [42_u8; 32];
    let jwk = json!({ "kty": "oct", "alg": "HS256", "k": URL_SAFE_NO_PAD.encode(key) });
    let own_key = signed(json!({ "alg": "HS256", "jwk": jwk }), &key);
    all.extend(own_key.map(|jwt| ("a JWT that brings its own key".to_owned(), jwt)));
    all
}

/// Claims that the old signature does not fit.
fn changed_claims(jwt: &JwtParts) -> Vec<Forged> {
    let changed = [
        ("of another user", json!({ "sub": "somebody-else" })),
        ("that ended in 2001", json!({ "exp": 1_000_000_000 })),
        ("that never ends", json!({ "exp": 99_999_999_999_u64 })),
    ];
    let changed = changed.into_iter().filter_map(|(about, claims)| Some((about, jwt.with_claims(claims)?)));
    changed.map(|(about, jwt)| (format!("a JWT {about} with the old signature"), jwt.to_string())).collect()
}
