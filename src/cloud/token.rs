//! Sign-in tokens and access tokens. Source: wire facts, "Sign-in token".

use super::Inner;
use super::store::Team;
use crate::protocol::{Environment, Realm, Region};
use crate::wire::redact::SecretKind;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// Ways in which a well-formed sign-in token can look (EXC-7, MIG-10).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenShape {
    /// The Base64URL of the claims contains `-` and `_`.
    pub url_safe_characters: bool,
    /// How many `=` end the token: 0, 1 or 2. None leaves it to chance.
    pub padding: Option<u8>,
    /// The user id stands in capitals.
    pub capital_user_id: bool,
}

#[derive(Serialize, Deserialize)]
pub(super) struct SignInClaims {
    iss: String,
    uid: String,
    exp: i64,
    #[serde(flatten)]
    rest: serde_json::Map<String, Value>,
}

/// A sign-in JWT's claims as they are written.
#[derive(Serialize)]
struct NewSignInClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    uid: &'a str,
    tenant_id: &'a str,
    claims: TeamClaims<'a>,
    iat: i64,
    exp: i64,
    jti: String,
}

#[derive(Serialize)]
struct TeamClaims<'a> {
    vital_team_id: &'a str,
    note: String,
}

/// What a sign-in token is the Base64 of.
#[derive(Serialize)]
struct Envelope<'a> {
    public_key: String,
    user_token: &'a str,
}

/// A random id, without asking the system each time.
fn unique() -> Uuid {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid()
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
    cloud: &Inner,
    realm: Realm,
    team: &Team,
    user_id: &str,
    shape: &TokenShape,
) -> Option<String> {
    let now = cloud.clock.now_s();
    let lifetime = i64::try_from(cloud.lifetimes().sign_in_token.as_secs()).unwrap_or(300);
    let issuer = issuer(cloud.rules.issuer_realm(realm, team));
    let uid = if shape.capital_user_id { user_id.to_uppercase() } else { user_id.to_owned() };
    let jwt = (0..200).find_map(|attempt| {
        // The text makes `-` and `_` appear in the encoding at any alignment.
        let note =
            if shape.url_safe_characters { ">>>???>>???".to_owned() + &"~".repeat(attempt % 3) } else { String::new() };
        let jwt = cloud.keys.sign(&NewSignInClaims {
            iss: &issuer,
            sub: &issuer,
            uid: &uid,
            tenant_id: &team.tenant,
            claims: TeamClaims { vital_team_id: &team.id, note },
            iat: now,
            exp: now + lifetime,
            jti: unique().hyphenated().to_string(),
        })?;
        let payload = jwt.split('.').nth(1)?;
        let odd = payload.contains('-') && payload.contains('_');
        (odd == shape.url_safe_characters).then_some(jwt)
    })?;
    let token = (0..3).find_map(|extra| {
        let public_key = format!("{}{}", team.public_key(), "x".repeat(extra));
        let token = STANDARD.encode(serde_json::to_vec(&Envelope { public_key, user_token: &jwt }).ok()?);
        let padding = token.bytes().rev().take_while(|byte| *byte == b'=').count();
        shape.padding.is_none_or(|wanted| usize::from(wanted) == padding).then_some(token)
    })?;
    cloud.ledger.secret(SecretKind::SignInToken, &token);
    cloud.ledger.same_secret(&token, &jwt);
    Some(token)
}

/// A sign-in JWT that is worth an exchange.
pub(super) struct GoodSignInToken {
    pub user_id: String,
}

/// Checks a subject token at a host of `host`: signature, issuer, realm, time.
pub(super) fn check_sign_in(cloud: &Inner, host: Realm, jwt: &str) -> Option<GoodSignInToken> {
    let claims: SignInClaims = cloud.keys.check(jwt)?;
    let realm = realm_of_issuer(&claims.iss)?;
    let good = cloud.rules.realm_fits(realm, host) && cloud.rules.in_time(claims.exp, cloud.clock.now_s());
    good.then_some(GoodSignInToken { user_id: claims.uid })
}

pub(super) fn access_token(cloud: &Inner, realm: Realm, user_id: &str, sid: u64, generation: u64) -> Option<String> {
    let now = cloud.clock.now_s();
    let lifetime = i64::try_from(cloud.lifetimes().access_token.as_secs()).unwrap_or(3600);
    let token = cloud.keys.sign(&AccessClaims {
        iss: format!("https://auth.{}.{}.simulated", realm.environment, realm.region),
        sub: user_id.to_owned(),
        env: realm.environment,
        region: realm.region,
        sid,
        generation,
        iat: now,
        exp: now + lifetime,
        jti: unique().simple().to_string(),
    })?;
    cloud.ledger.secret(SecretKind::AccessToken, &token);
    Some(token)
}

/// An opaque refresh token.
pub(super) fn refresh_token(cloud: &Inner) -> String {
    let mut bytes = [0_u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    let plain = URL_SAFE_NO_PAD.encode(bytes);
    let token =
        if cloud.behaviour.awkward_refresh_tokens { format!("{}+/{}=&%", &plain[..20], &plain[20..]) } else { plain };
    cloud.ledger.secret(SecretKind::RefreshToken, &token);
    token
}
