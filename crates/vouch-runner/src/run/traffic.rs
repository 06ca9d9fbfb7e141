//! Checks `sent:`: what went over the wire during a step.

use super::sdk_client::TrafficWindow;
use super::step_result::StepError;
use super::world::World;
use vouch_sim::wire::{Exchange, Operation};
use vouch_spec::step::{Credential, TrafficCount, TrafficExpectation};

/// Judges the exchanges of a step. What the SDK sent of its own accord since the call before, as a refresh at launch, may
/// be what the step asks for, but need not.
pub(super) fn check(expected: &TrafficExpectation, window: &TrafficWindow, world: &World) -> Result<(), StepError> {
    if expected.only.is_some() && !window.during.is_empty() {
        return Err(StepError::Unmet {
            expected: "nothing sent".into(),
            got: format!("{} sent", tally(&window.during)),
        });
    }
    for (operation, count) in expected.counts() {
        let is_it = |exchange: &&Exchange| exchange.operation == operation;
        let during: Vec<_> = window.during.iter().filter(is_it).collect();
        let with_own = window.since_idle.iter().filter(is_it).count();
        check_count(count, operation, &during, with_own, world)?;
    }
    Ok(())
}

/// "2 refreshes, 1 API call", for messages.
fn tally(exchanges: &[Exchange]) -> String {
    let mut counts: Vec<(Operation, usize)> = Vec::new();
    for exchange in exchanges {
        match counts.iter_mut().find(|(operation, _)| *operation == exchange.operation) {
            Some((_, count)) => *count += 1,
            None => counts.push((exchange.operation, 1)),
        }
    }
    counts.iter().map(|(operation, count)| format!("{count} × {}", operation.words())).collect::<Vec<_>>().join(", ")
}

/// What an exchange really carries; several where a client sends too much.
fn carried(exchange: &Exchange, world: &World) -> Vec<&'static str> {
    let mut carried = Vec::new();
    if exchange.request.header("x-vital-api-key").is_some() {
        carried.push(Credential::ApiKey.words());
    }
    if exchange.request.header("authorization").is_some() {
        carried.push(if world.sdk.carries_access_token(exchange) {
            Credential::AccessToken.words()
        } else {
            "an Authorization header without an access token"
        });
    }
    if carried.is_empty() {
        carried.push(Credential::None.words());
    }
    carried
}

/// `with_own`: how many there are together with those that the SDK sent of its own accord.
fn check_count(
    count: &TrafficCount,
    operation: Operation,
    exchanges: &[&Exchange],
    with_own: usize,
    world: &World,
) -> Result<(), StepError> {
    let (sent, what) = (exchanges.len(), operation.words());
    let wrong_count = |wanted: String, sent: usize| {
        Err(StepError::Unmet {
            expected: format!("{wanted} × {what} during this step"),
            got: format!("{sent} × {what}"),
        })
    };
    match (count.count, count.at_least, count.at_most) {
        (Some(exactly), _, _) if sent > exactly => return wrong_count(exactly.to_string(), sent),
        (Some(exactly), _, _) if with_own < exactly => return wrong_count(exactly.to_string(), with_own),
        (_, Some(least), _) if with_own < least => return wrong_count(format!("at least {least}"), with_own),
        (_, _, Some(most)) if sent > most => return wrong_count(format!("at most {most}"), sent),
        _ => {}
    }
    for exchange in exchanges {
        check_one(count, what, exchange, world)?;
    }
    check_gaps(count, what, exchanges)
}

fn check_one(count: &TrafficCount, what: &str, exchange: &Exchange, world: &World) -> Result<(), StepError> {
    if let Some(wanted) = count.credential {
        let carried = carried(exchange, world);
        if carried != [wanted.words()] {
            return Err(StepError::Unmet {
                expected: format!("the {what} with {}", wanted.words()),
                got: format!("it with {}", carried.join(" and ")),
            });
        }
    }
    let realm = exchange.link.realm;
    let elsewhere =
        count.environment.is_some_and(|e| e != realm.environment) || count.region.is_some_and(|r| r != realm.region);
    if elsewhere {
        let words = [
            count.environment.map(vouch_spec::protocol::Environment::word),
            count.region.map(vouch_spec::protocol::Region::word),
        ];
        let wanted = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
        return Err(StepError::Unmet {
            expected: format!("the {what} at a host of {wanted}"),
            got: format!("it at a host of {realm}"),
        });
    }
    Ok(())
}

fn check_gaps(count: &TrafficCount, what: &str, exchanges: &[&Exchange]) -> Result<(), StepError> {
    let Some(least) = count.min_gap_seconds else { return Ok(()) };
    for pair in exchanges.windows(2) {
        let gap_ms = pair[1].at_ms - pair[0].at_ms;
        if gap_ms < least * 1000 {
            return Err(StepError::Unmet {
                expected: format!("at least {least} s between one {what} and the next"),
                #[allow(clippy::cast_precision_loss, reason = "shown to people")]
                got: format!("{:.1} s", gap_ms as f64 / 1000.0),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
