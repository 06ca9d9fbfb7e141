//! How tokens may be used (EXC-2, REF-2, REF-4, REF-5, REF-7, DEL-1).

use super::token_grants::Grants;
use super::{Evidence, Violation};
use rustc_hash::FxHashMap;
use vouch_sim::clock::Mode;
use vouch_sim::wire::{Exchange, ExchangeOutcome, Operation, Party};
use vouch_spec::profile::IdpCall;
use vouch_spec::protocol::ErrorKind;

/// The SDK's own exchanges of a kind, with their numbers.
fn of<'a>(evidence: &'a Evidence<'_>, operation: Operation) -> impl Iterator<Item = (usize, &'a Exchange)> {
    let all = evidence.exchanges.iter().enumerate();
    all.filter(move |(_, exchange)| exchange.link.from == Party::Sdk && exchange.operation == operation)
}

/// The launch in which an exchange arrived.
fn launch(evidence: &Evidence<'_>, number: usize) -> usize {
    evidence.sdk.launches.iter().filter(|start| **start <= number).count()
}

fn name(evidence: &Evidence<'_>, secret: &str, otherwise: &str) -> String {
    evidence.redactor.secrets_in(secret).first().map_or(otherwise.to_owned(), |known| known.name.clone())
}

/// A sign-in token that was exchanged is not sent again, whether the answer arrived or not.
pub(super) fn exchanged_once(evidence: &Evidence<'_>) -> Option<Violation> {
    let mut used: FxHashMap<&str, usize> = FxHashMap::default();
    for (index, exchange) in of(evidence, Operation::Exchange) {
        let Some(token) = exchange.carried.token.as_deref() else { continue };
        if let Some(first) = used.get(token) {
            let name = name(evidence, token, "sign-in token");
            return Some(Violation {
                clause: "EXC-2",
                expected: "each sign-in token exchanged at most once",
                got: format!("the {name} in the exchanges {} and {}", first + 1, index + 1),
            });
        }
        let worked = match &exchange.fate {
            ExchangeOutcome::Answered { status, .. } => status.is_success(),
            ExchangeOutcome::Lost { processed } => *processed,
            ExchangeOutcome::Pending | ExchangeOutcome::NoNetwork | ExchangeOutcome::Abandoned => false,
        };
        if worked {
            used.insert(token, index);
        }
    }
    None
}

/// Never two refreshes with the same token under way at once. One that its caller gave up, as after a time-out, does not
/// count: only the caller knows when it did.
pub(super) fn one_refresh_in_flight(evidence: &Evidence<'_>) -> Option<Violation> {
    let refreshes: Vec<_> = of(evidence, Operation::Refresh).collect();
    for (position, (later, second)) in refreshes.iter().enumerate() {
        for (earlier, first) in &refreshes[..position] {
            let waited_for = matches!(first.fate, ExchangeOutcome::Answered { .. } | ExchangeOutcome::Lost { .. });
            let overlaps = first.settled_at.is_some_and(|at| at > *later) && waited_for;
            let same = first.carried.refresh_token == second.carried.refresh_token;
            if overlaps && same && launch(evidence, *earlier) == launch(evidence, *later) {
                return Some(Violation {
                    clause: "REF-4",
                    expected: "one refresh in flight, for all who need it",
                    got: format!("exchange {} sent while exchange {} was under way", later + 1, earlier + 1),
                });
            }
        }
    }
    None
}

/// A refresh token whose successor has been seen in use is gone for good.
pub(super) fn rotated_out(evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    for (index, exchange) in of(evidence, Operation::Refresh) {
        let Some(token) = exchange.carried.refresh_token.as_deref() else { continue };
        let mut successors = grants
            .all
            .iter()
            .filter(|g| g.bought_with.as_deref() == Some(token) && g.refresh_token != token && g.at < index);
        if let Some(successor) = successors.find(|g| grants.seen_in_use(g, evidence.exchanges, index)) {
            let name = name(evidence, token, "refresh token");
            return Some(Violation {
                clause: "REF-5",
                expected: "no refresh token used again once its successor was in use",
                got: format!("the {name} in exchange {}, replaced in exchange {}", index + 1, successor.at + 1),
            });
        }
    }
    None
}

/// A refresh token that the SDK has told its caller is refused for good is not tried again in the same launch.
pub(super) fn known_to_be_dead(evidence: &Evidence<'_>) -> Option<Violation> {
    let refused = |exchange: &Exchange| {
        let refusal = exchange.status().is_some_and(|status| status.is_client_error()) && exchange.fault.is_none();
        let body = exchange.answer().filter(|_| refusal)?;
        let kind = evidence.profile.meaning(IdpCall::Refresh, body)?;
        matches!(kind, ErrorKind::InvalidUser | ErrorKind::NeedsReauthentication).then_some(kind)
    };
    let refreshes: Vec<_> = of(evidence, Operation::Refresh).collect();
    for (position, (later, second)) in refreshes.iter().enumerate() {
        for (earlier, first) in &refreshes[..position] {
            let Some(kind) = refused(first) else { continue };
            let told = evidence.sdk.told.iter().any(|(told, at)| *told == kind && at > earlier && at <= later);
            let same = first.carried.refresh_token == second.carried.refresh_token;
            if told && same && launch(evidence, *earlier) == launch(evidence, *later) {
                let clause = if kind == ErrorKind::InvalidUser { "DEL-1" } else { "REF-7" };
                return Some(Violation {
                    clause,
                    expected: "no refresh token tried again after it was refused for good",
                    got: format!("that of exchange {} again in exchange {}", earlier + 1, later + 1),
                });
            }
        }
    }
    None
}

/// No refresh of a session before the time that a Retry-After names to it.
pub(super) fn too_soon(evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    let session = |exchange: &'_ Exchange| {
        exchange.carried.refresh_token.as_deref().map(|token| grants.session_of(token).to_owned())
    };
    let refreshes: Vec<_> = of(evidence, Operation::Refresh).map(|(at, it)| (at, it, session(it))).collect();
    for (position, (earlier, first, its)) in refreshes.iter().enumerate() {
        let Some((later, second, _)) = refreshes[position + 1..].iter().find(|(.., other)| other == its) else {
            continue;
        };
        let ExchangeOutcome::Answered { headers, .. } = &first.fate else { continue };
        let wait = headers.get("retry-after").and_then(|value| value.to_str().ok()?.parse::<i64>().ok());
        let (Some(wait_s), Some(told_at)) = (wait, first.settled_ms) else { continue };
        let early_ms = told_at + wait_s.saturating_mul(1000) - second.at_ms;
        // What one session was asked does not bind the next.
        let mut between = of(evidence, Operation::Exchange).filter(|(number, _)| (earlier..later).contains(&number));
        if between.any(|(_, exchange)| exchange.status().is_some_and(|status| status.is_success())) {
            continue;
        }
        if early_ms > 100 && launch(evidence, *earlier) == launch(evidence, *later) {
            return Some(Violation {
                clause: "REF-9",
                expected: "no refresh before the time that Retry-After names",
                got: format!("exchange {} came {early_ms} ms too soon after exchange {}", later + 1, earlier + 1),
            });
        }
    }
    None
}

/// What may pass between an SDK's look at its clock and the arrival of its call, in milliseconds.
fn slack_ms(mode: Mode) -> i64 {
    match mode {
        Mode::Virtual => 1_000,
        Mode::Real => 3_000,
    }
}

/// No access token is sent after the end that came with it.
pub(super) fn known_to_be_expired(first: usize, evidence: &Evidence<'_>, grants: &Grants) -> Option<Violation> {
    if evidence.sdk.clock_was_off {
        return None;
    }
    // What the SDK sends unasked while the harness moves time, it sends by the time that it was told last.
    let asked = |exchange: &Exchange| evidence.sdk.requests.iter().any(|asked| asked.asks_for(exchange));
    let timely =
        |exchange: &Exchange| evidence.mode == Mode::Real || evidence.sdk.requests.is_empty() || asked(exchange);
    for (index, exchange) in of(evidence, Operation::Api).filter(|(index, _)| *index >= first) {
        let Some(grant) = grants.of_call(exchange).filter(|_| timely(exchange)) else { continue };
        let late_ms = exchange.at_ms - grant.expires_at_ms;
        if late_ms > slack_ms(evidence.mode) {
            let name = name(evidence, &grant.access_token, "access token");
            return Some(Violation {
                clause: "REF-2",
                expected: "no access token sent after its lifetime",
                got: format!("the {name} in exchange {}, {} s too late", index + 1, late_ms / 1000),
            });
        }
    }
    None
}
