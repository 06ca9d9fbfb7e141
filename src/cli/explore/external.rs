//! `vouch explore --target`: walks against an external SDK.

use super::{Args, Found, print_coverage, save};
use crate::Error;
use crate::cli::signals::{INTERRUPTED, interrupts};
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done, runtime, target};
use crate::suite::{Suite, named_profile};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use vouch_explore::external::{Ended, ExternalExplorer, Failed, ShrunkWalk};
use vouch_explore::{Action, Coverage, PlannedWalk};
use vouch_runner::resource_limits;
use vouch_runner::run::{Interrupted, wanted};
use vouch_runner::target_setup::{ResolvedTarget, TargetOptions};
use vouch_sim::clock::ClockMode;
use vouch_spec::protocol::Role;

pub fn run(args: &Args, path: &Path) -> Done {
    let target = target(Some(path))?;
    if target.sdk.is_none() {
        let words = "`--target` needs an SDK to explore: add a section [sdk] to the target file; see docs/exploring.md";
        return Err(CliError::Usage(words.into()));
    }
    let runtime = runtime()?;
    let done = runtime.block_on(explore(args, path, target));
    // Tasks that still run belong to processes that end with the runtime.
    runtime.shutdown_timeout(Duration::from_secs(2));
    done
}

async fn explore(args: &Args, path: &Path, target: vouch_runner::target_file::Target) -> Done {
    let mut interrupted = interrupts();
    let profile = named_profile(args.profile.as_deref(), &target)?;
    let options = TargetOptions { roles: vec![Role::Sdk], profile, real_time: args.real_time };
    let resolved = tokio::select! {
        resolved = ResolvedTarget::resolve(target, options) => resolved?,
        () = wanted(&mut interrupted) => return Ok(ExitCode::from(INTERRUPTED)),
    };
    resource_limits::raise_open_file_limit();
    let jobs = resolved.jobs(args.jobs).map_err(Error::from)?;
    print_build(&resolved)?;
    let clauses = Suite::bundled()?.clauses();
    let explorer =
        Arc::new(ExternalExplorer::new(resolved.roles, &resolved.offer, &clauses).map_err(CliError::Environment)?);
    print_left_out(&explorer.left_out)?;
    if explorer.actions.is_empty() {
        writeln!(Out, "no action is left to explore")?;
        return Ok(ExitCode::from(4));
    }
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let (found, failure) = search(args, &explorer, seed, jobs, &mut interrupted).await?;
    print_coverage(&mut Out, args, seed, &found, explorer.actions.len())?;
    let Some((seed, failed)) = failure else {
        if *interrupted.borrow() {
            writeln!(Out, "interrupted; no walk so far leaves the model or breaks an invariant")?;
            return Ok(ExitCode::from(INTERRUPTED));
        }
        writeln!(Out, "no walk leaves the model or breaks an invariant")?;
        return Ok(ExitCode::SUCCESS);
    };
    let events = failed.walked();
    let shortened = tokio::select! {
        shortened = explorer.shrink(failed, seed) => shortened,
        () = wanted(&mut interrupted) => {
            writeln!(Out, "interrupted while a failing walk was shrunk; run again with `--seed {seed} --walks 1` to reproduce it")?;
            return Ok(ExitCode::from(1));
        }
    };
    print_failure(args, path, seed, events, &shortened)?;
    // A failure that does not reproduce may be caused by the machine.
    Ok(ExitCode::from(if shortened.again { 1 } else { 4 }))
}

type Walk = (u64, PlannedWalk, Ended);

/// Walks until the time or the number of walks is reached, a walk fails or the user interrupts.
async fn search(
    args: &Args,
    explorer: &Arc<ExternalExplorer>,
    seed: u64,
    jobs: usize,
    interrupted: &mut Interrupted,
) -> Result<(Found, Option<(u64, Failed)>), CliError> {
    let (began, limit) = (Instant::now(), Duration::from_secs(args.seconds.max(1)));
    let mut found = Found { walks: 0, coverage: Coverage::default(), failure: None, seconds: 0.0 };
    let (mut failure, mut next): (Option<(u64, Failed)>, u64) = (None, 0);
    let mut walks: JoinSet<Walk> = JoinSet::new();
    loop {
        while walks.len() < jobs
            && failure.is_none()
            && next < args.walks.unwrap_or(u64::MAX)
            && (began.elapsed() < limit || next == 0)
        {
            let (explorer, at, length) = (explorer.clone(), seed.wrapping_add(next), args.length);
            walks.spawn(async move {
                let planned = explorer.planned(at, length);
                let ended = explorer.walk(&planned, at).await;
                (at, planned, ended)
            });
            next += 1;
        }
        let ended = tokio::select! {
            biased;
            () = wanted(interrupted) => break,
            ended = walks.join_next() => ended,
        };
        let Some(ended) = ended else { break };
        let (at, planned, ended) = ended.map_err(|_| CliError::Environment("a walk panicked".into()))?;
        found.walks += 1;
        match ended {
            Ended::Well => planned.cover(planned.stages.len(), &mut found.coverage),
            Ended::Failed(failed) => {
                planned.cover(failed.walked(), &mut found.coverage);
                // The smallest seed, so that the same command reports the same failure.
                if failure.as_ref().is_none_or(|(first, _)| at < *first) {
                    failure = Some((at, *failed));
                }
            }
            Ended::Broken(what) => return Err(CliError::Environment(format!("at seed {at}: {what}"))),
        }
    }
    // Aborts every running walk, which ends its process.
    walks.shutdown().await;
    found.seconds = began.elapsed().as_secs_f64();
    Ok((found, failure))
}

fn print_build(resolved: &ResolvedTarget) -> Result<(), CliError> {
    let time = if resolved.roles.mode == ClockMode::Virtual { "virtual" } else { "real" };
    let (build, target, profile) = (&resolved.build, &resolved.name, &resolved.roles.profile.name);
    writeln!(Out, "{} {} on {} ({target}), {time} time, {profile}", build.name, build.version, build.platform)?;
    Ok(())
}

/// Prints the kinds of actions that are left out, and why.
fn print_left_out(left_out: &BTreeMap<String, Vec<Action>>) -> Result<(), CliError> {
    let mut out = Out;
    for (reason, actions) in left_out {
        let kinds: BTreeSet<_> = actions.iter().map(Action::kind).collect();
        let kinds: Vec<_> = kinds.iter().map(String::as_str).collect();
        let (number, word) = (actions.len(), if actions.len() == 1 { "action" } else { "actions" });
        writeln!(out, "left out: {} ({number} {word}): {reason}", kinds.join(", "))?;
    }
    Ok(())
}

fn print_failure(args: &Args, target: &Path, seed: u64, events: usize, shortened: &ShrunkWalk) -> Result<(), CliError> {
    let mut out = Out;
    let Failed { planned, finding, .. } = &shortened.failed;
    writeln!(out, "\nFAIL at seed {seed}, after {events} events")?;
    match shortened.again {
        true => writeln!(out, "shortened to {} events in {} more walks:", planned.stages.len(), shortened.tries)?,
        false => {
            writeln!(out, "inconclusive: did not reproduce in two reruns; probably timing-dependent; not shortened:")?;
        }
    }
    for (number, action) in planned.actions().iter().enumerate() {
        writeln!(out, "  {:>3}  {action:?}", number + 1)?;
    }
    let clauses = finding.clauses.join(", ");
    writeln!(out, "  at        {}", finding.step)?;
    writeln!(
        out,
        "  expected  {}{}",
        finding.expected,
        if clauses.is_empty() { clauses } else { format!(" ({clauses})") }
    )?;
    writeln!(out, "  got       {}", finding.got)?;
    if !finding.wire.is_empty() {
        writeln!(out, "  last exchanges:")?;
        for exchange in &finding.wire {
            exchange.to_string().lines().try_for_each(|line| writeln!(out, "    {line}"))?;
        }
    }
    let stderr = finding.stderr.to_string();
    if !stderr.trim().is_empty() {
        writeln!(out, "  its standard error ends with:")?;
        stderr.lines().try_for_each(|line| writeln!(out, "    {line}"))?;
    }
    let file = save(&args.output, seed, &shortened.text)?;
    let profile = args.profile.as_ref().map(|name| format!(" --profile {name}")).unwrap_or_default();
    let real_time = if args.real_time { " --real-time" } else { "" };
    writeln!(
        out,
        "written to {}; `vouch run --strict --target {}{profile}{real_time} {}` replays it",
        file.display(),
        target.display(),
        file.display()
    )?;
    Ok(())
}
