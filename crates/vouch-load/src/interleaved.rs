//! Rounds that are more than one: a baseline and a new build in turns, or one rate after the other.

use super::arrivals::Arrivals;
use super::compare::{Compared, Measure, Sample, compare};
use super::max_rate::Search;
use super::measure::Series;
use super::plan::Load;
use super::round::Round;
use super::verdict::{Judged, Verdict, judge};
use super::workers::{LoadError, ProgressEvent, Workers};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A baseline and a new build, measured in turns.
pub struct Turns {
    /// The new build's rounds together, held against the load's thresholds.
    pub judged: Judged,
    pub pairs: Vec<(Sample, Sample)>,
    pub compared: Vec<Compared>,
    /// All rounds of each were sound enough to be compared; else why not.
    pub doubt: Option<String>,
}

/// Rounds are not shorter than this.
const SHORTEST: Duration = Duration::from_millis(500);
/// More failures than this share make a round's latencies meaningless.
const MOST_ERRORS: f64 = 0.01;

/// Lets both take turns; the first pair warms up and counts for nothing but wrong answers.
pub fn take_turns(
    old: &mut Workers,
    new: &mut Workers,
    load: &Load,
    rounds: u32,
    stop: &AtomicBool,
    on_event: &mut dyn FnMut(ProgressEvent<'_>),
) -> Result<Turns, LoadError> {
    let duration = round_length(load, rounds);
    let (mut pairs, mut doubt, mut all_new, mut lies) = (Vec::new(), None, None::<Round>, BTreeMap::new());
    let mut quiet = |_: ProgressEvent<'_>| {};
    for turn in 0..=rounds {
        if stop.load(Ordering::Relaxed) {
            return Err(LoadError { interrupted: true, ..LoadError::new("interrupted") });
        }
        on_event(ProgressEvent::Preparing {
            what: "pairs of rounds",
            done: u64::from(turn),
            of: u64::from(rounds) + 1,
        });
        let mut of = |workers: &mut Workers| workers.round(&load.arrivals, duration, Duration::ZERO, stop, &mut quiet);
        // Who goes first changes, so that neither always has the better place.
        let (first, second) = if turn % 2 == 0 {
            let first = of(old)?;
            (first, of(new)?)
        } else {
            let second = of(new)?;
            (of(old)?, second)
        };
        if turn == 0 {
            let wrong = second.whole.failures.into_iter().filter(|(failure, _)| failure.is_wrong());
            lies = wrong.collect();
            continue;
        }
        doubt = doubt.or(unsound("the baseline", &first)).or(unsound("the new build", &second));
        pairs.push((sample(&first), sample(&second)));
        match &mut all_new {
            None => all_new = Some(second),
            Some(all) => all.merge(&second),
        }
    }
    on_event(ProgressEvent::Preparing {
        what: "pairs of rounds",
        done: u64::from(rounds) + 1,
        of: u64::from(rounds) + 1,
    });
    let measures: &[Measure] = match load.arrivals {
        Arrivals::Max => &[Measure::Rate, Measure::P99],
        _ => &[Measure::P50, Measure::Mean, Measure::P99],
    };
    let mut all_new = all_new.unwrap_or_else(|| Round::new(vec![], Series::default(), Duration::ZERO));
    all_new.count_before(&lies);
    Ok(Turns { judged: judge(load, &all_new), compared: compare(&pairs, measures), pairs, doubt })
}

/// How long each round of a comparison is.
pub fn round_length(load: &Load, rounds: u32) -> Duration {
    (load.measured() / rounds.max(1)).max(SHORTEST)
}

fn unsound(who: &str, round: &Round) -> Option<String> {
    #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    let share = round.whole.errors() as f64 / round.whole.done().max(1) as f64;
    let failure = round.whole.failures.iter().max_by_key(|(_, failed)| failed.count);
    match failure {
        Some((failure, failed)) if share > MOST_ERRORS => {
            Some(format!("{who} failed in {} of {} requests of a round ({failure})", failed.count, round.whole.done()))
        }
        _ if round.whole.good == 0 => Some(format!("{who} gave no good answer in a round")),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "nanoseconds far below 2^53")]
fn sample(round: &Round) -> Sample {
    let latency = &round.whole.latency;
    let at = |quantile: f64| latency.value_at_quantile(quantile) as f64;
    Sample { p50: at(0.5), mean: latency.mean(), p99: at(0.99), rate: round.whole.figures(round.seconds()).rate }
}

/// One rate of a search.
pub struct Tried {
    pub rate: f64,
    pub round: Round,
    pub verdict: Verdict,
    /// Good answers came more slowly than arrivals.
    pub behind: bool,
}

/// Finds the highest rate that keeps to the thresholds: each rate is held for the load's duration.
pub fn find_max_rate(
    workers: &mut Workers,
    load: &Load,
    (start, most): (f64, f64),
    stop: &AtomicBool,
    told: &mut dyn FnMut(&Tried),
) -> Result<(Search, Vec<Tried>), LoadError> {
    let (mut search, mut all) = (Search::new(start, most), Vec::new());
    while let Some(rate) = search.next_rate().filter(|_| !stop.load(Ordering::Relaxed)) {
        let arrivals = Arrivals::Constant(rate);
        let round = workers.round(&arrivals, load.duration, load.warm_up, stop, &mut |_| {})?;
        let verdict = judge(&Load { arrivals, ..load.clone() }, &round).verdict;
        // Beyond what the server or the generator can do, answers come later and later: that is no rate to recommend.
        let behind = round.whole.figures(round.seconds()).rate < 0.95 * rate;
        search.tried(rate, verdict == Verdict::Passed && !behind);
        all.push(Tried { rate, round, verdict, behind });
        if let Some(tried) = all.last() {
            told(tried);
        }
    }
    Ok((search, all))
}
