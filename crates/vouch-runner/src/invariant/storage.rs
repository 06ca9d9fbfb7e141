//! What may lie in storage while nothing goes on (LIF-2, MIG-6, OUT-1, OUT-2, DEL-1).

use super::token_grants::Grants;
use super::{Evidence, Left, Violation};
use std::sync::Arc;
use vouch_sim::wire::Party;
use vouch_sim::wire::redact::{KnownSecret, SecretKind};
use vouch_spec::protocol::message::Item;

/// An item, and the secrets in it.
pub(super) type Stored<'a> = (&'a Item, Vec<Arc<KnownSecret>>);

/// Everything in storage with its secrets.
pub(super) fn stored<'a>(evidence: &Evidence<'a>) -> Vec<Stored<'a>> {
    let secrets = |item: &Item| evidence.redactor.secrets_in(&format!("{}={}", item.key, item.value));
    evidence.items.iter().map(|item| (item, secrets(item))).collect()
}

fn is_token(known: &KnownSecret) -> bool {
    matches!(known.kind, SecretKind::AccessToken | SecretKind::RefreshToken)
}

fn place(item: &Item) -> String {
    format!("the {} item `{}`", item.area.word(), item.key)
}

/// A session that outlives its process lies somewhere: an adapter that never shows an item proves nothing about storage.
pub(super) fn is_shown(evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    let launch = *evidence.sdk.launches.last().filter(|_| evidence.at_rest)?;
    let before = |token: &str| {
        grants
            .all
            .iter()
            .any(|grant| grant.at < launch && (grant.access_token == token || grant.refresh_token == token))
    };
    let since = evidence.exchanges.iter().enumerate().skip(launch);
    let survived = since.filter(|(_, exchange)| exchange.link.from == Party::Sdk).find(|(_, exchange)| {
        exchange.request.bearer().is_some_and(before) || exchange.carried.refresh_token.as_deref().is_some_and(before)
    });
    survived.map(|(number, _)| Violation {
        clause: "EXC-3",
        expected: "the session that outlived its process somewhere in the storage that the adapter shows",
        got: format!("no item in any area, though exchange {} shows a token from before the launch", number + 1),
    })
}

/// Tokens and an API key are never both there: one scheme or the other.
pub(super) fn one_scheme(evidence: &Evidence<'_>, all: &[Stored<'_>]) -> Option<Violation> {
    if !evidence.at_rest || !evidence.sdk.token_scheme {
        return None;
    }
    let token = all.iter().any(|(_, secrets)| secrets.iter().any(|known| is_token(known)));
    let (item, key) = all.iter().find_map(|(item, secrets)| {
        secrets.iter().find(|known| known.kind == SecretKind::ApiKey).map(|known| (item, known))
    })?;
    token.then(|| Violation {
        clause: "MIG-6",
        expected: "no API key on the device in the token scheme",
        got: format!("the {} in {}, beside tokens", key.name, place(item)),
    })
}

/// Never the tokens of two users.
pub(super) fn one_user(evidence: &Evidence<'_>, grants: &Grants, all: &[Stored<'_>]) -> Option<Violation> {
    if !evidence.at_rest {
        return None;
    }
    let mut seen: Option<(String, String)> = None;
    for (item, secrets) in all {
        for known in secrets.iter().filter(|known| is_token(known)) {
            let grant = grants.all.iter().find(|g| known.is(&g.access_token) || known.is(&g.refresh_token));
            let Some(user) = grant.and_then(|grant| grant.user.clone()) else { continue };
            match &seen {
                Some((other, first)) if *other != user => {
                    return Some(Violation {
                        clause: "LIF-2",
                        expected: "one active user",
                        got: format!("the {first} and the {} of another user, in {}", known.name, place(item)),
                    });
                }
                Some(_) => {}
                None => seen = Some((user, known.name.clone())),
            }
        }
    }
    None
}

/// After a sign-out, by the app or by the SDK itself, no token and no key is left.
pub(super) fn nothing_left(evidence: &Evidence<'_>, all: &[Stored<'_>]) -> Option<Violation> {
    if !evidence.at_rest || evidence.sdk.left == Left::MayBe {
        return None;
    }
    for (item, left) in all {
        let Some(known) = left.iter().find(|known| is_token(known) || known.kind == SecretKind::ApiKey) else {
            continue;
        };
        let (clause, expected) = match (evidence.sdk.left, known.kind) {
            (Left::UserGone, _) => ("DEL-1", "nothing of the session in storage after the user was found to be gone"),
            (_, SecretKind::ApiKey) => ("OUT-2", "no API key in storage after sign-out"),
            _ => ("OUT-1", "no token in storage after sign-out"),
        };
        return Some(Violation { clause, expected, got: format!("the {} in {}", known.name, place(item)) });
    }
    None
}
