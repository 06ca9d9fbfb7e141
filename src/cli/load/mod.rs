//! `vouch load`.

pub mod args;
mod baseline;
mod max_rate;
mod otlp;
mod output_files;
mod presets;
pub(super) mod recorder;
pub(super) mod sdk;
pub(super) mod shared;

use self::args::{Args, Bounds, ProgressMode};
use self::output_files::OutputFiles;
use self::presets::Preset;
use self::recorder::Recorder;
use self::sdk::Loaded;
use self::shared::{PreparedLoad, exit_code, load_error, profile, workers};
use crate::cli::signals::{INTERRUPTED, USERS_LEFT, stop_on_interrupt};
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done, argument_texts, runtime, target};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use vouch_load::record::{LoadContext, LoadRecord, LoadSettings};
use vouch_load::report::ProgressDisplay;
use vouch_load::system::{Observer, OnSample, SystemSample};
use vouch_load::{Load, LoadError, LoadFile, Overrides, PlanError, ProgressEvent, evaluate};
use vouch_runner::report::print_stderr;
use vouch_runner::sut::SystemDescription;
use vouch_runner::target_file::Target;
use vouch_spec::profile::Profile;
use vouch_spec::text::{Diagnostics, Source};

pub(super) fn read(path: &Path) -> Result<Source, CliError> {
    Source::read(path).map_err(|error| CliError::Usage(error.to_string()))
}

/// An error of a load, at its place in the load file where it has one.
pub(super) fn plan_error(file: &LoadFile, source: &Source, error: &PlanError, overrides: &Overrides) -> CliError {
    match file.diagnostic(source, error, overrides) {
        Some(problem) => CliError::Files(Diagnostics(vec![problem]).tidy()),
        None => CliError::Usage(error.to_string()),
    }
}

pub(super) fn parse(source: &Source) -> Result<LoadFile, CliError> {
    LoadFile::parse(source).map_err(|problems| CliError::Files(Diagnostics(problems).tidy()))
}

pub(in crate::cli) fn run(args: Args) -> Done {
    let source = args.preset.map(Preset::source);
    if let Some(source) = source.as_ref().filter(|_| args.print_preset) {
        write!(Out, "{}", source.text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let source = args.file.as_deref().map(read).transpose()?.or(source).unwrap_or_else(|| Source::new("load", "{}"));
    let file = parse(&source)?;
    let target = target(args.target.as_deref())?;
    let profile = profile(args.profile.as_deref(), &target)?;
    let overrides = args.overrides();
    let load = file.resolve(&overrides, target.rotation(&profile));
    let load = load.map_err(|error| plan_error(&file, &source, &error, &overrides))?;
    refuse_faults_of_search(&args, &load)?;
    runtime()?.block_on(execute(args, load, target, profile))
}

/// A search has no faults: they hold answers back beyond the end of a probe, so that each rate would seem to fall behind, and they
/// sign installations out, so that later probes would have fewer.
fn refuse_faults_of_search(args: &Args, load: &Load) -> Result<(), CliError> {
    if load.faults.is_empty() || args.find_max_rate.is_none() {
        return Ok(());
    }
    Err(CliError::Usage(
        "a search for the highest rate has no `faults`: they hold answers back, so that each rate would seem to fall behind; \
         take them out of the load file, search, and run the load with its faults at the rate that was found"
            .into(),
    ))
}

async fn execute(args: Args, load: Load, target: Target, profile: Arc<Profile>) -> Done {
    let stop = stop_on_interrupt(Some(USERS_LEFT));
    // Opened before the run, so that a path that cannot be written fails at once and not after the load.
    let files = OutputFiles::open(args.json.as_deref(), &args.reports)?;
    let mut console =
        ProgressDisplay::new(load.duration, args.progress == ProgressMode::Auto, args.progress != ProgressMode::Off);
    if let Some(baseline) = &args.baseline {
        drop(files);
        return baseline::compare_with_baseline(&args, baseline, load, target, stop, console).await;
    }
    if let Some(Bounds(start, max)) = args.find_max_rate {
        drop(files);
        return max_rate::search_max_rate(&args, (start, max), load, target, stop, console).await;
    }
    let mut recorder = Recorder::prepare(&args.record, &files.paths())?;
    let PreparedLoad { mut workers, services, name, system } =
        workers(args.ca.as_deref(), &load, &target, profile).await?;
    let loaded = Loaded { target: &target, file: args.target.as_deref() }.to_string();
    let context = context(name, Some(loaded), args.target.as_deref(), system.description);
    let settings = LoadSettings::of(&load, context, None);
    let exporter = args.otlp.connect(&settings)?;
    let on_sample = exporter.as_ref().map(|exporter| {
        let gauges = exporter.system_gauges();
        Arc::new(move |sample: &SystemSample| gauges.record(sample)) as OnSample
    });
    let observer = Observer { probe: system.probe, on_sample };
    let work = move || {
        let mut on_event = |event: ProgressEvent<'_>| {
            if let (ProgressEvent::Second(interval), Some(exporter)) = (&event, &exporter) {
                exporter.record(interval);
            }
            console.on_event(&event);
        };
        let mut usage = None;
        let prepared = workers.prepare(&stop, &mut on_event);
        let round = match prepared {
            // Not before: until the target has answered, an older record stays.
            Ok(()) => recorder.start(&settings).map(|()| {
                let times = (load.duration, load.warm_up);
                let observed = observer.round(&mut workers, &load.arrivals, times, &stop, &mut on_event);
                observed.map(|(round, used)| {
                    usage = used;
                    round
                })
            }),
            Err(error) => Ok(Err(error)),
        };
        let undeleted_users = workers.clean_up(&mut on_event);
        console.end();
        if let (Some(exporter), Ok(Ok(round))) = (exporter, &round) {
            otlp::finish(exporter, round);
        }
        (load, round, undeleted_users, recorder, settings, usage)
    };
    let (load, round, undeleted_users, recorder, settings, usage) = tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| CliError::Environment("the load failed: a worker thread panicked".into()))?;
    drop(services);
    let round = match round? {
        Err(LoadError { interrupted: true, what, .. }) => {
            print_stderr(format!("vouch: {what}"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        other => other.map_err(load_error)?,
    };
    let evaluation = evaluate(&load, &round);
    let record = LoadRecord::new(settings, round, evaluation, undeleted_users).with_system(usage);
    // The reports are written even if the summary could not be.
    let written = record.write_summary(&mut Out, console::colors_enabled());
    let recorded = recorder.finish(&record);
    files.write(&record)?;
    recorded?;
    written?;
    Ok(exit_code(&record))
}

/// What the record says of the command.
pub(super) fn context(
    target: String,
    loaded: Option<String>,
    target_file: Option<&Path>,
    system: Option<SystemDescription>,
) -> LoadContext {
    let target_file = target_file.and_then(|path| std::path::absolute(path).ok());
    LoadContext { target, loaded, target_file, arguments: argument_texts(), system }
}
