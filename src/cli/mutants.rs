//! `vouch mutants`.

use super::kill_matrix;
use super::signals::{INTERRUPTED, interrupts};
use super::stdout::Out;
use super::{CliError, Done, Selection, runtime};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use vouch_runner::mutants::{KillMatrix, MutantTrials, Standing, Trial, TrialScope};
use vouch_runner::report::print_stderr;
use vouch_sim::mock_cloud::Keys;
use vouch_sim::mutant::{Mutant, all};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Only mutants with this in their name, or of this clause.
    #[arg(short, long, value_name = "WORD")]
    mutant: Option<String>,

    /// Run every case against every mutant of its role, not only those that prove its clause, and show what each scenario
    /// kills. Takes minutes.
    #[arg(long)]
    kill_matrix: bool,

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
    if mutants.is_empty() {
        return Err(CliError::Usage("no mutant matches".into()));
    }
    let interrupted = runtime.block_on(async { interrupts() });
    let scope = if args.kill_matrix { TrialScope::Role } else { TrialScope::Clause };
    let suite = MutantTrials::new(whole.clone(), keys, scope);
    // A suite that fails the reference without a fault kills every mutant and shows nothing.
    let reference = runtime.block_on(suite.reference(interrupted.clone()));
    let mut trials = Vec::new();
    for mutant in &mutants {
        let trial = runtime.block_on(suite.mutant(mutant, interrupted.clone()));
        if *interrupted.borrow() {
            // An interrupted trial shows nothing.
            break;
        }
        trials.push((mutant, trial));
    }
    let untried = mutants.len() - trials.len();
    let everything = args.mutant.is_none() && untried == 0;
    let bare = if everything { clauses_without(&mutants, &proved) } else { vec![] };
    let matrix = KillMatrix::new(&trials, &whole);
    let survivors = trials.iter().filter(|(_, trial)| !trial.is_killed()).count();
    let mut wrong = survivors + bare.len() + reference.failed.len();
    if everything {
        wrong += matrix.count(Standing::Redundant) + matrix.count(Standing::NeedlessRationale);
    }
    if args.json {
        print_json(&trials, &reference, &bare)?;
    } else {
        print(&trials, &reference, &bare)?;
        if everything {
            kill_matrix::print(&matrix, args.kill_matrix)?;
        }
        let covered: BTreeSet<_> = trials.iter().map(|(mutant, _)| mutant.clause).collect();
        writeln!(
            Out,
            "{} mutants of {} clauses, {} survived or missing, {} false alarms, in {:.1} s",
            trials.len(),
            covered.len(),
            survivors + bare.len(),
            reference.failed.len(),
            began.elapsed().as_secs_f64()
        )?;
    }
    if untried > 0 {
        print_stderr(format!("interrupted; {untried} mutants were not run"));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

/// Clauses that the suite proves and no mutant breaks.
fn clauses_without(mutants: &[Mutant], proved: &BTreeSet<&str>) -> Vec<String> {
    let covered: BTreeSet<_> = mutants.iter().map(|mutant| mutant.clause).collect();
    proved.difference(&covered).map(|clause| (*clause).to_owned()).collect()
}

fn print(trials: &[(&Mutant, Trial)], reference: &Trial, bare: &[String]) -> std::io::Result<()> {
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
    for case in &reference.failed {
        writeln!(out, "FALSE ALARM: {case} fails the unmutated reference")?;
    }
    Ok(())
}

fn print_json(trials: &[(&Mutant, Trial)], reference: &Trial, bare: &[String]) -> std::io::Result<()> {
    let mutants: Vec<_> = trials
        .iter()
        .map(|(mutant, trial)| {
            serde_json::json!({
                "name": mutant.name, "clause": mutant.clause, "role": mutant.mutation.word(), "about": mutant.about,
                "killedBy": trial.killed_by, "failed": trial.failed, "alsoNamed": trial.other_clauses,
            })
        })
        .collect();
    let matrix = serde_json::json!({
        "mutants": mutants, "clausesWithoutMutant": bare, "falseAlarms": reference.failed,
    });
    writeln!(Out, "{matrix:#}")
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}
