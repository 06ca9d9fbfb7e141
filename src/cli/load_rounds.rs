//! `vouch load --baseline` and `vouch load --saturate`: loads of several rounds.

use super::load::{Args, Crewed, crew};
use super::load_shared::{profile, trouble};
use super::{Done, Stop, target};
use crate::load::compare::{LEAST, RISK};
use crate::load::threshold::{short, time};
use crate::load::{Happening, Load, Tried, Trouble, Turns, Verdict, saturate, take_turns};
use crate::report::load::Console;
use crate::target::Target;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The target file of a baseline: the file itself, or that of a saved run.
fn baseline_target(path: &Path) -> Result<Option<PathBuf>, Stop> {
    if path.extension().is_some_and(|end| end == "toml") {
        return Ok(Some(path.to_owned()));
    }
    let wrong = |what: &str| {
        Stop::Usage(format!("{}: {what}; give a report of `vouch load --json`, or a target file", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    let saved: Value = serde_json::from_str(&text).map_err(|_| wrong("it is no JSON"))?;
    if saved.get("series").is_none() {
        return Err(wrong("it is no report of a load"));
    }
    Ok(saved.get("targetFile").and_then(Value::as_str).map(PathBuf::from))
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
    let old_file = baseline_target(path)?;
    let old = target(old_file.as_deref())?;
    let by = args.profile.as_deref();
    let (old_profile, new_profile) = (profile(by, &old)?, profile(by, &new)?);
    let mut old = crew(args, &load, &old, old_profile).await.map_err(|stop| because("the baseline", stop))?;
    let mut new = crew(args, &load, &new, new_profile).await?;
    let rounds = args.rounds;
    let names = (old.name.clone(), new.name.clone());
    let work = move || {
        let mut hear = |happening: Happening<'_>| console.hear(&happening);
        let turns = (|| {
            old.crew.prepare(&stop, &mut hear)?;
            new.crew.prepare(&stop, &mut hear)?;
            take_turns(&mut old.crew, &mut new.crew, &load, rounds, &stop, &mut hear)
        })();
        old.crew.clean_up(&mut hear);
        new.crew.clean_up(&mut hear);
        console.end();
        drop((old, new));
        turns
    };
    let turns = tokio::task::spawn_blocking(work).await.map_err(|_| Stop::Environment("the load broke down".into()))?;
    let turns = match turns {
        Err(Trouble { interrupted: true, .. }) => return Ok(ExitCode::from(130)),
        other => other.map_err(trouble)?,
    };
    tell_turns(&turns, &names);
    if let Some(path) = &args.json {
        write_json(path, &turns_json(&turns, &names))?;
    }
    Ok(match (&turns.doubt, turns.compared.iter().any(|compared| compared.regressed)) {
        (Some(_), _) => ExitCode::from(4),
        (None, true) => ExitCode::from(1),
        (None, false) => ExitCode::SUCCESS,
    })
}

fn because(who: &str, stop: Stop) -> Stop {
    match stop {
        Stop::Environment(what) => Stop::Environment(format!(
            "{who}: {what}\n  help: both builds must be reachable: they are measured in turns, since two times of day differ as much as two builds"
        )),
        other => other,
    }
}

fn tell_turns(turns: &Turns, (old, new): &(String, String)) {
    println!("{new}, against {old}: {} pairs of rounds in turns\n", turns.pairs.len());
    for compared in &turns.compared {
        let percent = (compared.ratio - 1.0) * 100.0;
        let (sign, word) = if percent >= 0.0 { ("+", "slower") } else { ("", "faster") };
        let mark = if compared.regressed { "✗" } else { " " };
        println!(
            "{mark} {:<5} {sign}{percent:.1}% {word}; by chance alone in {} of 100 comparisons",
            compared.measure.word(),
            short(compared.chance * 100.0)
        );
    }
    let verdict = match (&turns.doubt, turns.compared.iter().any(|compared| compared.regressed)) {
        (Some(why), _) => format!("inconclusive: {why}"),
        (None, true) => format!("regressed: a false alarm is less likely than {}%", RISK * 100.0),
        (None, false) => format!("no regression of {:.0}% or more can be told from noise", (LEAST - 1.0) * 100.0),
    };
    println!("\n{verdict}");
}

fn turns_json(turns: &Turns, (old, new): &(String, String)) -> Value {
    let sample = |sample: &crate::load::compare::Sample| json!({ "p50": sample.p50, "mean": sample.mean, "p99": sample.p99, "rate": sample.rate });
    let compared = |c: &crate::load::compare::Compared| json!({ "measure": c.measure.word(), "ratio": c.ratio, "chance": c.chance, "regressed": c.regressed });
    json!({
        "schema": 1, "baseline": old, "target": new,
        "pairs": turns.pairs.iter().map(|(old, new)| json!({ "baseline": sample(old), "target": sample(new) })).collect::<Vec<_>>(),
        "compared": turns.compared.iter().map(compared).collect::<Vec<_>>(),
        "doubt": turns.doubt,
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
    let Crewed { mut crew, keep, name } = crew(args, &load, &target, by).await?;
    let pressed = stop.clone();
    let work = move || {
        let prepared = crew.prepare(&stop, &mut |happening| console.hear(&happening));
        let found = prepared.and_then(|()| saturate(&mut crew, &load, bounds, &stop, &mut tell_tried));
        crew.clean_up(&mut |happening| console.hear(&happening));
        console.end();
        drop(keep);
        found
    };
    println!("the highest rate to {name}\n\n  {:>10} {:>10} {:>9} {:>9}", "arrivals/s", "good/s", "p50", "p99");
    let found = tokio::task::spawn_blocking(work).await.map_err(|_| Stop::Environment("the load broke down".into()))?;
    let (search, all) = found.map_err(trouble)?;
    let limited = all.iter().any(|tried| tried.verdict == Verdict::Inconclusive);
    let shown = |rate: Option<f64>| rate.map_or_else(|| "none".to_owned(), |rate| format!("{}/s", short(rate)));
    println!("\nhighest rate that keeps: {}; lowest that does not: {}", shown(search.found()), shown(search.limit()));
    if limited {
        println!("! at some rates the generator was the limit: the server may be able to do more");
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
    Ok(match search.found() {
        _ if pressed.load(Ordering::Relaxed) => ExitCode::from(130),
        None => ExitCode::from(1),
        Some(_) if limited => ExitCode::from(4),
        Some(_) => ExitCode::SUCCESS,
    })
}

#[allow(clippy::cast_precision_loss, reason = "for readers")]
fn tell_tried(tried: &Tried) {
    let figures = tried.round.whole.figures(tried.round.seconds());
    let at = |quantile: f64| time(tried.round.whole.latency.value_at_quantile(quantile) as f64);
    let verdict = match tried.verdict {
        Verdict::Kept => "kept",
        Verdict::Broken => "broken",
        Verdict::Inconclusive => "the generator was the limit",
    };
    println!("  {:>10} {:>10} {:>9} {:>9}  {verdict}", short(tried.rate), short(figures.rate), at(0.5), at(0.99));
}

fn write_json(path: &Path, report: &Value) -> Result<(), Stop> {
    std::fs::write(path, format!("{report:#}\n"))
        .map_err(|error| Stop::Environment(format!("cannot write {}: {error}", path.display())))
}
