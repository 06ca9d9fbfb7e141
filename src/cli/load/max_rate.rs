//! `vouch load --find-max-rate`: searches the highest rate, and says how sure it is of it.

use crate::cli::load::args::Args;
use crate::cli::load::sdk::Loaded;
use crate::cli::load::shared::{PreparedLoad, load_error, profile, workers, write_json};
use crate::cli::signals::INTERRUPTED;
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use vouch_load::report::ProgressDisplay;
use vouch_load::system::{MIB, Observer, SystemFigures, SystemUsage};
use vouch_load::threshold::{short, time};
use vouch_load::{Build, Load, LoadError, LoadVerdict, MaxRateSearch, RateProbes, RateTrial, find_max_rate};
use vouch_runner::sut::SystemDescription;
use vouch_runner::target_file::Target;
use vouch_spec::text::OutsideText;

/// What is known of the system under test in each probe.
struct SystemContext {
    warm_up: Duration,
    description: Option<SystemDescription>,
    vcpus: Option<f64>,
    /// It has a probe.
    is_measured: bool,
    /// Why nothing is known, where it has none.
    unknown: &'static str,
}

/// Finds the highest rate at which all thresholds pass.
pub async fn search_max_rate(
    args: &Args,
    bounds: (f64, f64),
    load: Load,
    target: Target,
    stop: Arc<AtomicBool>,
    mut console: ProgressDisplay,
) -> Done {
    let profile_name = profile(args.profile.as_deref(), &target)?;
    let PreparedLoad { mut workers, services, name, system } =
        workers(args.ca.as_deref(), &load, &target, profile_name).await?;
    let interrupted = stop.clone();
    let observer = Observer { probe: system.probe, on_sample: None };
    let context = Arc::new(SystemContext {
        warm_up: load.warm_up,
        vcpus: system.description.as_ref().and_then(SystemDescription::usable_vcpus),
        description: system.description,
        is_measured: observer.probe.is_some(),
        unknown: observer.unknown(),
    });
    writeln!(Out, "Loaded: {}.\n", Loaded { target: &target, file: args.target.as_deref() })?;
    write_head(&name, &context)?;
    let shown = context.clone();
    let work = move || {
        let prepared = workers.prepare(&stop, &mut |event| console.on_event(&event));
        let mut written = Ok(());
        let mut on_trial = |trial: &RateTrial| {
            if written.is_ok() {
                written = write_trial(trial, &shown);
            }
        };
        let outcome = prepared.and_then(|()| {
            let build = Build { workers: &mut workers, observer: &observer };
            find_max_rate(build, &load, bounds, &stop, &mut on_trial)
        });
        workers.clean_up(&mut |event| console.on_event(&event));
        console.end();
        drop(services);
        (outcome, written)
    };
    let (outcome, mut written) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| CliError::Environment("the load failed: a worker thread panicked".into()))?;
    let (search, all) = match outcome {
        Err(LoadError { interrupted: true, .. }) => return Ok(ExitCode::from(INTERRUPTED)),
        other => other.map_err(load_error)?,
    };
    // Only the lowest failing rate says anything of the highest rate.
    let failing = search.lowest_failed().map(|probes| probes.rate);
    let is_limited =
        |trial: &RateTrial| trial.evaluation.verdict == LoadVerdict::Inconclusive && Some(trial.rate) == failing;
    let limited = all.iter().any(is_limited);
    if written.is_ok() {
        let limit = "\n! at the lowest failing rate the load generator was the limit: the highest rate of the server may be higher";
        let limit = if limited { limit } else { "" };
        let system = highest_trial(&search, &all).map(|trial| format!("\n{}", context.line(trial))).unwrap_or_default();
        let reasons = lowest_failing_trial(&search, &all).map(why).unwrap_or_default();
        written = writeln!(Out, "\n{}{reasons}{system}{limit}", summary(&search, End::of(&interrupted)));
    }
    if let Some(path) = &args.json {
        let report = json!({ "schema": 2, "target": name, "highest": search.highest_passed().map(|probes| probes.rate),
            "lowestFailing": search.lowest_failed().map(|probes| probes.rate),
            "reasons": lowest_failing_trial(&search, &all).map(RateTrial::reasons).unwrap_or_default(),
            "interrupted": interrupted.load(Ordering::Relaxed),
            "confidence": confidence_json(&search), "limitedByGenerator": limited,
            "system": context.json(highest_trial(&search, &all)),
            "tried": all.iter().map(|trial| context.trial_json(trial)).collect::<Vec<_>>() });
        write_json(path, &report)?;
    }
    written?;
    Ok(match search.highest_passed() {
        _ if interrupted.load(Ordering::Relaxed) => ExitCode::from(INTERRUPTED),
        _ if limited => ExitCode::from(4),
        None => ExitCode::from(1),
        Some(_) => ExitCode::SUCCESS,
    })
}

/// The last probe that passed at the highest passing rate.
fn highest_trial<'t>(search: &MaxRateSearch, all: &'t [RateTrial]) -> Option<&'t RateTrial> {
    let rate = search.highest_passed()?.rate;
    all.iter().rfind(|trial| trial.has_passed() && trial.rate.total_cmp(&rate).is_eq())
}

/// The last probe that failed at the lowest failing rate.
fn lowest_failing_trial<'t>(search: &MaxRateSearch, all: &'t [RateTrial]) -> Option<&'t RateTrial> {
    let rate = search.lowest_failed()?.rate;
    all.iter().rfind(|trial| !trial.has_passed() && trial.rate.total_cmp(&rate).is_eq())
}

/// Why a probe failed, one reason a line.
fn why(trial: &RateTrial) -> String {
    let reasons = trial.reasons();
    reasons.iter().map(|reason| format!("\n  at {}: {}", shown(trial.rate), OutsideText::line(reason))).collect()
}

/// How a search ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Finished,
    Interrupted,
}

impl End {
    fn of(interrupted: &AtomicBool) -> Self {
        if interrupted.load(Ordering::Relaxed) { End::Interrupted } else { End::Finished }
    }
}

fn write_head(name: &str, context: &SystemContext) -> io::Result<()> {
    writeln!(Out, "the highest rate to {name}\n")?;
    if context.is_measured {
        writeln!(Out, "  CPU (mean, in processors), MiB and queue (highest) are of the system under test.")?;
    }
    writeln!(Out, "  thread: the share of its core that the busiest thread of the generator used.\n")?;
    let system = if context.is_measured { format!(" {:>5} {:>6} {:>6}", "CPU", "MiB", "queue") } else { String::new() };
    writeln!(Out, "  {:>10} {:>7} {:>7} {:>7}{system} {:>7}", "arrivals/s", "good/s", "p50", "p99", "thread")
}

#[allow(clippy::cast_precision_loss, reason = "shown rounded")]
fn write_trial(trial: &RateTrial, context: &SystemContext) -> io::Result<()> {
    let figures = trial.round.total.figures(trial.round.seconds());
    let latency = &trial.round.total.latency;
    let at = |quantile: f64| or_dash((!latency.is_empty()).then(|| time(latency.value_at_quantile(quantile) as f64)));
    let verdict = match trial.evaluation.verdict {
        LoadVerdict::Passed if trial.fell_behind => "fell behind",
        LoadVerdict::Passed => "passed",
        LoadVerdict::Failed => "failed",
        LoadVerdict::Inconclusive => "generator limit",
    };
    let (rate, good, thread) = (short(trial.rate), short(figures.rate), or_dash(busiest_thread(trial)));
    let system = context.columns(trial);
    writeln!(Out, "  {rate:>10} {good:>7} {:>7} {:>7}{system} {thread:>7}  {verdict}", at(0.5), at(0.99))
}

fn or_dash(value: Option<String>) -> String {
    value.unwrap_or_else(|| "-".into())
}

fn busiest_thread(trial: &RateTrial) -> Option<String> {
    trial.round.busiest_thread_percent().map(|percent| format!("{percent}%"))
}

impl SystemContext {
    fn figures(&self, trial: &RateTrial) -> SystemFigures {
        SystemFigures::of(&trial.round, trial.usage.as_ref(), self.warm_up, self.vcpus)
    }

    /// The columns of a probe; empty where nothing is measured.
    fn columns(&self, trial: &RateTrial) -> String {
        if !self.is_measured {
            return String::new();
        }
        let figures = self.figures(trial);
        let cpu = or_dash(figures.mean_cpu.map(|cpu| format!("{cpu:.2}")));
        let memory = or_dash(figures.highest_memory.map(|bytes| format!("{:.0}", bytes / MIB)));
        let queue = or_dash(figures.highest_queue.map(short));
        format!(" {cpu:>5} {memory:>6} {queue:>6}")
    }

    /// What the system and the generator used in a probe.
    fn line(&self, trial: &RateTrial) -> String {
        let facts = self.figures(trial).facts();
        let facts: Vec<_> = facts.into_iter().map(|(name, value)| format!("{name} {value}")).collect();
        let gap = match &trial.usage {
            None => Some(format!("what it uses is not known: {}", self.unknown)),
            Some(usage) => usage.gap(),
        };
        let facts: Vec<_> = facts.into_iter().chain(gap).collect();
        let thread = or_dash(busiest_thread(trial));
        format!(
            "the system at {}: {}\nthe busiest thread of the generator: {thread} of its core",
            shown(trial.rate),
            facts.join("; ")
        )
    }

    fn trial_json(&self, trial: &RateTrial) -> Value {
        let figures = trial.round.total.figures(trial.round.seconds());
        let latency = &trial.round.total.latency;
        json!({ "arrivals": trial.rate, "good": figures.rate, "errors": figures.errors,
            "p99": (!latency.is_empty()).then(|| latency.value_at_quantile(0.99)),
            "verdict": trial.evaluation.verdict, "reasons": trial.reasons(),
            "system": trial.usage.as_ref().map(|_| self.figures(trial).json()),
            "busiestThread": trial.round.busiest_thread() })
    }

    /// What the system is, and what it used at the highest passing rate.
    fn json(&self, highest: Option<&RateTrial>) -> Value {
        let usage = highest.and_then(|trial| trial.usage.as_ref());
        let unknown = (!self.is_measured).then(|| self.unknown.to_owned()).or_else(|| usage.and_then(SystemUsage::gap));
        json!({ "description": self.description, "source": usage.map(|usage| &usage.source), "unknown": unknown,
            "atHighest": highest.map(|trial| self.figures(trial).json()) })
    }
}

/// The result of a search, and how sure it is.
fn summary(search: &MaxRateSearch, end: End) -> String {
    let (passed, failed) = (search.highest_passed(), search.lowest_failed());
    let rate = |probes: Option<&RateProbes>| probes.map_or_else(|| "none".into(), |probes| shown(probes.rate));
    let of =
        |probes: &RateProbes| format!("{} of {} probes passed at {}", probes.passed, probes.all(), shown(probes.rate));
    let ends: Vec<_> = passed.into_iter().chain(failed).map(of).collect();
    let mut lines = match (passed, failed) {
        (None, Some(lowest)) => format!("the lowest rate tried fails: {}", shown(lowest.rate)),
        _ => format!("highest passing rate: {}; lowest failing rate: {}", rate(passed), rate(failed)),
    };
    if !ends.is_empty() {
        let between =
            interval_percent(search).map_or_else(String::new, |percent| format!("; the two differ by {percent:.1}%"));
        lines.push_str(&format!("\nconfidence: {}{between}", ends.join(", ")));
    }
    if end == End::Interrupted {
        lines.push_str(
            "\n! the search was interrupted: this is what it knew; the probe that was cut off does not count",
        );
    } else if !search.is_confirmed() {
        lines.push_str("\n! the probes do not agree: the server is not steady at these rates, or the search was cut short; use a longer --duration");
    }
    lines
}

/// The confidence in the JSON report.
pub fn confidence_json(search: &MaxRateSearch) -> Value {
    json!({ "passed": search.highest_passed(), "failed": search.lowest_failed(),
        "differencePercent": interval_percent(search), "confirmed": search.is_confirmed() })
}

/// The distance of the lowest failing from the highest passing rate, in per cent of the latter.
fn interval_percent(search: &MaxRateSearch) -> Option<f64> {
    Some((search.lowest_failed()?.rate / search.highest_passed()?.rate - 1.0) * 100.0)
}

fn shown(rate: f64) -> String {
    format!("{}/s", short(rate))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(mut passes: impl FnMut(f64) -> bool) -> MaxRateSearch {
        let mut search = MaxRateSearch::new(100.0, 1000.0);
        while let Some(rate) = search.next_rate() {
            search.record(rate, passes(rate));
        }
        search
    }

    #[test]
    fn a_steady_server_has_a_result_with_its_probes() {
        let text = summary(&search(|rate| rate <= 500.0), End::Finished);
        assert!(text.contains("\nconfidence: 2 of 2 probes passed at 49"), "{text}");
        assert!(text.contains("0 of 3 probes passed at 50") && text.contains("the two differ by"), "{text}");
        assert!(!text.contains('!'), "{text}");
        let text = summary(&search(|_| false), End::Finished);
        assert_eq!(text, "the lowest rate tried fails: 100/s\nconfidence: 0 of 3 probes passed at 100/s");
        let text = summary(&MaxRateSearch::new(100.0, 1000.0), End::Interrupted);
        assert!(text.contains("none; lowest failing rate: none\n! the search was interrupted"), "{text}");
        let text = summary(&search(|_| true), End::Finished);
        assert!(text.contains("highest passing rate: 1000/s; lowest failing rate: none\nconfidence: 2 of 2"), "{text}");
        assert_eq!(confidence_json(&search(|rate| rate <= 500.0))["failed"]["failed"], 3);
    }

    #[test]
    fn probes_that_do_not_agree_are_reported() {
        let mut number = 0;
        let text = summary(
            &search(|rate| {
                number += 1;
                rate < 300.0 || rate < 600.0 && number % 2 == 0
            }),
            End::Finished,
        );
        assert!(text.contains("! the probes do not agree"), "{text}");
    }
}
