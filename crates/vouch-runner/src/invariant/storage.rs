//! Checks of the storage while no call is in flight (LIF-2, MIG-6, OUT-1, OUT-2, DEL-1, EXC-3).

use super::token_grants::Grants;
use super::{Evidence, StoredSession, Violation};
use std::sync::Arc;
use vouch_sim::wire::Party;
use vouch_sim::wire::redact::{KnownSecret, SecretKind};
use vouch_spec::protocol::message::Item;

/// A storage item and the secrets in it.
pub(super) type Stored<'a> = (&'a Item, Vec<Arc<KnownSecret>>);

/// Every storage item with its secrets.
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

/// A session that outlives its process is visible in storage. Otherwise the adapter hides its storage, and the other checks of
/// storage check nothing.
pub(super) fn session_is_visible(evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    let launch = *evidence.sdk.launches.last().filter(|_| evidence.idle)?;
    let before = |token: &str| {
        grants
            .all
            .iter()
            .any(|grant| grant.at < launch && (grant.access_token == token || grant.refresh_token == token))
    };
    let since = evidence.exchanges.iter().enumerate().skip(launch);
    let survived = since.filter(|(_, exchange)| exchange.link.from == Party::Sdk).find(|(_, exchange)| {
        exchange.request.bearer().is_some_and(before) || exchange.tokens.refresh_token.as_deref().is_some_and(before)
    });
    survived.map(|(number, _)| Violation {
        clause: "EXC-3",
        expected: "the session that outlived its process in a storage area that the adapter shows",
        got: format!("no item in any area, though exchange {} shows a token from before the launch", number + 1),
        exchanges: vec![evidence.number(number)],
    })
}

/// Storage never contains tokens and an API key at once.
pub(super) fn one_scheme(evidence: &Evidence<'_>, all: &[Stored<'_>]) -> Option<Violation> {
    if !evidence.idle || !evidence.sdk.token_scheme {
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
        exchanges: vec![],
    })
}

/// Storage never contains the tokens of two users.
pub(super) fn one_user(evidence: &Evidence<'_>, grants: &Grants, all: &[Stored<'_>]) -> Option<Violation> {
    if !evidence.idle {
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
                        exchanges: vec![],
                    });
                }
                Some(_) => {}
                None => seen = Some((user, known.name.clone())),
            }
        }
    }
    None
}

/// After a sign-out by the app or by the SDK itself, storage contains no token and no key.
pub(super) fn empty_after_sign_out(evidence: &Evidence<'_>, all: &[Stored<'_>]) -> Option<Violation> {
    if !evidence.idle || evidence.sdk.stored_session == StoredSession::MayExist {
        return None;
    }
    for (item, secrets) in all {
        let Some(known) = secrets.iter().find(|known| is_token(known) || known.kind == SecretKind::ApiKey) else {
            continue;
        };
        let (clause, expected) = match (evidence.sdk.stored_session, known.kind) {
            (StoredSession::UserDeleted, _) => {
                ("DEL-1", "no data of the session in storage after the SDK reported that the user was deleted")
            }
            (_, SecretKind::ApiKey) => ("OUT-2", "no API key in storage after sign-out"),
            _ => ("OUT-1", "no token in storage after sign-out"),
        };
        return Some(Violation {
            clause,
            expected,
            got: format!("the {} in {}", known.name, place(item)),
            exchanges: vec![],
        });
    }
    None
}
