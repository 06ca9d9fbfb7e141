//! The summary of a run: the status of each clause and the outcome for the build.

use super::cause::{Cause, Causes, Weight};
use super::shard::RunShard;
use super::verdict::{CaseReport, Finding, Verdict};
use crate::gate::{Excuse, Gate, GateProblem, GateTally, Tallied};
use crate::record::seconds;
use crate::sut::ProcessTally;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::scenario::{ClauseSource, Clauses, Level};

/// The status of a clause after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ClauseStatus {
    /// At least one of its cases passed, and no case violated it.
    Satisfied,
    /// At least one case violated it.
    Violated,
    /// At least one case violated it, and each violation is waived or by a known failure: no new one.
    KnownFailing,
    /// At least one case violated it, and each violation is waived.
    Waived,
    /// None of its cases passed: they failed under other clauses or were skipped.
    NotTested,
    /// No case of the run tests it.
    NotApplicable,
}

impl ClauseStatus {
    /// The status as reports name it.
    pub fn words(self) -> &'static str {
        match self {
            ClauseStatus::Satisfied => "satisfied",
            ClauseStatus::Violated => "violated",
            ClauseStatus::KnownFailing => "known failing",
            ClauseStatus::Waived => "waived",
            ClauseStatus::NotTested => "not tested",
            ClauseStatus::NotApplicable => "not applicable",
        }
    }
}

/// The result of one clause.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClauseResult {
    pub id: String,
    pub level: Level,
    pub text: String,
    pub group: String,
    /// Where the clause comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ClauseSource>,
    /// The edition of the suite that introduced it.
    pub since: u32,
    pub status: ClauseStatus,
    /// The number of cases that passed and test it.
    pub satisfied_count: usize,
    /// The ids of the cases that violated it, without those of known failures and waivers.
    pub violated_by: Vec<String>,
    /// The ids of the known failures that violated it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known_failing_in: Vec<String>,
    /// The ids of the cases whose violation is waived.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waived_in: Vec<String>,
}

/// The counts and the clause results of a run.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
    /// Cases that violated `should` clauses only, in a run that is not strict.
    pub warned: usize,
    /// Cases whose findings are waived.
    #[serde(default)]
    pub waived: usize,
    /// Cases that failed and are listed as known failures.
    #[serde(default)]
    pub known_failures: usize,
    pub skipped: usize,
    /// Cases whose preparation failed for a reason that another case shows.
    pub not_reached: usize,
    /// How many of them a waiver or a known failure explains.
    #[serde(default)]
    pub not_reached_excused: usize,
    /// Cases that failed twice while the machine was late.
    #[serde(default)]
    pub in_doubt: usize,
    /// Cases that failed while the machine was late and ran again, alone, those in doubt among them.
    #[serde(default)]
    pub ran_again: usize,
    /// Cases that failed in a process that had served other cases, and not in new processes.
    #[serde(default)]
    pub survived: usize,
    /// The processes of an SDK whose adapter claims `reuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<ProcessTally>,
    /// Cases that were planned and did not finish, because the run stopped early.
    pub not_run: usize,
    pub bad_scenarios: usize,
    pub harness_failures: usize,
    /// The number of skipped cases by reason.
    pub skip_reasons: BTreeMap<String, usize>,
    pub clauses: Vec<ClauseResult>,
    /// The findings by their probable cause.
    pub causes: Vec<Cause>,
    /// Waivers and known failures that are out of date.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gate_problems: Vec<GateProblem>,
    #[serde(rename = "durationSeconds", with = "seconds")]
    #[schemars(with = "f64")]
    pub duration: Duration,
    /// The longest time by which the harness itself was late, in seconds; zero below 0.05 s.
    #[serde(rename = "longestDelaySeconds", with = "seconds", default)]
    #[schemars(with = "f64")]
    pub longest_delay: Duration,
    pub interrupted: bool,
    /// Whether the run had every case that the roles under test have in the suite.
    pub completeness: Completeness,
    /// The shard that the run is, if it was split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<RunShard>,
    /// The run is inconclusive unless every `must` clause that its cases test is satisfied.
    pub require_all: bool,
}

/// How much of the suite a run had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Completeness {
    Whole,
    /// A filter left out cases, or the run is a shard, so that no verdict on the build follows.
    Part,
}

/// What a run can say.
#[derive(Clone, Copy, Debug)]
pub struct RunScope {
    pub completeness: Completeness,
    pub shard: Option<RunShard>,
    /// A cloud is under test: what it does wrong itself comes before what the SDK then does wrong.
    pub servers_first: bool,
    /// See [`Summary::require_all`].
    pub require_all: bool,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct RunEnd {
    pub duration: Duration,
    /// See [`Summary::longest_delay`].
    pub longest_delay: Duration,
    pub interrupted: bool,
    /// See [`Summary::processes`].
    pub processes: Option<ProcessTally>,
}

/// The outcome of a run for the build under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Conforms,
    /// It conforms but for findings that are waived.
    ConformsWithWaivers,
    /// Every chosen case passed, but the run had only a part or a shard of the suite: no verdict on the build follows.
    PartPassed,
    /// The build does not conform; every failure is a known one.
    OnlyKnownFailures,
    DoesNotConform,
    /// No new failure, but waivers have expired or are needless, or a known failure no longer fails.
    GateOutdated,
    BadScenario,
    HarnessFailed,
    /// No case passed, a case was not reached or is in doubt, or `require_all` is set and a `must` clause was not tested.
    Inconclusive,
    Interrupted,
}

impl Outcome {
    /// The exit code of the process.
    pub const fn exit_code(self) -> u8 {
        match self {
            Outcome::Conforms | Outcome::ConformsWithWaivers | Outcome::PartPassed | Outcome::OnlyKnownFailures => 0,
            Outcome::DoesNotConform | Outcome::GateOutdated => 1,
            Outcome::BadScenario => 2,
            Outcome::HarnessFailed => 3,
            Outcome::Inconclusive => 4,
            Outcome::Interrupted => 130,
        }
    }
}

/// Builds a [`Summary`] from the reports of cases.
pub struct SummaryBuilder {
    clauses: Arc<Clauses>,
    results: BTreeMap<String, ClauseResult>,
    /// The clauses that any case of the run tests.
    covered: BTreeSet<String>,
    causes: Causes,
    servers_first: bool,
    gate: GateTally,
    summary: Summary,
}

impl SummaryBuilder {
    pub fn new(clauses: Arc<Clauses>, scope: RunScope, gate: Gate) -> Self {
        let RunScope { completeness, shard, servers_first, require_all } = scope;
        let result = |clause: &vouch_spec::scenario::Clause| ClauseResult {
            id: clause.id.clone(),
            level: clause.level,
            text: clause.text.clone(),
            group: clause.group.clone(),
            source: clause.source.clone(),
            since: clause.since,
            status: ClauseStatus::NotApplicable,
            satisfied_count: 0,
            violated_by: vec![],
            known_failing_in: vec![],
            waived_in: vec![],
        };
        let results = clauses.iter().map(|clause| (clause.id.clone(), result(clause))).collect();
        let summary = Summary {
            passed: 0,
            failed: 0,
            warned: 0,
            waived: 0,
            known_failures: 0,
            skipped: 0,
            not_reached: 0,
            not_reached_excused: 0,
            in_doubt: 0,
            ran_again: 0,
            survived: 0,
            processes: None,
            not_run: 0,
            bad_scenarios: 0,
            harness_failures: 0,
            skip_reasons: BTreeMap::new(),
            clauses: vec![],
            causes: vec![],
            gate_problems: vec![],
            duration: Duration::ZERO,
            longest_delay: Duration::ZERO,
            interrupted: false,
            completeness,
            shard,
            require_all,
        };
        let (covered, causes, gate) = (BTreeSet::new(), Causes::default(), GateTally::new(gate));
        Self { clauses, results, covered, causes, servers_first, gate, summary }
    }

    /// Adds the report of a finished case.
    pub fn add(&mut self, case: &CaseReport) {
        self.covered.extend(case.proves.iter().cloned());
        self.gate.add(case);
        self.add_findings(case);
        let summary = &mut self.summary;
        summary.ran_again += usize::from(case.late.is_some());
        summary.survived += usize::from(case.survived.is_some());
        match &case.verdict {
            Verdict::Passed => {
                summary.passed += 1;
                for clause in &case.proves {
                    if let Some(result) = self.results.get_mut(clause) {
                        result.satisfied_count += 1;
                    }
                }
            }
            Verdict::Failed(_) => summary.failed += 1,
            Verdict::Warned(_) => summary.warned += 1,
            Verdict::Waived(_) => summary.waived += 1,
            Verdict::KnownFailure(_) => summary.known_failures += 1,
            Verdict::NotReached(not_reached) => {
                summary.not_reached += 1;
                self.causes.add_not_reached(&case.id, &not_reached.because_of);
            }
            Verdict::InDoubt(_) => summary.in_doubt += 1,
            Verdict::Skipped(reason) => {
                summary.skipped += 1;
                *summary.skip_reasons.entry(reason.clone()).or_default() += 1;
            }
            Verdict::BadScenario(_) => summary.bad_scenarios += 1,
            Verdict::HarnessFailed(_) => summary.harness_failures += 1,
        }
    }

    fn add_findings(&mut self, case: &CaseReport) {
        let gate = self.gate.gate();
        let weight = |finding: &Finding| match &case.verdict {
            _ if gate.waives(&case.id, finding) => Weight::Excused(Excuse::Waived),
            Verdict::KnownFailure(_) => Weight::Excused(Excuse::KnownFailure),
            Verdict::Failed(_) => Weight::Fails,
            _ => Weight::Warns,
        };
        self.causes.add(case, weight);
        for finding in case.verdict.findings() {
            let weight = weight(finding);
            for clause in &finding.clauses {
                let Some(result) = self.results.get_mut(clause) else { continue };
                let cases = match weight {
                    Weight::Excused(Excuse::Waived) => &mut result.waived_in,
                    Weight::Excused(Excuse::KnownFailure) => &mut result.known_failing_in,
                    Weight::Warns | Weight::Fails => &mut result.violated_by,
                };
                if !cases.contains(&case.id) {
                    cases.push(case.id.clone());
                }
            }
        }
    }

    /// Completes the summary. `planned` is the number of planned cases.
    pub fn finish(mut self, planned: usize, end: RunEnd) -> Summary {
        let RunEnd { duration, longest_delay, interrupted, processes } = end;
        let of = &mut self.summary;
        let with_findings = of.failed + of.warned + of.waived + of.known_failures;
        let ran = of.passed
            + with_findings
            + of.skipped
            + of.not_reached
            + of.in_doubt
            + of.bad_scenarios
            + of.harness_failures;
        of.not_run = planned.saturating_sub(ran);
        let is_whole = of.completeness == Completeness::Whole && of.not_run == 0 && of.in_doubt == 0 && !interrupted;
        let Tallied { problems, not_reached_excused } = self.gate.finish(is_whole);
        (of.gate_problems, of.not_reached_excused) = (problems, not_reached_excused);
        for (id, result) in &mut self.results {
            result.status = if !result.violated_by.is_empty() {
                ClauseStatus::Violated
            } else if !result.known_failing_in.is_empty() {
                ClauseStatus::KnownFailing
            } else if !result.waived_in.is_empty() {
                ClauseStatus::Waived
            } else if result.satisfied_count > 0 {
                ClauseStatus::Satisfied
            } else if self.covered.contains(id) {
                ClauseStatus::NotTested
            } else {
                ClauseStatus::NotApplicable
            };
        }
        let mut clauses: Vec<_> = self.results.into_values().collect();
        clauses.sort_by_key(|result| self.clauses.rank(&result.id));
        Summary {
            clauses,
            causes: self.causes.into_sorted(self.servers_first),
            duration,
            longest_delay,
            interrupted,
            processes,
            ..self.summary
        }
    }
}

impl Summary {
    /// The number of `must` clauses that cases of this run test and that were not tested, for example because the SDK lacks a
    /// capability.
    pub fn untested_must_clauses(&self) -> usize {
        let is_untested =
            |clause: &&ClauseResult| clause.level == Level::Must && clause.status == ClauseStatus::NotTested;
        self.clauses.iter().filter(is_untested).count()
    }

    /// How the run ended.
    pub fn end(&self) -> RunEnd {
        RunEnd {
            duration: self.duration,
            longest_delay: self.longest_delay,
            interrupted: self.interrupted,
            processes: self.processes.clone(),
        }
    }

    /// The outcome for the build.
    pub fn outcome(&self) -> Outcome {
        // A run that was interrupted says so, whatever had failed by then: the counts say the rest.
        if self.interrupted {
            Outcome::Interrupted
        } else if self.failed > 0 {
            Outcome::DoesNotConform
        } else if self.harness_failures > 0 {
            Outcome::HarnessFailed
        } else if self.bad_scenarios > 0 {
            Outcome::BadScenario
        } else if !self.gate_problems.is_empty() {
            Outcome::GateOutdated
        } else if self.is_inconclusive() {
            Outcome::Inconclusive
        } else if self.known_failures > 0 {
            Outcome::OnlyKnownFailures
        } else if self.completeness == Completeness::Part {
            Outcome::PartPassed
        } else if self.waived > 0 {
            Outcome::ConformsWithWaivers
        } else {
            Outcome::Conforms
        }
    }

    fn is_inconclusive(&self) -> bool {
        // A case with a warning did not finish: it satisfies no clause.
        let untested = self.passed + self.waived + self.known_failures == 0
            || self.require_all && self.untested_must_clauses() > 0;
        // What a shard leaves untested, another one may test.
        self.not_reached > self.not_reached_excused || self.in_doubt > 0 || untested && self.shard.is_none()
    }
}

#[cfg(test)]
mod tests;
