//! One user's stay has nothing to do with the next one's (LIF-4).

use super::token_grants::{Grant, Grants};
use super::{Evidence, Violation};
use vouch_sim::wire::{Exchange, ExchangeOutcome, Operation, Party};
use vouch_spec::protocol::ErrorKind;

/// An API call that the app asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    /// How many exchanges there had been when it began.
    pub began: usize,
    /// How it ended; none while it goes on.
    pub end: Option<AskedEnd>,
}

/// How such a call ended.
#[derive(Clone, Debug)]
pub struct AskedEnd {
    /// How many exchanges there had been by then.
    pub at: usize,
    /// When that was, in the case's time.
    pub at_ms: i64,
    pub refused: Option<ErrorKind>,
}

impl Asked {
    /// Whether an exchange is what it asks for, whenever it came.
    pub fn asks_for(&self, exchange: &Exchange) -> bool {
        exchange.request.method.as_str() == self.method && exchange.request.path == self.path
    }

    fn covers(&self, number: usize, exchange: &Exchange) -> bool {
        let meanwhile = self.began <= number && self.end.as_ref().is_none_or(|end| number < end.at);
        meanwhile && self.asks_for(exchange)
    }
}

/// The one call that an exchange can belong to; none where there is no such call, or more than one.
fn only_call<'a>(evidence: &'a Evidence<'_>, number: usize) -> Option<&'a Asked> {
    let exchange = &evidence.exchanges[number];
    if exchange.link.from != Party::Sdk || exchange.operation != Operation::Api {
        return None;
    }
    let mut calls = evidence.sdk.requests.iter().filter(|asked| asked.covers(number, exchange));
    let only = calls.next()?;
    calls.next().is_none().then_some(only)
}

/// A call that was refused with one user's token is not tried again with another's.
pub(super) fn goes_on_as_another(first: usize, evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    let user = |number: usize| grants.of_call(&evidence.exchanges[number]).and_then(|grant| grant.user.as_deref());
    for later in first..evidence.exchanges.len() {
        let Some(call) = only_call(evidence, later) else { continue };
        let own = (call.began..later).filter(|earlier| only_call(evidence, *earlier).is_some());
        let mut refused = own.filter(|earlier| evidence.exchanges[*earlier].status().is_some_and(|s| s == 401));
        let other = |earlier: &usize| matches!((user(*earlier), user(later)), (Some(one), Some(other)) if one != other);
        if let Some(earlier) = refused.find(other) {
            return Some(Violation {
                clause: "LIF-4",
                expected: "a call that ends with its user's stay",
                got: format!("that of exchange {} again in exchange {}, as another user", earlier + 1, later + 1),
            });
        }
    }
    None
}

/// What an answer asks to wait for, and until when, in the case's time.
fn wait_of(exchange: &Exchange) -> Option<i64> {
    let ExchangeOutcome::Answered { headers, .. } = &exchange.fate else { return None };
    let seconds: i64 = headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(exchange.settled_ms?.saturating_add(seconds.saturating_mul(1000)))
}

/// A user is not told to try again later, with nothing sent, because the user before was.
pub(super) fn waits_for_another(evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    evidence.sdk.requests.iter().find_map(|asked| {
        let end = asked.end.as_ref().filter(|end| end.refused == Some(ErrorKind::Network))?;
        let sent = evidence.exchanges.get(asked.began..end.at)?;
        let signed_in = grants.all.iter().rev().find(|grant| grant.bought_with.is_none() && grant.at < asked.began)?;
        if sent.iter().any(is_sdks) || !all_well(evidence, signed_in, asked) {
            return None;
        }
        let launch = evidence.sdk.launches.last().copied().unwrap_or_default();
        let before = evidence.exchanges.iter().enumerate().take(signed_in.at).skip(launch);
        let mut refreshes = before.filter(|(_, e)| is_sdks(e) && e.operation == Operation::Refresh).rev();
        let (number, last) = refreshes.next()?;
        let theirs = last.carried.refresh_token.as_deref().and_then(|token| grants.of_refresh_token(token))?;
        let still = wait_of(last).is_some_and(|until_ms| until_ms > end.at_ms);
        (still && theirs.user.is_some() && theirs.user != signed_in.user).then(|| Violation {
            clause: "LIF-4",
            expected: "a refresh, whatever the server asked of the user before",
            got: format!("the error network with nothing sent, while the Retry-After of exchange {} runs", number + 1),
        })
    })
}

fn is_sdks(exchange: &Exchange) -> bool {
    exchange.link.from == Party::Sdk
}

/// Whether everything that the SDK has sent since a sign-in went well.
fn all_well(evidence: &Evidence<'_>, signed_in: &Grant, asked: &Asked) -> bool {
    let since = evidence.exchanges.iter().take(asked.began).skip(signed_in.at).filter(|exchange| is_sdks(exchange));
    since.into_iter().all(|exchange| exchange.status().is_some_and(|status| status.is_success()))
}
