//! `vouch load --baseline` and `vouch load --find-max-rate`: loads of several rounds.

use crate::cli::load::args::Args;
use crate::cli::load::shared::{PreparedLoad, profile, trouble, workers};
use crate::cli::signals::INTERRUPTED;
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done, target};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vouch_load::compare::{LEAST, RISK};
use vouch_load::report::{Console, thresholds_json};
use vouch_load::threshold::{short, time};
use vouch_load::{Load, LoadError, ProgressEvent, Tried, Turns, Verdict, find_max_rate, round_length, take_turns};
use vouch_runner::target_file::Target;

/// The target file of a baseline: the file itself, or that of a saved run.
fn baseline_target(path: &Path) -> Result<Option<PathBuf>, CliError> {
    if path.extension().is_some_and(|end| end == "toml") {
        return Ok(Some(path.to_owned()));
    }
    let wrong = |what: &str| {
        CliError::Usage(format!("{}: {what}; give a report of `vouch load --json`, or a target file", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    let saved: Value = serde_json::from_str(&text).map_err(|_| wrong("it is no JSON"))?;
    match (saved.get("schema").and_then(Value::as_u64), saved.get("series"), saved.get("targetFile")) {
        (Some(1), Some(Value::Object(_)), Some(Value::String(path))) => Ok(Some(PathBuf::from(path))),
        // That run was against the simulated cloud.
        (Some(1), Some(Value::Object(_)), Some(Value::Null)) => Ok(None),
        _ => Err(wrong("it is no report of a load")),
    }
}

/// Compares with a baseline in turns.
pub async fn against(
    args: &Args,
    path: &Path,
    load: Load,
    new: Target,
    stop: Arc<AtomicBool>,
    mut console: Console,
) -> Done {
    let duration = round_length(&load, args.rounds);
    if let Some(end) = load.arrivals.spike_end().filter(|end| *end > duration) {
        let [end, duration] = [end, duration].map(humantime::format_duration);
        return Err(CliError::Usage(format!(
            "the spike ends at {end}, and each round of the comparison lasts {duration}; give a longer --duration or fewer --rounds"
        )));
    }
    let old_file = baseline_target(path)?;
    let old = target(old_file.as_deref())?;
    let by = args.profile.as_deref();
    let (old_profile, new_profile) = (profile(by, &old)?, profile(by, &new)?);
    let mut old =
        workers(args.ca.as_deref(), &load, &old, old_profile).await.map_err(|stop| because("the baseline", stop))?;
    let mut new = workers(args.ca.as_deref(), &load, &new, new_profile).await?;
    let (rounds, asked) = (args.rounds, !load.thresholds.is_empty());
    let names = (old.name.clone(), new.name.clone());
    let work = move || {
        let mut on_event = |happening: ProgressEvent<'_>| console.on_event(&happening);
        let turns = (|| {
            old.workers.prepare(&stop, &mut on_event)?;
            new.workers.prepare(&stop, &mut on_event)?;
            take_turns(&mut old.workers, &mut new.workers, &load, rounds, &stop, &mut on_event)
        })();
        old.workers.clean_up(&mut on_event);
        new.workers.clean_up(&mut on_event);
        console.end();
        drop((old, new));
        turns
    };
    let turns =
        tokio::task::spawn_blocking(work).await.map_err(|_| CliError::Environment("the load broke down".into()))?;
    let turns = match turns {
        Err(LoadError { interrupted: true, .. }) => return Ok(ExitCode::from(INTERRUPTED)),
        other => other.map_err(trouble)?,
    };
    let outcome = Outcome::of(&turns, asked);
    let told = tell_turns(&turns, &names, outcome);
    if let Some(path) = &args.json {
        write_json(path, &turns_json(&turns, &names))?;
    }
    told?;
    Ok(outcome.exit_code())
}

/// What a comparison comes to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The new build breaks a threshold, whatever the baseline does.
    Broken,
    Inconclusive,
    Regressed,
    NoRegression,
}

impl Outcome {
    /// `asked`: the load has thresholds of its own.
    fn of(turns: &Turns, asked: bool) -> Self {
        let regressed = turns.compared.iter().any(|compared| compared.regressed);
        match turns.judged.verdict {
            Verdict::Failed => Outcome::Broken,
            _ if turns.doubt.is_some() => Outcome::Inconclusive,
            _ if regressed => Outcome::Regressed,
            // Limits of the generator are the same for both builds, so that they can be compared all the same.
            Verdict::Inconclusive if asked => Outcome::Inconclusive,
            _ => Outcome::NoRegression,
        }
    }

    fn exit_code(self) -> ExitCode {
        ExitCode::from(match self {
            Outcome::Broken | Outcome::Regressed => 1,
            Outcome::Inconclusive => 4,
            Outcome::NoRegression => 0,
        })
    }
}

fn because(who: &str, stop: CliError) -> CliError {
    match stop {
        CliError::Environment(what) => CliError::Environment(format!(
            "{who}: {what}\n  help: both builds must be reachable: they are measured in turns, since two times of day differ as much as two builds"
        )),
        other => other,
    }
}

fn tell_turns(turns: &Turns, (old, new): &(String, String), outcome: Outcome) -> io::Result<()> {
    let mut out = Out;
    writeln!(out, "{new}, against {old}: {} pairs of rounds in turns\n", turns.pairs.len())?;
    for compared in &turns.compared {
        let percent = (compared.ratio - 1.0) * 100.0;
        let (sign, word) = if percent >= 0.0 { ("+", "slower") } else { ("", "faster") };
        let mark = if compared.regressed { "✗" } else { " " };
        writeln!(
            out,
            "{mark} {:<5} {sign}{percent:.1}% {word}; by chance alone in {} of 100 comparisons",
            compared.measure.word(),
            short(compared.chance * 100.0)
        )?;
    }
    for held in turns.judged.held.iter().filter(|held| !held.passed) {
        writeln!(out, "✗ {}: {} in the new build", held.threshold, held.measured())?;
    }
    let unclear = turns.doubt.clone().or_else(|| turns.judged.limits.first().cloned());
    let verdict = match outcome {
        Outcome::Broken => "broken: the new build does not keep to its thresholds".to_owned(),
        Outcome::Inconclusive => format!("inconclusive: {}", unclear.as_deref().unwrap_or("not all was measured")),
        Outcome::Regressed => format!("regressed: a false alarm is less likely than {}%", RISK * 100.0),
        Outcome::NoRegression => {
            format!("no regression of {:.0}% or more can be told from noise", (LEAST - 1.0) * 100.0)
        }
    };
    writeln!(out, "\n{verdict}")
}

fn turns_json(turns: &Turns, (old, new): &(String, String)) -> Value {
    let sample = |sample: &vouch_load::compare::Sample| json!({ "p50": sample.p50, "mean": sample.mean, "p99": sample.p99, "rate": sample.rate });
    let compared = |c: &vouch_load::compare::Compared| json!({ "measure": c.measure.word(), "ratio": c.ratio, "chance": c.chance, "regressed": c.regressed });
    json!({
        "schema": 1, "baseline": old, "target": new,
        "pairs": turns.pairs.iter().map(|(old, new)| json!({ "baseline": sample(old), "target": sample(new) })).collect::<Vec<_>>(),
        "compared": turns.compared.iter().map(compared).collect::<Vec<_>>(),
        "doubt": turns.doubt,
        "thresholds": thresholds_json(&turns.judged),
    })
}

/// Finds the highest rate that keeps to the thresholds.
pub async fn search(
    args: &Args,
    bounds: (f64, f64),
    load: Load,
    target: Target,
    stop: Arc<AtomicBool>,
    mut console: Console,
) -> Done {
    let by = profile(args.profile.as_deref(), &target)?;
    let PreparedLoad { mut workers, keep, name } = workers(args.ca.as_deref(), &load, &target, by).await?;
    let pressed = stop.clone();
    let work = move || {
        let prepared = workers.prepare(&stop, &mut |happening| console.on_event(&happening));
        let mut told = Ok(());
        let mut tell = |tried: &Tried| {
            if told.is_ok() {
                told = tell_tried(tried);
            }
        };
        let found = prepared.and_then(|()| find_max_rate(&mut workers, &load, bounds, &stop, &mut tell));
        workers.clean_up(&mut |happening| console.on_event(&happening));
        console.end();
        drop(keep);
        (found, told)
    };
    let head = ["arrivals/s", "good/s", "p50", "p99"];
    writeln!(Out, "the highest rate to {name}\n\n  {:>10} {:>10} {:>9} {:>9}", head[0], head[1], head[2], head[3])?;
    let (found, mut told) =
        tokio::task::spawn_blocking(work).await.map_err(|_| CliError::Environment("the load broke down".into()))?;
    let (search, all) = match found {
        Err(LoadError { interrupted: true, .. }) => return Ok(ExitCode::from(INTERRUPTED)),
        other => other.map_err(trouble)?,
    };
    let limited = all.iter().any(|tried| tried.verdict == Verdict::Inconclusive);
    let shown = |rate: Option<f64>| rate.map_or_else(|| "none".to_owned(), |rate| format!("{}/s", short(rate)));
    if told.is_ok() {
        let (highest, lowest) = (shown(search.found()), shown(search.limit()));
        let limit = "\n! at some rates the generator was the limit: the server may be able to do more";
        let limit = if limited { limit } else { "" };
        told = writeln!(Out, "\nhighest rate that keeps: {highest}; lowest that does not: {lowest}{limit}");
    }
    if let Some(path) = &args.json {
        let tried = |tried: &Tried| {
            let figures = tried.round.whole.figures(tried.round.seconds());
            json!({ "arrivals": tried.rate, "good": figures.rate, "errors": figures.errors,
                "p99": tried.round.whole.latency.value_at_quantile(0.99), "verdict": tried.verdict })
        };
        let report = json!({ "schema": 1, "target": name, "highest": search.found(), "lowestBroken": search.limit(),
            "limitedByGenerator": limited, "tried": all.iter().map(tried).collect::<Vec<_>>() });
        write_json(path, &report)?;
    }
    told?;
    Ok(match search.found() {
        _ if pressed.load(Ordering::Relaxed) => ExitCode::from(INTERRUPTED),
        _ if limited => ExitCode::from(4),
        None => ExitCode::from(1),
        Some(_) => ExitCode::SUCCESS,
    })
}

#[allow(clippy::cast_precision_loss, reason = "for readers")]
fn tell_tried(tried: &Tried) -> io::Result<()> {
    let figures = tried.round.whole.figures(tried.round.seconds());
    let at = |quantile: f64| time(tried.round.whole.latency.value_at_quantile(quantile) as f64);
    let verdict = match tried.verdict {
        Verdict::Passed if tried.behind => "fell behind",
        Verdict::Passed => "kept",
        Verdict::Failed => "broken",
        Verdict::Inconclusive => "the generator was the limit",
    };
    writeln!(Out, "  {:>10} {:>10} {:>9} {:>9}  {verdict}", short(tried.rate), short(figures.rate), at(0.5), at(0.99))
}

fn write_json(path: &Path, report: &Value) -> Result<(), CliError> {
    std::fs::write(path, format!("{report:#}\n"))
        .map_err(|error| CliError::Environment(format!("cannot write {}: {error}", path.display())))
}
