//! The tokens that the SDK received: when, for which user, in which realm.

use super::Evidence;
use serde_json::Value;
use vouch_sim::reference::sdk::token::realm_of_issuer;
use vouch_sim::wire::{Exchange, ExchangeOutcome, Party};
use vouch_spec::protocol::Realm;

/// The tokens of one successful exchange or refresh.
pub(super) struct Grant {
    /// The index of the exchange in the transcript.
    pub at: usize,
    pub access_token: String,
    pub refresh_token: String,
    /// The refresh token of the request. `None` for the exchange of a sign-in token.
    pub refreshed_with: Option<String>,
    pub realm: Option<Realm>,
    /// The id of the vendor user in lower case, if known.
    pub user: Option<String>,
    /// The latest expiry of the access token that the SDK can have computed, in milliseconds of the case's clock.
    pub expires_at_ms: i64,
}

/// Every grant of a case.
#[derive(Default)]
pub(super) struct Grants {
    pub all: Vec<Grant>,
    /// The index of the first exchange that has not been read.
    next: usize,
}

/// The claims of a sign-in token, not verified.
fn claims(jwt: &str) -> Value {
    jsonwebtoken::dangerous::insecure_decode_claims(jwt).unwrap_or_default()
}

/// The realm that the issuer of a sign-in token names.
pub fn realm_of_token(jwt: &str) -> Option<Realm> {
    realm_of_claims(&claims(jwt))
}

/// The id of the vendor user that a sign-in token names, in lower case.
pub fn user_of_token(jwt: &str) -> Option<String> {
    user_of_claims(&claims(jwt))
}

fn user_of_claims(claims: &Value) -> Option<String> {
    claims.get("uid").and_then(Value::as_str).map(str::to_lowercase)
}

fn realm_of_claims(claims: &Value) -> Option<Realm> {
    realm_of_issuer(claims.get("iss")?.as_str()?)
}

impl Grants {
    /// Reads the new exchanges, up to the first that is still pending.
    pub fn extend(&mut self, evidence: &Evidence<'_>) {
        while let Some(exchange) = evidence.exchanges.get(self.next) {
            if matches!(exchange.outcome, ExchangeOutcome::Pending) {
                return;
            }
            if exchange.link.from == Party::Sdk
                && let Some(grant) = self.read(self.next, exchange)
            {
                self.all.push(grant);
            }
            self.next += 1;
        }
    }

    fn read(&self, at: usize, exchange: &Exchange) -> Option<Grant> {
        let granted = exchange.granted()?;
        let refreshed_with = exchange.tokens.refresh_token.clone();
        let parent = refreshed_with.as_ref().and_then(|token| self.of_refresh_token(token));
        let (realm, user) = match (&exchange.tokens.token, parent) {
            (Some(jwt), _) => {
                let claims = claims(jwt);
                (realm_of_claims(&claims), user_of_claims(&claims))
            }
            (None, Some(parent)) => (parent.realm, parent.user.clone()),
            (None, None) => (None, None),
        };
        let lifetime_ms =
            i64::try_from(granted.expires_in.unwrap_or(u64::MAX)).unwrap_or(i64::MAX / 4000).saturating_mul(1000);
        Some(Grant {
            at,
            access_token: granted.access_token,
            refresh_token: granted.refresh_token,
            refreshed_with,
            realm,
            user,
            expires_at_ms: exchange.completed_ms.unwrap_or(exchange.at_ms).saturating_add(lifetime_ms),
        })
    }

    /// The grant that issued a refresh token.
    pub fn of_refresh_token(&self, token: &str) -> Option<&Grant> {
        self.all.iter().rev().find(|grant| grant.refresh_token == token)
    }

    /// The first refresh token of the session that a refresh token belongs to.
    pub fn session_of<'a>(&'a self, token: &'a str) -> &'a str {
        let mut first = token;
        // Terminates: each iteration goes to an earlier grant.
        let mut before = usize::MAX;
        while let Some(grant) = self.all.iter().rev().find(|grant| grant.refresh_token == first && grant.at < before) {
            before = grant.at;
            match &grant.refreshed_with {
                Some(parent) => first = parent,
                None => break,
            }
        }
        first
    }

    /// The grant that issued the access token of an API call.
    pub fn of_call(&self, exchange: &Exchange) -> Option<&Grant> {
        let bearer = exchange.request.bearer()?;
        self.all.iter().find(|grant| grant.access_token == bearer)
    }

    /// Whether the SDK sent a token of this grant in an exchange before index `end`.
    pub fn seen_in_use(&self, grant: &Grant, exchanges: &[Exchange], end: usize) -> bool {
        exchanges.iter().take(end).filter(|exchange| exchange.link.from == Party::Sdk).any(|exchange| {
            let refresh = exchange.tokens.refresh_token.as_deref() == Some(grant.refresh_token.as_str());
            refresh || self.of_call(exchange).is_some_and(|used| used.at == grant.at)
        })
    }
}
