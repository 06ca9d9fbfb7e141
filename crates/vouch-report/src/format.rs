//! The formats of reports.

use crate::{json, junit};
use vouch_runner::record::RunRecord;

/// A format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    Json,
    /// `JUnit` XML, for CI servers.
    Junit,
}

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
#[error("cannot make the report: {0}")]
pub struct ViewError(pub String);

impl Format {
    /// Every format with its word on the command line.
    pub const ALL: [(&'static str, Format); 2] = [("json", Format::Json), ("junit", Format::Junit)];

    /// The format of this name.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == word).map(|(_, format)| format)
    }

    /// The report of a run in this format.
    ///
    /// # Errors
    /// If the text of the report cannot be made.
    pub fn render(self, record: &RunRecord) -> Result<String, ViewError> {
        match self {
            Format::Json => json::render(record),
            Format::Junit => junit::render(record),
        }
    }
}
