//! What a reader of a round's figures should know: where the generator itself was the limit, and what was not measured or
//! not checked.

use super::arrivals::Arrivals;
use super::endpoints::LoadCall;
use super::failure::Failure;
use super::plan::Load;
use super::round::Round;
use super::scheduler::Workload;
use super::threshold::time;
use super::token_claims::Learned;

/// Arrivals that were taken up this late, though a connection was free, are late by the generator's fault.
const LATE_NS: u64 = 1_000_000;
/// Fewer are no sign of anything.
const FEW: u64 = 4;
/// A worker that is this busy has no time left, in per cent of a core.
const BUSY_PERCENT: u64 = 95;

/// Why a round's figures may be the generator's.
pub fn limits(load: &Load, round: &Round) -> Vec<String> {
    let mut limits = Vec::new();
    let too_late = LATE_NS.max(round.whole.latency.value_at_quantile(0.99) / 10);
    let late = round.lag.len() - round.lag.count_between(0, too_late);
    if load.arrivals != Arrivals::Max && late >= FEW && late * 1000 > round.lag.len() {
        #[allow(clippy::cast_precision_loss, reason = "for readers")]
        limits.push(format!(
            "scheduling: {late} of {} arrivals started more than {} late though a connection was free; give the generator a core of its own, or a lower rate",
            round.lag.len(),
            time(too_late as f64)
        ));
    }
    let mut busy: Vec<u64> =
        round.rows.iter().filter(|row| row.started > 0).map(|row| row.cpu_ns / 10_000_000).collect();
    busy.sort_unstable();
    let median = busy.get(busy.len() / 2).copied().unwrap_or(0);
    if median >= BUSY_PERCENT && round.rows.len() > 1 {
        limits.push(format!(
            "CPU: the busiest thread of the generator used {median}% of its core; the server may be able to do more; give more --threads, or a lower rate"
        ));
    }
    let sockets = round.whole.failures.get(&Failure::OutOfSockets).map_or(0, |failed| failed.count);
    if sockets > 0 {
        limits.push(format!("sockets: {sockets} requests found no file descriptor or local port on this machine"));
    }
    limits
}

/// Arrivals that could not be sent for want of installations or tokens.
pub fn unsent(load: &Load, round: &Round) -> Option<String> {
    let arrivals = round.started + round.starved;
    if round.starved * 1000 <= arrivals {
        return None;
    }
    let uses_fleet = load.workloads.iter().any(Workload::needs_fleet);
    let (what, more) =
        if uses_fleet { ("idle installation", "fleet") } else { ("sign-in token left", "stock of tokens") };
    let help = match round.signed_out {
        0 => format!("give a larger {more}"),
        out => format!("{out} installations were signed out by the server"),
    };
    Some(format!("supply: {} of {arrivals} arrivals found no {what}; {help}", round.starved))
}

/// What a reader should know of a round, and that is no fault.
pub fn notes(load: &Load, round: &Round) -> Vec<String> {
    let mut notes = Vec::new();
    let arrivals = round.started + round.starved;
    if round.held * 100 > arrivals {
        notes.push(format!(
            "{} of {arrivals} arrivals waited for one of the {} connections; their latency counts the wait",
            round.held, load.connections
        ));
    }
    if round.late > 0 {
        notes.push(format!(
            "the server fell behind: {} of {} good answers came after the load's end and do not count in `rate`",
            round.late, round.whole.good
        ));
    }
    for claim in &round.mixed {
        notes.push(format!("access tokens name more than one `{claim}`: which of them is right is not known"));
    }
    if round.lied_before > 0 {
        notes.push(format!("{} of the wrong answers came before the clock started", round.lied_before));
    }
    if round.opaque > 0 && round.learned == Learned::default() {
        notes.push("access tokens say nothing that can be read: whose they are was not checked".into());
    } else if round.learned.user.is_none() && grants_tokens(load, round) && round.whole.good > 0 {
        notes.push("no claim of the access tokens names the user: whose they are was not checked".into());
    }
    if round.one_in > 1 {
        notes.push(format!("one in {} refresh tokens was looked at for being handed out twice", round.one_in));
    }
    if round.signed_out > 0 {
        notes.push(format!("{} installations were signed out: their refresh was refused", round.signed_out));
    }
    if round.stuck > 0 {
        let users = load.connections;
        notes.push(format!("{} of {users} users waited for an answer at the end, and got none", round.stuck));
    }
    if nobody_lived(load, round) {
        notes.push("no user came to the end of a lifecycle: give more --duration, or less --think-time".into());
    } else if let unlived = unlived(load, round)
        && !unlived.is_empty()
    {
        let names: Vec<_> = unlived.iter().map(|name| format!("`{name}`")).collect();
        notes.push(format!("no user came to the end of a lifecycle of {}", names.join(", ")));
    }
    if round.resent > 0 {
        notes.push(format!(
            "{} requests were sent again on another connection: the server had let go of theirs before it looked at them",
            round.resent
        ));
    }
    if round.gave_up {
        notes.push("the run ended early: there were only failures for too long".into());
    }
    notes
}

/// Whether users of journeys were there, and none of them came to an end, good or bad.
pub fn nobody_lived(load: &Load, round: &Round) -> bool {
    !load.journeys.is_empty() && unlived(load, round).len() == load.journeys.len()
}

/// The journeys of which nobody came to an end.
fn unlived<'l>(load: &'l Load, round: &Round) -> Vec<&'l String> {
    load.journeys.iter().filter(|name| round.all_of(Some(name)).all(|series| series.done() == 0)).collect()
}

/// Whether access tokens were given out: by a workload of whatever name, or by a journey's calls, which its series name.
fn grants_tokens(load: &Load, round: &Round) -> bool {
    let grants =
        |workload: &Workload| workload.calls.iter().any(|call| matches!(call, LoadCall::Exchange | LoadCall::Refresh));
    let named = |name: &str| name.ends_with("/refresh") || name.ends_with("/exchange");
    load.workloads.iter().any(grants) || round.series.iter().any(|(name, _)| named(name))
}
