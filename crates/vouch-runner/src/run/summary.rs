//! A run added up: what is known of each clause, and what is said of the build.

use super::verdict::{CaseReport, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use vouch_spec::scenario::{Clauses, Level};

/// What is known of a clause after the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ClauseStatus {
    /// At least one case proved it, none broke it.
    Satisfied,
    Violated,
    /// Cases were to prove it and could not: they failed elsewhere or were skipped.
    NotTested,
    /// No case of this run is about it.
    NotApplicable,
}

/// One clause's result.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClauseResult {
    pub id: String,
    pub level: Level,
    pub text: String,
    pub group: String,
    pub standing: ClauseStatus,
    /// How many cases proved it.
    pub proofs: usize,
    /// The cases that broke it.
    pub broken_by: Vec<String>,
}

/// The whole run in numbers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub passed: usize,
    pub failed: usize,
    /// Cases that broke `should` clauses only, in a run that is not strict.
    pub warned: usize,
    pub skipped: usize,
    /// Cases that were planned and never ran to their end: the run was ended before.
    pub not_run: usize,
    pub bad_scenarios: usize,
    pub harness_failures: usize,
    /// Reasons for skips, and how many cases each.
    pub skip_reasons: BTreeMap<String, usize>,
    pub clauses: Vec<ClauseResult>,
    #[serde(skip)]
    pub duration: Duration,
    pub interrupted: bool,
    /// Without proof of every `must` clause that its scenarios are about, the run says nothing.
    pub require_all: bool,
}

/// What the run says of the build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Conforms,
    DoesNotConform,
    BadScenario,
    HarnessFailed,
    /// Nothing was proved, or not all that was asked for.
    Inconclusive,
    Interrupted,
}

impl Outcome {
    /// The process's exit code.
    pub const fn exit_code(self) -> u8 {
        match self {
            Outcome::Conforms => 0,
            Outcome::DoesNotConform => 1,
            Outcome::BadScenario => 2,
            Outcome::HarnessFailed => 3,
            Outcome::Inconclusive => 4,
            Outcome::Interrupted => 130,
        }
    }
}

/// Adds cases up.
pub struct SummaryBuilder {
    clauses: Arc<Clauses>,
    results: BTreeMap<String, ClauseResult>,
    tried: BTreeSet<String>,
    summary: Summary,
}

impl SummaryBuilder {
    /// `require_all`: whether every `must` clause is to be proved.
    pub fn new(clauses: Arc<Clauses>, require_all: bool) -> Self {
        let result = |clause: &vouch_spec::scenario::Clause| ClauseResult {
            id: clause.id.clone(),
            level: clause.level,
            text: clause.text.clone(),
            group: clause.group.clone(),
            standing: ClauseStatus::NotApplicable,
            proofs: 0,
            broken_by: vec![],
        };
        let results = clauses.iter().map(|clause| (clause.id.clone(), result(clause))).collect();
        let summary = Summary {
            passed: 0,
            failed: 0,
            warned: 0,
            skipped: 0,
            not_run: 0,
            bad_scenarios: 0,
            harness_failures: 0,
            skip_reasons: BTreeMap::new(),
            clauses: vec![],
            duration: Duration::ZERO,
            interrupted: false,
            require_all,
        };
        Self { clauses, results, tried: BTreeSet::new(), summary }
    }

    pub fn add(&mut self, case: &CaseReport) {
        self.tried.extend(case.proves.iter().cloned());
        let summary = &mut self.summary;
        match &case.verdict {
            Verdict::Passed => {
                summary.passed += 1;
                for clause in &case.proves {
                    if let Some(result) = self.results.get_mut(clause) {
                        result.proofs += 1;
                    }
                }
            }
            Verdict::Failed(findings) | Verdict::Warned(findings) => {
                match case.verdict {
                    Verdict::Warned(_) => summary.warned += 1,
                    _ => summary.failed += 1,
                }
                for clause in findings.iter().flat_map(|finding| &finding.clauses) {
                    if let Some(result) = self.results.get_mut(clause)
                        && !result.broken_by.contains(&case.id)
                    {
                        result.broken_by.push(case.id.clone());
                    }
                }
            }
            Verdict::Skipped(reason) => {
                summary.skipped += 1;
                *summary.skip_reasons.entry(reason.clone()).or_default() += 1;
            }
            Verdict::BadScenario(_) => summary.bad_scenarios += 1,
            Verdict::HarnessFailed(_) => summary.harness_failures += 1,
        }
    }

    /// Ends the counting, after so many planned cases or fewer.
    pub fn finish(mut self, planned: usize, duration: Duration, interrupted: bool) -> Summary {
        let Summary { passed, failed, warned, skipped, bad_scenarios, harness_failures, .. } = self.summary;
        let ran = passed + failed + warned + skipped + bad_scenarios + harness_failures;
        self.summary.not_run = planned.saturating_sub(ran);
        for (id, result) in &mut self.results {
            result.standing = match (result.broken_by.is_empty(), result.proofs, self.tried.contains(id)) {
                (false, ..) => ClauseStatus::Violated,
                (true, 1.., _) => ClauseStatus::Satisfied,
                (true, 0, true) => ClauseStatus::NotTested,
                (true, 0, false) => ClauseStatus::NotApplicable,
            };
        }
        let mut clauses: Vec<_> = self.results.into_values().collect();
        clauses.sort_by_key(|result| self.clauses.rank(&result.id));
        Summary { clauses, duration, interrupted, ..self.summary }
    }
}

impl Summary {
    /// How many `must` clauses cases of this run were to prove and could not, for example for want of a capability.
    pub fn open(&self) -> usize {
        let is_open =
            |clause: &&ClauseResult| clause.level == Level::Must && clause.standing == ClauseStatus::NotTested;
        self.clauses.iter().filter(is_open).count()
    }

    pub fn outcome(&self) -> Outcome {
        if self.failed > 0 {
            Outcome::DoesNotConform
        } else if self.interrupted {
            Outcome::Interrupted
        } else if self.harness_failures > 0 {
            Outcome::HarnessFailed
        } else if self.bad_scenarios > 0 {
            Outcome::BadScenario
        } else if self.passed == 0 || self.require_all && self.open() > 0 {
            // A case that breaks a `should` clause ends there: it proves nothing.
            Outcome::Inconclusive
        } else {
            Outcome::Conforms
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::{clauses, finding};
    use super::super::verdict::{Strictness, Weight};
    use super::*;
    use vouch_sim::wire::redact::Redacted;

    fn case(proves: &[&str], verdict: Verdict) -> CaseReport {
        let text = String::new;
        CaseReport {
            id: "case".into(),
            group: text(),
            title: text(),
            advice: None,
            file: text(),
            proves: proves.iter().map(|id| (*id).to_owned()).collect(),
            verdict,
            duration: Duration::ZERO,
        }
    }

    fn judged(strictness: Strictness, cases: &[CaseReport], interrupted: bool) -> Summary {
        let clauses = clauses();
        let mut tally = SummaryBuilder::new(clauses.clone(), false);
        for case in cases {
            tally.add(&CaseReport { verdict: case.verdict.clone().weighed(&clauses, strictness), ..case.clone() });
        }
        tally.finish(cases.len() + 2, Duration::from_secs(1), interrupted)
    }

    fn failed(clauses: &[&str]) -> CaseReport {
        case(&["AB-1"], Verdict::Failed(vec![finding(clauses, Weight::Clauses)]))
    }

    #[test]
    fn cases_decide_what_is_said_of_the_build() {
        use Strictness::{Lenient, Strict};
        let passed = || case(&["AB-1"], Verdict::Passed);
        let skipped = || case(&["AB-1"], Verdict::Skipped("no clock".into()));
        let bad = || case(&["AB-1"], Verdict::BadScenario(Redacted::default()));
        let harness = || case(&["AB-1"], Verdict::HarnessFailed(Redacted::default()));
        for (cases, strictness, interrupted, outcome, code) in [
            (vec![passed()], Lenient, false, Outcome::Conforms, 0),
            (vec![failed(&["AB-2"])], Lenient, false, Outcome::Inconclusive, 4),
            (vec![passed(), failed(&["AB-2"])], Lenient, false, Outcome::Conforms, 0),
            (vec![failed(&["AB-2"])], Strict, false, Outcome::DoesNotConform, 1),
            (vec![passed(), failed(&["AB-1"])], Lenient, false, Outcome::DoesNotConform, 1),
            (vec![failed(&[])], Lenient, false, Outcome::DoesNotConform, 1),
            (vec![case(&[], Verdict::Failed(vec![]))], Lenient, false, Outcome::DoesNotConform, 1),
            (vec![bad(), passed()], Lenient, false, Outcome::BadScenario, 2),
            (vec![bad(), harness(), passed()], Lenient, false, Outcome::HarnessFailed, 3),
            (vec![failed(&["AB-1"]), bad(), harness()], Lenient, true, Outcome::DoesNotConform, 1),
            (vec![skipped(), skipped()], Lenient, false, Outcome::Inconclusive, 4),
            (vec![], Lenient, false, Outcome::Inconclusive, 4),
            (vec![passed(), harness()], Lenient, true, Outcome::Interrupted, 130),
        ] {
            let summary = judged(strictness, &cases, interrupted);
            assert_eq!((summary.outcome(), summary.outcome().exit_code()), (outcome, code));
        }
    }

    #[test]
    fn who_requires_all_gets_no_verdict_from_a_part() {
        let cases = [case(&["AB-1"], Verdict::Passed), case(&["AC-1"], Verdict::Skipped("no clock".into()))];
        let outcome = |require_all, cases: &[CaseReport]| {
            let mut tally = SummaryBuilder::new(clauses(), require_all);
            cases.iter().for_each(|case| tally.add(case));
            tally.finish(cases.len(), Duration::ZERO, false).outcome()
        };
        assert_eq!([false, true].map(|all| outcome(all, &cases)), [Outcome::Conforms, Outcome::Inconclusive]);
        // What no case is about is not asked for, nor is what only should be.
        let should = case(&["AB-2"], Verdict::Skipped("no clock".into()));
        assert_eq!(outcome(true, &[cases[0].clone(), should]), Outcome::Conforms);
    }

    #[test]
    fn cases_are_counted_and_reasons_kept() {
        let of = |verdict| case(&["AB-1"], verdict);
        let mut cases = vec![of(Verdict::Passed), of(Verdict::Passed), failed(&["AB-1"]), failed(&["AB-2"])];
        cases.extend(["no clock", "no clock", "no backend"].map(|reason| of(Verdict::Skipped(reason.into()))));
        cases.extend([1, 2].map(|_| of(Verdict::BadScenario(Redacted::default()))));
        cases.extend([1, 2, 3].map(|_| of(Verdict::HarnessFailed(Redacted::default()))));
        let all = judged(Strictness::Lenient, &cases, false);
        assert_eq!((all.duration, all.passed, all.failed, all.warned), (Duration::from_secs(1), 2, 1, 1));
        assert_eq!((all.skipped, all.bad_scenarios, all.harness_failures, all.not_run), (3, 2, 3, 2));
        assert_eq!((all.skip_reasons["no clock"], all.skip_reasons["no backend"]), (2, 1));
    }

    #[test]
    fn a_clause_stands_by_its_cases() {
        let skipped = |id| case(&[id], Verdict::Skipped("no clock".into()));
        let cases =
            [case(&["AB-1"], Verdict::Passed), case(&["AB-1"], Verdict::Passed), skipped("AB-1"), skipped("AB-2")];
        let standing = |summary: &Summary| -> Vec<_> {
            summary.clauses.iter().map(|result| (result.id.clone(), result.standing, result.proofs)).collect()
        };
        let clause = |id: &str, standing, proofs| (id.to_owned(), standing, proofs);
        let summary = judged(Strictness::Lenient, &cases, false);
        let expected = [
            clause("AB-1", ClauseStatus::Satisfied, 2),
            clause("AB-2", ClauseStatus::NotTested, 0),
            clause("AC-1", ClauseStatus::NotApplicable, 0),
        ];
        assert_eq!(standing(&summary), expected);
        // Violated is broken, however often it was proved; a case counts once.
        let twice = vec![finding(&["AB-1"], Weight::Clauses), finding(&["AB-1", "AC-1"], Weight::Clauses)];
        let broken = case(&["AB-1"], Verdict::Failed(twice));
        let summary = judged(Strictness::Lenient, &[case(&["AB-1"], Verdict::Passed), broken], false);
        assert_eq!(standing(&summary)[0], clause("AB-1", ClauseStatus::Violated, 1));
        assert_eq!(summary.clauses[0].broken_by, ["case"]);
        assert_eq!(summary.clauses[2].standing, ClauseStatus::Violated);
    }
}
