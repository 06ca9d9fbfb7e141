//! The events of a run. They are the interface between the runner and the reports.

use super::summary::Summary;
use super::verdict::CaseReport;
use serde::Serialize;
use vouch_spec::protocol::message::{Area, SdkName};

/// An event of a run.
#[derive(Clone, Debug)]
pub enum RunEvent {
    Started(Started),
    CaseFinished(Box<CaseReport>),
    Finished(Summary),
}

/// The start of a run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Started {
    /// The name of the target file's implementation, or `built in`.
    pub target: String,
    pub sdk: SdkName,
    /// The target file fills the role `sdk`.
    pub sdk_under_test: bool,
    /// The target file fills the roles `idp` and `api`.
    pub cloud_under_test: bool,
    /// The areas in which the SDK may keep tokens, as its adapter declares.
    pub token_storage: Vec<Area>,
    /// `virtual` or `real`.
    pub time: &'static str,
    /// The number of planned cases.
    pub cases: usize,
    /// The number of cases that run at once.
    pub jobs: usize,
    /// The seed of a random order, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The seed of the conditions that scenarios leave open, if they are drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vary: Option<u64>,
}
