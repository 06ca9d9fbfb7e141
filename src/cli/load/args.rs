//! The options of `vouch load`.

use crate::cli::load::output_files::ReportPaths;
use crate::cli::load::shared::{environment, region};
use clap::ValueEnum;
use std::path::PathBuf;
use std::time::Duration;
use vouch_load::arrivals::Arrivals;
use vouch_load::threshold::Threshold;
use vouch_load::{Overrides, Protocol};
use vouch_spec::protocol::{Environment, Region};

#[derive(clap::Args)]
#[command(args_override_self = true)]
pub struct Args {
    /// The load file. Without it, the options say all.
    pub file: Option<PathBuf>,

    /// The target file: its cloud gets the load, through its backend where it has one. Without it, the simulated cloud is
    /// started and gets it.
    #[arg(short, long, value_name = "FILE")]
    pub target: Option<PathBuf>,

    /// What to do: exchange, refresh, issue, signIn, launch, migration, or a workload of the load file.
    #[arg(short, long, value_name = "NAME")]
    pub workload: Option<String>,

    /// When requests start: "500/s", "poisson 500/s", "ramp 10/s to 500/s", "steps 100/s 200/s",
    /// "spike 10000 at 2s within 5s over 100/s", or "max".
    #[arg(short, long, value_name = "ARRIVALS")]
    pub arrivals: Option<Arrivals>,

    /// How long, warm-up included.
    #[arg(short, long, value_name = "TIME")]
    pub duration: Option<humantime::Duration>,

    /// At the start, not measured.
    #[arg(long, value_name = "TIME")]
    pub warm_up: Option<humantime::Duration>,

    /// What must hold, for example "p99<50ms" or "refresh errors<0.1%". May be repeated.
    #[arg(long = "threshold", value_name = "THRESHOLD")]
    pub thresholds: Vec<Threshold>,

    /// Signed-in installations.
    #[arg(long, value_name = "N")]
    pub installations: Option<u32>,

    /// Users that they belong to.
    #[arg(long, value_name = "N")]
    pub users: Option<u32>,

    /// Sign-in tokens to make before the clock starts.
    #[arg(long, value_name = "N")]
    pub tokens: Option<u32>,

    /// Use each sign-in token again and again, for servers that do not mind.
    #[arg(long)]
    pub reuse_tokens: bool,

    /// Connections at once.
    #[arg(short, long, value_name = "N")]
    pub connections: Option<u32>,

    /// Threads that send. Left out, one core is left for others.
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,

    /// How long one request may take.
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<humantime::Duration>,

    /// The version of HTTP.
    #[arg(long, value_enum)]
    pub protocol: Option<Protocol>,

    /// The wire profile, where the target file names none: junction, gcip or standard.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    #[arg(long, value_name = "NAME", value_parser = environment)]
    pub environment: Option<Environment>,

    #[arg(long, value_name = "NAME", value_parser = region)]
    pub region: Option<Region>,

    /// A PEM file with certificates to trust besides the machine's own.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// What chance depends on.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// What is shown while the load runs.
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub progress: ProgressMode,

    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    #[command(flatten)]
    pub reports: ReportPaths,

    /// Compare with a baseline: a target file, or the JSON report of an earlier run, whose target is measured again. Both
    /// are measured in turns.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    /// Pairs of rounds in a comparison; `--duration` is shared among them.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=200))]
    pub rounds: u32,

    /// Find the highest rate that keeps to the thresholds, for example "100/s to 50000/s"; each rate is held for `--duration`.
    #[arg(long, value_name = "BOUNDS", conflicts_with = "baseline")]
    pub find_max_rate: Option<Bounds>,
}

/// Two rates in arrivals a second.
#[derive(Clone, Copy)]
pub struct Bounds(pub f64, pub f64);

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
pub enum ProgressMode {
    /// A live view on a terminal, a line a second elsewhere.
    Auto,
    /// A line a second.
    Plain,
    Off,
}

impl Args {
    /// What the options say otherwise than the load file.
    pub fn overrides(&self) -> Overrides {
        let time = |duration: Option<humantime::Duration>| duration.map(Duration::from);
        Overrides {
            workload: self.workload.clone(),
            arrivals: self.arrivals.clone(),
            duration: time(self.duration),
            warm_up: time(self.warm_up),
            installations: self.installations,
            users: self.users,
            tokens: self.tokens,
            thresholds: self.thresholds.clone(),
            connections: self.connections,
            threads: self.threads,
            timeout: time(self.timeout),
            environment: self.environment,
            region: self.region,
            protocol: self.protocol,
            seed: self.seed,
            reuse_tokens: self.reuse_tokens,
        }
    }
}
