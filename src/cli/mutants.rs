//! `vouch mutants`.

use super::kill_matrix;
use super::signals::{INTERRUPTED, interrupts};
use super::stdout::Out;
use super::{CliError, Done, Selection, runtime};
use futures_util::{StreamExt, stream};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use vouch_runner::mutants::{KillMatrix, MutantTrials, Standing, Trial, TrialScope};
use vouch_runner::report::print_stderr;
use vouch_runner::run::Interrupted;
use vouch_sim::mock_cloud::Keys;
use vouch_sim::mutant::{Mutant, all};
use vouch_sim::variant::{self, Variant};

/// The number of mutants or variants that run at once.
const TRIALS_AT_ONCE: usize = 3;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Only mutants and variants with this in their name, or mutants of this clause.
    #[arg(short, long, value_name = "WORD")]
    mutant: Option<String>,

    /// Run every case against every mutant of its role, not only those that prove its clause, and show what each scenario
    /// kills. Takes minutes.
    #[arg(long)]
    kill_matrix: bool,

    /// Run the reference and the variants under conditions that this seed draws, as `vouch run --vary` does. Mutants keep theirs.
    #[arg(long, value_name = "SEED")]
    vary: Option<u64>,

    /// The kill matrix as JSON, instead of text.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Done {
    let began = Instant::now();
    let keys = Arc::new(Keys::generate().map_err(|error| CliError::Environment(error.to_string()))?);
    let runtime = runtime()?;
    let wanted =
        |m: &Mutant| args.mutant.as_ref().is_none_or(|word| m.name.contains(word.as_str()) || m.clause == word);
    let whole = args.selection.plan()?;
    // A choice of scenarios is held to the clauses that it proves, the suite to all.
    let proved: BTreeSet<_> = whole.cases.iter().flat_map(|case| case.scenario.proves()).collect();
    let in_question = |m: &Mutant| args.selection.filter.is_empty() || proved.contains(m.clause);
    let mutants: Vec<_> = all().into_iter().filter(|m| wanted(m) && in_question(m)).collect();
    let is_variant = |v: &Variant| is_wanted(args, v);
    if mutants.is_empty() && !variant::all().iter().any(is_variant) {
        return Err(CliError::Usage("no mutant matches".into()));
    }
    let interrupted = runtime.block_on(async { interrupts() });
    let scope = if args.kill_matrix { TrialScope::Role } else { TrialScope::Clause };
    let suite = MutantTrials::new(whole.clone(), keys, scope).vary(args.vary);
    // A suite that fails the reference without a fault kills every mutant and shows nothing.
    let reference = runtime.block_on(suite.reference(interrupted.clone()));
    let trials = runtime.block_on(at_once(&mutants, &interrupted, |mutant| suite.mutant(mutant, interrupted.clone())));
    let untried = mutants.len() - trials.len();
    let variants: Vec<_> = variant::all().into_iter().filter(|v| args.mutant.is_none() || is_wanted(args, v)).collect();
    let variant_trials =
        runtime.block_on(at_once(&variants, &interrupted, |variant| suite.variant(variant, interrupted.clone())));
    let everything = args.mutant.is_none() && untried == 0;
    let bare = if everything { clauses_without(&mutants, &proved) } else { vec![] };
    let matrix = KillMatrix::new(&trials, &whole);
    let survivors = trials.iter().filter(|(_, trial)| !trial.is_killed()).count();
    let alarms = variant_trials.iter().map(|(_, trial)| trial.failed.len()).sum::<usize>() + reference.failed.len();
    let mut wrong = survivors + bare.len() + alarms;
    if everything {
        wrong += matrix.count(Standing::Redundant) + matrix.count(Standing::NeedlessRationale);
    }
    if args.json {
        print_json(&trials, &variant_trials, &reference, &bare)?;
    } else {
        print(&trials, &variant_trials, &reference, &bare)?;
        if everything {
            kill_matrix::print(&matrix, args.kill_matrix)?;
        }
        let covered: BTreeSet<_> = trials.iter().map(|(mutant, _)| mutant.clause).collect();
        writeln!(
            Out,
            "{} mutants of {} clauses, {} survived or missing; {} variants, {alarms} false alarms; in {:.1} s",
            trials.len(),
            covered.len(),
            survivors + bare.len(),
            variant_trials.len(),
            began.elapsed().as_secs_f64()
        )?;
    }
    if untried > 0 {
        print_stderr(format!("interrupted; {untried} mutants were not run"));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

/// Runs trials, some at once because they wait more than they work, until the user interrupts. Their order is kept.
async fn at_once<'a, T, F: Future<Output = Trial>>(
    all: &'a [T],
    interrupted: &Interrupted,
    run: impl Fn(&'a T) -> F,
) -> Vec<(&'a T, Trial)> {
    let mut trials = Vec::new();
    let named = |of: &'a T| {
        let trial = run(of);
        async move { (of, trial.await) }
    };
    let mut running = std::pin::pin!(stream::iter(all).map(named).buffered(TRIALS_AT_ONCE));
    while let Some(trial) = running.next().await {
        if *interrupted.borrow() {
            // An interrupted trial shows nothing.
            break;
        }
        trials.push(trial);
    }
    trials
}

fn is_wanted(args: &Args, variant: &Variant) -> bool {
    args.mutant.as_ref().is_some_and(|word| variant.name.contains(word.as_str()))
}

/// Clauses that the suite proves and no mutant breaks.
fn clauses_without(mutants: &[Mutant], proved: &BTreeSet<&str>) -> Vec<String> {
    let covered: BTreeSet<_> = mutants.iter().map(|mutant| mutant.clause).collect();
    proved.difference(&covered).map(|clause| (*clause).to_owned()).collect()
}

fn print(
    trials: &[(&Mutant, Trial)],
    variants: &[(&Variant, Trial)],
    reference: &Trial,
    bare: &[String],
) -> std::io::Result<()> {
    let mut out = Out;
    for (mutant, trial) in trials {
        let word = if trial.is_killed() { "killed" } else { "SURVIVED" };
        writeln!(out, "{word:<9}{:<8}{:<8}{:<34}{}", mutant.clause, mutant.mutation.word(), mutant.name, mutant.about)?;
        match trial.killed_by.first() {
            Some(first) => writeln!(out, "         by {first}{}", more(trial.killed_by.len() - 1))?,
            None => {
                let named: Vec<_> = trial.other_clauses.iter().map(String::as_str).collect();
                let named = if named.is_empty() { "nothing".to_owned() } else { named.join(" ") };
                writeln!(out, "         no case named {}; named: {named}", mutant.clause)?;
            }
        }
    }
    if !bare.is_empty() {
        writeln!(out, "proved clauses without a mutant: {}", bare.join(" "))?;
    }
    for (variant, trial) in variants {
        let word = if trial.failed.is_empty() { "accepted" } else { "REFUSED" };
        let part = variant.part.word();
        writeln!(out, "{word:<17}{part:<8}{:<34}{}", variant.name, variant.about)?;
        for case in &trial.failed {
            let named: Vec<_> = trial.other_clauses.iter().map(String::as_str).collect();
            writeln!(
                out,
                "         FALSE ALARM: {case}, under {}; it is allowed by {}",
                named.join(" "),
                variant.allowed_by
            )?;
        }
    }
    for case in &reference.failed {
        writeln!(out, "FALSE ALARM: {case} fails the unmutated reference")?;
    }
    Ok(())
}

fn print_json(
    trials: &[(&Mutant, Trial)],
    variants: &[(&Variant, Trial)],
    reference: &Trial,
    bare: &[String],
) -> std::io::Result<()> {
    let mutants: Vec<_> = trials
        .iter()
        .map(|(mutant, trial)| {
            serde_json::json!({
                "name": mutant.name, "clause": mutant.clause, "role": mutant.mutation.word(), "about": mutant.about,
                "killedBy": trial.killed_by, "failed": trial.failed, "alsoNamed": trial.other_clauses,
            })
        })
        .collect();
    let variants: Vec<_> = variants
        .iter()
        .map(|(variant, trial)| {
            serde_json::json!({
                "name": variant.name, "role": variant.part.word(), "about": variant.about,
                "allowedBy": variant.allowed_by, "falseAlarms": trial.failed,
            })
        })
        .collect();
    let matrix = serde_json::json!({
        "mutants": mutants, "variants": variants, "clausesWithoutMutant": bare, "falseAlarms": reference.failed,
    });
    writeln!(Out, "{matrix:#}")
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}
