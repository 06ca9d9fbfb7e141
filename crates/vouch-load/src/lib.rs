//! Load tests for token exchange and refresh: requests are sent at a given arrival rate, every response is checked, and latency
//! counts from the intended start. The crate also runs scenarios as user journeys and takes part in Locust clusters, and it
//! writes the reports of a load. It must not know the command line, standard output, or how a conformance run executes steps:
//! it uses the target file, the services and the parsed scenarios of `vouch-runner`.
//!
//! - [`LoadFile`] is parsed and resolved to a [`Load`]; [`set_up_target`] sets its target up.
//! - [`Workers`] prepare users and tokens and run rounds; [`evaluate`] compares a [`Round`] with the thresholds.
//! - [`journey`] is the closed model, [`locust`] the worker of a Locust master, and [`report`] the output.
//!
//! ```
//! use vouch_load::arrivals::Arrivals;
//! use vouch_load::{LoadFile, Overrides};
//!
//! let overrides = Overrides { arrivals: Some(Arrivals::Constant(50.0)), ..Overrides::default() };
//! let load = LoadFile::default().resolve(&overrides, None).unwrap();
//! assert_eq!(load.title, "refresh");
//! ```

pub mod arrivals;
mod caveats;
mod check;
mod client;
pub mod compare;
mod cpu_comparison;
mod duplicates;
mod endpoints;
mod failure;
mod faults;
mod file;
mod file_places;
mod installations;
mod interleaved;
pub mod journey;
mod json_pointers;
mod latencies;
pub mod locust;
mod max_rate;
mod measure;
mod measurement_window;
pub mod otlp;
mod plan;
pub mod record;
pub mod report;
mod request_template;
mod round;
mod scheduler;
mod seed;
pub mod system;
mod target_setup;
pub mod threshold;
mod token_claims;
pub mod traces;
mod verdict;
mod workers;
mod workload;

pub use client::ClientOptions;
pub use cpu_comparison::{CpuComparison, CpuTimes};
pub use failure::{Failure, WrongResponse};
pub use faults::{Fault, FaultOutcome, FaultReport, RetryOutcome};
pub use file::{LoadFile, Overrides};
pub use interleaved::{Build, Comparison, RateTrial, compare_builds, find_max_rate, round_duration};
pub use latencies::Latencies;
pub use max_rate::{MaxRateSearch, RateProbes};
pub use measure::{FailureStats, Series};
pub use plan::{BUILT_IN, Load, PlanError, Protocol};
pub use round::{IntervalStats, Round};
pub use target_setup::{RunningServices, TargetSetup, allow_connections, set_up_target};
pub use verdict::{Evaluation, LoadVerdict, ThresholdResult, evaluate};
pub use workers::{LoadError, ProgressEvent, WorkerParts, Workers};
