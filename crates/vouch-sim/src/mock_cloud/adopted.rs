//! Sessions of another cloud, which this one takes over: an installation that was stored while it was signed in there goes on
//! here.

use super::store::TokenGeneration;
use super::team::Team;
use super::token::AccessClaims;
use super::{CloudState, MockCloud};
use crate::wire::redact::SecretKind;
use std::collections::HashMap;
use vouch_spec::protocol::Realm;

/// The tokens of a session, as the other cloud gave them out.
#[derive(Clone)]
pub struct SessionTokens {
    pub access_token: String,
    /// When the access token expires, in seconds since 1970.
    pub access_expires_s: i64,
    pub refresh_token: String,
}

/// The tokens that this cloud did not make and that are good here.
#[derive(Default)]
pub(super) struct AdoptedTokens {
    access: HashMap<String, AccessToken>,
    refresh: HashMap<String, TokenGeneration>,
}

struct AccessToken {
    realm: Realm,
    user_id: String,
    expires_s: i64,
    of: TokenGeneration,
}

impl AdoptedTokens {
    /// What the claims of an adopted access token would be.
    pub fn access_claims(&self, token: &str) -> Option<AccessClaims> {
        let AccessToken { realm, user_id, expires_s, of } = self.access.get(token)?;
        Some(AccessClaims {
            iss: String::new(),
            sub: user_id.clone(),
            env: realm.environment,
            region: realm.region,
            sid: of.sid,
            generation: of.generation,
            iat: 0,
            exp: *expires_s,
            jti: String::new(),
            note: String::new(),
        })
    }

    pub fn refresh_token(&self, token: &str) -> Option<TokenGeneration> {
        self.refresh.get(token).copied()
    }
}

impl MockCloud {
    /// Takes the place of another cloud in a realm: the same team with the same API key.
    pub fn adopt_team(&self, realm: Realm, team: Team) {
        let CloudState { redactor, .. } = &*self.0;
        redactor.named_secret(SecretKind::ApiKey, &team.key, format!("API key of {realm}"));
        redactor.id(&team.id, format!("team {realm}"));
        self.store().set_team(realm, team);
    }

    /// Goes on with a session of another cloud. Returns whether there is such a user.
    pub fn adopt_session(&self, realm: Realm, user_id: &str, tokens: SessionTokens) -> bool {
        let CloudState { redactor, clock, .. } = &*self.0;
        let SessionTokens { access_token, access_expires_s, refresh_token } = tokens;
        redactor.secret(SecretKind::AccessToken, &access_token);
        redactor.secret(SecretKind::RefreshToken, &refresh_token);
        let mut store = self.store();
        let Some(of) = store.open_session(realm, user_id, clock.now_s()) else { return false };
        let access = AccessToken { realm, user_id: user_id.to_owned(), expires_s: access_expires_s, of };
        store.adopted.access.insert(access_token, access);
        store.adopted.refresh.insert(refresh_token, of);
        true
    }
}
