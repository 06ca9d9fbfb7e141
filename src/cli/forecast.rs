//! `vouch forecast`.

use super::signals::{INTERRUPTED, stop_on_interrupt};
use super::stdout::Out;
use super::{CliError, Done, mutant, runtime, target};
use crate::{Error, bundled};
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use vouch_forecast::policy::{Comparison, DEFAULTS};
use vouch_forecast::replay::replays;
use vouch_forecast::{Build, BuildSdk, Forecast, ForecastError, Policy, Settings, forecast, report};
use vouch_runner::installation::{InstallableSdk, InstallationError};
use vouch_runner::report::print_stderr;
use vouch_runner::resource_limits;
use vouch_runner::sut::{LaunchError, SdkRole};
use vouch_runner::target_setup::TargetError;
use vouch_sim::mutant::Mutation;
use vouch_sim::reference::adapter::ReferenceSdk;
use vouch_sim::variant;
use vouch_sim::wire::redact::Redactor;
use vouch_spec::profile::Profile;
use vouch_spec::protocol::Capability;
use vouch_spec::protocol::message::SdkName;
use vouch_spec::text::{Diagnostics, OutsideText, Source};

#[derive(clap::Args)]
pub struct Args {
    /// A policy file: the provider's policy and the life of devices. May be repeated, to compare. Default: the built-in policy.
    #[arg(short, long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,

    /// Print the built-in policy, with the source of each value, and end. A policy file states only what differs from it.
    #[arg(long)]
    print_policy: bool,

    /// Number of devices. Default: 1000; with --target 20.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: Option<u32>,

    /// Days that each device lives. Default: 90; with --target 30.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: Option<u32>,

    /// Compare the values of a key of the policy file, for example `grace=0s,10s,30s,60s`.
    #[arg(long, value_name = "KEY=VALUE,…")]
    compare: Option<Comparison>,

    /// Also forecast this mutant of the reference SDK. May be repeated. `vouch mutants` lists them.
    #[arg(short, long = "mutant", value_name = "NAME")]
    mutants: Vec<String>,

    /// Also forecast this legitimate variant of the reference SDK. May be repeated.
    #[arg(long = "variant", value_name = "NAME")]
    variants: Vec<String>,

    /// Also forecast the SDK of this target file: in processes, through its adapter, on the same devices as the reference SDK.
    /// It must claim `clock`. May be repeated, to compare builds.
    #[arg(short, long = "target", value_name = "FILE")]
    targets: Vec<PathBuf>,

    /// Random seed. Policies and builds are compared on devices that live alike.
    #[arg(long, default_value_t = 1, value_name = "N")]
    seed: u64,

    /// Number of threads. By default one per core.
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Draw the comparison into a file: `.svg`, or `.html` with the tables.
    #[arg(long, value_name = "FILE", value_parser = plot_file)]
    plot: Option<PathBuf>,

    /// Write the shortest replay of each cause into this folder, as scenario files.
    #[arg(long, value_name = "DIR")]
    replays: Option<PathBuf>,

    /// Show no progress.
    #[arg(short, long)]
    quiet: bool,
}

/// A file whose name says its format.
fn plot_file(name: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(name);
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg" | "html") => Ok(path),
        _ => Err("the name of a plot ends in .svg or .html".into()),
    }
}

pub fn run(args: &Args) -> Done {
    if args.print_policy {
        write!(Out, "{DEFAULTS}")?;
        return Ok(ExitCode::SUCCESS);
    }
    let (policies, mut builds) = (policies(args)?, builds(args)?);
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    let jobs = if args.targets.is_empty() { jobs } else { jobs_of_processes(jobs)? };
    let (devices, days) = if args.targets.is_empty() { USUAL } else { USUAL_OF_PROCESSES };
    let settings =
        Settings { devices: args.devices.unwrap_or(devices), days: args.days.unwrap_or(days), seed: args.seed, jobs };
    // It must live as long as the process waits for signals.
    let runtime = runtime()?;
    let stop = runtime.block_on(async { stop_on_interrupt(None) });
    let mut notes = Vec::new();
    for path in &args.targets {
        let (build, note) = runtime.block_on(build_of_target(path))?;
        builds.push(build);
        notes.push(note);
    }
    if !notes.is_empty() {
        notes.push(size_note(settings));
    }
    notes.iter().try_for_each(|note| writeln!(Out, "{note}"))?;
    if !notes.is_empty() {
        writeln!(Out)?;
    }
    let pairs: Vec<_> = builds.iter().flat_map(|build| policies.iter().map(move |policy| (build, policy))).collect();
    let mut forecasts = Vec::new();
    for (number, (build, policy)) in pairs.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let mut progress = Progress::new(args.quiet, number, pairs.len(), settings.devices);
        let forecast = forecast(policy, build, settings, &stop, |done| progress.show(done));
        progress.end();
        forecasts.push(forecast?);
    }
    show(args, &forecasts)?;
    if let Some(folder) = &args.replays {
        let of = pairs.iter().map(|(build, _)| *build).zip(&forecasts);
        of.enumerate().try_for_each(|(number, (build, forecast))| {
            let folder = if pairs.len() > 1 { folder.join((number + 1).to_string()) } else { folder.clone() };
            write_replays(&folder, build, forecast, &stop)
        })?;
        write_clauses(folder)?;
    }
    if stop.load(Ordering::Relaxed) {
        print_stderr("interrupted; the figures are those of the devices that were done");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}

/// Devices and days where nothing else is asked for.
const USUAL: (u32, u32) = (1000, 90);
/// The same where an SDK runs in processes.
const USUAL_OF_PROCESSES: (u32, u32) = (20, 30);

/// No more than this machine may have files open for.
fn jobs_of_processes(wanted: NonZeroUsize) -> Result<NonZeroUsize, CliError> {
    let jobs = resource_limits::jobs(Some(wanted)).map_err(|error| CliError::Environment(error.to_string()))?;
    Ok(NonZeroUsize::new(jobs).unwrap_or(NonZeroUsize::MIN))
}

/// The SDK of a target file, which must be able to live in virtual time, and a line that says what is played.
async fn build_of_target(path: &Path) -> Result<(Build, String), CliError> {
    let target = target(Some(path))?;
    let usage = |what: String| CliError::Usage(format!("{}: {what}", path.display()));
    let Some((name, role)) = &target.sdk else {
        return Err(usage("a forecast plays the SDK of a target file, and this one has no [sdk]".into()));
    };
    if !matches!(role, SdkRole::Command(_)) {
        return Err(usage(format!(
            "`{name}` is reached over a connection, and a forecast starts, kills and starts again the process of an SDK on many devices; \
             give [sdk] a `command` that speaks the adapter protocol on standard input and output"
        )));
    }
    let profile = target.profile.clone().unwrap_or_else(Profile::junction);
    let (sdk, SdkName { name: of_build, version, .. }) = InstallableSdk::probe(name, role, &target, profile).await?;
    let claims = &sdk.claims;
    if !claims.contains(&Capability::Clock) {
        return Err(usage(format!(
            "`{name}` does not claim `clock`: it takes its time from this machine, so a month of its life would take a month. \
             Let its adapter take the time from Vouch (docs/adapter-protocol.md), or use --mutant or --variant for a build like it"
        )));
    }
    if sdk.profile.name == Capability::Gcip.word() && !claims.contains(&Capability::Gcip) {
        return Err(usage(format!("`{name}` does not claim `gcip`, and the target file has that wire profile")));
    }
    let lacks = [
        (Capability::StorageLock, "its secure storage is never locked"),
        (Capability::Wake, "it is launched in the foreground when a device wakes it"),
    ];
    let lacks: Vec<_> = lacks.iter().filter(|(claim, _)| !claims.contains(claim)).collect();
    let lacks: String =
        lacks.iter().map(|(claim, what)| format!(" It does not claim `{}`: {what}.", claim.word())).collect();
    let build = OutsideText::line(format!("{of_build} {version}").trim()).into_string();
    let note = format!(
        "Played: processes of the SDK `{}` ({build}), Vouch sets their clocks, against the mock cloud; [cloud], [backend] and [app] of {} take no part.{lacks}",
        OutsideText::line(name),
        path.display()
    );
    Ok((Build { name: name.clone(), sdk: BuildSdk::Processes(Arc::new(sdk)) }, note))
}

/// How much wider the intervals are than those of a usual forecast.
fn size_note(Settings { devices, days, .. }: Settings) -> String {
    let usual = f64::from(USUAL.0) * f64::from(USUAL.1);
    let wider = (usual / (f64::from(devices) * f64::from(days))).sqrt();
    let wider = if wider > 1.05 {
        format!(": fewer than the usual {} × {}, so the intervals are about {wider:.1} times as wide", USUAL.0, USUAL.1)
    } else {
        String::new()
    };
    format!("Every build lives on the same {devices} devices for {days} days{wider}.")
}

fn show(args: &Args, forecasts: &[Forecast]) -> Result<(), CliError> {
    write!(Out, "{}", report::text(forecasts))?;
    if let Some(path) = &args.json {
        let text = serde_json::to_string_pretty(&report::json(forecasts)).unwrap_or_default() + "\n";
        write_file(path, &text)?;
    }
    if let Some(path) = &args.plot {
        let is_svg = path.extension().is_some_and(|extension| extension == "svg");
        write_file(path, &if is_svg { report::svg(forecasts) } else { report::html(forecasts) })?;
    }
    Ok(())
}

/// Writes the replays of a forecast.
fn write_replays(folder: &Path, build: &Build, forecast: &Forecast, stop: &AtomicBool) -> Result<(), CliError> {
    let cannot = |error| CliError::Environment(format!("cannot write {}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(cannot)?;
    let found = replays(forecast, build, stop)?;
    for replay in &found {
        write_file(&folder.join(format!("{}.yaml", replay.id)), &replay.text)?;
        let (cause, ending, device) = (replay.cause.words(), replay.ending.words(), replay.device);
        writeln!(
            Out,
            "{}/{}.yaml: {cause}, {ending}; {} events of device {device}",
            folder.display(),
            replay.id,
            replay.events
        )?;
    }
    Ok(())
}

/// Where no `clauses.yaml` is at or above the folder, it is written too, so that `vouch check` and `vouch run` can read the replays.
fn write_clauses(folder: &Path) -> Result<(), CliError> {
    let cannot = |error| CliError::Environment(format!("cannot write {}: {error}", folder.display()));
    let whole = std::path::absolute(folder).map_err(cannot)?;
    if !whole.ancestors().any(|above| above.join("clauses.yaml").is_file()) {
        write_file(&folder.join("clauses.yaml"), bundled::clauses_text())?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<(), CliError> {
    let cannot = |error| CliError::Environment(format!("cannot write {}: {error}", path.display()));
    std::fs::write(path, text).map_err(cannot)
}

/// The policies of the files; the built-in one where there is no file.
fn policies(args: &Args) -> Result<Vec<Policy>, CliError> {
    let read = |path: &PathBuf| Source::read(path).map_err(|error| CliError::Usage(error.to_string()));
    let mut sources = args.policies.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    if sources.is_empty() {
        sources.push(Source::new("the built-in policy", ""));
    }
    let (mut policies, mut problems) = (Vec::new(), Vec::new());
    for source in &sources {
        let read = match &args.compare {
            Some(comparison) => comparison.policies(source),
            None => Policy::parse(source).map(|policy| vec![policy]),
        };
        match read {
            Ok(read) => policies.extend(read),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(policies) } else { Err(CliError::Files(Diagnostics(problems).tidy())) }
}

/// The reference, and the mutants and variants of it.
fn builds(args: &Args) -> Result<Vec<Build>, CliError> {
    let mut builds = vec![Build::in_process("reference", Arc::new(ReferenceSdk))];
    let mut add = |name: &str, part: Mutation| match part {
        Mutation::Sdk(sdk) => {
            builds.push(Build::in_process(name, sdk));
            Ok(())
        }
        other => {
            let role = other.word();
            Err(CliError::Usage(format!("`{name}` is of the role {role}; a forecast has a build of the SDK")))
        }
    };
    for name in &args.mutants {
        add(name, mutant(name)?.mutation)?;
    }
    for name in &args.variants {
        add(name, variant::named(name).ok_or_else(|| Error::unknown_variant(name))?.part)?;
    }
    Ok(builds)
}

impl From<ForecastError> for CliError {
    fn from(error: ForecastError) -> Self {
        match error {
            ForecastError::CannotSignIn { .. } => {
                let what = Redactor::default().scrub(&error.to_string());
                CliError::NotReady(OutsideText::line(what.as_str()).into_string())
            }
            ForecastError::Installation { build, device, error } => installation_error(&build, device, error),
            _ => CliError::Environment(error.to_string()),
        }
    }
}

/// A process of a build that could not be driven: what failed, and whose fault it is.
fn installation_error(build: &str, device: u32, error: InstallationError) -> CliError {
    match error {
        InstallationError::Launch(LaunchError::Start(error)) => TargetError::Start(error).into(),
        InstallationError::Launch(LaunchError::Adapter(error)) | InstallationError::Adapter(error) => {
            TargetError::NotReady { name: format!("{build}, on device {device},"), error }.into()
        }
        InstallationError::Storage(error) => CliError::Environment(format!("cannot make a device: {error}")),
    }
}

/// The progress on a terminal.
struct Progress {
    terminal: Option<console::Term>,
    of: String,
    devices: u32,
}

impl Progress {
    fn new(quiet: bool, number: usize, of: usize, devices: u32) -> Self {
        let terminal = console::Term::stderr();
        let of = if of > 1 { format!("forecast {} of {of}: ", number + 1) } else { String::new() };
        Self { terminal: Some(terminal).filter(|terminal| !quiet && terminal.is_term()), of, devices }
    }

    fn show(&mut self, done: u32) {
        if let Some(terminal) = &self.terminal {
            // What cannot be shown is lost.
            let _ = terminal.clear_line();
            let _ = terminal.write_str(&format!("{}{done} of {} devices", self.of, self.devices));
        }
    }

    fn end(&mut self) {
        if let Some(terminal) = &self.terminal {
            let _ = terminal.clear_line();
        }
    }
}
