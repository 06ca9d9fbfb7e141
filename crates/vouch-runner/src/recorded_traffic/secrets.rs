//! The secrets of recorded traffic, known by where the scheme puts them. Only what stands where a token or a key belongs is taken
//! for one, so that no public value is mistaken for a secret.

use super::exchanges::RecordedExchange;
use crate::invariant::name_of_key;
use serde_json::Value;
use std::collections::BTreeMap;
use vouch_sim::sign_in_token::TokenParts;
use vouch_sim::wire::redact::{Redactor, SecretKind};
use vouch_sim::wire::{Exchange, Operation, Party};
use vouch_spec::protocol::{Environment, Realm, Region};

/// What is shorter is a word, and words stand everywhere.
const SHORTEST: usize = 8;

/// The secrets of exchanges. A value that stands in two places is what it was first granted as.
pub fn of(recorded: &[RecordedExchange]) -> Redactor {
    let redactor = Redactor::default();
    let note = |kind, value: &str| {
        if value.len() >= SHORTEST {
            redactor.secret(kind, value);
        }
    };
    let exchanges = || recorded.iter().map(|of| &of.exchange);
    for token in exchanges().filter_map(issued) {
        note(SecretKind::SignInToken, &token);
        redactor.same_secret(&token, &TokenParts::of(&token).jwt);
    }
    exchanges().filter_map(|of| of.tokens.token.as_deref()).for_each(|token| note(SecretKind::SignInToken, token));
    for grant in recorded.iter().filter_map(|of| of.exchange.granted()) {
        note(SecretKind::AccessToken, &grant.access_token);
        note(SecretKind::RefreshToken, &grant.refresh_token);
    }
    for token in exchanges().filter_map(|of| of.tokens.refresh_token.as_deref()) {
        note(SecretKind::RefreshToken, token);
    }
    note_api_keys(recorded, &redactor);
    for bearer in exchanges().filter(|of| of.link.to == Party::Api).filter_map(|of| of.request.bearer()) {
        if !redactor.secrets_in(bearer).iter().any(|known| known.is(bearer)) {
            note(SecretKind::AccessToken, bearer);
        }
    }
    redactor
}

/// The sign-in token that the vendor API gave to a backend.
fn issued(exchange: &Exchange) -> Option<String> {
    let body = exchange.answer().filter(|_| exchange.operation == Operation::Issuance)?;
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(body.get("sign_in_token")?.as_str()?.to_owned())
}

/// Keys are named after their realm where their prefix says it. Source: wire facts, "API".
fn note_api_keys(recorded: &[RecordedExchange], redactor: &Redactor) {
    let mut keys: BTreeMap<&str, Vec<Realm>> = BTreeMap::new();
    for RecordedExchange { exchange, .. } in recorded {
        if let Some(key) = exchange.request.header("x-vital-api-key").filter(|key| key.len() >= SHORTEST) {
            keys.entry(key).or_default().push(exchange.link.realm);
        }
    }
    for (key, hosts) in keys {
        // What the prefix of keys of the vendor's own environment is, is not known.
        let internal = hosts.iter().any(|realm| realm.environment == Environment::Dev);
        match home_of_key(key).filter(|_| !internal) {
            Some(home) => redactor.named_secret(SecretKind::ApiKey, key, name_of_key(home)),
            None => redactor.secret(SecretKind::ApiKey, key),
        }
    }
}

fn home_of_key(key: &str) -> Option<Realm> {
    let (environment, rest) = match key.split_once('_')? {
        ("pk", rest) => (Environment::Production, rest),
        ("sk", rest) => (Environment::Sandbox, rest),
        _ => return None,
    };
    let (region, _) = rest.split_once('_')?;
    Some(Realm { environment, region: Region::parse(region)? })
}
