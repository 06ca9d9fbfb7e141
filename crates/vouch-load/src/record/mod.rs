//! The record of a load: where it went, how it was sent, and everything that was measured, in one file. Every report is a view
//! of it.
//!
//! A record is a zstd-compressed file of JSON lines, one [`LoadEvent`] each: `loadStarted`, `seconds`, `loadFinished`. `vouch schema
//! load-record` prints the JSON Schema of a line.

#[cfg(test)]
mod damaged;
pub(crate) mod failure_list;
mod file;
pub(crate) mod histogram;
pub(crate) mod seconds;
mod settings;

pub use file::{LoadRecordError, LoadRecordWriter};
pub use settings::{ClosedModel, LoadContext, LoadSettings};

use crate::journey::SdkMemory;
use crate::system::SystemUsage;
use crate::{Evaluation, IntervalStats, Round};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the record's format, raised on every incompatible change.
pub const FORMAT: u32 = 1;

/// A line of a record.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", tag = "event")]
pub enum LoadEvent {
    LoadStarted(Box<LoadSettings>),
    /// The next seconds of the load, at most some thousand in a line.
    Seconds {
        intervals: Vec<IntervalStats>,
    },
    LoadFinished(Box<LoadResult>),
}

/// What a load measured.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadResult {
    pub round: Round,
    pub evaluation: Evaluation,
    /// The number of created users that could not be deleted.
    pub undeleted_users: u64,
    /// What the system under test used, where that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<SystemUsage>,
    /// The memory that the processes of the SDK used that made the load, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk_memory: Option<SdkMemory>,
}

/// A load that has ended.
#[derive(Clone, Debug)]
pub struct LoadRecord {
    pub settings: LoadSettings,
    pub result: LoadResult,
}

impl LoadRecord {
    /// The record of a load that has just ended.
    pub fn new(settings: LoadSettings, round: Round, evaluation: Evaluation, undeleted_users: u64) -> Self {
        Self { settings, result: LoadResult { round, evaluation, undeleted_users, system: None, sdk_memory: None } }
    }

    /// The same record with the memory that the processes of the SDK used.
    #[must_use]
    pub fn with_sdk_memory(mut self, memory: Option<SdkMemory>) -> Self {
        self.result.sdk_memory = memory;
        self
    }

    /// The same record with what the system under test used.
    #[must_use]
    pub fn with_system(mut self, usage: Option<SystemUsage>) -> Self {
        self.result.system = usage;
        self
    }
}
