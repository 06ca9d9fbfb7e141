//! `vouch mutants`.

use super::kill_matrix::KillMatrix;
use super::mutant_result::Trial;
use super::signals::{INTERRUPTED, interrupts};
use super::stdout::Out;
use super::{CliError, Done, Selection, casting, plan, runtime};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use vouch_runner::report::print_stderr;
use vouch_runner::run::verdict::Strictness;
use vouch_runner::run::{Filter, RoleSetup, Settings, SnapshotMode};
use vouch_runner::sut::Deadlines;
use vouch_sim::mock_cloud::Keys;
use vouch_sim::mutant::{Mutant, Mutation, all};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Role;
use vouch_spec::protocol::message::SdkName;

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

/// How many cases of mutants run at once: they wait more than they work.
const JOBS: usize = 16;

pub fn run(args: &Args) -> Done {
    let began = Instant::now();
    let keys = Arc::new(Keys::generate().map_err(|error| CliError::Environment(error.to_string()))?);
    let runtime = runtime()?;
    let wanted =
        |m: &Mutant| args.mutant.as_ref().is_none_or(|word| m.name.contains(word.as_str()) || m.clause == word);
    let whole = plan(&args.selection)?;
    // A choice of scenarios is held to the clauses that it proves, the suite to all.
    let proved: BTreeSet<_> = whole.cases.iter().flat_map(|case| case.scenario.proves()).collect();
    let in_question = |m: &Mutant| args.selection.filter.is_empty() || proved.contains(m.clause);
    let mutants: Vec<_> = all().into_iter().filter(|m| wanted(m) && in_question(m)).collect();
    if mutants.is_empty() {
        return Err(CliError::Usage("no mutant matches".into()));
    }
    let interrupted = runtime.block_on(async { interrupts() });
    let try_out = |clause, settings, plan| runtime.block_on(Trial::of(clause, settings, plan, interrupted.clone()));
    // A suite that fails the unmutated reference kills everything and proves nothing.
    let reference = try_out("", settings("reference", None, keys.clone()), plan(&args.selection)?);
    let mut trials = Vec::new();
    for mutant in &mutants {
        let mut plan = plan(&args.selection)?;
        plan.keep_roles(roles(&mutant.role));
        if !args.kill_matrix {
            plan.keep(&Filter(vec![mutant.clause.to_owned()]));
        }
        let settings = settings(mutant.name, Some(mutant), keys.clone());
        if mutant.profile.is_some() {
            // Of this wire, scenarios with a wire of their own say nothing.
            plan.cases.retain(|case| case.given.profile.is_none());
        }
        let trial = try_out(mutant.clause, settings, plan);
        if *interrupted.borrow() {
            // What was cut short says nothing.
            break;
        }
        trials.push((mutant, trial));
    }
    let untried = mutants.len() - trials.len();
    let everything = args.mutant.is_none() && untried == 0;
    let bare = if everything { clauses_without(&mutants, &proved) } else { vec![] };
    let matrix = KillMatrix::weigh(&trials, &whole);
    let survivors = trials.iter().filter(|(_, trial)| trial.killed_by.is_empty()).count();
    let mut wrong = survivors + bare.len() + reference.failed.len();
    if everything {
        wrong += matrix.wrong();
    }
    if args.json {
        tell_json(&trials, &reference, &bare)?;
    } else {
        tell(&trials, &reference, &bare)?;
        if everything {
            matrix.tell(args.kill_matrix)?;
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
        print_stderr(format!("interrupted; {untried} mutants were not tried"));
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

/// Clauses that the suite proves and no mutant breaks.
fn clauses_without(mutants: &[Mutant], proved: &BTreeSet<&str>) -> Vec<String> {
    let covered: BTreeSet<_> = mutants.iter().map(|mutant| mutant.clause).collect();
    proved.difference(&covered).map(|clause| (*clause).to_owned()).collect()
}

/// The roles whose scenarios try a part.
fn roles(fault: &Mutation) -> &'static [Role] {
    match fault {
        Mutation::Sdk(_) => &[Role::Sdk],
        Mutation::App(_) => &[Role::App],
        Mutation::Backend(_) => &[Role::Backend],
        Mutation::Cloud(_) => &[Role::Api, Role::Idp],
    }
}

fn tell(trials: &[(&Mutant, Trial)], reference: &Trial, bare: &[String]) -> std::io::Result<()> {
    let mut out = Out;
    for (mutant, trial) in trials {
        let word = if trial.killed_by.is_empty() { "SURVIVED" } else { "killed" };
        writeln!(out, "{word:<9}{:<8}{:<8}{:<34}{}", mutant.clause, mutant.role.word(), mutant.name, mutant.about)?;
        match trial.killed_by.first() {
            Some(first) => writeln!(out, "         by {first}{}", more(trial.killed_by.len() - 1))?,
            None => {
                let named: Vec<_> = trial.named.iter().map(String::as_str).collect();
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

fn tell_json(trials: &[(&Mutant, Trial)], reference: &Trial, bare: &[String]) -> std::io::Result<()> {
    let mutants: Vec<_> = trials
        .iter()
        .map(|(mutant, trial)| {
            serde_json::json!({
                "name": mutant.name, "clause": mutant.clause, "role": mutant.role.word(), "about": mutant.about,
                "killedBy": trial.killed_by, "failed": trial.failed, "alsoNamed": trial.named,
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

fn settings(name: &str, mutant: Option<&Mutant>, keys: Arc<Keys>) -> Settings {
    let deadlines = Deadlines { call: Duration::from_secs(5), ..Deadlines::default() };
    let mut engine = RoleSetup { deadlines, request_timeout: Duration::from_secs(1), ..RoleSetup::built_in(keys) };
    if let Some(mutant) = mutant {
        casting::inject(&mut engine, &mutant.role);
        if let Some(profile) = mutant.profile.and_then(Profile::built_in) {
            engine.profile = profile;
        }
    }
    Settings {
        offer: casting::offer(&engine),
        engine,
        target: name.into(),
        sdk: SdkName { name: name.into(), version: String::new(), platform: String::new() },
        jobs: JOBS,
        strictness: Strictness::Strict,
        snapshot_mode: SnapshotMode::Check,
        snapshots: true,
        snapshot_folder: None,
        require_all: false,
        fail_fast: false,
        rounds: 1,
        shuffle: None,
    }
}
