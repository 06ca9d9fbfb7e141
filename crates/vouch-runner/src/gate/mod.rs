//! The gate of a run: which failures a team accepts for now. A waiver accepts a finding until a day; a list of known failures
//! accepts the failures of a legacy build, and nothing new.
//!
//! What is accepted does not fail the run, and is never a pass. It is the verdict [`Waived`](Verdict::Waived) or
//! [`KnownFailure`](Verdict::KnownFailure). The module knows verdicts and clauses. It must not know how a case runs.

mod known_failures;
mod problem;
mod tally;
#[cfg(test)]
mod tests;
mod waiver;
mod waiver_file;

pub use known_failures::{KnownCase, KnownFailures, updated};
pub use problem::{GateProblem, GateProblemKind};
pub(crate) use tally::{GateTally, Tallied};
pub use waiver::Waiver;

use crate::run::Plan;
use crate::run::verdict::{Finding, Severity, Strictness, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vouch_spec::scenario::Clauses;
use vouch_spec::text::{Diagnostic, Source};

/// Which failures do not fail a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    /// The day on which the run started, in UTC, as `YYYY-MM-DD`. Waivers expire by it.
    pub day: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waivers: Vec<Waiver>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_failures: Option<KnownFailures>,
}

/// Why a finding does not fail the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Excuse {
    Waived,
    KnownFailure,
}

impl Gate {
    /// The gate of a run that starts at this time (RFC 3339, UTC).
    #[must_use]
    pub fn at(&self, started_at: &str) -> Self {
        let day = started_at.split('T').next().unwrap_or_default().to_owned();
        Self { day, ..self.clone() }
    }

    /// Reads a file of waivers (TOML), and adds its entries.
    ///
    /// # Errors
    /// Every mistake in the file. A clause or a case that the suite does not have is one.
    pub fn add_waivers(&mut self, source: &Source, plan: &Plan) -> Result<(), Vec<Diagnostic>> {
        self.waivers.extend(waiver_file::parse(source, plan)?);
        Ok(())
    }

    /// Reads a list of known failures: a case a line, with comments after `#`.
    ///
    /// # Errors
    /// Every mistake in the file. A case that the suite does not have is one.
    pub fn add_known_failures(&mut self, source: &Source, plan: &Plan) -> Result<(), Vec<Diagnostic>> {
        self.known_failures = Some(KnownFailures::parse(source, plan)?);
        Ok(())
    }

    /// Whether it accepts nothing, and nothing can be wrong with it.
    pub fn is_empty(&self) -> bool {
        self.waivers.is_empty() && self.known_failures.is_none()
    }

    /// The verdict of a case with findings, by the strictness of the run and what is accepted.
    #[must_use]
    pub fn apply(&self, case: &str, verdict: Verdict, clauses: &Clauses, strictness: Strictness) -> Verdict {
        let (Verdict::Failed(findings) | Verdict::Warned(findings)) = verdict else { return verdict };
        let waived = |finding: &Finding| self.waives(case, finding);
        let fails = findings.is_empty()
            || findings.iter().any(|finding| !waived(finding) && !finding.warns(clauses, strictness));
        if fails {
            let known = self.known_failures.as_ref().is_some_and(|known| known.accepts(case));
            return if known { Verdict::KnownFailure(findings) } else { Verdict::Failed(findings) };
        }
        if findings.iter().any(waived) { Verdict::Waived(findings) } else { Verdict::Warned(findings) }
    }

    /// Whether waivers accept the finding of a case: one that names the case, or, for each of its clauses, one that names the
    /// clause.
    pub fn waives(&self, case: &str, finding: &Finding) -> bool {
        let by = |clause: Option<&str>| self.valid_waivers().any(|waiver| waiver.covers(case, clause));
        if by(None) {
            return true;
        }
        // A build that cannot be tested violates no clause in particular.
        finding.severity != Severity::Always
            && !finding.clauses.is_empty()
            && finding.clauses.iter().all(|clause| by(Some(clause)))
    }

    /// The waivers that accept the finding of a case, each once.
    pub fn waivers_of(&self, case: &str, finding: &Finding) -> Vec<&Waiver> {
        if !self.waives(case, finding) {
            return vec![];
        }
        let covers = |waiver: &&Waiver| {
            waiver.covers(case, None) || finding.clauses.iter().any(|clause| waiver.covers(case, Some(clause)))
        };
        self.valid_waivers().filter(covers).collect()
    }

    fn valid_waivers(&self) -> impl Iterator<Item = &Waiver> {
        self.waivers.iter().filter(|waiver| !waiver.has_expired(&self.day))
    }
}
