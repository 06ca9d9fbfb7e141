//! Where calls go and how many there are (EXC-8, KEY-1, REF-3).

use super::token_grants::{Grants, realm_of_token};
use super::{Evidence, Violation};
use vouch_sim::wire::redact::SecretKind;
use vouch_sim::wire::{Operation, Party};

/// More exchanges than this for one call into the SDK is a loop: a refresh and its retries, the call and its one retry, and
/// as much again.
const MOST_FOR_ONE_CALL: usize = 12;

/// No call with a token or key of one environment and region goes to another.
pub(super) fn at_home(first: usize, evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    for (index, exchange) in
        evidence.exchanges.iter().enumerate().skip(first).filter(|(_, e)| e.link.from == Party::Sdk)
    {
        let carried = &exchange.carried;
        let home = match exchange.operation {
            Operation::Exchange => carried.token.as_deref().and_then(realm_of_token),
            Operation::Refresh => {
                carried.refresh_token.as_deref().and_then(|token| grants.of_refresh_token(token)).and_then(|g| g.realm)
            }
            _ => grants.of_call(exchange).and_then(|grant| grant.realm),
        };
        let went = exchange.link.realm;
        if let Some(home) = home.filter(|home| *home != went) {
            return Some(Violation {
                clause: "EXC-8",
                expected: "calls to the token's own environment and region only",
                got: format!("a token of {home} at a host of {went} in exchange {}", index + 1),
            });
        }
        let key = exchange.request.header("x-vital-api-key").unwrap_or_default();
        let foreign = evidence.redactor.secrets_in(key).into_iter().find(|known| {
            known.kind == SecretKind::ApiKey && known.is(key) && known.name != format!("API key of {went}")
        });
        if let Some(known) = foreign {
            return Some(Violation {
                clause: "KEY-1",
                expected: "calls to the key's own environment and region only",
                got: format!("the {} at a host of {went} in exchange {}", known.name, index + 1),
            });
        }
    }
    None
}

/// Every call ends after a bounded number of exchanges.
pub(super) fn bounded(first: usize, evidence: &Evidence<'_>) -> Option<Violation> {
    let sent = evidence.exchanges.iter().skip(first).filter(|exchange| exchange.link.from == Party::Sdk).count();
    let most = MOST_FOR_ONE_CALL * evidence.calls.max(1);
    (sent > most).then(|| Violation {
        clause: "REF-3",
        expected: "a bounded number of calls in one step",
        got: format!("{sent} exchanges, {} from number {} on", evidence.exchanges.len() - first, first + 1),
    })
}
