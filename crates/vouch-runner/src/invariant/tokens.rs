//! Checks of how tokens are used (EXC-2, REF-2, REF-4, REF-5, REF-7, REF-9, DEL-1).

use super::token_grants::Grants;
use super::{Evidence, Violation};
use rustc_hash::FxHashMap;
use vouch_sim::clock::ClockMode;
use vouch_sim::wire::{Exchange, ExchangeOutcome, Operation, Party};
use vouch_spec::profile::IdpCall;
use vouch_spec::protocol::ErrorKind;

/// The exchanges that the SDK sent for an operation, with their indices.
fn of<'a>(evidence: &'a Evidence<'_>, operation: Operation) -> impl Iterator<Item = (usize, &'a Exchange)> {
    let all = evidence.exchanges.iter().enumerate();
    all.filter(move |(_, exchange)| exchange.link.from == Party::Sdk && exchange.operation == operation)
}

/// The number of the launch in which an exchange was sent.
fn launch(evidence: &Evidence<'_>, number: usize) -> usize {
    evidence.sdk.launches.iter().filter(|start| **start <= number).count()
}

/// The name of a secret in reports.
fn name(evidence: &Evidence<'_>, secret: &str, otherwise: &str) -> String {
    evidence.redactor.secrets_in(secret).first().map_or(otherwise.to_owned(), |known| known.name.clone())
}

/// A sign-in token that was exchanged is not sent again, even if the response was lost.
pub(super) fn exchanged_once(evidence: &Evidence<'_>) -> Option<Violation> {
    let mut used: FxHashMap<&str, (usize, &'static str)> = FxHashMap::default();
    for (index, exchange) in of(evidence, Operation::Exchange) {
        let Some(token) = exchange.tokens.token.as_deref() else { continue };
        if let Some((first, clause)) = used.get(token) {
            let name = name(evidence, token, "sign-in token");
            let (first, index) = (evidence.number(*first), evidence.number(index));
            return Some(Violation {
                clause,
                expected: "each sign-in token exchanged at most once",
                got: format!("the {name} in the exchanges {first} and {index}"),
                exchanges: vec![first, index],
            });
        }
        let clause = match &exchange.outcome {
            ExchangeOutcome::Answered { status, .. } if status.is_success() => "EXC-2",
            // The SDK cannot know that the token was accepted.
            ExchangeOutcome::Lost { processed: true } => "EXC-9",
            _ => continue,
        };
        used.insert(token, (index, clause));
    }
    None
}

/// Two refreshes with the same token are never in flight at once. A refresh that the SDK abandoned, for example after a
/// timeout, does not count: the harness cannot know when the SDK abandoned it.
pub(super) fn one_refresh_in_flight(evidence: &Evidence<'_>) -> Option<Violation> {
    let refreshes: Vec<_> = of(evidence, Operation::Refresh).collect();
    for (position, (later, second)) in refreshes.iter().enumerate() {
        for (earlier, first) in &refreshes[..position] {
            let awaited = matches!(first.outcome, ExchangeOutcome::Answered { .. } | ExchangeOutcome::Lost { .. });
            let overlaps = first.completed_at.is_some_and(|at| at > *later) && awaited;
            let same = first.tokens.refresh_token == second.tokens.refresh_token;
            if overlaps && same && launch(evidence, *earlier) == launch(evidence, *later) {
                let (earlier, later) = (evidence.number(*earlier), evidence.number(*later));
                return Some(Violation {
                    clause: "REF-4",
                    expected: "at most one refresh in flight, shared by all callers",
                    got: format!("exchange {later} sent while exchange {earlier} was in flight"),
                    exchanges: vec![earlier, later],
                });
            }
        }
    }
    None
}

/// A refresh token is not used again after the SDK used its successor.
pub(super) fn rotated_token_reused(evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    for (index, exchange) in of(evidence, Operation::Refresh) {
        let Some(token) = exchange.tokens.refresh_token.as_deref() else { continue };
        let mut successors = grants
            .all
            .iter()
            .filter(|g| g.refreshed_with.as_deref() == Some(token) && g.refresh_token != token && g.at < index);
        if let Some(successor) = successors.find(|g| grants.seen_in_use(g, evidence.exchanges, index)) {
            let name = name(evidence, token, "refresh token");
            let (index, replaced) = (evidence.number(index), evidence.number(successor.at));
            return Some(Violation {
                clause: "REF-5",
                expected: "a refresh token that is not used again after its successor was used",
                got: format!("the {name} in exchange {index}, replaced in exchange {replaced}"),
                exchanges: vec![replaced, index],
            });
        }
    }
    None
}

/// A refresh token is not used again in the same launch after the SDK reported its permanent refusal to a caller.
pub(super) fn refused_token_reused(evidence: &Evidence<'_>) -> Option<Violation> {
    let refused = |exchange: &Exchange| {
        let refusal = exchange.status().is_some_and(|status| status.is_client_error()) && exchange.fault.is_none();
        let body = exchange.answer().filter(|_| refusal)?;
        let kind = exchange.profile.meaning(IdpCall::Refresh, body)?;
        matches!(kind, ErrorKind::InvalidUser | ErrorKind::NeedsReauthentication).then_some(kind)
    };
    let refreshes: Vec<_> = of(evidence, Operation::Refresh).collect();
    for (position, (later, second)) in refreshes.iter().enumerate() {
        for (earlier, first) in &refreshes[..position] {
            let Some(kind) = refused(first) else { continue };
            let mut reports = evidence.sdk.reported_errors.iter();
            let reported = reports.any(|(error, at)| *error == kind && at > earlier && at <= later);
            let same = first.tokens.refresh_token == second.tokens.refresh_token;
            if reported && same && launch(evidence, *earlier) == launch(evidence, *later) {
                let clause = if kind == ErrorKind::InvalidUser { "DEL-1" } else { "REF-7" };
                let (earlier, later) = (evidence.number(*earlier), evidence.number(*later));
                return Some(Violation {
                    clause,
                    expected: "a refresh token that is not used again after its permanent refusal",
                    got: format!("the refresh token of exchange {earlier} again in exchange {later}"),
                    exchanges: vec![earlier, later],
                });
            }
        }
    }
    None
}

/// A session is not refreshed before the time of the Retry-After header that it received.
pub(super) fn refreshed_before_retry_after(evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    let session = |exchange: &'_ Exchange| {
        exchange.tokens.refresh_token.as_deref().map(|token| grants.session_of(token).to_owned())
    };
    let refreshes: Vec<_> =
        of(evidence, Operation::Refresh).map(|(index, exchange)| (index, exchange, session(exchange))).collect();
    for (position, (earlier, first, own_session)) in refreshes.iter().enumerate() {
        let Some((later, second, _)) = refreshes[position + 1..].iter().find(|(.., other)| other == own_session) else {
            continue;
        };
        let ExchangeOutcome::Answered { headers, .. } = &first.outcome else { continue };
        let wait = headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
        let (Some(wait_s), Some(received_ms)) = (wait, first.completed_ms) else { continue };
        let early_ms = received_ms + wait_s.saturating_mul(1000) - second.at_ms;
        // A Retry-After applies to its own session only.
        let mut between = of(evidence, Operation::Exchange).filter(|(number, _)| (earlier..later).contains(&number));
        if between.any(|(_, exchange)| exchange.status().is_some_and(|status| status.is_success())) {
            continue;
        }
        if early_ms > 100 && launch(evidence, *earlier) == launch(evidence, *later) {
            let (earlier, later) = (evidence.number(*earlier), evidence.number(*later));
            return Some(Violation {
                clause: "REF-9",
                expected: "no refresh before the time of the Retry-After header",
                got: format!("exchange {later} was sent {early_ms} ms too early after exchange {earlier}"),
                exchanges: vec![earlier, later],
            });
        }
    }
    None
}

/// The tolerated time between an SDK's reading of its clock and the arrival of its request, in milliseconds.
fn slack_ms(mode: ClockMode) -> i64 {
    match mode {
        ClockMode::Virtual => 1_000,
        ClockMode::Real => 3_000,
    }
}

/// An access token is not sent after its expiry.
pub(super) fn expired_token_sent(first: usize, evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    if evidence.sdk.clock_was_skewed {
        return None;
    }
    // While the harness advances the clock, requests that the app did not make follow the previous time.
    let requested = |exchange: &Exchange| evidence.sdk.api_requests.iter().any(|request| request.matches(exchange));
    let knows_time = |exchange: &Exchange| {
        evidence.mode == ClockMode::Real || evidence.sdk.api_requests.is_empty() || requested(exchange)
    };
    for (index, exchange) in of(evidence, Operation::Api).filter(|(index, _)| *index >= first) {
        let Some(grant) = grants.of_call(exchange).filter(|_| knows_time(exchange)) else { continue };
        let late_ms = exchange.at_ms - grant.expires_at_ms;
        if late_ms > slack_ms(evidence.mode) {
            let name = name(evidence, &grant.access_token, "access token");
            return Some(Violation {
                clause: "REF-2",
                expected: "no access token sent after its expiry",
                got: format!("the {name} in exchange {}, {} s too late", evidence.number(index), late_ms / 1000),
                exchanges: vec![evidence.number(grant.at), evidence.number(index)],
            });
        }
    }
    None
}
