//! What a new build fixed, broke and changed on the wire, compared with an old one.

use super::wire::{self, WireChange};
use crate::run_text::{reason, verdict_word};
use std::collections::BTreeMap;
use vouch_runner::record::RunRecord;
use vouch_runner::run::verdict::{CaseReport, Verdict};
use vouch_spec::scenario::Clause;

/// A case whose verdict changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseChange {
    /// The id of the case.
    pub id: String,
    /// The clauses that its findings violate; without findings, those that it tests.
    pub clauses: Vec<String>,
    /// The verdict of the old build, in a word.
    pub before: &'static str,
    /// The verdict of the new build, in a word.
    pub after: &'static str,
    /// The first finding of the build that fails, or the reason why the case says nothing.
    pub why: String,
}

/// The changes between two records. Changes of the build are told apart from changes of the suite.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    /// Passed or warned before, fails now.
    pub broke: Vec<CaseChange>,
    /// Passed or warned before; fails now, and is waived or known.
    pub newly_excused: Vec<CaseChange>,
    /// Failed before, passes or warns now.
    pub fixed: Vec<CaseChange>,
    /// Fails in both, and the causes are others.
    pub fails_otherwise: Vec<CaseChange>,
    /// Had a verdict on the build before and has none now: skipped, not reached.
    pub no_longer_tested: Vec<CaseChange>,
    /// Has a verdict on the build now and had none before.
    pub newly_tested: Vec<CaseChange>,
    /// Changes on the wire, each with the cases that show it.
    pub wire: BTreeMap<WireChange, Vec<String>>,
    /// Cases of which a record has no exchanges, so that the wire was not compared.
    pub wire_not_compared: usize,
    /// Cases of both records whose scenario is another: their verdicts are not compared.
    pub other_scenario: Vec<String>,
    /// Cases of the old record alone.
    pub only_before: Vec<String>,
    /// Cases of the new record alone, each with its verdict.
    pub only_after: Vec<CaseChange>,
    /// Changes of clauses, in words.
    pub clauses: Vec<String>,
    /// Whether the two records have the same suite.
    pub same_suite: bool,
    /// Other differences between the two runs, in words: profile, roles, capabilities, time.
    pub circumstances: Vec<String>,
}

impl Diff {
    /// Whether the new build fails a case that the old one passed.
    pub fn has_regression(&self) -> bool {
        !self.broke.is_empty()
    }
}

/// Compares the record of a new build with that of an old one.
pub fn diff(old: &RunRecord, new: &RunRecord) -> Diff {
    let mut diff = Diff {
        same_suite: old.started.suite.sha256 == new.started.suite.sha256,
        circumstances: circumstances(old, new),
        clauses: clause_changes(old, new),
        ..Diff::default()
    };
    let before: BTreeMap<_, _> = old.cases.iter().map(|case| (case.id.as_str(), case)).collect();
    let after: BTreeMap<_, _> = new.cases.iter().map(|case| (case.id.as_str(), case)).collect();
    for (id, case) in &before {
        match after.get(id) {
            Some(now) if !diff.same_suite && is_other_scenario(case, now) => diff.other_scenario.push((*id).to_owned()),
            Some(now) => diff.add(case, now),
            None => diff.only_before.push((*id).to_owned()),
        }
    }
    let added = after.iter().filter(|(id, _)| !before.contains_key(*id));
    diff.only_after = added.map(|(_, case)| change("absent", case, case)).collect();
    diff
}

/// What a verdict says about the build.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    Bad,
    /// It fails, and is waived or known.
    Excused,
    Nothing,
}

fn standing(verdict: &Verdict) -> Standing {
    match verdict {
        Verdict::Passed | Verdict::Warned(_) => Standing::Good,
        Verdict::Failed(_) => Standing::Bad,
        Verdict::Waived(_) | Verdict::KnownFailure(_) => Standing::Excused,
        Verdict::NotReached(_)
        | Verdict::InDoubt(_)
        | Verdict::Skipped(_)
        | Verdict::BadScenario(_)
        | Verdict::HarnessFailed(_) => Standing::Nothing,
    }
}

impl Diff {
    fn add(&mut self, old: &CaseReport, new: &CaseReport) {
        use Standing::{Bad, Excused, Good, Nothing};
        let before = verdict_word(&old.verdict);
        match (standing(&old.verdict), standing(&new.verdict)) {
            (Good, Bad) => self.broke.push(change(before, new, new)),
            (Good, Excused) => self.newly_excused.push(change(before, new, new)),
            (Bad | Excused, Good) => self.fixed.push(change(before, new, old)),
            (Bad | Excused, Bad | Excused) if causes(old) != causes(new) => {
                self.fails_otherwise.push(change(before, new, new));
            }
            (Good | Bad | Excused, Nothing) => self.no_longer_tested.push(change(before, new, new)),
            (Nothing, Good | Bad | Excused) => self.newly_tested.push(change(before, new, new)),
            (Good, Good) | (Bad | Excused, Bad | Excused) | (Nothing, Nothing) => {}
        }
        match (&old.record, &new.record) {
            (Some(a), Some(b)) => {
                if let Some(change) = wire::change(a, b) {
                    self.wire.entry(change).or_default().push(new.id.clone());
                }
            }
            (None, None) => {}
            _ => self.wire_not_compared += 1,
        }
    }
}

fn causes(case: &CaseReport) -> std::collections::BTreeSet<&vouch_runner::run::cause::CauseKey> {
    case.verdict.findings().iter().map(|finding| &finding.cause).collect()
}

/// The change of a case; `shown` is the report of it that says why.
fn change(before: &'static str, new: &CaseReport, shown: &CaseReport) -> CaseChange {
    let first = shown.verdict.findings().first();
    let clauses = first.map_or_else(|| shown.proves.clone(), |finding| finding.clauses.clone());
    let why = first.map(|finding| {
        let got = finding.got.as_str().lines().next().unwrap_or("nothing");
        format!("expected {}, got {got}", finding.expected)
    });
    let why = why.or_else(|| reason(&shown.verdict)).unwrap_or_default();
    CaseChange { id: new.id.clone(), clauses, before, after: verdict_word(&new.verdict), why }
}

/// Whether a case of another edition of the suite tests something else. Only the steps that both runs performed can be compared.
fn is_other_scenario(old: &CaseReport, new: &CaseReport) -> bool {
    let steps_differ = match (&old.record, &new.record) {
        (Some(a), Some(b)) => {
            let mut pairs = a.steps.iter().zip(&b.steps);
            a.planned_steps != b.planned_steps || pairs.any(|(a, b)| a.step != b.step || a.clauses != b.clauses)
        }
        _ => false,
    };
    steps_differ || old.proves != new.proves
}

fn clause_changes(old: &RunRecord, new: &RunRecord) -> Vec<String> {
    let (before, after) = (&old.started.suite.clauses, &new.started.suite.clauses);
    let mut changes = Vec::new();
    for clause in before.iter() {
        match after.get(&clause.id) {
            None => changes.push(format!("{} is no longer there", clause.id)),
            Some(now) => changes.extend(clause_change(clause, now)),
        }
    }
    let added = after.iter().filter(|clause| before.get(&clause.id).is_none());
    changes.extend(added.map(|clause| format!("{} ({}) is new: {}", clause.id, clause.level.word(), clause.text)));
    changes
}

fn clause_change(old: &Clause, new: &Clause) -> Option<String> {
    if old.level != new.level {
        return Some(format!("{} was {} and is {}", new.id, old.level.word(), new.level.word()));
    }
    (old.text != new.text).then(|| format!("{} has another text: {}", new.id, new.text))
}

/// Differences between the runs that can explain changes of verdicts.
fn circumstances(old: &RunRecord, new: &RunRecord) -> Vec<String> {
    let (a, b) = (&old.started, &new.started);
    let mut found = Vec::new();
    let mut compare = |what: &str, before: String, after: String| {
        if before != after {
            let shown = |text: String| if text.is_empty() { "none".to_owned() } else { text };
            found.push(format!("{what}: {}, now {}", shown(before), shown(after)));
        }
    };
    compare("profile", a.profile.clone(), b.profile.clone());
    compare("roles", a.roles.join(" "), b.roles.join(" "));
    compare("time", a.time.clone(), b.time.clone());
    compare("Vouch", a.vouch.clone(), b.vouch.clone());
    let missing = |of: &[String], other: &[String]| -> Vec<String> {
        of.iter().filter(|word| !other.contains(word)).cloned().collect()
    };
    let (lost, gained) = (missing(&a.capabilities, &b.capabilities), missing(&b.capabilities, &a.capabilities));
    if !lost.is_empty() {
        found.push(format!("capabilities that the new build does not claim: {}", lost.join(", ")));
    }
    if !gained.is_empty() {
        found.push(format!("capabilities that only the new build claims: {}", gained.join(", ")));
    }
    found
}
