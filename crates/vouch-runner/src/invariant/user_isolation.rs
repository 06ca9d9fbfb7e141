//! Checks that the session of one user does not affect the session of the next (LIF-4).

use super::token_grants::{Grant, Grants};
use super::{Evidence, Violation};
use serde_json::Value;
use vouch_sim::wire::{Exchange, ExchangeOutcome, Operation, Party};
use vouch_spec::protocol::ErrorKind;

/// An API request that the app made through the SDK.
#[derive(Clone, Debug)]
pub struct ApiRequest {
    pub method: String,
    pub path: String,
    /// The JSON body to send, if there is one.
    pub body: Option<Value>,
    /// The number of exchanges in the transcript when it started.
    pub started_at: usize,
    /// How it ended. `None` while it is in flight.
    pub end: Option<ApiRequestEnd>,
}

/// How an API request ended.
#[derive(Clone, Debug)]
pub struct ApiRequestEnd {
    /// The number of exchanges in the transcript at its end.
    pub at: usize,
    /// The time of its end, in milliseconds of the case's clock.
    pub at_ms: i64,
    /// The error that the SDK returned.
    pub error: Option<ErrorKind>,
}

impl ApiRequest {
    /// Whether an exchange has the same method and path.
    pub fn matches(&self, exchange: &Exchange) -> bool {
        exchange.request.method.as_str() == self.method && exchange.request.path == self.path
    }

    fn covers(&self, number: usize, exchange: &Exchange) -> bool {
        let in_flight = self.started_at <= number && self.end.as_ref().is_none_or(|end| number < end.at);
        in_flight && self.matches(exchange)
    }
}

/// The only request that an exchange can belong to. `None` if there are several.
pub(super) fn only_call<'a>(evidence: &'a Evidence<'_>, number: usize) -> Option<&'a ApiRequest> {
    let exchange = &evidence.exchanges[number];
    if exchange.link.from != Party::Sdk || exchange.operation != Operation::Api {
        return None;
    }
    let mut calls = evidence.sdk.api_requests.iter().filter(|request| request.covers(number, exchange));
    let only = calls.next()?;
    calls.next().is_none().then_some(only)
}

/// A request that was refused with the token of one user is not retried with the token of another.
pub(super) fn retried_as_another_user(first: usize, evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    let user = |number: usize| grants.of_call(&evidence.exchanges[number]).and_then(|grant| grant.user.as_deref());
    for later in first..evidence.exchanges.len() {
        let Some(call) = only_call(evidence, later) else { continue };
        let own = (call.started_at..later).filter(|earlier| only_call(evidence, *earlier).is_some());
        let mut refused = own.filter(|earlier| evidence.exchanges[*earlier].status().is_some_and(|s| s == 401));
        let other = |earlier: &usize| matches!((user(*earlier), user(later)), (Some(one), Some(other)) if one != other);
        if let Some(earlier) = refused.find(other) {
            return Some(Violation {
                clause: "LIF-4",
                expected: "a request that is not retried after its user's session ended",
                got: format!(
                    "the request of exchange {} again in exchange {}, as another user",
                    evidence.number(earlier),
                    evidence.number(later)
                ),
                exchanges: vec![evidence.number(earlier), evidence.number(later)],
            });
        }
    }
    None
}

/// The time until which a response asks to wait, in milliseconds of the case's clock.
fn retry_after_ms(exchange: &Exchange) -> Option<i64> {
    let ExchangeOutcome::Answered { headers, .. } = &exchange.outcome else { return None };
    let seconds: i64 = headers.get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(exchange.completed_ms?.saturating_add(seconds.saturating_mul(1000)))
}

/// A request does not fail with a network error, without anything sent, because of a Retry-After of the previous user.
pub(super) fn waits_for_previous_user(evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    evidence.sdk.api_requests.iter().find_map(|request| {
        let end = request.end.as_ref().filter(|end| end.error == Some(ErrorKind::Network))?;
        let sent = evidence.exchanges.get(request.started_at..end.at)?;
        let signed_in =
            grants.all.iter().rev().find(|grant| grant.refreshed_with.is_none() && grant.at < request.started_at)?;
        if sent.iter().any(is_from_sdk) || !all_succeeded(evidence, signed_in, request) {
            return None;
        }
        let launch = evidence.sdk.launches.last().copied().unwrap_or_default();
        let before = evidence.exchanges.iter().enumerate().take(signed_in.at).skip(launch);
        let mut refreshes = before.filter(|(_, e)| is_from_sdk(e) && e.operation == Operation::Refresh).rev();
        let (number, last) = refreshes.next()?;
        let previous = last.tokens.refresh_token.as_deref().and_then(|token| grants.of_refresh_token(token))?;
        let must_wait = retry_after_ms(last).is_some_and(|until_ms| until_ms > end.at_ms);
        (must_wait && previous.user.is_some() && previous.user != signed_in.user).then(|| Violation {
            clause: "LIF-4",
            expected: "a refresh, independent of the Retry-After that the previous user received",
            got: format!(
                "the error network without a request, during the Retry-After of exchange {}",
                evidence.number(number)
            ),
            exchanges: vec![evidence.number(number)],
        })
    })
}

fn is_from_sdk(exchange: &Exchange) -> bool {
    exchange.link.from == Party::Sdk
}

/// Whether every exchange of the SDK between a sign-in and a request succeeded.
fn all_succeeded(evidence: &Evidence<'_>, signed_in: &Grant, request: &ApiRequest) -> bool {
    let since = evidence.exchanges.iter().take(request.started_at).skip(signed_in.at);
    since
        .filter(|exchange| is_from_sdk(exchange))
        .all(|exchange| exchange.status().is_some_and(|status| status.is_success()))
}
