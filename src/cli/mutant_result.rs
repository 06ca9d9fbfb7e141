//! What the suite makes of one injected fault.

use std::collections::BTreeSet;
use vouch_runner::run::event::RunEvent;
use vouch_runner::run::verdict::Verdict;
use vouch_runner::run::{Interrupted, Plan, Settings};

/// What the suite made of one mutant.
#[derive(Default)]
pub struct Trial {
    /// The cases that named the right clause.
    pub killed_by: Vec<String>,
    /// Clauses that were named by cases that did not.
    pub named: BTreeSet<String>,
    /// Every case that failed, whatever it named.
    pub failed: Vec<String>,
}

impl Trial {
    /// Runs a plan with a fault that breaks this clause.
    pub async fn of(clause: &str, settings: Settings, plan: Plan, interrupted: Interrupted) -> Self {
        let mut trial = Self::default();
        vouch_runner::run::run(plan, settings, interrupted, |event| {
            let RunEvent::CaseFinished(case) = event else { return };
            let findings = match &case.verdict {
                Verdict::Failed(findings) | Verdict::Warned(findings) => findings,
                Verdict::Passed | Verdict::Skipped(_) => return,
                Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => {
                    trial.failed.push(case.id.clone());
                    return;
                }
            };
            trial.failed.push(case.id.clone());
            let named: BTreeSet<_> = findings.iter().flat_map(|finding| finding.clauses.clone()).collect();
            if named.contains(clause) {
                trial.killed_by.push(case.id.clone());
            } else {
                trial.named.extend(named);
            }
        })
        .await;
        trial.killed_by.sort();
        trial.failed.sort();
        trial
    }
}
