//! Which records can be certified.

use vouch_runner::record::RunRecord;
use vouch_runner::run::Shard;
use vouch_runner::run::summary::{Completeness, Outcome, Summary};

/// Whether a certificate may have warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warnings {
    /// Violated `should` clauses are accepted, and listed in the certificate.
    Accepted,
    Refused,
}

/// Why a record cannot be certified.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotCertifiable {
    /// A mutant, a variant or the reference was run.
    #[error("the run tested the built-in parts ({0}), not a build; run with --target")]
    BuiltIn(String),
    /// The record does not say which build was tested.
    #[error(
        "the record has no digest of the build; name the build in the target file (`build = \"PATH\"`) or with --build"
    )]
    NoBuild,
    /// The run was killed.
    #[error("the record ends early: the run was killed; run again")]
    Killed,
    /// The run was interrupted.
    #[error("the run was interrupted; run again to the end")]
    Interrupted,
    /// A filter left out cases.
    #[error("the run had only a part of the suite; run again without a filter")]
    Part,
    /// The run was split.
    #[error("the record has only the shard {0}; join the records of all shards with `vouch merge`")]
    Shard(Shard),
    /// Cases failed.
    #[error("{0} cases failed: the build does not conform")]
    Failed(usize),
    /// The build has known failures.
    #[error("{0} cases are known failures: the build does not conform")]
    KnownFailures(usize),
    /// Waivers or known failures are out of date.
    #[error("{0} waivers or known failures are out of date; `vouch show` shows them")]
    GateOutdated(usize),
    /// The harness failed.
    #[error("the harness or its environment failed in {0} cases; run again")]
    HarnessFailed(usize),
    /// Scenarios are invalid.
    #[error("{0} cases have an invalid scenario; `vouch check` shows the mistakes")]
    BadScenario(usize),
    /// Cases did not run.
    #[error("{0} planned cases did not run; run again")]
    NotRun(usize),
    /// The run is inconclusive.
    #[error("the run is inconclusive: {passed} cases passed, {not_reached} were not reached, {in_doubt} are in doubt")]
    Inconclusive {
        /// The number of cases that passed.
        passed: usize,
        /// The number of cases that were not reached.
        not_reached: usize,
        in_doubt: usize,
    },
    /// `should` clauses are violated.
    #[error("{0} cases violate `should` clauses; certify with --allow-warnings to list them in the certificate")]
    Warned(usize),
}

/// Checks whether a record can be certified.
///
/// # Errors
/// The first reason why it cannot.
pub fn check(record: &RunRecord, warnings: Warnings) -> Result<(), NotCertifiable> {
    let started = &record.started;
    let Some(summary) = &record.written_summary else { return Err(NotCertifiable::Killed) };
    if summary.interrupted {
        return Err(NotCertifiable::Interrupted);
    }
    outcome(summary)?;
    if let Some(shard) = started.shard {
        return Err(NotCertifiable::Shard(shard.shard));
    }
    if started.completeness == Completeness::Part || summary.completeness == Completeness::Part {
        return Err(NotCertifiable::Part);
    }
    if started.target_file.is_none() || started.roles.is_empty() {
        return Err(NotCertifiable::BuiltIn(started.target.clone()));
    }
    if started.build_digest.is_none() {
        return Err(NotCertifiable::NoBuild);
    }
    match summary.warned {
        0 => Ok(()),
        _ if warnings == Warnings::Accepted => Ok(()),
        warned => Err(NotCertifiable::Warned(warned)),
    }
}

fn outcome(summary: &Summary) -> Result<(), NotCertifiable> {
    match summary.outcome() {
        // No case may be unseen, also where a waiver explains why.
        Outcome::Conforms | Outcome::ConformsWithWaivers | Outcome::PartPassed if summary.not_reached > 0 => {
            Err(inconclusive(summary))
        }
        Outcome::Conforms | Outcome::ConformsWithWaivers | Outcome::PartPassed if summary.not_run > 0 => {
            Err(NotCertifiable::NotRun(summary.not_run))
        }
        Outcome::Conforms | Outcome::ConformsWithWaivers | Outcome::PartPassed => Ok(()),
        Outcome::OnlyKnownFailures => Err(NotCertifiable::KnownFailures(summary.known_failures)),
        Outcome::GateOutdated => Err(NotCertifiable::GateOutdated(summary.gate_problems.len())),
        Outcome::DoesNotConform => Err(NotCertifiable::Failed(summary.failed)),
        Outcome::Interrupted => Err(NotCertifiable::Interrupted),
        Outcome::HarnessFailed => Err(NotCertifiable::HarnessFailed(summary.harness_failures)),
        Outcome::BadScenario => Err(NotCertifiable::BadScenario(summary.bad_scenarios)),
        Outcome::Inconclusive => Err(inconclusive(summary)),
    }
}

fn inconclusive(summary: &Summary) -> NotCertifiable {
    let Summary { passed, not_reached, in_doubt, .. } = *summary;
    NotCertifiable::Inconclusive { passed, not_reached, in_doubt }
}
