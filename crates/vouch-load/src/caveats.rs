//! Caveats of a round's results: where the load generator itself was the bottleneck, and what was not measured or not checked.

use super::arrivals::Arrivals;
use super::endpoints::LoadCall;
use super::failure::Failure;
use super::faults::FaultReport;
use super::plan::Load;
use super::round::Round;
use super::threshold::time;
use super::token_claims::LearnedClaims;
use super::workload::Workload;

/// An arrival that starts later than this although a connection was free is late because of the generator.
const MIN_LATE_NS: u64 = 1_000_000;
/// Fewer late arrivals are ignored.
const MIN_LATE_ARRIVALS: u64 = 4;
/// A worker thread with at least this CPU usage, in per cent of a core, is saturated.
const BUSY_PERCENT: u64 = 95;

/// Reasons why the results may show the limits of the generator instead of those of the server.
pub fn generator_limits(load: &Load, round: &Round) -> Vec<String> {
    let mut generator_limits = Vec::new();
    let too_late = MIN_LATE_NS.max(round.total.latency.value_at_quantile(0.99) / 10);
    let late = round.lag.len() - round.lag.count_between(0, too_late);
    if load.arrivals != Arrivals::Max && late >= MIN_LATE_ARRIVALS && late * 1000 > round.lag.len() {
        #[allow(clippy::cast_precision_loss, reason = "for readers")]
        generator_limits.push(format!(
            "scheduling: {late} of {} arrivals started more than {} late although a connection was free; reserve a core for the generator, or lower the rate",
            round.lag.len(),
            time(too_late as f64)
        ));
    }
    let median = round.busiest_thread_percent().unwrap_or(0);
    if median >= BUSY_PERCENT && round.intervals.len() > 1 {
        let (busy, help) = if load.journeys.is_empty() {
            let busy = format!("the busiest thread of the generator used {median}% of its core");
            (busy, "use more --threads, or lower the rate")
        } else {
            let busy = format!("the generator and the SDK's processes used {median}% of this machine");
            (busy, "use fewer --users, or a longer --think-time")
        };
        generator_limits.push(format!("CPU: {busy}; the server may be able to handle more; {help}"));
    }
    let sockets = round.total.failures.get(&Failure::OutOfSockets).map_or(0, |failed| failed.count);
    if sockets > 0 {
        generator_limits.push(format!(
            "sockets: {sockets} requests failed because this machine ran out of file descriptors or local ports"
        ));
    }
    generator_limits
}

/// Reports arrivals that were not sent because no installation or sign-in token was available.
pub fn unsent(load: &Load, round: &Round) -> Option<String> {
    let arrivals = round.started + round.starved;
    if round.starved * 1000 <= arrivals {
        return None;
    }
    let uses_installations = load.workloads.iter().any(Workload::needs_installation);
    let (what, more) = if uses_installations {
        ("idle installation", "--installations")
    } else {
        ("unused sign-in token", "--tokens")
    };
    let by_faults = round.faults.as_ref().map_or(0, FaultReport::signed_out);
    let help = match (round.signed_out, by_faults) {
        (0, 0) => format!("increase {more}"),
        (0, out) => format!("the faults signed {out} installations out; increase {more}"),
        (out, 0) => format!("the server signed {out} installations out"),
        (out, more) => format!("the server signed {out} installations out, and the faults {more}"),
    };
    Some(format!("supply: {} of {arrivals} arrivals had no {what}; {help}", round.starved))
}

/// Notes that do not change the verdict.
pub fn notes(load: &Load, round: &Round) -> Vec<String> {
    let mut notes = Vec::new();
    let arrivals = round.started + round.starved;
    if round.waited_for_connection * 100 > arrivals {
        notes.push(format!(
            "{} of {arrivals} arrivals waited for one of the {} connections; their latency includes the wait",
            round.waited_for_connection, load.connections
        ));
    }
    if round.late_responses > 0 {
        notes.push(format!(
            "the server fell behind: {} of {} good responses came after the end of the load and do not count in `rate`",
            round.late_responses, round.total.good
        ));
    }
    for claim in &round.inconsistent_claims {
        notes.push(format!("access tokens have more than one value of `{claim}`; which one is right is not known"));
    }
    if round.wrong_before_start > 0 {
        notes.push(format!("{} of the wrong responses came before the measurement started", round.wrong_before_start));
    }
    if load.unchecked {
        notes.push("only the status of the responses was checked (--unchecked): this measures the generator".into());
    } else {
        notes.extend(unchecked_user(load, round));
    }
    if round.sample_one_in > 1 {
        notes.push(format!("one in {} refresh tokens was checked for duplicates", round.sample_one_in));
    }
    if round.signed_out > 0 {
        notes.push(format!("{} installations were signed out: the server refused their refresh", round.signed_out));
    }
    if round.unanswered_users > 0 {
        let users = load.connections;
        notes
            .push(format!("{} of {users} users waited for a response at the end and got none", round.unanswered_users));
    }
    if no_lifecycle_completed(load, round) {
        notes.push("no user completed a lifecycle; use a longer --duration or a shorter --think-time".into());
    } else if let uncompleted_journeys = uncompleted_journeys(load, round)
        && !uncompleted_journeys.is_empty()
    {
        let names: Vec<_> = uncompleted_journeys.iter().map(|name| format!("`{name}`")).collect();
        notes.push(format!("no user completed a lifecycle of {}", names.join(", ")));
    }
    if round.resent > 0 {
        notes.push(format!(
            "{} requests were sent again on another connection: the server closed theirs before processing them",
            round.resent
        ));
    }
    if round.refused_streams > 0 {
        notes.push(format!(
            "{} requests were sent again: the server refused their HTTP/2 streams (REFUSED_STREAM), which it does at its limit of concurrent streams",
            round.refused_streams
        ));
    }
    if round.aborted {
        notes.push("the run ended early: for several seconds every request failed".into());
    }
    notes
}

/// Why the user of the access tokens was not checked, if it was not.
fn unchecked_user(load: &Load, round: &Round) -> Option<String> {
    let LearnedClaims { user, constant, too_few } = &round.learned_claims;
    if round.opaque_tokens > 0 && user.is_none() && constant.is_empty() {
        return Some("access tokens are opaque: their user was not checked".into());
    }
    if user.is_some() || !grants_tokens(load, round) || round.total.good == 0 {
        return None;
    }
    Some(match too_few {
        Some(seen) => format!(
            "{seen} access tokens were seen, too few to learn which claim names the user: their user was not checked"
        ),
        None => "no claim of the access tokens names the user: their user was not checked".into(),
    })
}

/// Whether the load has journeys and no lifecycle of any of them ended.
pub fn no_lifecycle_completed(load: &Load, round: &Round) -> bool {
    !load.journeys.is_empty() && uncompleted_journeys(load, round).len() == load.journeys.len()
}

/// The journeys of which no lifecycle ended.
fn uncompleted_journeys<'l>(load: &'l Load, round: &Round) -> Vec<&'l String> {
    load.journeys.iter().filter(|name| round.series_named(Some(name)).all(|series| series.done() == 0)).collect()
}

/// Whether access tokens were issued, by a workload or by the calls of a journey (recognised by the names of its series).
fn grants_tokens(load: &Load, round: &Round) -> bool {
    let grants =
        |workload: &Workload| workload.calls.iter().any(|call| matches!(call, LoadCall::Exchange | LoadCall::Refresh));
    let named = |name: &str| name.ends_with("/refresh") || name.ends_with("/exchange");
    load.workloads.iter().any(grants) || round.series.iter().any(|(name, _)| named(name))
}
