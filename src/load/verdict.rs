//! What a round is worth: its thresholds, and whether the generator itself was the limit.
//!
//! A limit of the generator makes figures worse, never better. So thresholds that hold in spite of it hold; anything else
//! is inconclusive then.

use super::arrivals::Arrivals;
use super::failure::Failure;
use super::plan::Load;
use super::round::Round;
use super::site::Call;
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
        _ if lies || round.gave_up => Verdict::Broken,
        (true, true) => Verdict::Kept,
        (true, false) if asked => Verdict::Kept,
        (false, true) if round.whole.done() > 0 => Verdict::Broken,
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
/// Fewer are no sign of anything.
const FEW: u64 = 4;
/// A worker that is this busy has no time left, in per cent of a core.
const BUSY_PERCENT: u64 = 95;

fn limits(load: &Load, round: &Round) -> Vec<String> {
    let mut limits = Vec::new();
    let too_late = LATE_NS.max(round.whole.latency.value_at_quantile(0.99) / 10);
    let late = round.lag.len() - round.lag.count_between(0, too_late);
    if load.arrivals != Arrivals::Flood && late >= FEW && late * 1000 > round.lag.len() {
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
    if round.late > 0 {
        notes.push(format!(
            "the server fell behind: {} of {} good answers came after the load's end and do not count in `rate`",
            round.late, round.whole.good
        ));
    }
    if round.opaque > 0 {
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
    if round.gave_up {
        notes.push("the run ended early: there were only failures".into());
    }
    notes
}

/// Whether access tokens were given out: by a workload of whatever name, or by a journey's calls, which its series name.
fn grants_tokens(load: &Load, round: &Round) -> bool {
    let grants = |workload: &super::desk::Workload| {
        workload.calls.iter().any(|call| matches!(call, Call::Exchange | Call::Refresh))
    };
    let named = |name: &str| name.ends_with("/refresh") || name.ends_with("/exchange");
    load.workloads.iter().any(grants) || round.series.iter().any(|(name, _)| named(name))
}

#[cfg(test)]
mod tests {
    use super::super::file::{LoadFile, Overrides};
    use super::super::measure::{Series, latencies, record};
    use super::super::round::Row;
    use super::super::{Failure, Wrong};
    use super::*;
    use std::time::Duration;

    fn load(thresholds: &[&str]) -> Load {
        let thresholds = thresholds.iter().map(|text| text.parse().expect("a threshold")).collect();
        let overrides = Overrides { thresholds, arrivals: Some(Arrivals::Constant(200.0)), ..Overrides::default() };
        LoadFile::default().settle(&overrides, false).expect("a load")
    }

    /// A round of ten seconds with a thousand good answers of 10 ms.
    fn round(change: impl FnOnce(&mut Series)) -> Round {
        let mut series = Series::default();
        (0..1000).for_each(|_| series.good(10_000_000, 9_000_000));
        change(&mut series);
        let mut lag = latencies(3);
        (0..1000).for_each(|_| record(&mut lag, 20_000));
        let row = |second| Row { second, started: 100, good: 100, cpu_ns: 300_000_000, ..Row::default() };
        Round {
            rows: (0..10).map(row).collect(),
            lag,
            started: 1000,
            learned: super::super::identity::Learned { user: Some("sub"), constant: vec![] },
            ..Round::new(vec![("refresh".into(), series.clone())], series, Duration::from_secs(10))
        }
    }

    fn verdict(thresholds: &[&str], round: &Round) -> Verdict {
        judge(&load(thresholds), round).verdict
    }

    #[test]
    fn thresholds_decide() {
        let round = round(|_| {});
        assert_eq!(verdict(&[], &round), Verdict::Kept);
        assert_eq!(verdict(&["p99<20ms", "rate>=100/s", "refresh max<11ms"], &round), Verdict::Kept);
        assert_eq!(verdict(&["p99<9ms"], &round), Verdict::Broken);
        assert_eq!(verdict(&["p99<20ms", "rate>=100.1/s"], &round), Verdict::Broken);
        assert_eq!(judge(&load(&[]), &round).notes, Vec::<String>::new());
    }

    #[test]
    fn wrong_answers_and_errors_break_a_load_that_says_nothing_of_them() {
        let lied = round(|series| series.failed(Failure::Wrong(Wrong::OtherUser), 0, String::new));
        assert_eq!(verdict(&[], &lied), Verdict::Broken);
        assert_eq!(verdict(&["p99<1s"], &lied), Verdict::Broken);
        assert_eq!(verdict(&["wrong<=1"], &lied), Verdict::Kept);
        let failed =
            |count: u32| round(|series| (0..count).for_each(|_| series.failed(Failure::Status(500), 0, String::new)));
        assert_eq!(verdict(&[], &failed(10)), Verdict::Kept);
        assert_eq!(verdict(&[], &failed(11)), Verdict::Broken);
        assert_eq!(verdict(&["errors<5%"], &failed(11)), Verdict::Kept);
        assert_eq!(verdict(&["errors<=10"], &failed(11)), Verdict::Broken);
        // A threshold on one workload does not lift the rule for all.
        assert_eq!(verdict(&["refresh errors<5%"], &failed(11)), Verdict::Broken);
    }

    #[test]
    fn a_round_in_which_nothing_ended_proves_nothing() {
        let mut nothing = round(|series| *series = Series::default());
        assert_eq!(verdict(&["p99<1s"], &nothing), Verdict::Inconclusive);
        nothing.gave_up = true;
        assert_eq!(verdict(&["p99<1s"], &nothing), Verdict::Broken);
    }

    #[test]
    fn late_arrivals_spoil_what_they_could_explain() {
        let mut late = round(|_| {});
        (0..3).for_each(|_| record(&mut late.lag, 5_000_000));
        assert_eq!(verdict(&[], &late), Verdict::Kept);
        record(&mut late.lag, 5_000_000);
        assert_eq!(verdict(&[], &late), Verdict::Inconclusive);
        assert_eq!(verdict(&["p99<20ms"], &late), Verdict::Kept);
        assert_eq!(verdict(&["p99<9ms"], &late), Verdict::Inconclusive);
        assert!(judge(&load(&[]), &late).limits[0].contains("4 of 1004 arrivals"));
        // A flood has no schedule to be late for.
        let flood = Load { arrivals: Arrivals::Flood, ..load(&[]) };
        assert_eq!(judge(&flood, &late).verdict, Verdict::Kept);
        // Lies stay lies.
        late.whole.failed(Failure::Wrong(Wrong::NotRotated), 0, String::new);
        assert_eq!(verdict(&[], &late), Verdict::Broken);
    }

    #[test]
    fn a_busy_generator_out_of_sockets_or_installations_says_so() {
        let mut busy = round(|_| {});
        busy.rows.iter_mut().for_each(|row| row.cpu_ns = 949_000_000);
        assert_eq!(verdict(&[], &busy), Verdict::Kept);
        busy.rows.iter_mut().for_each(|row| row.cpu_ns = 950_000_000);
        assert!(judge(&load(&[]), &busy).limits[0].starts_with("CPU"));
        let sockets = round(|series| series.failed(Failure::OutOfSockets, 0, String::new));
        assert!(judge(&load(&[]), &sockets).limits[0].starts_with("sockets: 1"));
        let mut starved = round(|_| {});
        starved.starved = 1;
        assert_eq!(verdict(&[], &starved), Verdict::Kept);
        starved.starved = 2;
        let limits = judge(&load(&[]), &starved).limits;
        assert!(limits[0].contains("2 of 1002") && limits[0].contains("fleet"), "{limits:?}");
    }

    #[test]
    fn notes_tell_what_was_not_checked_and_what_happened() {
        let mut told = round(|_| {});
        (told.opaque, told.one_in, told.signed_out, told.held) = (1, 4, 2, 11);
        let notes = judge(&load(&[]), &told).notes;
        for part in ["11 of 1000 arrivals waited", "say nothing", "one in 4", "2 installations"] {
            assert!(notes.iter().any(|note| note.contains(part)), "{part}: {notes:?}");
        }
        told.held = 10;
        assert_eq!(judge(&load(&[]), &told).notes.len(), 3);
        (told.opaque, told.learned) = (0, super::super::identity::Learned::default());
        assert!(judge(&load(&[]), &told).notes[0].contains("no claim"));
    }
}
