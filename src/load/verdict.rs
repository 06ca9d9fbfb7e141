//! What a round is worth: its thresholds, and whether the generator itself was the limit.
//!
//! A limit of the generator makes figures worse, never better. So thresholds that hold in spite of it hold; anything else
//! is inconclusive then.

use super::arrivals::Arrivals;
use super::failure::Failure;
use super::plan::Load;
use super::round::Round;
use super::threshold::{Bound, Metric, Threshold, time};

/// What a round is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    pub held: Vec<Held>,
    /// Why the figures may be the generator's and not the server's.
    pub limits: Vec<String>,
    /// What a reader should know, and that is no fault.
    pub notes: Vec<String>,
    pub verdict: Verdict,
}

/// A threshold and what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    pub threshold: Threshold,
    /// None where nothing was measured.
    pub value: Option<f64>,
    pub holds: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Kept,
    Broken,
    Inconclusive,
}

/// Thresholds that count where a load says nothing about their figure.
fn by_default() -> [Threshold; 2] {
    let threshold = |metric, bound, limit| Threshold { of: None, metric, bound, limit };
    [threshold(Metric::Wrong, Bound::AtMost, 0.0), threshold(Metric::ErrorShare, Bound::Below, 1.0)]
}

/// Judges a round.
pub fn judge(load: &Load, round: &Round) -> Judged {
    let mut thresholds = load.thresholds.clone();
    let errors = |metric| matches!(metric, Metric::ErrorShare | Metric::Errors);
    for threshold in by_default() {
        let same = |own: &Threshold| {
            own.of.is_none() && (own.metric == threshold.metric || errors(own.metric) && errors(threshold.metric))
        };
        if !load.thresholds.iter().any(same) {
            thresholds.push(threshold);
        }
    }
    let held: Vec<Held> = thresholds.into_iter().map(|threshold| hold(threshold, round)).collect();
    let limits = limits(load, round);
    let all = held.iter().all(|held| held.holds);
    // Wrong answers are the server's, however slow the generator.
    let lies = held.iter().any(|held| held.threshold.metric == Metric::Wrong && !held.holds && held.value.is_some());
    let asked = !load.thresholds.is_empty();
    let verdict = match (all, limits.is_empty()) {
        _ if lies => Verdict::Broken,
        (true, true) => Verdict::Kept,
        (true, false) if asked => Verdict::Kept,
        (false, true) if round.whole.done() > 0 || round.gave_up => Verdict::Broken,
        _ => Verdict::Inconclusive,
    };
    Judged { held, limits, notes: notes(load, round), verdict }
}

fn hold(threshold: Threshold, round: &Round) -> Held {
    let series = round.of(threshold.of.as_deref());
    let value = series.and_then(|series| {
        let figures = series.figures(round.seconds());
        threshold.value(&figures, |p| series.latency.value_at_percentile(p))
    });
    let holds = value.is_some_and(|value| threshold.holds(value));
    Held { threshold, value, holds }
}

/// Arrivals that were taken up this late, though a connection was free, are late by the generator's fault.
const LATE_NS: u64 = 1_000_000;
/// A worker that is this busy has no time left, in per cent of a core.
const BUSY_PERCENT: u64 = 95;

fn limits(load: &Load, round: &Round) -> Vec<String> {
    let mut limits = Vec::new();
    let lag = round.lag.value_at_quantile(0.999);
    let felt = round.whole.latency.value_at_quantile(0.99) / 10;
    if load.arrivals != Arrivals::Flood && lag > LATE_NS.max(felt) {
        #[allow(clippy::cast_precision_loss, reason = "for readers")]
        limits.push(format!(
            "scheduling: one arrival in a thousand started {} late or later though a connection was free; give the generator a core of its own, or a lower rate",
            time(lag as f64)
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
    let arrivals = round.started + round.starved;
    if round.starved * 1000 > arrivals {
        let (what, more) = if load.workloads.iter().any(super::desk::Workload::needs_fleet) {
            ("idle installation", "fleet")
        } else {
            ("sign-in token left", "stock of tokens")
        };
        limits.push(format!("supply: {} of {arrivals} arrivals found no {what}; give a larger {more}", round.starved));
    }
    limits
}

fn notes(load: &Load, round: &Round) -> Vec<String> {
    let mut notes = Vec::new();
    let arrivals = round.started + round.starved;
    if round.held * 100 > arrivals {
        notes.push(format!(
            "{} of {arrivals} arrivals waited for one of the {} connections; their latency counts the wait",
            round.held, load.connections
        ));
    }
    if round.opaque > 0 {
        notes.push("access tokens say nothing that can be read: whose they are was not checked".into());
    } else if round.learned.user.is_none()
        && round.series.iter().any(|(name, _)| name.contains("refresh") || name.contains("exchange"))
        && round.whole.good > 0
    {
        notes.push("no claim of the access tokens names the user: whose they are was not checked".into());
    }
    if round.one_in > 1 {
        notes.push(format!("one in {} refresh tokens was looked at for being handed out twice", round.one_in));
    }
    if round.signed_out > 0 {
        notes.push(format!("{} installations were signed out: their refresh was refused", round.signed_out));
    }
    if round.gave_up {
        notes.push("the run ended early: there were only failures".into());
    }
    notes
}
