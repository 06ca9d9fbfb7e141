//! `vouch load`.

use super::interrupts::{INTERRUPTED, stop_on_interrupt};
use super::load_args::{Args, Bounds, Show};
use super::load_files::Files;
use super::load_shared::{Crewed, crew, exit_code, profile, trouble};
use super::out::Out;
use super::{Done, Stop, load_rounds, runtime, target};
use vouch_load::{Happening, Load, LoadFile, Trouble, judge};
use vouch_spec::profile::Profile;
use vouch_load::report::{Console, Results};
use vouch_runner::report::remark;
use vouch_runner::target_file::Target;
use vouch_spec::text::{Problems, Source};
use std::process::ExitCode;
use std::sync::Arc;

pub fn run(args: Args) -> Done {
    let file = match &args.file {
        None => LoadFile::default(),
        Some(path) => {
            let source = Source::read(path).map_err(|error| Stop::Usage(error.to_string()))?;
            LoadFile::parse(&source).map_err(|problems| Stop::Files(Problems(problems).tidy()))?
        }
    };
    let target = target(args.target.as_deref())?;
    let profile = profile(args.profile.as_deref(), &target)?;
    let load = file.settle(&args.overrides(), profile.name == "gcip").map_err(Stop::Usage)?;
    runtime()?.block_on(carry_out(args, load, target, profile))
}

async fn carry_out(args: Args, load: Load, target: Target, profile: Arc<Profile>) -> Done {
    let stop = stop_on_interrupt();
    // Before the run: a file that cannot be written must not cost the run.
    let files = Files::open(args.json.as_deref(), &args.reports)?;
    let mut console = Console::new(load.length, args.progress == Show::Auto, args.progress != Show::Off);
    if let Some(baseline) = &args.baseline {
        drop(files);
        return load_rounds::against(&args, baseline, load, target, stop, console).await;
    }
    if let Some(Bounds(start, most)) = args.saturate {
        drop(files);
        return load_rounds::search(&args, (start, most), load, target, stop, console).await;
    }
    let Crewed { mut crew, keep, name } = crew(args.ca.as_deref(), &load, &target, profile).await?;
    let work = move || {
        let mut hear = |happening: Happening<'_>| console.hear(&happening);
        let round = crew
            .prepare(&stop, &mut hear)
            .and_then(|()| crew.round(&load.arrivals, load.length, load.warm_up, &stop, &mut hear));
        let left = crew.clean_up(&mut hear);
        console.end();
        (load, round, left)
    };
    let (load, round, left) =
        tokio::task::spawn_blocking(work).await.map_err(|_| Stop::Environment("the load broke down".into()))?;
    drop(keep);
    let round = match round {
        Err(Trouble { interrupted: true, what, .. }) => {
            remark(format!("vouch: {what}"));
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
