//! `vouch run`.

use super::signals::interrupts;
use super::stdout::Out;
use super::{CliError, Done, RoleName, Selection, runtime};
use crate::{Error, Snapshots, Suite};
use clap::ValueEnum;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use vouch_runner::report::{Console, Detail, Json, Junit, Listener};
use vouch_runner::resource_limits::raise_open_file_limit;
use vouch_spec::scenario::Clauses;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// The target file, which describes your build. Without it, the built-in reference parts are tested.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Test only this role: sdk, app, backend, api or idp. Needed where the target file fills several. May be repeated.
    #[arg(long, value_name = "ROLE")]
    role: Vec<RoleName>,

    /// The wire profile: junction, gcip, standard, or custom (the mapping in the target file).
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// The report's format.
    #[arg(long, value_enum, default_value_t = Format::Console)]
    format: Format,

    /// Write the report here instead of to standard output.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Violations of `should` clauses fail the build too.
    #[arg(long)]
    strict: bool,

    /// Accept the recorded HTTP exchanges of this run as the wire snapshots.
    #[arg(long, conflicts_with = "ci")]
    update_snapshots: bool,

    /// Write no pending snapshots. The default where the variable CI is set.
    #[arg(long)]
    ci: bool,

    /// How many cases run at once. By default, four a core.
    #[arg(short, long, value_name = "N")]
    jobs: Option<std::num::NonZeroUsize>,

    /// Real time with short token lifetimes, even for an SDK that claims `clock`.
    #[arg(long)]
    real_time: bool,

    /// Inject a fault into a built-in part, by its name in `vouch mutants`, to see how the suite reports it.
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    mutant: Option<String>,

    /// Replace a built-in part by a legitimate variant, by its name in `vouch mutants`: the suite must not complain.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["target", "mutant"])]
    variant: Option<String>,

    /// Run every case this many times.
    #[arg(long, value_name = "N")]
    repeat: Option<std::num::NonZeroUsize>,

    /// Run the cases in random order. The report shows the seed, which gives the same order again.
    #[arg(long, value_name = "SEED", num_args = 0..=1)]
    shuffle: Option<Option<u64>>,

    /// Draw what scenarios leave open, for each case: token lifetimes and sizes, the device's clock, TZ and LANG, user ids,
    /// header case. The report shows the seed, which draws the same again, and what was drawn.
    #[arg(long, value_name = "SEED", num_args = 0..=1)]
    vary: Option<Option<u64>>,

    /// Exit with 4 when a `must` clause of the selected scenarios was not tested, for example because the SDK lacks a
    /// capability.
    #[arg(long)]
    require_all: bool,

    /// Start no case after the first failure.
    #[arg(long)]
    fail_fast: bool,

    /// Report every case, also those that pass.
    #[arg(short, long)]
    verbose: bool,

    /// Show every finding in full. By default, of the findings with the same cause only the first is shown in full.
    #[arg(long)]
    full: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    Console,
    Json,
    Junit,
}

pub fn run(args: Args) -> Done {
    let suite = suite(&args)?;
    raise_open_file_limit();
    runtime()?.block_on(async {
        let mut listener = listener(&args, suite.clauses())?;
        let mut written = Ok(());
        let run = suite.run_until(interrupts(), |event| {
            if written.is_ok() {
                written = listener.on_event(event);
            }
        });
        let report = run.await?;
        written?;
        Ok(ExitCode::from(report.outcome().exit_code()))
    })
}

/// The run that the arguments describe.
fn suite(args: &Args) -> Result<Suite, Error> {
    let mut suite = args.selection.suite()?;
    if let Some(file) = &args.target {
        suite = suite.target(file)?;
    }
    if let Some(name) = &args.profile {
        suite = suite.profile(name);
    }
    if let Some(name) = &args.mutant {
        suite = suite.mutant(name)?;
    }
    if let Some(name) = &args.variant {
        suite = suite.variant(name)?;
    }
    if let Some(jobs) = args.jobs {
        suite = suite.jobs(jobs);
    }
    if let Some(times) = args.repeat {
        suite = suite.repeat(times);
    }
    if let Some(seed) = args.shuffle {
        suite = suite.shuffle(seed.unwrap_or_else(rand::random));
    }
    if let Some(seed) = args.vary {
        suite = suite.vary(seed.unwrap_or_else(rand::random));
    }
    type Switch = (bool, fn(Suite) -> Suite);
    let switches: [Switch; 4] = [
        (args.strict, Suite::strict),
        (args.real_time, Suite::real_time),
        (args.require_all, Suite::require_all),
        (args.fail_fast, Suite::fail_fast),
    ];
    let suite = switches.into_iter().filter(|(on, _)| *on).fold(suite, |suite, (_, turn_on)| turn_on(suite));
    let suite = args.role.iter().fold(suite, |suite, role| suite.role(role.0));
    Ok(suite.snapshots(snapshots(args)))
}

fn snapshots(args: &Args) -> Snapshots {
    let in_ci = args.ci || std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    match (args.update_snapshots, in_ci) {
        (true, _) => Snapshots::Update,
        (false, true) => Snapshots::Check,
        (false, false) => Snapshots::Propose,
    }
}

fn listener(args: &Args, clauses: Arc<Clauses>) -> Result<Box<dyn Listener>, CliError> {
    let out: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(
            File::create(path)
                .map_err(|error| CliError::Environment(format!("cannot write {}: {error}", path.display())))?,
        ),
        None => Box::new(Out),
    };
    let detail = Detail { every_case: args.verbose, every_finding: args.full };
    let colours = args.output.is_none() && console::colors_enabled();
    Ok(match args.format {
        Format::Console => Box::new(Console::new(out, clauses, detail, colours).with_progress()),
        Format::Json => Box::new(Json::new(out)),
        Format::Junit => Box::new(Junit::new(out)),
    })
}
