//! `vouch load`.

use super::interrupts::{INTERRUPTED, stop_on_interrupt};
use super::load_files::{Files, Reports};
use super::load_shared::{environment, exit_code, profile, region, trouble};
use super::out::Out;
use super::{Done, Stop, load_rounds, runtime, target};
use crate::load::arrivals::Arrivals;
use crate::load::threshold::Threshold;
use crate::load::{
    Crew, CrewParts, Happening, Limits, Load, LoadFile, Overrides, Protocol, Running, Seated, Trouble, allow_sockets,
    judge, seat, tls_config,
};
use crate::profile::Profile;
use crate::protocol::{Environment, Region};
use crate::report::load::{Console, Results};
use crate::report::remark;
use crate::target::Target;
use crate::text::{Problems, Source};
use clap::ValueEnum;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(clap::Args)]
#[command(args_override_self = true)]
pub struct Args {
    /// The load file. Without it, the options say all.
    file: Option<PathBuf>,

    /// The target file: its cloud gets the load, through its backend where it has one. Without it, the simulated cloud is
    /// started and gets it.
    #[arg(short, long, value_name = "FILE")]
    target: Option<PathBuf>,

    /// What to do: exchange, refresh, issue, signIn, launch, migration, or a workload of the load file.
    #[arg(short, long, value_name = "NAME")]
    workload: Option<String>,

    /// When requests start: "500/s", "poisson 500/s", "ramp 10/s to 500/s", "steps 100/s 200/s",
    /// "spike 10000 at 2s within 5s over 100/s", or "flood".
    #[arg(short, long, value_name = "ARRIVALS")]
    arrivals: Option<Arrivals>,

    /// How long, warm-up included.
    #[arg(short, long, value_name = "TIME")]
    length: Option<humantime::Duration>,

    /// At the start, not measured.
    #[arg(long, value_name = "TIME")]
    warm_up: Option<humantime::Duration>,

    /// What must hold, for example "p99<50ms" or "refresh errors<0.1%". May be repeated.
    #[arg(long = "threshold", value_name = "THRESHOLD")]
    thresholds: Vec<Threshold>,

    /// Signed-in installations.
    #[arg(long, value_name = "N")]
    fleet: Option<u32>,

    /// Users that they belong to.
    #[arg(long, value_name = "N")]
    users: Option<u32>,

    /// Sign-in tokens to make before the clock starts.
    #[arg(long, value_name = "N")]
    tokens: Option<u32>,

    /// Use each sign-in token again and again, for servers that do not mind.
    #[arg(long)]
    recycle_tokens: bool,

    /// Connections at once.
    #[arg(short, long, value_name = "N")]
    connections: Option<u32>,

    /// Threads that send. Left out, one core is left for others.
    #[arg(long, value_name = "N")]
    threads: Option<u32>,

    /// How long one request may take.
    #[arg(long, value_name = "TIME")]
    timeout: Option<humantime::Duration>,

    /// The version of HTTP.
    #[arg(long, value_enum)]
    protocol: Option<Protocol>,

    /// The wire profile, where the target file names none: junction, gcip or standard.
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,

    #[arg(long, value_name = "NAME", value_parser = environment)]
    environment: Option<Environment>,

    #[arg(long, value_name = "NAME", value_parser = region)]
    region: Option<Region>,

    /// A PEM file with certificates to trust besides the machine's own.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// What chance depends on.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// What is shown while the load runs.
    #[arg(long, value_enum, default_value_t = Show::Auto)]
    progress: Show,

    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,

    #[command(flatten)]
    reports: Reports,

    /// Compare with a baseline: a target file, or the JSON report of an earlier run, whose target is measured again. Both
    /// are measured in turns.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Pairs of rounds in a comparison; `--length` is shared among them.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=200))]
    pub(super) rounds: u32,

    /// Find the highest rate that keeps to the thresholds, for example "100/s to 50000/s"; each rate is held for `--length`.
    #[arg(long, value_name = "BOUNDS", conflicts_with = "baseline")]
    saturate: Option<Bounds>,
}

/// Two rates in arrivals a second.
#[derive(Clone, Copy)]
struct Bounds(f64, f64);

impl std::str::FromStr for Bounds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match format!("ramp {text}").parse() {
            Ok(Arrivals::Ramp { from, to }) if from > 0.0 && to > from => Ok(Self(from, to)),
            _ => Err("write for example `100/s to 50000/s`".into()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Show {
    /// A live view on a terminal, a line a second elsewhere.
    Auto,
    /// A line a second.
    Plain,
    Off,
}

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
    let load = file.settle(&overrides(&args), profile.name == "gcip").map_err(Stop::Usage)?;
    runtime()?.block_on(carry_out(args, load, target, profile))
}

fn overrides(args: &Args) -> Overrides {
    let time = |length: Option<humantime::Duration>| length.map(Duration::from);
    Overrides {
        workload: args.workload.clone(),
        arrivals: args.arrivals.clone(),
        length: time(args.length),
        warm_up: time(args.warm_up),
        fleet: args.fleet,
        users: args.users,
        tokens: args.tokens,
        thresholds: args.thresholds.clone(),
        connections: args.connections,
        threads: args.threads,
        timeout: time(args.timeout),
        environment: args.environment,
        region: args.region,
        protocol: args.protocol,
        seed: args.seed,
        recycles: args.recycle_tokens,
    }
}

/// A crew with its target, ready to prepare.
pub(super) struct Crewed {
    pub crew: Crew,
    pub keep: Running,
    pub name: String,
}

/// Seats a load and puts its crew together.
pub(super) async fn crew(args: &Args, load: &Load, target: &Target, profile: Arc<Profile>) -> Result<Crewed, Stop> {
    let alpn = if load.protocol == Protocol::Http2 { "h2" } else { "http/1.1" };
    let tls = tls_config(args.ca.as_deref(), &[alpn]).map_err(|error| Stop::Usage(error.to_string()))?;
    allow_sockets(load.connections).map_err(Stop::Usage)?;
    let Seated { site, users, token_place, keep, name } = seat(load, target, profile).await.map_err(trouble)?;
    let limits = Limits::of(load, tls);
    let crew = Crew::new(CrewParts { load: load.clone(), site, limits, users, token_place });
    Ok(Crewed { crew, keep, name })
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
    let Crewed { mut crew, keep, name } = crew(&args, &load, &target, profile).await?;
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
