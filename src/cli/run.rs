//! `vouch run`.

use super::{Done, Selection, Stop, limits, plan, runtime, target};
use crate::clock::Mode;
use crate::cloud::{Keys, Truthful};
use crate::protocol::Capability;
use crate::reference::{app::Diligent, backend::Proper};
use crate::report::{Console, Detail, Json, Junit, Listener};
use crate::run::event::{Outcome, RunEvent, Strictness};
use crate::run::{Engine, Plan, Settings, SnapshotMode};
use crate::scenario::Clauses;
use crate::seat::SdkSeat;
use crate::target::Target;
use clap::ValueEnum;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::watch;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// The target file: who sits on the SDK seat. Without it, every seat is built in.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// The report's format.
    #[arg(long, value_enum, default_value_t = Format::Console)]
    format: Format,

    /// Write the report here instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// `should` clauses fail the build too.
    #[arg(long)]
    strict: bool,

    /// Accept the wire of this run as the snapshots.
    #[arg(long, conflicts_with = "ci")]
    update_snapshots: bool,

    /// Leave no pending snapshots: one that is missing or differs only fails. On by itself where CI is set.
    #[arg(long)]
    ci: bool,

    /// How many cases at once. Left out, four a core.
    #[arg(short, long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,

    /// Real time with short token lifetimes, even for an SDK that claims `clock`.
    #[arg(long)]
    real_time: bool,

    /// Stop after the first failure.
    #[arg(long)]
    fail_fast: bool,

    /// Tell of every case, passed ones too.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Console,
    Json,
    Junit,
}

pub fn run(args: Args) -> Done {
    let plan = plan(&args.selection)?;
    let target = target(args.target.as_deref())?;
    runtime()?.block_on(judge(args, plan, target))
}

async fn judge(args: Args, plan: Plan, target: Target) -> Done {
    let strictness = if args.strict { Strictness::Strict } else { Strictness::Lenient };
    let mut interrupted = interrupts();
    let probed = tokio::select! {
        probed = target.seat.probe(target.deadlines) => probed,
        _ = interrupted.wait_for(|wanted| *wanted) => return Ok(ExitCode::from(Outcome::Interrupted.exit_code())),
    };
    let initialized = match probed.map_err(|error| Stop::Environment(error.to_string()))? {
        Ok(initialized) => initialized,
        Err(trouble) => return Ok(unfit(&target, &trouble)),
    };
    let capabilities: std::collections::BTreeSet<_> = initialized.capabilities.iter().copied().collect();
    let tells_time = capabilities.contains(&Capability::Clock) && !args.real_time;
    let mut listener = listener(&args, Arc::new(plan.clauses.clone()), strictness)?;
    let settings = Settings {
        engine: engine(&target, capabilities, if tells_time { Mode::Virtual } else { Mode::Real })?,
        target: target.name.clone(),
        sdk: initialized.sdk,
        jobs: limits::jobs(args.jobs)?,
        strictness,
        snapshot_mode: snapshot_mode(&args, &target),
        snapshot_folder: target.snapshots.clone(),
        fail_fast: args.fail_fast,
    };
    let (mut outcome, mut written) = (None, Ok(()));
    crate::run::run(plan, settings, interrupted, |event| {
        if let RunEvent::Finished(summary) = &event {
            outcome = Some(summary.outcome());
        }
        if written.is_ok() {
            written = listener.hear(&event);
        }
    })
    .await;
    written?;
    let outcome = outcome.ok_or_else(|| Stop::Environment("the run ended without a summary".into()))?;
    Ok(ExitCode::from(outcome.exit_code()))
}

/// A build whose adapter cannot even say its name.
fn unfit(target: &Target, trouble: &crate::seat::Trouble) -> ExitCode {
    let ledger = crate::wire::redact::Ledger::default();
    eprintln!("{} does not conform: {}", target.name, ledger.scrub(&trouble.what));
    if !trouble.stderr.trim().is_empty() {
        eprintln!("its standard error ends with:\n{}", ledger.scrub(&trouble.stderr));
    }
    ExitCode::from(1)
}

fn engine(
    target: &Target,
    mut capabilities: std::collections::BTreeSet<Capability>,
    mode: Mode,
) -> Result<Engine, Stop> {
    let mut seat = target.seat.clone();
    if mode == Mode::Real {
        capabilities.remove(&Capability::Clock);
        if let SdkSeat::Builtin { time, .. } = &mut seat {
            *time = crate::reference::adapter::TimeSource::System;
        }
    }
    Ok(Engine {
        seat,
        capabilities,
        mode,
        deadlines: target.deadlines,
        request_timeout: target.request_timeout,
        keys: Arc::new(Keys::generate().map_err(|error| Stop::Environment(error.to_string()))?),
        cloud_rules: Arc::new(Truthful),
        backend_rules: Arc::new(Proper),
        app_rules: Arc::new(Diligent),
    })
}

fn snapshot_mode(args: &Args, target: &Target) -> SnapshotMode {
    let in_ci = args.ci || std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    // A foreign SDK's difference is no proposal for the suite's own snapshots.
    let own = target.snapshots.is_some() || matches!(target.seat, SdkSeat::Builtin { .. });
    match (args.update_snapshots, in_ci || !own) {
        (true, _) => SnapshotMode::Update,
        (false, true) => SnapshotMode::Check,
        (false, false) => SnapshotMode::Review,
    }
}

fn listener(args: &Args, clauses: Arc<Clauses>, strictness: Strictness) -> Result<Box<dyn Listener>, Stop> {
    let cannot = |path: &PathBuf, e: io::Error| Stop::Environment(format!("cannot write {}: {e}", path.display()));
    let out: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(File::create(path).map_err(|e| cannot(path, e))?),
        None => Box::new(io::stdout()),
    };
    let detail = if args.verbose { Detail::EveryCase } else { Detail::Brief };
    let colours = args.output.is_none() && console::colors_enabled();
    Ok(match args.format {
        Format::Console => Box::new(Console::new(out, clauses, strictness, detail, colours).with_progress()),
        Format::Json => Box::new(Json::new(out)),
        Format::Junit => Box::new(Junit::new(out)),
    })
}

/// The first Ctrl-C (or SIGTERM) ends the run in order, the second at once.
fn interrupts() -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        let Ok(mut terminate) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) else {
            return;
        };
        for _ in 0..2 {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            if sender.send_replace(true) {
                std::process::exit(130);
            }
        }
    });
    receiver
}
