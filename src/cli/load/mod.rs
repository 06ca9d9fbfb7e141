//! `vouch load`.

pub mod args;
mod baseline;
mod output_files;
pub(super) mod shared;

use self::args::{Args, Bounds, Show};
use self::output_files::Files;
use self::shared::{PreparedLoad, exit_code, profile, trouble, workers};
use crate::cli::signals::{INTERRUPTED, stop_on_interrupt};
use crate::cli::stdout::Out;
use crate::cli::{CliError, Done, runtime, target};
use std::process::ExitCode;
use std::sync::Arc;
use vouch_load::report::{Console, Results};
use vouch_load::{Load, LoadError, LoadFile, ProgressEvent, judge};
use vouch_runner::report::print_stderr;
use vouch_runner::target_file::Target;
use vouch_spec::profile::Profile;
use vouch_spec::text::{Diagnostics, Source};

pub(in crate::cli) fn run(args: Args) -> Done {
    let file = match &args.file {
        None => LoadFile::default(),
        Some(path) => {
            let source = Source::read(path).map_err(|error| CliError::Usage(error.to_string()))?;
            LoadFile::parse(&source).map_err(|problems| CliError::Files(Diagnostics(problems).tidy()))?
        }
    };
    let target = target(args.target.as_deref())?;
    let profile = profile(args.profile.as_deref(), &target)?;
    let load = file.resolve(&args.overrides(), profile.name == "gcip").map_err(CliError::Usage)?;
    runtime()?.block_on(carry_out(args, load, target, profile))
}

async fn carry_out(args: Args, load: Load, target: Target, profile: Arc<Profile>) -> Done {
    let stop = stop_on_interrupt();
    // Before the run: a file that cannot be written must not cost the run.
    let files = Files::open(args.json.as_deref(), &args.reports)?;
    let mut console = Console::new(load.duration, args.progress == Show::Auto, args.progress != Show::Off);
    if let Some(baseline) = &args.baseline {
        drop(files);
        return baseline::against(&args, baseline, load, target, stop, console).await;
    }
    if let Some(Bounds(start, most)) = args.find_max_rate {
        drop(files);
        return baseline::search(&args, (start, most), load, target, stop, console).await;
    }
    let PreparedLoad { mut workers, keep, name } = workers(args.ca.as_deref(), &load, &target, profile).await?;
    let work = move || {
        let mut on_event = |happening: ProgressEvent<'_>| console.on_event(&happening);
        let round = workers
            .prepare(&stop, &mut on_event)
            .and_then(|()| workers.round(&load.arrivals, load.duration, load.warm_up, &stop, &mut on_event));
        let left = workers.clean_up(&mut on_event);
        console.end();
        (load, round, left)
    };
    let (load, round, left) =
        tokio::task::spawn_blocking(work).await.map_err(|_| CliError::Environment("the load broke down".into()))?;
    drop(keep);
    let round = match round {
        Err(LoadError { interrupted: true, what, .. }) => {
            print_stderr(format!("vouch: {what}"));
            return Ok(ExitCode::from(INTERRUPTED));
        }
        other => other.map_err(trouble)?,
    };
    let judged = judge(&load, &round);
    let target_file = args.target.as_deref().and_then(|path| std::path::absolute(path).ok());
    let results = Results {
        target: &name,
        target_file: target_file.as_deref(),
        load: &load,
        round: &round,
        judged: &judged,
        left_users: left,
    };
    // A summary that cannot be written costs no report.
    let told = results.write_summary(&mut Out, console::colors_enabled());
    files.write(&results)?;
    told?;
    Ok(exit_code(&round, &judged))
}
