//! The options of `vouch load`.

use crate::cli::load::otlp::OtlpArgs;
use crate::cli::load::output_files::ReportPaths;
use crate::cli::load::presets::Preset;
use crate::cli::load::recorder::RecordArgs;
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
    /// The load file. Default: the load is described by the options alone.
    pub file: Option<PathBuf>,

    /// A load that the program brings along, in place of a load file. Other options change it, for example
    /// `--arrivals`. `--print-preset` shows its file.
    #[arg(long, value_name = "NAME", value_enum, conflicts_with = "file")]
    pub preset: Option<Preset>,

    /// Print the load file of `--preset`, to start one of your own from, and end.
    #[arg(long, requires = "preset")]
    pub print_preset: bool,

    /// The target file. The load goes to its cloud, and through its backend if it has one. Default: Vouch starts the mock
    /// cloud and loads it.
    #[arg(short, long, value_name = "FILE")]
    pub target: Option<PathBuf>,

    /// The workload: exchange, refresh, issue, signIn, launch, migration, or one that the load file defines.
    #[arg(short, long, value_name = "NAME")]
    pub workload: Option<String>,

    /// When requests start: "500/s", "poisson 500/s", "ramp 10/s to 500/s", "steps 100/s 200/s",
    /// "spike 10000 at 2s within 5s over 100/s", or "max".
    #[arg(short, long, value_name = "ARRIVALS")]
    pub arrivals: Option<Arrivals>,

    /// Total duration, including warm-up.
    #[arg(short, long, value_name = "TIME")]
    pub duration: Option<humantime::Duration>,

    /// Duration of the warm-up at the start, which is not measured.
    #[arg(long, value_name = "TIME")]
    pub warm_up: Option<humantime::Duration>,

    /// A threshold, for example "p99<50ms" or "refresh errors<0.1%". May be repeated.
    #[arg(long = "threshold", value_name = "THRESHOLD")]
    pub thresholds: Vec<Threshold>,

    /// Number of signed-in installations.
    #[arg(long, value_name = "N")]
    pub installations: Option<u32>,

    /// Number of users; the installations are spread over them.
    #[arg(long, value_name = "N")]
    pub users: Option<u32>,

    /// Number of sign-in tokens to create before the load starts.
    #[arg(long, value_name = "N")]
    pub tokens: Option<u32>,

    /// Use each sign-in token more than once, for servers that allow it.
    #[arg(long)]
    pub reuse_tokens: bool,

    /// Check only the status of the responses to `exchange`, as other load generators do: to measure what the checks cost.
    #[arg(long, hide = true, requires = "reuse_tokens")]
    pub unchecked: bool,

    /// Number of concurrent connections; with HTTP/2, of concurrent requests.
    #[arg(short, long, value_name = "N")]
    pub connections: Option<u32>,

    /// Number of sending threads. Default: one less than the number of cores.
    #[arg(long, value_name = "N")]
    pub threads: Option<u32>,

    /// Timeout of one request.
    #[arg(long, value_name = "TIME")]
    pub timeout: Option<humantime::Duration>,

    /// HTTP version.
    #[arg(long, value_enum)]
    pub protocol: Option<Protocol>,

    /// The wire profile, if the target file names none: junction, gcip or standard.
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,

    /// The environment: production, sandbox or dev.
    #[arg(long, value_name = "NAME", value_parser = environment)]
    pub environment: Option<Environment>,

    /// The region: us or eu.
    #[arg(long, value_name = "NAME", value_parser = region)]
    pub region: Option<Region>,

    /// A PEM file with CA certificates to trust in addition to those of the operating system.
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,

    /// Random seed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Progress output while the load runs.
    #[arg(long, value_enum, default_value_t = ProgressMode::Auto)]
    pub progress: ProgressMode,

    /// Write the results as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    #[command(flatten)]
    pub reports: ReportPaths,

    #[command(flatten)]
    pub otlp: OtlpArgs,

    #[command(flatten)]
    pub record: RecordArgs,

    /// Compare with a baseline: a target file, or the record or JSON report of an earlier load, whose target is measured
    /// again. The rounds of the two targets alternate, and a comparison leaves no record.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<PathBuf>,

    /// Number of round pairs in a comparison; `--duration` is divided among them.
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(10..=200))]
    pub rounds: u32,

    /// Find the highest rate at which all thresholds pass, between two bounds, for example "100/s to 50000/s". Each rate is
    /// held for `--duration`. A search leaves no record.
    #[arg(long, value_name = "BOUNDS", conflicts_with = "baseline")]
    pub find_max_rate: Option<Bounds>,
}

/// The lowest and the highest rate of a search, in arrivals per second.
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
    /// A live view on a terminal, else one line per second.
    Auto,
    /// One line per second.
    Plain,
    Off,
}

impl Args {
    /// The options that override values of the load file.
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
            unchecked: self.unchecked,
            trace_ratio: self.otlp.trace_ratio,
        }
    }
}
