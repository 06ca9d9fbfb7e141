//! Collects, case by case, which waivers and known failures a run needed.

use super::{Gate, GateProblem, GateProblemKind, Waiver};
use crate::run::verdict::{CaseReport, Verdict};
use std::collections::BTreeSet;

/// What the cases say of the gate.
pub(crate) struct GateTally {
    gate: Gate,
    cases: Vec<CaseOutcome>,
    /// For each waiver, whether a finding matched it.
    needed: Vec<bool>,
}

struct CaseOutcome {
    id: String,
    proves: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// It passed or warned.
    Good,
    Waived,
    /// It failed, known or not.
    Bad,
    NotReached {
        because_of: String,
    },
    /// It says nothing about the build.
    Nothing,
}

/// The result.
pub(crate) struct Tallied {
    pub problems: Vec<GateProblem>,
    /// The number of cases that were not reached because of a finding that is waived, or that are listed as known failures.
    pub not_reached_excused: usize,
}

impl GateTally {
    pub fn new(gate: Gate) -> Self {
        Self { needed: vec![false; gate.waivers.len()], gate, cases: vec![] }
    }

    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    pub fn add(&mut self, case: &CaseReport) {
        let kind = match &case.verdict {
            Verdict::Passed | Verdict::Warned(_) => Kind::Good,
            Verdict::Waived(_) => Kind::Waived,
            Verdict::Failed(_) | Verdict::KnownFailure(_) => Kind::Bad,
            Verdict::NotReached(of) => Kind::NotReached { because_of: of.because_of.clone() },
            Verdict::InDoubt(_) | Verdict::Skipped(_) | Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => {
                Kind::Nothing
            }
        };
        for (waiver, needed) in self.gate.waivers.iter().zip(&mut self.needed) {
            *needed |= case.verdict.findings().iter().any(|finding| {
                let mut clauses = finding.clauses.iter();
                waiver.covers(&case.id, None) || clauses.any(|clause| waiver.covers(&case.id, Some(clause)))
            });
        }
        self.cases.push(CaseOutcome { id: case.id.clone(), proves: case.proves.clone(), kind });
    }

    /// `is_whole`: every case that the roles under test have in the suite ended.
    pub fn finish(self, is_whole: bool) -> Tallied {
        let mut problems: Vec<_> = self.expired().collect();
        if is_whole {
            problems.extend(self.needless());
        }
        problems.extend(self.unexpected_passes());
        let excused = self.cases.iter().filter(|case| self.is_excused(case)).count();
        Tallied { problems, not_reached_excused: excused }
    }

    fn is_excused(&self, case: &CaseOutcome) -> bool {
        let Kind::NotReached { because_of } = &case.kind else { return false };
        let known = self.gate.known_failures.as_ref().is_some_and(|known| known.accepts(&case.id));
        known || self.cases.iter().any(|other| other.id == *because_of && other.kind == Kind::Waived)
    }

    fn expired(&self) -> impl Iterator<Item = GateProblem> {
        let expired = self.gate.waivers.iter().filter(|waiver| waiver.has_expired(&self.gate.day));
        expired.map(|waiver| GateProblem {
            kind: GateProblemKind::ExpiredWaiver,
            location: waiver.location.clone(),
            text: format!(
                "the waiver of {} ended on {}; fix the build and remove the waiver, or agree on a later day with its owner, {}",
                waiver.subject(),
                waiver.expires,
                waiver.owner
            ),
        })
    }

    fn needless(&self) -> impl Iterator<Item = GateProblem> {
        let unused = self.gate.waivers.iter().zip(&self.needed).filter(|(_, needed)| !**needed);
        let needless = unused.filter(|(waiver, _)| !waiver.has_expired(&self.gate.day) && self.was_tested(waiver));
        needless.map(|(waiver, _)| GateProblem {
            kind: GateProblemKind::NeedlessWaiver,
            location: waiver.location.clone(),
            text: format!("no finding violates {}; remove the waiver", waiver.subject()),
        })
    }

    /// Whether the cases that a waiver is about have a verdict on the build. A case that was not reached may hide a finding.
    fn was_tested(&self, waiver: &Waiver) -> bool {
        let about = self.cases.iter().filter(|case| {
            waiver.covers(&case.id, None) || case.proves.iter().any(|clause| waiver.covers(&case.id, Some(clause)))
        });
        let mut tested = false;
        for case in about {
            match case.kind {
                Kind::NotReached { .. } => return false,
                Kind::Nothing => {}
                Kind::Good | Kind::Waived | Kind::Bad => tested = true,
            }
        }
        tested
    }

    fn unexpected_passes(&self) -> Vec<GateProblem> {
        let Some(known) = self.gate.known_failures.as_ref().filter(|known| !known.is_written) else { return vec![] };
        let of = |kinds: fn(&Kind) -> bool| -> BTreeSet<&str> {
            self.cases.iter().filter(|case| kinds(&case.kind)).map(|case| case.id.as_str()).collect()
        };
        // In a run of several rounds, a case may fail in one of them.
        let (good, bad) =
            (of(|kind| *kind == Kind::Good), of(|kind| matches!(kind, Kind::Bad | Kind::NotReached { .. })));
        let passes = known.cases.iter().filter(|case| good.contains(&*case.id) && !bad.contains(&*case.id));
        let problem = |case: &super::KnownCase| GateProblem {
            kind: GateProblemKind::UnexpectedPass,
            location: case.location.clone(),
            text: format!("{} no longer fails; remove line {} of {}", case.id, case.location.line, known.file),
        };
        passes.map(problem).collect()
    }
}
