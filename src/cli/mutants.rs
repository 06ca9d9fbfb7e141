//! `vouch mutants`.

use super::{Done, Selection, Stop, casting, plan, runtime};
use crate::cloud::Keys;
use crate::mutant::{Fault, Mutant, all};
use crate::protocol::message::SdkName;
use crate::reference::adapter::TimeSource;
use crate::run::event::{RunEvent, Strictness, Verdict};
use crate::run::{Engine, Filter, Plan, Settings, SnapshotMode};
use crate::seat::{AppSeat, BackendSeat, CloudSeat, Deadlines, SdkSeat};
use std::collections::BTreeSet;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// Only mutants with this in their name, or of this clause.
    #[arg(short, long, value_name = "WORD")]
    mutant: Option<String>,
}

/// What the suite made of one mutant.
struct Trial {
    /// The cases that named the right clause.
    killed_by: Vec<String>,
    /// Clauses that were named instead.
    named: BTreeSet<String>,
}

pub fn run(args: &Args) -> Done {
    let began = Instant::now();
    let keys = Arc::new(Keys::generate().map_err(|error| Stop::Environment(error.to_string()))?);
    let runtime = runtime()?;
    let mut out = std::io::stdout().lock();
    let (mut tried, mut survived, mut covered) = (0, 0, BTreeSet::new());
    for mutant in all()
        .iter()
        .filter(|m| args.mutant.as_ref().is_none_or(|word| m.name.contains(word.as_str()) || m.clause == word))
    {
        let mut plan = plan(&args.selection)?;
        plan.keep(&Filter(vec![mutant.clause.to_owned()]));
        let trial = runtime.block_on(try_out(mutant, plan, keys.clone()));
        tried += 1;
        covered.insert(mutant.clause);
        let word = if trial.killed_by.is_empty() { "SURVIVED" } else { "killed" };
        writeln!(out, "{word:<9}{:<8}{:<8}{:<30}{}", mutant.clause, mutant.seat.word(), mutant.name, mutant.about)?;
        match trial.killed_by.first() {
            Some(first) => writeln!(out, "         by {first}{}", more(trial.killed_by.len() - 1))?,
            None => {
                survived += 1;
                let named: Vec<_> = trial.named.into_iter().collect();
                let named = if named.is_empty() { "nothing".to_owned() } else { named.join(" ") };
                writeln!(out, "         no case of {} named it; named: {named}", mutant.clause)?;
            }
        }
    }
    if tried == 0 {
        return Err(Stop::Usage("no mutant matches".into()));
    }
    if args.mutant.is_none() {
        let plan = plan(&args.selection)?;
        let proved: BTreeSet<_> = plan.cases.iter().flat_map(|case| case.scenario.proves()).collect();
        let bare: Vec<_> = proved.iter().filter(|clause| !covered.contains(*clause)).copied().collect();
        if !bare.is_empty() {
            writeln!(out, "proved clauses without a mutant: {}", bare.join(" "))?;
            survived += bare.len();
        }
    }
    writeln!(
        out,
        "{tried} mutants of {} clauses, {survived} survived or missing, in {:.1} s",
        covered.len(),
        began.elapsed().as_secs_f64()
    )?;
    Ok(ExitCode::from(u8::from(survived > 0)))
}

fn more(count: usize) -> String {
    if count == 0 { String::new() } else { format!(" and {count} more") }
}

async fn try_out(mutant: &Mutant, plan: Plan, keys: Arc<Keys>) -> Trial {
    let mut trial = Trial { killed_by: vec![], named: BTreeSet::new() };
    let (_never, interrupted) = tokio::sync::watch::channel(false);
    crate::run::run(plan, settings(mutant, keys), interrupted, |event| {
        let RunEvent::CaseFinished(case) = event else { return };
        let Verdict::Failed(findings) = &case.verdict else { return };
        if findings.iter().any(|finding| finding.clauses.iter().any(|clause| clause == mutant.clause)) {
            trial.killed_by.push(case.id.clone());
        }
        trial.named.extend(findings.iter().flat_map(|finding| finding.clauses.clone()));
    })
    .await;
    trial.killed_by.sort();
    trial
}

fn settings(mutant: &Mutant, keys: Arc<Keys>) -> Settings {
    let deadlines = Deadlines { call: Duration::from_secs(5), ..Deadlines::default() };
    let mut engine = Engine { deadlines, request_timeout: Duration::from_secs(1), ..casting::engine(keys.clone()) };
    match &mutant.seat {
        Fault::Sdk(assembly) => engine.sdk = SdkSeat::Builtin { assembly: assembly.clone(), time: TimeSource::Harness },
        Fault::App(rules) => engine.app = AppSeat::Builtin(rules.clone()),
        Fault::Backend(rules) => engine.backend = BackendSeat::Builtin(rules.clone()),
        Fault::Cloud(rules) => engine.cloud = CloudSeat::Simulated { keys, rules: rules.clone() },
    }
    Settings {
        offer: casting::offer(&engine),
        engine,
        target: mutant.name.into(),
        sdk: SdkName { name: mutant.name.into(), version: String::new(), platform: String::new() },
        jobs: 8,
        strictness: Strictness::Strict,
        snapshot_mode: SnapshotMode::Check,
        snapshots: true,
        snapshot_folder: None,
        fail_fast: false,
        rounds: 1,
        shuffle: None,
    }
}
