//! `vouch explore`.

mod external;

use super::signals::{INTERRUPTED, stop_on_interrupt};
use super::{CliError, Done, mutant, runtime};
use crate::bundled;
use crate::cli::stdout::Out;
use std::collections::BTreeMap;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use vouch_explore::{Coverage, Parts, Possible, Walked, all_actions, random_walk, reachable, scenario, shrink};
use vouch_sim::mock_cloud::{DefaultCloudPolicy, Keys};
use vouch_sim::mutant::{Mutant, Mutation, all};
use vouch_sim::reference::adapter::ReferenceSdk;
use vouch_sim::reference::app::DefaultAppPolicy;
use vouch_sim::reference::backend::DefaultBackendPolicy;
use vouch_spec::profile::Profile;

#[derive(clap::Args)]
pub struct Args {
    /// The seed of the first walk; each further walk has the next seed. By default random.
    #[arg(long)]
    seed: Option<u64>,

    /// Duration, in seconds.
    #[arg(long, default_value_t = 10, value_name = "N")]
    seconds: u64,

    /// Maximum number of walks.
    #[arg(long, value_name = "N")]
    walks: Option<u64>,

    /// Number of actions in a walk.
    #[arg(long, default_value_t = 30, value_name = "N")]
    length: usize,

    /// Number of walks at once. By default one per core; against a target, four per core.
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Folder for the scenario of a failing walk.
    #[arg(short, long, default_value = "explored", value_name = "FOLDER")]
    output: PathBuf,

    /// Walk against the SDK of this target file, which must have an `[sdk]` section. All other parts are built in.
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["mutant", "mutants"])]
    target: Option<PathBuf>,

    /// With `--target`: the wire profile, `junction`, `gcip` or `custom`. By default the target file's.
    #[arg(long, value_name = "NAME", requires = "target")]
    profile: Option<String>,

    /// With `--target`: real time, even for an SDK that claims `clock`. Actions that would take long are left out.
    #[arg(long, requires = "target")]
    real_time: bool,

    /// Inject a fault into a built-in part, by its name in `vouch mutants`. With `--mutants`: only mutants with this in their
    /// name, or of this clause.
    #[arg(short, long, value_name = "NAME")]
    mutant: Option<String>,

    /// Walk against each mutant in turn, and show which of them exploration alone detects. `--seconds` applies to each.
    #[arg(long)]
    mutants: bool,
}

/// The result of a search.
struct Found {
    walks: u64,
    coverage: Coverage,
    /// The first failing walk, in its shortest form, and its seed.
    failure: Option<(u64, Walked)>,
    seconds: f64,
}

pub fn run(args: &Args) -> Done {
    if let Some(path) = &args.target {
        return external::run(args, path);
    }
    let keys = Arc::new(Keys::hmac().map_err(|error| CliError::Environment(error.to_string()))?);
    let reference = Parts {
        sdk: Arc::new(ReferenceSdk),
        app: Arc::new(DefaultAppPolicy),
        cloud: Arc::new(DefaultCloudPolicy),
        backend: Arc::new(DefaultBackendPolicy),
        keys,
        junction: Profile::junction(),
        standard: Profile::built_in("standard").unwrap_or_else(Profile::junction),
    };
    let runtime = runtime()?;
    let interrupted = runtime.block_on(async { stop_on_interrupt(None) });
    if args.mutants {
        return run_mutants(args, &reference, &interrupted);
    }
    let parts = match &args.mutant {
        Some(name) => injected(&reference, &mutant(name)?.mutation),
        None => reference,
    };
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let found = search(args, &parts, seed, &interrupted)?;
    let mut out = Out;
    print_coverage(&mut out, args, seed, &found, all_actions().len())?;
    let Some((seed, walked)) = found.failure else {
        if interrupted.load(Ordering::Relaxed) {
            writeln!(out, "interrupted; no walk so far leaves the model or breaks an invariant")?;
            return Ok(ExitCode::from(INTERRUPTED));
        }
        writeln!(out, "no walk leaves the model or breaks an invariant")?;
        return Ok(ExitCode::SUCCESS);
    };
    print_failure(&mut out, seed, &walked, args)?;
    Ok(ExitCode::from(1))
}

fn print_failure(out: &mut impl Write, seed: u64, walked: &Walked, args: &Args) -> Result<(), CliError> {
    writeln!(out, "\nFAIL at seed {seed}, shortened to {} events:", walked.steps.len())?;
    write!(out, "{}", scenario::tell(walked))?;
    if let Some(mismatch) = &walked.mismatch {
        let clause = mismatch.clause.map(|clause| format!(" ({clause})")).unwrap_or_default();
        writeln!(out, "  expected  {}{clause}\n  got       {}", mismatch.expected, mismatch.got)?;
    }
    let path = save(&args.output, seed, &scenario::of_walk(walked, seed).text)?;
    writeln!(out, "written to {}; `vouch run --strict {}` replays it", path.display(), path.display())?;
    Ok(())
}

/// Prints the coverage of the model.
fn print_coverage(out: &mut impl Write, args: &Args, seed: u64, found: &Found, actions: usize) -> Result<(), CliError> {
    #[allow(clippy::cast_precision_loss, reason = "shown to people")]
    let rate = found.walks as f64 / found.seconds.max(0.001);
    let (walks, length, seconds) = (found.walks, args.length, found.seconds);
    let digits = usize::from(rate < 10.0);
    writeln!(out, "{walks} walks of {length} events from seed {seed} in {seconds:.1} s: {rate:.digits$} a second")?;
    let (states, transitions) = reachable();
    let Coverage { states: seen, transitions: taken, actions: done } = &found.coverage;
    let (seen, taken, states, done) = (seen.len(), taken.len(), states.len(), done.len());
    writeln!(
        out,
        "model: {seen} of {states} states, {taken} of {transitions} transitions, {done} of {actions} actions"
    )?;
    Ok(())
}

/// Saves the scenario of a failing walk. Where no `clauses.yaml` is at or above the folder, it is written too, so that
/// `vouch run` can run the file.
fn save(folder: &Path, seed: u64, text: &str) -> Result<PathBuf, CliError> {
    let path = folder.join(format!("explored-{seed}.yaml"));
    let cannot = |error: std::io::Error| CliError::Environment(format!("cannot write {}: {error}", path.display()));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    std::fs::write(&path, text).map_err(cannot)?;
    let whole = std::path::absolute(folder).map_err(cannot)?;
    if !whole.ancestors().any(|above| above.join("clauses.yaml").is_file()) {
        std::fs::write(folder.join("clauses.yaml"), bundled::clauses_text()).map_err(cannot)?;
    }
    Ok(path)
}

/// Walks until the time or the number of walks is reached, a walk fails or the user interrupts.
fn search(args: &Args, parts: &Parts, seed: u64, interrupted: &Arc<AtomicBool>) -> Result<Found, CliError> {
    let (began, limit) = (Instant::now(), Duration::from_secs(args.seconds.max(1)));
    let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let jobs = args.jobs.map_or_else(|| std::thread::available_parallelism().map_or(2, usize::from), usize::from);
    let workers: Vec<_> = (0..jobs)
        .map(|_| {
            let (parts, next, stop, interrupted) = (parts.clone(), next.clone(), stop.clone(), interrupted.clone());
            let (length, most) = (args.length, args.walks.unwrap_or(u64::MAX));
            std::thread::spawn(move || worker(&parts, seed, length, most, limit, began, &next, &stop, &interrupted))
        })
        .collect();
    let mut found = Found { walks: 0, coverage: Coverage::default(), failure: None, seconds: 0.0 };
    for worker in workers {
        let done = worker.join().map_err(|_| CliError::Environment("a walk panicked".into()))?;
        let (walks, coverage, failure) =
            done.map_err(|error| CliError::Environment(format!("cannot start: {error}")))?;
        found.walks += walks;
        found.coverage.states.extend(coverage.states);
        found.coverage.transitions.extend(coverage.transitions);
        found.coverage.actions.extend(coverage.actions);
        // The smallest seed, so that the same command reports the same failure.
        if let Some((at, walked)) = failure
            && found.failure.as_ref().is_none_or(|(first, _)| at < *first)
        {
            found.failure = Some((at, walked));
        }
    }
    found.seconds = began.elapsed().as_secs_f64();
    Ok(found)
}

type Worked = std::io::Result<(u64, Coverage, Option<(u64, Walked)>)>;

#[allow(clippy::too_many_arguments, reason = "what one thread shares with the others")]
fn worker(
    parts: &Parts,
    seed: u64,
    length: usize,
    most: u64,
    limit: Duration,
    began: Instant,
    next: &AtomicU64,
    stop: &AtomicBool,
    interrupted: &AtomicBool,
) -> Worked {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (mut walks, mut coverage, mut possible) = (0, Coverage::default(), Possible::of(all_actions()));
    let is_over = || stop.load(Ordering::Relaxed) || interrupted.load(Ordering::Relaxed) || began.elapsed() >= limit;
    while !is_over() {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= most {
            break;
        }
        let at = seed.wrapping_add(number);
        let walked = runtime.block_on(random_walk(parts, at, length, &mut possible, &mut coverage));
        walks += 1;
        if walked.mismatch.is_some() {
            stop.store(true, Ordering::Relaxed);
            let shortest = runtime.block_on(shrink(parts, walked));
            return Ok((walks, coverage, Some((at, shortest))));
        }
    }
    Ok((walks, coverage, None))
}

fn injected(reference: &Parts, fault: &Mutation) -> Parts {
    match fault {
        Mutation::Sdk(assembly) => Parts { sdk: assembly.clone(), ..reference.clone() },
        Mutation::App(policy) => Parts { app: policy.clone(), ..reference.clone() },
        Mutation::Cloud(policy) => Parts { cloud: policy.clone(), ..reference.clone() },
        Mutation::Backend(policy) => Parts { backend: policy.clone(), ..reference.clone() },
    }
}

fn run_mutants(args: &Args, reference: &Parts, interrupted: &Arc<AtomicBool>) -> Done {
    let wanted =
        |m: &Mutant| args.mutant.as_ref().is_none_or(|word| m.name.contains(word.as_str()) || m.clause == word);
    let mutants: Vec<_> = all().into_iter().filter(wanted).collect();
    if mutants.is_empty() {
        return Err(CliError::Usage("no mutant matches".into()));
    }
    let mut out = Out;
    let (mut tried, mut killed, mut by_role): (usize, usize, BTreeMap<&str, (usize, usize)>) = (0, 0, BTreeMap::new());
    for mutant in &mutants {
        let parts = injected(reference, &mutant.mutation);
        let found = search(args, &parts, args.seed.unwrap_or(1), interrupted)?;
        if found.failure.is_none() && interrupted.load(Ordering::Relaxed) {
            break;
        }
        tried += 1;
        let count = by_role.entry(mutant.mutation.word()).or_default();
        count.1 += 1;
        match &found.failure {
            Some((seed, walked)) => {
                killed += 1;
                count.0 += 1;
                writeln!(
                    out,
                    "killed   {:<8}{:<8}{:<34}after {} walks, {:.1} s, {} events (seed {seed})",
                    mutant.clause,
                    mutant.mutation.word(),
                    mutant.name,
                    found.walks,
                    found.seconds,
                    walked.steps.len()
                )?;
            }
            None => writeln!(
                out,
                "SURVIVED {:<8}{:<8}{:<34}{}",
                mutant.clause,
                mutant.mutation.word(),
                mutant.name,
                mutant.about
            )?,
        }
    }
    for (role, (killed, all)) in &by_role {
        writeln!(out, "{role:<9}{killed} of {all}")?;
    }
    writeln!(out, "{killed} of {tried} mutants found by exploration alone")?;
    if tried < mutants.len() {
        writeln!(out, "interrupted; {} mutants were not run", mutants.len() - tried)?;
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}
