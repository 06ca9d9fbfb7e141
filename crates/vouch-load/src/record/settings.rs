//! Where a load went and how it was sent.

use super::{FORMAT, seconds};
use crate::journey::JourneyOptions;
use crate::threshold::short;
use crate::{Load, Protocol};
use humantime::format_duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use vouch_runner::record::Host;
use vouch_runner::sut::SystemDescription;
use vouch_spec::protocol::Realm;

/// What the caller of a load knows about it.
#[derive(Clone, Debug, Default)]
pub struct LoadContext {
    /// The name of the target.
    pub target: String,
    /// What is loaded, and why if that is the mock cloud: the first line of the summary.
    pub loaded: Option<String>,
    /// The target file, so that a later run can measure this target again.
    pub target_file: Option<PathBuf>,
    /// The arguments of the command line.
    pub arguments: Vec<String>,
    /// What the system under test says of itself.
    pub system: Option<SystemDescription>,
}

/// The start of a load.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadSettings {
    /// The version of the record's format.
    pub format: u32,
    /// The version of Vouch.
    pub vouch: String,
    /// The time of the machine, as RFC 3339 in UTC.
    pub started_at: String,
    /// The machine that generates the load.
    pub host: Host,
    pub arguments: Vec<String>,
    /// What the system under test says of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemDescription>,
    pub title: String,
    /// The name of the target.
    pub target: String,
    /// What is loaded, and why if that is the mock cloud: the first line of the summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded: Option<String>,
    /// The target file. Absent: the mock cloud was loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_file: Option<PathBuf>,
    pub realm: Realm,
    /// The names of the workloads.
    pub workloads: Vec<String>,
    /// When requests start, as in `--arrivals`.
    pub arrivals: String,
    /// The users of a closed model. Absent: the load was sent on a schedule (an open model).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_model: Option<ClosedModel>,
    /// The duration of the run, warm-up included.
    #[serde(rename = "durationSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// The part at the start that is not measured.
    #[serde(rename = "warmUpSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub warm_up: Duration,
    /// The number of signed-in installations.
    pub installations: u32,
    pub users: u32,
    pub connections: u32,
    pub threads: u32,
    pub protocol: Protocol,
    pub seed: u64,
}

/// The users of journeys.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClosedModel {
    pub users: u32,
    /// The number of users that start per second.
    pub spawn_rate: f64,
    #[serde(rename = "minThinkTimeSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub min_think_time: Duration,
    #[serde(rename = "maxThinkTimeSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub max_think_time: Duration,
    /// Notes about the steps that were left out.
    pub left_out: Vec<String>,
}

impl ClosedModel {
    pub fn new(options: &JourneyOptions, left_out: Vec<String>) -> Self {
        let (min_think_time, max_think_time) = options.think_time;
        Self { users: options.users, spawn_rate: options.spawn_rate, min_think_time, max_think_time, left_out }
    }
}

impl fmt::Display for ClosedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = (format_duration(self.min_think_time), format_duration(self.max_think_time));
        write!(f, "{} users, spawn rate {}/s, think time {least}..{most}", self.users, short(self.spawn_rate))
    }
}

impl LoadSettings {
    /// The settings of a load that starts now.
    pub fn of(load: &Load, context: LoadContext, closed_model: Option<ClosedModel>) -> Self {
        Self {
            format: FORMAT,
            vouch: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: vouch_spec::timestamp::now(),
            host: Host::this(),
            arguments: context.arguments,
            system: context.system,
            title: load.title.clone(),
            target: context.target,
            loaded: context.loaded,
            target_file: context.target_file,
            realm: load.realm,
            workloads: load.workloads.iter().map(|workload| workload.name.clone()).collect(),
            arrivals: load.arrivals.to_string(),
            closed_model,
            duration: load.duration,
            warm_up: load.warm_up,
            installations: load.installations,
            users: load.users,
            connections: load.connections,
            threads: load.threads,
            protocol: load.protocol,
            seed: load.seed,
        }
    }

    /// The measured time.
    pub fn measured(&self) -> Duration {
        self.duration.saturating_sub(self.warm_up)
    }
}
