//! What is wrong with the waivers and the list of known failures after a run.

use crate::run::verdict::Location;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An entry that is out of date. It fails the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GateProblem {
    pub kind: GateProblemKind,
    /// The entry.
    pub location: Location,
    /// What is wrong, and what to do.
    pub text: String,
}

/// Why an entry is out of date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum GateProblemKind {
    /// The last day of a waiver is over.
    ExpiredWaiver,
    /// Nothing was waived, and the cases that it is about ran.
    NeedlessWaiver,
    /// A case of the list of known failures does not fail.
    UnexpectedPass,
}

impl GateProblemKind {
    /// The kind as reports name it.
    pub fn words(self) -> &'static str {
        match self {
            GateProblemKind::ExpiredWaiver => "expired waiver",
            GateProblemKind::NeedlessWaiver => "needless waiver",
            GateProblemKind::UnexpectedPass => "unexpected pass",
        }
    }
}

impl fmt::Display for GateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.location, self.kind.words(), self.text)
    }
}
