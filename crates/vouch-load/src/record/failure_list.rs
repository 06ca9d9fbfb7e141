//! Failures as a list: JSON has no maps whose keys are more than texts.

use crate::{Failure, FailureStats};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// Failures of one kind.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureEntry {
    failure: Failure,
    count: u64,
    /// The message of the first one, without secrets.
    example: String,
}

pub fn serialize<S: Serializer>(failures: &BTreeMap<Failure, FailureStats>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(failures.iter().map(|(failure, stats)| FailureEntry {
        failure: *failure,
        count: stats.count,
        example: stats.example.clone(),
    }))
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Failure, FailureStats>, D::Error> {
    let entries = Vec::<FailureEntry>::deserialize(deserializer)?;
    Ok(entries.into_iter().map(|of| (of.failure, FailureStats { count: of.count, example: of.example })).collect())
}
