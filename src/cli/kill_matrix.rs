//! What each scenario is worth: the injected faults that it alone catches, of the scenarios that prove their clause.

use super::mutant_result::Trial;
use super::stdout::Out;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use vouch_runner::run::Plan;
use vouch_sim::mutant::Mutant;

/// The scenarios of a plan and what they kill.
pub(super) struct KillMatrix<'a>(BTreeMap<&'a str, Entry<'a>>);

#[derive(Default)]
struct Entry<'a> {
    proves: BTreeSet<&'a str>,
    kills: BTreeSet<&'a str>,
    /// Those that no other scenario that proves their clause kills.
    alone: BTreeSet<&'a str>,
    /// Why it stays without one.
    reason: Option<&'a str>,
}

/// What there is to say of a scenario.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It kills a fault that no other does.
    Needed,
    /// It does not, and says why it stays.
    Stated,
    /// It does not, and does not say why it stays.
    Spare,
    /// It says why it stays without one, and kills one.
    Overstated,
}

impl Entry<'_> {
    fn standing(&self) -> Standing {
        match (self.alone.is_empty(), self.reason) {
            (false, None) => Standing::Needed,
            (true, Some(_)) => Standing::Stated,
            (true, None) => Standing::Spare,
            (false, Some(_)) => Standing::Overstated,
        }
    }
}

/// The scenario of a case.
fn scenario(case: &str) -> &str {
    case.split('[').next().unwrap_or(case)
}

impl<'a> KillMatrix<'a> {
    /// What others catch only because an invariant names the clause does not count against a scenario that proves it:
    /// without that scenario nothing would prove the clause in its situation.
    pub(super) fn weigh(trials: &'a [(&Mutant, Trial)], plan: &'a Plan) -> Self {
        let mut entries: BTreeMap<&str, Entry<'a>> = BTreeMap::new();
        for case in &plan.cases {
            let entry = entries.entry(case.scenario.id()).or_default();
            entry.proves.extend(case.scenario.proves());
            entry.reason = case.scenario.header.rationale.as_deref();
        }
        for (mutant, trial) in trials {
            let killers: BTreeSet<_> = trial.killed_by.iter().map(|case| scenario(case)).collect();
            let mut provers = Vec::new();
            for killer in killers {
                let entry = entries.entry(killer).or_default();
                entry.kills.insert(mutant.name);
                if entry.proves.contains(mutant.clause) {
                    provers.push(killer);
                }
            }
            if let [only] = provers.as_slice() {
                entries.entry(only).or_default().alone.insert(mutant.name);
            }
        }
        Self(entries)
    }

    /// How many scenarios are not needed and do not say why they stay, or say so needlessly.
    pub(super) fn wrong(&self) -> usize {
        self.count(Standing::Spare) + self.count(Standing::Overstated)
    }

    fn count(&self, standing: Standing) -> usize {
        self.0.values().filter(|entry| entry.standing() == standing).count()
    }

    /// Tells of all scenarios, or of those that are not right.
    pub(super) fn tell(&self, all: bool) -> std::io::Result<()> {
        let mut out = Out;
        if all {
            writeln!(out, "\nscenarios by worth: mutants killed, and those that no other scenario kills")?;
        }
        for (id, entry) in &self.0 {
            let only: Vec<_> = entry.alone.iter().copied().collect();
            let (only, reason) = (only.join(", "), entry.reason.unwrap_or_default());
            let note = match entry.standing() {
                Standing::Needed if all => format!("alone: {only}"),
                Standing::Stated if all => format!("stays: {reason}"),
                Standing::Needed | Standing::Stated => continue,
                Standing::Spare => {
                    "SPARE: it kills nothing that others do not, and no `rationale` says why it stays".into()
                }
                Standing::Overstated => {
                    format!("OVERSTATED: its `rationale` says why it stays, but it alone kills {only}")
                }
            };
            writeln!(out, "  {:>4} {:>3}  {id}  {note}", entry.kills.len(), entry.alone.len())?;
        }
        writeln!(
            out,
            "{} scenarios: {} kill a mutant that no other does, {} stay for a reason that they state, {} without one",
            self.0.len(),
            self.0.values().filter(|entry| !entry.alone.is_empty()).count(),
            self.count(Standing::Stated),
            self.count(Standing::Spare),
        )
    }
}
