//! The kill matrix: which mutants each scenario kills, and which of them no other scenario kills.

use super::trial::Trial;
use crate::run::Plan;
use std::collections::{BTreeMap, BTreeSet};
use vouch_sim::mutant::Mutant;

/// The scenarios of a plan, by id, and what each kills.
pub struct KillMatrix<'a>(BTreeMap<&'a str, ScenarioKills<'a>>);

/// What one scenario kills.
#[derive(Default)]
pub struct ScenarioKills<'a> {
    /// The clauses that it proves.
    pub proves: BTreeSet<&'a str>,
    /// The mutants that it kills.
    pub kills: BTreeSet<&'a str>,
    /// Those that no other scenario that proves their clause kills.
    pub alone: BTreeSet<&'a str>,
    /// The reason that its file gives for keeping it although `alone` is empty.
    pub rationale: Option<&'a str>,
}

/// Whether a scenario is needed, and whether its file says the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It kills a mutant that no other scenario kills.
    Needed,
    /// It kills none alone, and its `rationale` says why it stays.
    Justified,
    /// It kills none alone, and has no `rationale`.
    Redundant,
    /// It kills one alone, and has a `rationale` that is not needed.
    NeedlessRationale,
}

impl ScenarioKills<'_> {
    /// Whether the scenario is needed.
    pub fn standing(&self) -> Standing {
        match (self.alone.is_empty(), self.rationale) {
            (false, None) => Standing::Needed,
            (true, Some(_)) => Standing::Justified,
            (true, None) => Standing::Redundant,
            (false, Some(_)) => Standing::NeedlessRationale,
        }
    }
}

impl<'a> KillMatrix<'a> {
    /// Builds the matrix from the trials of a plan.
    ///
    /// A kill by a scenario that does not prove the mutant's clause (an invariant named it) does not count against one that
    /// does: without the latter, nothing would prove the clause in its situation.
    pub fn new(trials: &'a [(&Mutant, Trial)], plan: &'a Plan) -> Self {
        let mut scenarios: BTreeMap<&str, ScenarioKills<'a>> = BTreeMap::new();
        for case in &plan.cases {
            let scenario = scenarios.entry(case.scenario.id()).or_default();
            scenario.proves.extend(case.scenario.proves());
            scenario.rationale = case.scenario.header.rationale.as_deref();
        }
        for (mutant, trial) in trials {
            let killers: BTreeSet<_> = trial.killed_by.iter().map(|case| scenario_id(case)).collect();
            let mut provers = Vec::new();
            for killer in killers {
                let scenario = scenarios.entry(killer).or_default();
                scenario.kills.insert(mutant.name);
                if scenario.proves.contains(mutant.clause) {
                    provers.push(killer);
                }
            }
            if let [only] = provers.as_slice() {
                scenarios.entry(only).or_default().alone.insert(mutant.name);
            }
        }
        Self(scenarios)
    }

    /// The scenarios and their kills, by id.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &ScenarioKills<'a>)> {
        self.0.iter().map(|(id, kills)| (*id, kills))
    }

    /// How many scenarios have this standing.
    pub fn count(&self, standing: Standing) -> usize {
        self.0.values().filter(|kills| kills.standing() == standing).count()
    }
}

/// The scenario of a case: the case's id without its matrix values.
fn scenario_id(case: &str) -> &str {
    case.split('[').next().unwrap_or(case)
}
