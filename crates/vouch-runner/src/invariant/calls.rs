//! Checks of where SDK calls go, how many there are and what they carry (EXC-8, KEY-1, REF-3).

use super::token_grants::{Grants, realm_of_token};
use super::user_isolation::only_call;
use super::{Evidence, Violation};
use serde_json::Value;
use vouch_sim::wire::redact::SecretKind;
use vouch_sim::wire::{Exchange, Operation, Party};
use vouch_spec::protocol::Realm;

/// The maximum number of exchanges for one SDK call. A refresh with its retries and the request with its one retry need half
/// of it; more is a loop.
const MAX_EXCHANGES_PER_CALL: usize = 12;

/// What the name of the API key of a realm begins with.
const KEY_OF_REALM: &str = "API key of ";

/// The name of the API key of a realm, by which the checks know where it belongs.
pub fn name_of_key(realm: Realm) -> String {
    format!("{KEY_OF_REALM}{realm}")
}

/// A request with a token or key of one environment and region does not go to another.
pub(super) fn sent_to_own_realm(first: usize, evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    for (index, exchange) in
        evidence.exchanges.iter().enumerate().skip(first).filter(|(_, e)| e.link.from == Party::Sdk)
    {
        let carried = &exchange.tokens;
        let home = match exchange.operation {
            Operation::Exchange => carried.token.as_deref().and_then(realm_of_token),
            Operation::Refresh => {
                carried.refresh_token.as_deref().and_then(|token| grants.of_refresh_token(token)).and_then(|g| g.realm)
            }
            _ => grants.of_call(exchange).and_then(|grant| grant.realm),
        };
        let host = exchange.link.realm;
        if let Some(home) = home.filter(|home| *home != host) {
            return Some(Violation {
                clause: "EXC-8",
                expected: "calls to the token's own environment and region only",
                got: format!("a token of {home} at a host of {host} in exchange {}", evidence.number(index)),
                exchanges: vec![evidence.number(index)],
            });
        }
        let key = exchange.request.header("x-vital-api-key").unwrap_or_default();
        let foreign = evidence.redactor.secrets_in(key).into_iter().find(|known| {
            // The home of a key in recorded traffic may be unknown.
            let has_home = known.name.starts_with(KEY_OF_REALM);
            known.kind == SecretKind::ApiKey && known.is(key) && has_home && known.name != name_of_key(host)
        });
        if let Some(known) = foreign {
            return Some(Violation {
                clause: "KEY-1",
                expected: "calls to the key's own environment and region only",
                got: format!("the {} at a host of {host} in exchange {}", known.name, evidence.number(index)),
                exchanges: vec![evidence.number(index)],
            });
        }
    }
    None
}

/// A step sends a bounded number of requests.
pub(super) fn call_count_is_bounded(first: usize, evidence: &Evidence<'_>) -> Option<Violation> {
    let sent = evidence.exchanges.iter().skip(first).filter(|exchange| exchange.link.from == Party::Sdk).count();
    let most = MAX_EXCHANGES_PER_CALL * evidence.calls.max(1);
    (sent > most).then(|| Violation {
        clause: "REF-3",
        expected: "a bounded number of calls in one step",
        got: format!("{sent} exchanges, {} from number {} on", evidence.exchanges.len() - first, first + 1),
        exchanges: (first..evidence.exchanges.len()).map(|index| evidence.number(index)).collect(),
    })
}

/// Every attempt of an API request carries the body that the app gave: a retry repeats the whole request.
pub(super) fn body_is_kept(first: usize, evidence: &Evidence<'_>) -> Option<Violation> {
    (first..evidence.exchanges.len()).find_map(|number| {
        let (call, exchange) = (only_call(evidence, number)?, &evidence.exchanges[number]);
        let given = call.body.as_ref()?;
        let got = wrong_body(given, exchange)?;
        let attempts = (call.started_at..=number).filter(|earlier| only_call(evidence, *earlier).is_some());
        Some(Violation {
            clause: "REF-3",
            expected: "the JSON body that the app gave, in every attempt of its request",
            got: format!(
                "{got} in exchange {}, attempt {} of {} {}",
                evidence.number(number),
                attempts.count(),
                call.method,
                call.path
            ),
            exchanges: vec![evidence.number(number)],
        })
    })
}

/// What an exchange carries instead of a body. A compressed body cannot be read, but it is there.
fn wrong_body(given: &Value, exchange: &Exchange) -> Option<&'static str> {
    let body = &exchange.request.body;
    if body.is_empty() {
        return Some("no body");
    }
    let compressed = exchange.request.header("content-encoding").is_some_and(|coding| coding != "identity");
    let same = compressed || serde_json::from_slice::<Value>(body).is_ok_and(|sent| sent == *given);
    (!same).then_some("another body")
}
