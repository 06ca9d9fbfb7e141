//! Sign-in tokens and access tokens. Source: wire facts, "Sign-in token".

use super::store::{TokenGeneration, random_id};
use super::team::Team;
use super::{CloudState, RefreshTokenFormat, keys};
use crate::wire::redact::SecretKind;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use uuid::Uuid;
use vouch_spec::protocol::{Environment, Realm, Region};
pub use vouch_spec::step::TokenShape;

#[derive(Serialize)]
struct SignInClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    uid: &'a str,
    tenant_id: &'a str,
    claims: TeamClaims<'a>,
    iat: i64,
    exp: i64,
    jti: Uuid,
    deletions: u32,
}

#[derive(Serialize)]
struct TeamClaims<'a> {
    vital_team_id: &'a str,
    note: &'a str,
}

/// What the exchange reads of them.
#[derive(Deserialize)]
struct CheckedClaims {
    iss: String,
    uid: String,
    exp: i64,
    jti: Uuid,
    #[serde(default)]
    deletions: u32,
}

/// What a sign-in token is the Base64 of.
#[derive(Serialize)]
struct Envelope<'a> {
    public_key: &'a str,
    user_token: &'a str,
}

#[derive(Serialize, Deserialize)]
pub(super) struct AccessClaims {
    pub iss: String,
    pub sub: String,
    pub env: Environment,
    pub region: Region,
    pub sid: u64,
    pub generation: u64,
    pub iat: i64,
    pub exp: i64,
    /// Makes every token another one, also within a second.
    pub jti: String,
    /// Makes it longer.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// `iss` of the sign-in tokens of a realm.
pub(super) fn issuer(realm: Realm) -> String {
    let (env, region) = (realm.environment.issuer_label(), realm.region);
    format!("id-signer-{env}-{region}@vital-id-{env}-{region}.iam.gserviceaccount.com")
}

fn realm_of_issuer(issuer: &str) -> Option<Realm> {
    Realm::all().find(|realm| self::issuer(*realm) == issuer)
}

pub(super) fn sign_in_token(
    cloud: &CloudState,
    realm: Realm,
    team: &Team,
    user_id: &str,
    shape: &TokenShape,
) -> Option<String> {
    let now = cloud.clock.now_s();
    let lifetime = i64::try_from(cloud.lifetimes().sign_in_token.as_secs()).unwrap_or(300);
    let issuer = issuer(cloud.policy.issuer_realm(realm, team));
    let deletions = cloud.store.lock().deletions_of(realm, user_id);
    let uid = if shape.capital_user_id { user_id.to_uppercase() } else { user_id.to_owned() };
    let payload = (0..200).find_map(|attempt| {
        // The text makes `-` and `_` appear in the encoding at any alignment.
        let note = match shape.url_safe_characters {
            true => ">>>???>>???".to_owned() + &"~".repeat(attempt % 3),
            // Its envelope makes a sign-in token longer again by a third.
            false => "x".repeat(cloud.behaviour.token_padding * 3 / 4),
        };
        let payload = keys::payload(&SignInClaims {
            iss: &issuer,
            sub: &issuer,
            uid: &uid,
            tenant_id: &team.tenant,
            claims: TeamClaims { vital_team_id: &team.id, note: &note },
            iat: now,
            exp: now + lifetime,
            jti: random_id(),
            deletions,
        })?;
        let odd = payload.contains('-') && payload.contains('_');
        (odd == shape.url_safe_characters).then_some(payload)
    })?;
    let jwt = cloud.keys.sign_in_jwt(&payload)?;
    let token = (0..3).find_map(|extra| {
        let public_key = format!("{}{}", team.public_key(), "x".repeat(extra));
        let token = STANDARD.encode(serde_json::to_vec(&Envelope { public_key: &public_key, user_token: &jwt }).ok()?);
        let padding = token.bytes().rev().take_while(|byte| *byte == b'=').count();
        shape.padding.is_none_or(|wanted| usize::from(wanted) == padding).then_some(token)
    })?;
    cloud.redactor.secret(SecretKind::SignInToken, &token);
    cloud.redactor.same_secret(&token, &jwt);
    Some(token)
}

/// A sign-in JWT that is worth an exchange.
pub(super) struct VerifiedSignInToken {
    pub user_id: String,
    /// Its `jti`: what it is remembered by. Its signature would not do: an ES256 signature has a twin.
    pub id: Uuid,
    pub expires_s: i64,
    /// How often the user had been deleted when it was issued.
    pub deletions: u32,
}

/// The claims of an access token that this vendor signed. Times are the caller's to check.
pub(super) fn access_claims(cloud: &CloudState, jwt: &str) -> Option<AccessClaims> {
    let own = cloud.keys.check(jwt).or_else(|| unsigned(cloud, jwt));
    own.or_else(|| cloud.store.lock().adopted.access_claims(jwt))
}

/// The claims of a JWT that the policy accepts without the vendor's signature; the default policy accepts none.
fn unsigned<T: DeserializeOwned>(cloud: &CloudState, jwt: &str) -> Option<T> {
    serde_json::from_value(cloud.policy.claims_without_signature(jwt, &cloud.keys)?).ok()
}

/// Checks a subject token at a host of `host`: signature, issuer, realm, time. The error says why it is refused.
pub(super) fn check_sign_in(cloud: &CloudState, host: Realm, jwt: &str) -> Result<VerifiedSignInToken, &'static str> {
    let checked = cloud.keys.check_sign_in(jwt).or_else(|| unsigned(cloud, jwt));
    let CheckedClaims { iss, uid, exp, jti, deletions } = checked.ok_or_else(|| no_sign_in_jwt(jwt))?;
    let realm = realm_of_issuer(&iss).ok_or("the issuer of the sign-in token is unknown")?;
    if !cloud.policy.realm_fits(realm, host) {
        return Err("the sign-in token is of another environment or region than this host");
    }
    if !cloud.policy.sign_in_token_is_current(exp, cloud.clock.now_s()) {
        return Err("the sign-in token has expired");
    }
    Ok(VerifiedSignInToken { user_id: uid, id: jti, expires_s: exp, deletions })
}

/// Why a text is not the JWT of a sign-in token.
fn no_sign_in_jwt(text: &str) -> &'static str {
    let is_envelope = STANDARD.decode(text).is_ok_and(|json| {
        serde_json::from_slice::<serde_json::Value>(&json).is_ok_and(|envelope| envelope["user_token"].is_string())
    });
    match (text.is_empty(), is_envelope) {
        (true, _) => "there is no subject token",
        (_, true) => "the subject token is the whole sign-in token; send the user_token inside it",
        _ => "the subject token is none that this cloud issued",
    }
}

pub(super) fn access_token(
    cloud: &CloudState,
    realm: Realm,
    user_id: &str,
    generation_of_token: TokenGeneration,
) -> Option<String> {
    let now = cloud.clock.now_s();
    let lifetime = i64::try_from(cloud.lifetimes().access_token.as_secs()).unwrap_or(3600);
    let token = cloud.keys.sign(&AccessClaims {
        iss: format!("https://auth.{}.{}.simulated", realm.environment, realm.region),
        sub: user_id.to_owned(),
        env: realm.environment,
        region: realm.region,
        sid: generation_of_token.sid,
        generation: generation_of_token.generation,
        iat: now,
        exp: now + lifetime,
        jti: random_id().simple().to_string(),
        note: "x".repeat(cloud.behaviour.token_padding),
    })?;
    cloud.redactor.secret(SecretKind::AccessToken, &token);
    Some(token)
}

/// A refresh token: opaque to clients, and to the cloud a session and a generation authenticated by a MAC. So nothing needs to be
/// remembered of a token, and one that was rotated out long ago is still known for what it was.
pub(super) fn refresh_token(cloud: &CloudState, generation_of_token: TokenGeneration) -> String {
    let mut bytes = [0; TOKEN_BYTES + MAC_BYTES];
    bytes[..8].copy_from_slice(&generation_of_token.sid.to_be_bytes());
    bytes[8..TOKEN_BYTES].copy_from_slice(&generation_of_token.generation.to_be_bytes());
    let mac = cloud.mac.sign(&bytes[..TOKEN_BYTES]);
    bytes[TOKEN_BYTES..].copy_from_slice(&mac);
    // The mac's own bytes hide the numbers: a client must not be tempted to read them.
    for at in 0..TOKEN_BYTES {
        bytes[at] ^= mac[at];
    }
    let plain = URL_SAFE_NO_PAD.encode(bytes);
    let token = match cloud.behaviour.refresh_tokens {
        RefreshTokenFormat::Plain => long_prefix(cloud.behaviour.token_padding) + &plain,
        RefreshTokenFormat::NeedsEscaping => format!("{}{ESCAPED_MIDDLE}{}{ESCAPED_END}", &plain[..20], &plain[20..]),
        RefreshTokenFormat::Long => long_prefix(LONG_PREFIX_LENGTH) + &plain,
    };
    cloud.redactor.secret(SecretKind::RefreshToken, &token);
    token
}

/// What makes a token longer by about this many bytes.
fn long_prefix(bytes: usize) -> String {
    LONG_PREFIX_TEXT.repeat(bytes / LONG_PREFIX_TEXT.len())
}

/// What an authentic refresh token of this cloud, or one that it adopted, names.
pub(super) fn read_refresh_token(cloud: &CloudState, token: &str) -> Option<TokenGeneration> {
    read_own_refresh_token(cloud, token).or_else(|| cloud.store.lock().adopted.refresh_token(token))
}

fn read_own_refresh_token(cloud: &CloudState, token: &str) -> Option<TokenGeneration> {
    let plain = match cloud.behaviour.refresh_tokens {
        RefreshTokenFormat::Plain => Cow::Borrowed(token.get(long_prefix(cloud.behaviour.token_padding).len()..)?),
        RefreshTokenFormat::NeedsEscaping => {
            let (start, rest) = token.strip_suffix(ESCAPED_END)?.split_once(ESCAPED_MIDDLE)?;
            Cow::Owned([start, rest].concat())
        }
        RefreshTokenFormat::Long => Cow::Borrowed(token.get(LONG_PREFIX_LENGTH..)?),
    };
    let mut bytes: [u8; TOKEN_BYTES + MAC_BYTES] = URL_SAFE_NO_PAD.decode(&*plain).ok()?.try_into().ok()?;
    let (generation_of_token, mac) = bytes.split_at_mut(TOKEN_BYTES);
    generation_of_token.iter_mut().zip(&*mac).for_each(|(byte, with)| *byte ^= with);
    if !cloud.mac.verify(generation_of_token, mac) {
        return None;
    }
    let number = |at: usize| Some(u64::from_be_bytes(generation_of_token.get(at..at + 8)?.try_into().ok()?));
    Some(TokenGeneration { sid: number(0)?, generation: number(8)? })
}

/// Bytes of a refresh token: session and generation, then their MAC.
const TOKEN_BYTES: usize = 16;
const MAC_BYTES: usize = 16;

/// Characters that a form must percent-encode, in the middle and at the end.
const ESCAPED_MIDDLE: &str = "+/";
const ESCAPED_END: &str = "=&%";

/// Length and text of the prefix of a long token. The part that differs between tokens comes last.
const LONG_PREFIX_LENGTH: usize = 2000;
const LONG_PREFIX_TEXT: &str = "AMf-vBxa_0";
