//! `vouch load --baseline` and `vouch load --find-max-rate`: loads with several rounds.

use crate::cli::load::args::Args;
use crate::cli::load::max_rate;
use crate::cli::load::shared::{PreparedLoad, load_error, profile, workers};
use crate::cli::show::read_load;
use crate::cli::signals::INTERRUPTED;
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done, target};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vouch_load::compare::{MIN_RATIO, SIGNIFICANCE};
use vouch_load::record::LoadRecord;
use vouch_load::report::{ProgressDisplay, thresholds_json};
use vouch_load::threshold::{short, time};
use vouch_load::{
    Comparison, Load, LoadError, LoadVerdict, ProgressEvent, RateTrial, compare_builds, find_max_rate, round_duration,
};
use vouch_runner::target_file::Target;
use vouch_spec::text::read_file;

/// The longest report of a load that is read, in bytes.
const MAX_REPORT: u64 = 64 << 20;

/// The target file of a baseline: the file itself, or the target file that a saved report names. `None` is the mock cloud.
fn baseline_target(path: &Path) -> Result<Option<PathBuf>, CliError> {
    if path.extension().is_some_and(|end| end == "toml") {
        return Ok(Some(path.to_owned()));
    }
    if LoadRecord::is_in(path) {
        return Ok(read_load(path)?.settings.target_file);
    }
    let wrong = |what: &str| {
        CliError::Usage(format!(
            "{}: {what}; give the record of a load, a report of `vouch load --json`, or a target file",
            path.display()
        ))
    };
    let text = read_file(path, MAX_REPORT).map_err(|error| wrong(&error.to_string()))?;
    let saved: Value = serde_json::from_slice(&text).map_err(|_| wrong("it is not JSON"))?;
    match (saved.get("schema").and_then(Value::as_u64), saved.get("series"), saved.get("targetFile")) {
        (Some(1), Some(Value::Object(_)), Some(Value::String(path))) => Ok(Some(PathBuf::from(path))),
        // That run loaded the mock cloud.
        (Some(1), Some(Value::Object(_)), Some(Value::Null)) => Ok(None),
        _ => Err(wrong("it is not a report of a load")),
    }
}

/// Compares a target with a baseline, in alternating rounds.
pub async fn compare_with_baseline(
    args: &Args,
    path: &Path,
    load: Load,
    new: Target,
    stop: Arc<AtomicBool>,
    mut console: ProgressDisplay,
) -> Done {
    let duration = round_duration(&load, args.rounds);
    if let Some(end) = load.arrivals.spike_end().filter(|end| *end > duration) {
        let [end, duration] = [end, duration].map(humantime::format_duration);
        return Err(CliError::Usage(format!(
            "the spike ends at {end}, and each round of the comparison lasts {duration}; give a longer --duration or fewer --rounds"
        )));
    }
    let old_file = baseline_target(path)?;
    let old = target(old_file.as_deref())?;
    let profile_name = args.profile.as_deref();
    let (old_profile, new_profile) = (profile(profile_name, &old)?, profile(profile_name, &new)?);
    let mut old = workers(args.ca.as_deref(), &load, &old, old_profile)
        .await
        .map_err(|stop| with_baseline_help("the baseline", stop))?;
    let mut new = workers(args.ca.as_deref(), &load, &new, new_profile).await?;
    let (rounds, asked) = (args.rounds, !load.thresholds.is_empty());
    let names = (old.name.clone(), new.name.clone());
    let work = move || {
        let mut on_event = |event: ProgressEvent<'_>| console.on_event(&event);
        let comparison = (|| {
            old.workers.prepare(&stop, &mut on_event)?;
            new.workers.prepare(&stop, &mut on_event)?;
            compare_builds(&mut old.workers, &mut new.workers, &load, rounds, &stop, &mut on_event)
        })();
        old.workers.clean_up(&mut on_event);
        new.workers.clean_up(&mut on_event);
        console.end();
        drop((old, new));
        comparison
    };
    let comparison = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| CliError::Environment("the load failed: a worker thread panicked".into()))?;
    let comparison = match comparison {
        Err(LoadError { interrupted: true, .. }) => return Ok(ExitCode::from(INTERRUPTED)),
        other => other.map_err(load_error)?,
    };
    let outcome = ComparisonOutcome::of(&comparison, asked);
    let written = write_comparison(&comparison, &names, outcome);
    if let Some(path) = &args.json {
        write_json(path, &comparison_json(&comparison, &names))?;
    }
    written?;
    Ok(outcome.exit_code())
}

/// The result of a comparison.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ComparisonOutcome {
    /// The new build fails a threshold. The result of the baseline does not matter.
    ThresholdFailed,
    Inconclusive,
    Regressed,
    NoRegression,
}

impl ComparisonOutcome {
    /// `asked`: the load file or the options set thresholds.
    fn of(comparison: &Comparison, asked: bool) -> Self {
        let regressed = comparison.compared.iter().any(|compared| compared.regressed);
        match comparison.evaluation.verdict {
            LoadVerdict::Failed => ComparisonOutcome::ThresholdFailed,
            _ if comparison.unsound_reason.is_some() => ComparisonOutcome::Inconclusive,
            _ if regressed => ComparisonOutcome::Regressed,
            // The limits of the generator affect both builds in the same way, so the comparison is still valid.
            LoadVerdict::Inconclusive if asked => ComparisonOutcome::Inconclusive,
            _ => ComparisonOutcome::NoRegression,
        }
    }

    fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            ComparisonOutcome::ThresholdFailed | ComparisonOutcome::Regressed => 1,
            ComparisonOutcome::Inconclusive => 4,
            ComparisonOutcome::NoRegression => 0,
        })
    }
}

fn with_baseline_help(who: &str, stop: CliError) -> CliError {
    match stop {
        CliError::Environment(what) => CliError::Environment(format!(
            "{who}: {what}\n  help: both builds must be reachable, because their rounds alternate: results from two times of day can differ as much as two builds"
        )),
        other => other,
    }
}

fn write_comparison(
    comparison: &Comparison,
    (old, new): &(String, String),
    outcome: ComparisonOutcome,
) -> io::Result<()> {
    let mut out = Out;
    writeln!(out, "{new}, compared with {old}: {} pairs of alternating rounds\n", comparison.pairs.len())?;
    for compared in &comparison.compared {
        let percent = (compared.ratio - 1.0) * 100.0;
        let (sign, name) = if percent >= 0.0 { ("+", "slower") } else { ("", "faster") };
        let mark = if compared.regressed { "✗" } else { " " };
        writeln!(
            out,
            "{mark} {:<5} {sign}{percent:.1}% {name}; by chance in {} of 100 comparisons",
            compared.measure.name(),
            short(compared.p_value * 100.0)
        )?;
    }
    for result in comparison.evaluation.thresholds.iter().filter(|result| !result.passed) {
        writeln!(out, "✗ {}: {} in the new build", result.threshold, result.measured())?;
    }
    let unclear = comparison.unsound_reason.clone().or_else(|| comparison.evaluation.generator_limits.first().cloned());
    let verdict = match outcome {
        ComparisonOutcome::ThresholdFailed => "failed: the new build fails its thresholds".to_owned(),
        ComparisonOutcome::Inconclusive => {
            format!("inconclusive: {}", unclear.as_deref().unwrap_or("not everything was measured"))
        }
        ComparisonOutcome::Regressed => {
            format!("regressed: the probability of a false alarm is below {}%", SIGNIFICANCE * 100.0)
        }
        ComparisonOutcome::NoRegression => {
            format!("no regression of {:.0}% or more is significant", (MIN_RATIO - 1.0) * 100.0)
        }
    };
    writeln!(out, "\n{verdict}")
}

fn comparison_json(comparison: &Comparison, (old, new): &(String, String)) -> Value {
    let sample = |sample: &vouch_load::compare::RoundSample| json!({ "p50": sample.p50, "mean": sample.mean, "p99": sample.p99, "rate": sample.rate });
    let compared = |c: &vouch_load::compare::MetricComparison| json!({ "measure": c.measure.name(), "ratio": c.ratio, "chance": c.p_value, "regressed": c.regressed });
    json!({
        "schema": 1, "baseline": old, "target": new,
        "pairs": comparison.pairs.iter().map(|(old, new)| json!({ "baseline": sample(old), "target": sample(new) })).collect::<Vec<_>>(),
        "compared": comparison.compared.iter().map(compared).collect::<Vec<_>>(),
        "doubt": comparison.unsound_reason,
        "thresholds": thresholds_json(&comparison.evaluation),
    })
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
    let PreparedLoad { mut workers, services, name, .. } =
        workers(args.ca.as_deref(), &load, &target, profile_name).await?;
    let interrupted = stop.clone();
    let work = move || {
        let prepared = workers.prepare(&stop, &mut |event| console.on_event(&event));
        let mut written = Ok(());
        let mut on_trial = |trial: &RateTrial| {
            if written.is_ok() {
                written = write_trial(trial);
            }
        };
        let outcome = prepared.and_then(|()| find_max_rate(&mut workers, &load, bounds, &stop, &mut on_trial));
        workers.clean_up(&mut |event| console.on_event(&event));
        console.end();
        drop(services);
        (outcome, written)
    };
    let head = ["arrivals/s", "good/s", "p50", "p99"];
    writeln!(Out, "the highest rate to {name}\n\n  {:>10} {:>10} {:>9} {:>9}", head[0], head[1], head[2], head[3])?;
    let (outcome, mut written) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| CliError::Environment("the load failed: a worker thread panicked".into()))?;
    let (search_max_rate, all) = match outcome {
        Err(LoadError { interrupted: true, .. }) => return Ok(ExitCode::from(INTERRUPTED)),
        other => other.map_err(load_error)?,
    };
    // Only the lowest failing rate says anything of the highest rate.
    let failing = search_max_rate.lowest_failed().map(|probes| probes.rate);
    let is_limited = |trial: &RateTrial| trial.verdict == LoadVerdict::Inconclusive && Some(trial.rate) == failing;
    let limited = all.iter().any(is_limited);
    if written.is_ok() {
        let limit = "\n! at the lowest failing rate the load generator was the limit: the highest rate of the server may be higher";
        let limit = if limited { limit } else { "" };
        written = writeln!(Out, "\n{}{limit}", max_rate::summary(&search_max_rate));
    }
    if let Some(path) = &args.json {
        let trial = |trial: &RateTrial| {
            let figures = trial.round.total.figures(trial.round.seconds());
            json!({ "arrivals": trial.rate, "good": figures.rate, "errors": figures.errors,
                "p99": trial.round.total.latency.value_at_quantile(0.99), "verdict": trial.verdict })
        };
        let report = json!({ "schema": 1, "target": name, "highest": search_max_rate.highest_passed().map(|probes| probes.rate),
            "lowestBroken": search_max_rate.lowest_failed().map(|probes| probes.rate),
            "confidence": max_rate::confidence_json(&search_max_rate), "limitedByGenerator": limited, "tried": all.iter().map(trial).collect::<Vec<_>>() });
        write_json(path, &report)?;
    }
    written?;
    Ok(match search_max_rate.highest_passed() {
        _ if interrupted.load(Ordering::Relaxed) => ExitCode::from(INTERRUPTED),
        _ if limited => ExitCode::from(4),
        None => ExitCode::from(1),
        Some(_) => ExitCode::SUCCESS,
    })
}

#[allow(clippy::cast_precision_loss, reason = "shown rounded")]
fn write_trial(trial: &RateTrial) -> io::Result<()> {
    let figures = trial.round.total.figures(trial.round.seconds());
    let at = |quantile: f64| time(trial.round.total.latency.value_at_quantile(quantile) as f64);
    let verdict = match trial.verdict {
        LoadVerdict::Passed if trial.fell_behind => "fell behind",
        LoadVerdict::Passed => "passed",
        LoadVerdict::Failed => "failed",
        LoadVerdict::Inconclusive => "the load generator was the limit",
    };
    writeln!(Out, "  {:>10} {:>10} {:>9} {:>9}  {verdict}", short(trial.rate), short(figures.rate), at(0.5), at(0.99))
}

fn write_json(path: &Path, report: &Value) -> Result<(), CliError> {
    std::fs::write(path, format!("{report:#}\n"))
        .map_err(|error| CliError::Environment(format!("cannot write {}: {error}", path.display())))
}
