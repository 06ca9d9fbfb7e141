//! A waiver.

use crate::run::verdict::Location;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vouch_sim::wire::redact::Redacted;

/// Findings that a team accepts until a day, with somebody who answers for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiver {
    /// The violated clause. `None`: every finding of the case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The id of the case. `None`: every case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub case: Option<String>,
    pub reason: Redacted,
    pub owner: Redacted,
    /// The last day on which it holds, as `YYYY-MM-DD` in UTC.
    pub expires: String,
    /// Where the file of waivers has it.
    pub location: Location,
}

impl Waiver {
    /// Whether it no longer holds on a day, `YYYY-MM-DD`.
    pub fn has_expired(&self, day: &str) -> bool {
        self.expires.as_str() < day
    }

    /// Whether it names the clause, in the case. No clause: whether it names the case as a whole.
    pub fn covers(&self, case: &str, clause: Option<&str>) -> bool {
        let is_case = self.case.as_deref().is_none_or(|of| of == case);
        match &self.clause {
            Some(of) => is_case && clause == Some(of),
            None => is_case,
        }
    }

    /// What it is about: `MIG-5`, `the case app-refresh`, or `MIG-5 in the case app-refresh`.
    pub fn subject(&self) -> String {
        match (&self.clause, &self.case) {
            (Some(clause), Some(case)) => format!("{clause} in the case {case}"),
            (Some(clause), None) => clause.clone(),
            (None, Some(case)) => format!("the case {case}"),
            (None, None) => "nothing".into(),
        }
    }

    /// One sentence for reports: subject, reason, owner, last day.
    pub fn describe(&self) -> String {
        format!("{} is waived until {}: {} (owner: {})", self.subject(), self.expires, self.reason, self.owner)
    }
}
