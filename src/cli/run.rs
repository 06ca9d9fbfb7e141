//! `vouch run`.

use super::signals::{INTERRUPTED, interrupts};
use super::stdout::Out;
use super::{CliError, Done, RoleName, Selection, mutant, plan, runtime, target};
use clap::ValueEnum;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use vouch_runner::report::{Console, Detail, Json, Junit, Listener};
use vouch_runner::resource_limits;
use vouch_runner::run::event::RunEvent;
use vouch_runner::run::verdict::Strictness;
use vouch_runner::run::{Plan, Settings, SnapshotMode, wanted};
use vouch_runner::target_file::Target;
use vouch_runner::target_setup::{ResolvedTarget, TargetOptions};
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Role;
use vouch_spec::scenario::Clauses;

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    selection: Selection,

    /// The target file: who sits on which role. Without it, every role is built in.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// Try only this role: sdk, app, backend, api or idp. May be left out where the target file fills only one.
    #[arg(long, value_name = "SEAT")]
    role: Vec<RoleName>,

    /// The wire profile: junction, gcip, standard, or custom, the mapping in the target file.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

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

    /// Plant a fault in a built-in part, by its name in `vouch mutants`: shows how the suite catches it.
    #[arg(long, value_name = "FAULT", conflicts_with = "target")]
    mutant: Option<String>,

    /// Run everything so many times.
    #[arg(long, value_name = "N")]
    repeat: Option<std::num::NonZeroUsize>,

    /// Run the cases in random order; the report names the seed, which gives the same order again.
    #[arg(long, value_name = "SEED", num_args = 0..=1)]
    shuffle: Option<Option<u64>>,

    /// Exit with 4 when a `must` clause that the chosen scenarios are about was not proved, for example for want of a
    /// capability.
    #[arg(long)]
    require_all: bool,

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
    if args.update_snapshots && args.selection.is_bundled() && target.snapshots.is_none() {
        return Err(CliError::Usage(
            "the snapshots of the bundled suite cannot be updated; export it (`vouch suite export DIR`), then run \
             `vouch run --update-snapshots DIR`, or set `snapshots` in the target file"
                .into(),
        ));
    }
    runtime()?.block_on(judge(args, plan, target))
}

async fn judge(args: Args, mut plan: Plan, target: Target) -> Done {
    let roles = roles(&args, &target)?;
    if let Some(roles) = &roles {
        plan.keep_roles(roles);
        if plan.cases.is_empty() {
            let words: Vec<_> = roles.iter().map(|role| role.word()).collect();
            return Err(CliError::Usage(format!(
                "none of the selected cases puts the role {} to the test; `vouch list --role {}` shows those that do",
                words.join(" or "),
                words.first().copied().unwrap_or_default()
            )));
        }
    }
    let strictness = if args.strict { Strictness::Strict } else { Strictness::Lenient };
    let snapshot_folder = target.snapshots.clone();
    // A foreign build's difference is no proposal for the suite's own snapshots.
    let own = target.snapshots.is_some() || target.roles().is_empty();
    let profile = profile(args.profile.as_deref(), &target)?;
    let mut interrupted = interrupts();
    let options = TargetOptions { roles: roles.unwrap_or_default(), profile, real_time: args.real_time };
    let mut resolved = tokio::select! {
        resolved = ResolvedTarget::resolve(target, options) => resolved?,
        () = wanted(&mut interrupted) => return Ok(ExitCode::from(INTERRUPTED)),
    };
    if let Some(name) = &args.mutant {
        let mutant = mutant(name)?;
        resolved.inject(&mutant.role);
        resolved.name = format!("mutant: {}", mutant.about);
    }
    let mut listener = listener(&args, plan.clauses.clone())?;
    resource_limits::raise_open_file_limit();
    let jobs = resource_limits::jobs(args.jobs)?;
    let settings = Settings {
        snapshot_mode: snapshot_mode(&args, own),
        // The suite's own snapshots hold for the built-in parts, and for `junction`. A build from outside may send what it wants
        // beside what the scheme asks for; it can have snapshots of its own.
        snapshots: snapshot_folder.is_some() || (resolved.roles.profile.name == "junction" && own),
        engine: resolved.roles,
        offer: resolved.offer,
        target: resolved.name,
        sdk: resolved.build,
        jobs: resolved.max_jobs.map_or(jobs, |most| jobs.min(most)),
        strictness,
        snapshot_folder,
        require_all: args.require_all,
        fail_fast: args.fail_fast,
        rounds: args.repeat.map_or(1, usize::from),
        shuffle: args.shuffle.map(|seed| seed.unwrap_or_else(rand::random)),
    };
    let (mut outcome, mut written) = (None, Ok(()));
    vouch_runner::run::run(plan, settings, interrupted, |event| {
        if let RunEvent::Finished(summary) = &event {
            outcome = Some(summary.outcome());
        }
        if written.is_ok() {
            written = listener.on_event(&event);
        }
    })
    .await;
    written?;
    let outcome = outcome.ok_or_else(|| CliError::Environment("the run ended without a summary".into()))?;
    Ok(ExitCode::from(outcome.exit_code()))
}

/// The roles on trial; none is the whole suite on built-in roles.
fn roles(args: &Args, target: &Target) -> Result<Option<Vec<Role>>, CliError> {
    let filled = target.roles();
    let wanted: Vec<Role> = args.role.iter().map(|role| role.0).collect();
    match (filled.as_slice(), wanted.is_empty()) {
        ([], true) => Ok(None),
        ([only], true) => Ok(Some(only.to_vec())),
        (several, true) => {
            let words: Vec<_> = several.iter().flat_map(|group| group.iter()).map(|role| role.word()).collect();
            Err(CliError::Usage(format!(
                "the target file fills several roles; say which: --role {}",
                words.join(", --role ")
            )))
        }
        (filled, false) => {
            let filled: Vec<Role> = filled.iter().flat_map(|group| group.iter()).copied().collect();
            if let Some(empty) = wanted.iter().find(|role| !filled.is_empty() && !filled.contains(role)) {
                let words: Vec<_> = filled.iter().map(|role| role.word()).collect();
                return Err(CliError::Usage(format!(
                    "the target file does not fill the role {empty}; it fills {}",
                    words.join(", ")
                )));
            }
            Ok(Some(wanted))
        }
    }
}

/// The profile that the user names on the command line.
pub(super) fn profile(name: Option<&str>, target: &Target) -> Result<Option<Arc<Profile>>, CliError> {
    let Some(name) = name else { return Ok(None) };
    if let Some(known) = Profile::built_in(name) {
        return Ok(Some(known));
    }
    match &target.profile {
        Some(custom) if name == "custom" && Profile::built_in(&custom.name).is_none() => Ok(Some(custom.clone())),
        _ if name == "custom" => {
            Err(CliError::Usage("the profile `custom` is a mapping in a target file; see docs/profiles.md".into()))
        }
        _ => Err(CliError::Usage(format!(
            "unknown wire profile `{name}`; there are junction, gcip, standard and custom"
        ))),
    }
}

fn snapshot_mode(args: &Args, own: bool) -> SnapshotMode {
    let in_ci = args.ci || std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    match (args.update_snapshots, in_ci || !own) {
        (true, _) => SnapshotMode::Update,
        (false, true) => SnapshotMode::Check,
        (false, false) => SnapshotMode::Review,
    }
}

fn listener(args: &Args, clauses: Arc<Clauses>) -> Result<Box<dyn Listener>, CliError> {
    let cannot = |path: &PathBuf, e: io::Error| CliError::Environment(format!("cannot write {}: {e}", path.display()));
    let out: Box<dyn Write> = match &args.output {
        Some(path) => Box::new(File::create(path).map_err(|e| cannot(path, e))?),
        None => Box::new(Out),
    };
    let detail = if args.verbose { Detail::EveryCase } else { Detail::Brief };
    let colours = args.output.is_none() && console::colors_enabled();
    Ok(match args.format {
        Format::Console => Box::new(Console::new(out, clauses, detail, colours).with_progress()),
        Format::Json => Box::new(Json::new(out)),
        Format::Junit => Box::new(Junit::new(out)),
    })
}
