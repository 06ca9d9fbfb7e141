//! `vouch load --baseline`: compares two builds in alternating rounds.

use crate::cli::load::args::Args;
use crate::cli::load::sdk::Loaded;
use crate::cli::load::shared::{load_error, profile, workers, write_json};
use crate::cli::show::read_load;
use crate::cli::signals::INTERRUPTED;
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done, target};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use vouch_load::compare::{MIN_RATIO, SIGNIFICANCE};
use vouch_load::record::LoadRecord;
use vouch_load::report::{ProgressDisplay, thresholds_json};
use vouch_load::system::Observer;
use vouch_load::threshold::{short, time};
use vouch_load::{
    Build, Comparison, CpuComparison, CpuTimes, FaultReport, Load, LoadError, LoadVerdict, ProgressEvent,
    compare_builds, round_duration,
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
    new_target: Target,
    stop: Arc<AtomicBool>,
    mut console: ProgressDisplay,
) -> Done {
    check_rounds(&load, args.rounds)?;
    let old_file = baseline_target(path)?;
    let old = target(old_file.as_deref())?;
    let profile_name = args.profile.as_deref();
    let (old_profile, new_profile) = (profile(profile_name, &old)?, profile(profile_name, &new_target)?);
    let mut old = workers(args.ca.as_deref(), &load, &old, old_profile)
        .await
        .map_err(|stop| with_baseline_help("the baseline", stop))?;
    let mut new = workers(args.ca.as_deref(), &load, &new_target, new_profile).await?;
    let (rounds, asked) = (args.rounds, !load.thresholds.is_empty());
    let loaded = Loaded { target: &new_target, file: args.target.as_deref() }.to_string();
    let names = (old.name.clone(), new.name.clone());
    let observers = [&mut old, &mut new].map(|build| Observer { probe: build.system.probe.take(), on_sample: None });
    let work = move || {
        let mut on_event = |event: ProgressEvent<'_>| console.on_event(&event);
        let comparison = (|| {
            old.workers.prepare(&stop, &mut on_event)?;
            new.workers.prepare(&stop, &mut on_event)?;
            let [old_observer, new_observer] = &observers;
            let baseline = Build { workers: &mut old.workers, observer: old_observer };
            let new = Build { workers: &mut new.workers, observer: new_observer };
            compare_builds(baseline, new, &load, rounds, &stop, &mut on_event)
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
    let written = writeln!(Out, "Loaded: {loaded}.\n").and_then(|()| write_comparison(&comparison, &names, outcome));
    if let Some(path) = &args.json {
        write_json(path, &comparison_json(&comparison, &names))?;
    }
    written?;
    Ok(outcome.exit_code())
}

/// Spikes and faults happen in each round, at times since its start, so a round must be long enough for them.
fn check_rounds(load: &Load, rounds: u32) -> Result<(), CliError> {
    let duration = round_duration(load, rounds);
    let spike = load.arrivals.spike_end().map(|end| ("the spike".to_owned(), end));
    let faults = load.faults.iter().map(|fault| (format!("the fault `{fault}`"), fault.until));
    match spike.into_iter().chain(faults).find(|(_, end)| *end > duration) {
        None => Ok(()),
        Some((what, end)) => {
            let [end, duration] = [end, duration].map(humantime::format_duration);
            Err(CliError::Usage(format!(
                "{what} ends at {end}, and each round of the comparison lasts {duration}; give a longer --duration or fewer --rounds"
            )))
        }
    }
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
    writeln!(out, "  {:<5} {}", "cpu", cpu_line(&comparison.cpu))?;
    if let Some((old, new)) = &comparison.faults {
        write_faults(old, new)?;
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

/// The CPU time of a good response. It does not decide the comparison.
fn cpu_line(cpu: &CpuComparison) -> String {
    match cpu {
        CpuComparison::Unknown(why) => format!("not compared: {why}"),
        CpuComparison::Known(CpuTimes { baseline, new, p_value, .. }) => {
            let percent = (new / baseline - 1.0) * 100.0;
            let (sign, name) = if percent >= 0.0 { ("+", "more") } else { ("", "less") };
            format!(
                "{sign}{percent:.1}% {name} CPU time of the system for a good response ({}, baseline {}); by chance in {} of 100 comparisons",
                time(*new),
                time(*baseline),
                short(p_value * 100.0)
            )
        }
    }
}

/// What the faults led to at each build.
fn write_faults(old: &FaultReport, new: &FaultReport) -> io::Result<()> {
    writeln!(Out, "\nFaults, in each round")?;
    for (old, new) in old.faults.iter().zip(&new.faults) {
        writeln!(Out, "  {}", old.description)?;
        for (name, fault) in [("baseline", old), ("new build", new)] {
            writeln!(Out, "    {name}: {}", fault.steps().join(" → "))?;
        }
    }
    Ok(())
}

fn cpu_json(cpu: &CpuComparison) -> Value {
    match cpu {
        CpuComparison::Unknown(why) => json!({ "unknown": why }),
        CpuComparison::Known(CpuTimes { baseline, new, p_value, pairs }) => {
            json!({ "baseline": baseline, "target": new, "ratio": new / baseline, "chance": p_value, "pairs": pairs })
        }
    }
}

fn comparison_json(comparison: &Comparison, (old, new): &(String, String)) -> Value {
    let sample = |sample: &vouch_load::compare::RoundSample| json!({ "p50": sample.p50, "mean": sample.mean, "p99": sample.p99, "rate": sample.rate, "cpuPerGoodResponse": sample.cpu_per_response });
    let compared = |c: &vouch_load::compare::MetricComparison| json!({ "measure": c.measure.name(), "ratio": c.ratio, "chance": c.p_value, "regressed": c.regressed });
    json!({
        "schema": 1, "baseline": old, "target": new,
        "pairs": comparison.pairs.iter().map(|(old, new)| json!({ "baseline": sample(old), "target": sample(new) })).collect::<Vec<_>>(),
        "compared": comparison.compared.iter().map(compared).collect::<Vec<_>>(),
        "cpuPerGoodResponse": cpu_json(&comparison.cpu),
        "faults": comparison.faults.as_ref().map(|(old, new)| json!({ "baseline": old.faults, "target": new.faults })),
        "doubt": comparison.unsound_reason,
        "thresholds": thresholds_json(&comparison.evaluation),
    })
}
