//! What a run tells. These types are the interface between the runner and the reports.

use super::summary::Summary;
use super::verdict::CaseReport;
use serde::Serialize;
use vouch_spec::protocol::message::SdkName;

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum RunEvent {
    Started(Started),
    CaseFinished(Box<CaseReport>),
    Finished(Summary),
}

/// What is about to run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// The target's name, as the target file or `built in` says.
    pub target: String,
    pub sdk: SdkName,
    /// `virtual` or `real`.
    pub time: &'static str,
    pub cases: usize,
    pub jobs: usize,
    /// The seed of a random order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}
