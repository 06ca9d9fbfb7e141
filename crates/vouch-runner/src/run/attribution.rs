//! Attribution: a step that only prepares a case violates no clause if another finding of the run explains its failure.
//!
//! An SDK that cannot exchange a token fails in nearly every case. Only the cases that are about the exchange say so; the
//! others are *not reached*.

use super::event::Started;
use super::verdict::{CaseReport, Finding, NotReached, Severity, Verdict};
use std::collections::HashMap;

/// A finding that can explain others.
#[derive(Clone)]
struct Explanation {
    case: String,
    clauses: Vec<String>,
}

/// Holds back the cases whose preparation failed until the run has ended.
#[derive(Default)]
pub(super) struct Attribution {
    by_cause: HashMap<super::cause::CauseKey, Explanation>,
    by_clause: HashMap<String, Explanation>,
    waiting: Vec<CaseReport>,
}

impl Attribution {
    /// Takes a finished case. Returns it, unless its verdict depends on findings that are not known yet.
    pub fn take(&mut self, case: CaseReport) -> Option<CaseReport> {
        let Verdict::Failed(findings) = &case.verdict else { return Some(case) };
        for finding in findings.iter().filter(|finding| finding.severity != Severity::Setup) {
            let explanation = Explanation { case: case.id.clone(), clauses: finding.clauses.clone() };
            for clause in &finding.clauses {
                self.by_clause.entry(clause.clone()).or_insert_with(|| explanation.clone());
            }
            self.by_cause.entry(finding.exact_cause.clone()).or_insert(explanation);
        }
        if findings.iter().any(|finding| finding.severity == Severity::Setup) {
            self.waiting.push(case);
            return None;
        }
        Some(case)
    }

    /// The cases that were held back, with their final verdicts.
    pub fn settle(&mut self) -> Vec<CaseReport> {
        let waiting = std::mem::take(&mut self.waiting);
        waiting.into_iter().map(|case| self.settle_case(case)).collect()
    }

    fn settle_case(&self, case: CaseReport) -> CaseReport {
        let Verdict::Failed(findings) = case.verdict else { return case };
        let (setups, mut others): (Vec<_>, Vec<_>) =
            findings.into_iter().partition(|finding| finding.severity == Severity::Setup);
        let mut verdict = None;
        for setup in setups {
            match self.explanation(&setup) {
                Some(explanation) => {
                    let (because_of, clauses) = (explanation.case.clone(), explanation.clauses.clone());
                    verdict = Some(Verdict::NotReached(Box::new(NotReached { setup, because_of, clauses })));
                }
                None => others.push(blame(setup)),
            }
        }
        let verdict = match verdict {
            Some(verdict) if others.is_empty() => verdict,
            _ => Verdict::Failed(others),
        };
        CaseReport { verdict, ..case }
    }

    fn explanation(&self, setup: &Finding) -> Option<&Explanation> {
        let by_clause = || setup.clauses.iter().find_map(|clause| self.by_clause.get(clause));
        self.by_cause.get(&setup.exact_cause).or_else(by_clause)
    }
}

/// A failed preparation that nothing explains: it violates its clauses, or, without any, fails the build by itself.
fn blame(setup: Finding) -> Finding {
    let severity = if setup.clauses.is_empty() { Severity::Always } else { Severity::ByLevel };
    Finding { severity, setup: true, ..setup }
}

/// Gives the cases of several shards the verdicts that they have in one run: a finding of one shard explains a failed
/// preparation of another.
pub(crate) fn settle_across(cases: Vec<CaseReport>, started: &Started) -> Vec<CaseReport> {
    let mut attribution = Attribution::default();
    let mut settled: Vec<_> = cases.into_iter().filter_map(|case| attribution.take(unsettled(case))).collect();
    settled.extend(attribution.settle());
    let Started { gate, suite, strictness, .. } = started;
    let final_verdict = |case: CaseReport| {
        let verdict = gate.apply(&case.id, case.verdict, &suite.clauses, *strictness);
        CaseReport { verdict, ..case }
    };
    settled.into_iter().map(final_verdict).collect()
}

/// The case as it was before its verdict was final.
fn unsettled(case: CaseReport) -> CaseReport {
    let before =
        |finding: Finding| if finding.setup { Finding { severity: Severity::Setup, ..finding } } else { finding };
    match case.verdict {
        Verdict::Failed(findings)
        | Verdict::Warned(findings)
        | Verdict::Waived(findings)
        | Verdict::KnownFailure(findings) => {
            CaseReport { verdict: Verdict::Failed(findings.into_iter().map(before).collect()), ..case }
        }
        _ => case,
    }
}

/// The verdict of a case that runs by itself.
pub(super) fn settle_alone(case: CaseReport) -> CaseReport {
    let Verdict::Failed(findings) = case.verdict else { return case };
    let of = |finding: Finding| if finding.severity == Severity::Setup { blame(finding) } else { finding };
    CaseReport { verdict: Verdict::Failed(findings.into_iter().map(of).collect()), ..case }
}

#[cfg(test)]
pub mod tests;
