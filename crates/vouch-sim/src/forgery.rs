//! Forged tokens, for the tests of those who must refuse them.

use crate::jwt_parts::JwtParts;
use crate::public_key;
use aws_lc_rs::rsa::{KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::sync::LazyLock;
use vouch_spec::step::Forgery;

/// The id of a key that no server has.
pub const UNKNOWN_KEY_ID: &str = "nobody-knows-this-key";

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
    let parts = JwtParts::parse(jwt)?;
    let with = |jwt: String| match envelope.clone() {
        Some(mut envelope) => {
            envelope["user_token"] = jwt.into();
            STANDARD.encode(envelope.to_string())
        }
        None => jwt,
    };
    let forged_token = match how {
        Forgery::Empty => String::new(),
        Forgery::NotBase64 => format!("%%{}", &good[..good.len().min(40)]),
        Forgery::NotJson => STANDARD.encode("a sign-in token, honestly"),
        Forgery::NoUserToken => {
            let key = envelope.as_ref().and_then(|envelope| envelope.get("public_key"));
            STANDARD.encode(json!({ "public_key": key }).to_string())
        }
        Forgery::NotAJwt => with("token".into()),
        Forgery::TwoParts => with(parts.without_signature()),
        _ => return forged(&parts, how, keys).map(|jwt| with(jwt.to_string())),
    };
    Some(forged_token)
}

fn forged(jwt: &JwtParts, how: Forgery, keys: Option<&Value>) -> Option<JwtParts> {
    let algorithm = |alg: &str| jwt.with_whole_header(&json!({ "alg": alg, "typ": "JWT" }));
    let unsigned = |alg: &str| algorithm(alg).with_signature("");
    let hs256 = |key: &[u8]| Some(jwt.with_header(json!({ "alg": "HS256" }))?.hmac_signed(key));
    match how {
        Forgery::AlgorithmNone => Some(unsigned("none")),
        Forgery::AlgorithmNoneCapitalized => Some(unsigned("None")),
        Forgery::AlgorithmNoneCapitals => Some(unsigned("NONE")),
        Forgery::AlgorithmNoneMixed => Some(unsigned("nOnE")),
        Forgery::AlgorithmHs256 => Some(algorithm("HS256")),
        Forgery::AlgorithmEs256 => Some(algorithm("ES256")),
        Forgery::AlgorithmRs512 => Some(algorithm("RS512")),
        Forgery::AlgorithmHs512 => Some(algorithm("HS512")),
        Forgery::AlgorithmUnknown => Some(algorithm("XS256")),
        Forgery::ZeroSignature => Some(algorithm("ES256").with_signature(URL_SAFE_NO_PAD.encode([0; 64]))),
        Forgery::NoAlgorithm => Some(jwt.with_whole_header(&json!({ "typ": "JWT" }))),
        Forgery::HeaderNotJson => Some(JwtParts { header: URL_SAFE_NO_PAD.encode("RS256"), ..jwt.clone() }),
        Forgery::ClaimsNotJson => Some(JwtParts { claims: URL_SAFE_NO_PAD.encode("uid=ada"), ..jwt.clone() }),
        Forgery::LookalikeIssuer => {
            let right = issuer_of(jwt)?;
            let name = right.split('@').next().unwrap_or_default();
            jwt.with_claims(json!({ "iss": format!("{name}@accounts.example.com") }))
        }
        Forgery::SuffixedIssuer => jwt.with_claims(json!({ "iss": format!("{}.evil.example", issuer_of(jwt)?) })),
        Forgery::DisagreeingIssuer => {
            let right = issuer_of(jwt)?;
            let (name, project) = right.split_once('@')?;
            let other = if project.contains("-dev-") { "-stg-" } else { "-dev-" };
            let project = ["-dev-", "-stg-", "-prd-"].iter().fold(project.to_owned(), |p, own| p.replace(own, other));
            jwt.with_claims(json!({ "iss": format!("{name}@{project}") }))
        }
        Forgery::ForeignIssuer => jwt.with_claims(json!({ "iss": "https://accounts.example.com" })),
        Forgery::NoUser => {
            let mut claims = jwt.claim_members()?;
            claims.remove("uid");
            Some(JwtParts { claims: URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string()), ..jwt.clone() })
        }
        Forgery::BadSignature => Some(jwt.with_signature(jwt.signature.chars().rev().collect::<String>())),
        Forgery::EmptySignature => Some(jwt.with_signature("")),
        Forgery::Hs256EmptyKey => hs256(&[]),
        Forgery::FileKid => {
            let header = json!({ "alg": "HS256", "kid": "../../../../../../../dev/null" });
            Some(jwt.with_header(header)?.hmac_signed(&[]))
        }
        Forgery::Hs256PublicKeyPem => hs256(public_key_of(jwt, keys)?.pem().as_bytes()),
        Forgery::Hs256PublicKeyPemTrimmed => hs256(public_key_of(jwt, keys)?.pem().trim_end().as_bytes()),
        Forgery::Hs256PublicKeyDer => hs256(&public_key_of(jwt, keys)?.0),
        Forgery::ForeignKey => foreign(jwt, json!({})),
        Forgery::ForeignKid => foreign(jwt, json!({ "kid": UNKNOWN_KEY_ID })),
        Forgery::EmbeddedJwk => {
            let PublicKeyComponents::<Vec<u8>> { n, e } = FOREIGN.as_ref()?.public_key().into();
            let [n, e] = [n, e].map(|number| URL_SAFE_NO_PAD.encode(number));
            foreign(jwt, json!({ "jwk": { "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e } }))
        }
        // No JWT has three parts then, or the envelope is broken, which an access token does not have.
        Forgery::NotAJwt
        | Forgery::TwoParts
        | Forgery::Empty
        | Forgery::NotBase64
        | Forgery::NotJson
        | Forgery::NoUserToken => None,
    }
}

fn issuer_of(jwt: &JwtParts) -> Option<String> {
    jwt.claim_members()?.get("iss")?.as_str().map(str::to_owned)
}

/// Signed with the forger's own RSA key, with these members in the header.
fn foreign(jwt: &JwtParts, header: Value) -> Option<JwtParts> {
    jwt.with_header(json!({ "alg": "RS256" }))?.with_header(header)?.rsa_signed(FOREIGN.as_ref()?)
}

/// The published key that a token is signed with.
fn public_key_of(jwt: &JwtParts, keys: Option<&Value>) -> Option<public_key::Spki> {
    let jwt = jwt.to_string();
    let keys = keys?.get("keys")?.as_array()?;
    let key = keys.iter().find(|key| public_key::verifies(key, &jwt))?;
    public_key::Spki::of(key)
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
