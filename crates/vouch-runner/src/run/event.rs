//! The events of a run. They are the interface between the runner and the reports, and the lines of a run record.

use super::shard::{MergedShard, RunShard};
use super::summary::{Completeness, RunScope, Summary};
use super::verdict::{CaseReport, Strictness};
use crate::gate::Gate;
use crate::record::{BuildDigest, Host, SuiteInfo};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vouch_spec::protocol::message::{Area, SdkName};

/// An event of a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "event")]
#[allow(clippy::large_enum_variant, reason = "one summary a run; a box would change every listener")]
pub enum RunEvent {
    Started(Box<Started>),
    /// Cases have ended. The verdicts of some may follow at the end of the run, with what explains their failure. It is not
    /// part of a record.
    Progress {
        /// The number of cases that have ended.
        ended: usize,
        /// How many of them failed.
        failed: usize,
    },
    CaseFinished(Box<CaseReport>),
    Finished(Summary),
}

/// The start of a run: what is tested, with what, where.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// The version of the record's format.
    pub format: u32,
    /// The version of Vouch.
    pub vouch: String,
    /// The time of the machine, as RFC 3339 in UTC.
    pub started_at: String,
    /// The name of the target file's implementation, or `built in`.
    pub target: String,
    /// The path of the target file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_file: Option<String>,
    /// The roles under test. None: the built-in parts.
    pub roles: Vec<String>,
    /// How the build describes itself.
    pub sdk: SdkName,
    /// The digest of the build under test, where the target file names the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build_digest: Option<BuildDigest>,
    /// What the SDK claims.
    pub capabilities: Vec<String>,
    /// The wire profile.
    pub profile: String,
    pub suite: SuiteInfo,
    /// The arguments of the command line.
    pub arguments: Vec<String>,
    pub host: Host,
    /// The target file fills the role `sdk`.
    pub sdk_under_test: bool,
    /// The target file fills the roles `idp` and `api`.
    pub cloud_under_test: bool,
    /// The areas in which the SDK may keep tokens, as its adapter declares.
    pub token_storage: Vec<Area>,
    /// `virtual` or `real`.
    pub time: String,
    /// The number of planned cases.
    pub cases: usize,
    /// The number of cases that run at once.
    pub jobs: usize,
    /// Whether the run has every case that the roles under test have in the suite.
    pub completeness: Completeness,
    /// The shard that the run is, if it was split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<RunShard>,
    /// The shards that `vouch merge` made the record of, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<MergedShard>,
    /// The run is inconclusive unless every `must` clause that its cases test is satisfied.
    pub require_all: bool,
    /// Whether `should` clauses fail the build.
    pub strictness: Strictness,
    /// The waivers and known failures of the run, if it has any.
    #[serde(default, skip_serializing_if = "Gate::is_empty")]
    pub gate: Gate,
    /// The seed of a random order, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The seed of the conditions that scenarios leave open, if they are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vary: Option<u64>,
}

impl Started {
    /// What the run can say.
    pub fn scope(&self) -> RunScope {
        RunScope {
            completeness: self.completeness,
            shard: self.shard,
            servers_first: self.cloud_under_test,
            require_all: self.require_all,
        }
    }
}
