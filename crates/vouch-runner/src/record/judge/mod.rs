//! Judges a record again: whether its verdicts follow from what it recorded, under the rules of a suite.
//!
//! With the suite of the record, every disagreement is a mistake in the record, for example an edited verdict. With another
//! edition, the disagreements are what that edition changes.
//!
//! What a record does not keep cannot be judged: answers and storage are redacted, and a failed step keeps its result as text.
//! No check here can refuse a record that the runner wrote: counts of requests are checked only from below, since the
//! requests that an SDK makes of its own accord do not count during a run.

mod case;

use super::{RunRecord, SuiteInfo};
use crate::run::Plan;
use crate::run::summary::{Outcome, Summary};
use crate::run::verdict::Verdict;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use vouch_spec::protocol::Role;

/// What a judgement found.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The suite has the digest of the record's suite.
    pub same_suite: bool,
    /// In the order of the cases; those of the run come last.
    pub disagreements: Vec<Disagreement>,
}

/// Something that the record says and that does not follow from what it recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The id of the case. `None`: the run.
    pub case: Option<String>,
    /// The number of the step in the case, from 1.
    pub step: Option<usize>,
    /// What is wrong.
    pub what: String,
}

impl Disagreement {
    fn run(what: impl Into<String>) -> Self {
        Self { case: None, step: None, what: what.into() }
    }

    fn case(id: &str, what: impl Into<String>) -> Self {
        Self { case: Some(id.to_owned()), step: None, what: what.into() }
    }

    fn step(id: &str, step: usize, what: impl Into<String>) -> Self {
        Self { case: Some(id.to_owned()), step: Some(step), what: what.into() }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.case, self.step) {
            (Some(case), Some(step)) => write!(f, "case {case}, step {step}: {}", self.what),
            (Some(case), None) => write!(f, "case {case}: {}", self.what),
            (None, _) => write!(f, "the run: {}", self.what),
        }
    }
}

/// Judges a record under a suite. `plan`: every case of the suite.
pub fn judge(record: &RunRecord, plan: &Plan, suite: &SuiteInfo) -> Judgement {
    let same_suite = record.started.suite.sha256 == suite.sha256;
    let mut found = Vec::new();
    let planned: HashMap<&str, _> = plan.cases.iter().map(|case| (case.id.as_str(), &**case)).collect();
    for case in &record.cases {
        match planned.get(case.id.as_str()) {
            Some(planned) => found.extend(case::judge(case, planned, &record.started, &plan.clauses)),
            None => found.push(Disagreement::case(&case.id, "the suite has no such case")),
        }
    }
    found.extend(missing_cases(record, plan));
    found.extend(explanations(record));
    if same_suite && json(&record.started.suite.clauses) != json(&suite.clauses) {
        found.push(Disagreement::run("its clauses are not those of the suite that it names by digest"));
    }
    found.extend(summary(record));
    Judgement { same_suite, disagreements: found }
}

/// Every case that the suite has for the roles under test must be there, each as often as the others.
fn missing_cases(record: &RunRecord, plan: &Plan) -> Vec<Disagreement> {
    let started = &record.started;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    record.cases.iter().for_each(|case| *counts.entry(&case.id).or_default() += 1);
    let roles: Vec<_> = started.roles.iter().filter_map(|role| Role::parse(role)).collect();
    if roles.len() < started.roles.len() {
        return vec![Disagreement::run(format!("there are no such roles: {}", started.roles.join(", ")))];
    }
    let rounds = counts.values().copied().max().unwrap_or(1);
    let mut found = Vec::new();
    let wanted = plan.cases.iter().filter(|case| roles.is_empty() || case.tries(&roles));
    let wanted: BTreeSet<_> = wanted.map(|case| case.id.as_str()).collect();
    let complete = started.completeness == crate::run::summary::Completeness::Whole;
    for id in wanted.iter().filter(|_| complete) {
        match counts.get(id).copied().unwrap_or_default() {
            0 => found.push(Disagreement::case(id, "the suite has this case, and the record does not")),
            ran if ran < rounds => {
                found.push(Disagreement::case(id, format!("it ran {ran} times, and other cases {rounds} times")));
            }
            _ => {}
        }
    }
    for id in counts.keys().filter(|id| !wanted.contains(*id) && plan.cases.iter().any(|case| case.id == **id)) {
        found.push(Disagreement::case(id, format!("it does not test the roles {}", started.roles.join(", "))));
    }
    if record.cases.len() > started.cases {
        let (ran, planned) = (record.cases.len(), started.cases);
        found.push(Disagreement::run(format!("{ran} cases are recorded, and {planned} were planned")));
    }
    found
}

/// A case that was not reached must point to a case that has a finding.
fn explanations(record: &RunRecord) -> Vec<Disagreement> {
    let explains = |id: &str| record.cases.iter().any(|case| case.id == id && !case.verdict.findings().is_empty());
    let not_reached = record.cases.iter().filter_map(|case| match &case.verdict {
        Verdict::NotReached(why) if !explains(&why.because_of) => Some((case, why)),
        _ => None,
    });
    let what = |because: &str| format!("it was not reached because of {because}, which has no finding");
    not_reached.map(|(case, why)| Disagreement::case(&case.id, what(&why.because_of))).collect()
}

/// The written summary must follow from the cases.
fn summary(record: &RunRecord) -> Vec<Disagreement> {
    let Some(written) = &record.written_summary else {
        return vec![Disagreement::run("the record ends early: it has no summary")];
    };
    let follows = record.summarize(written.end());
    let mut found = differences(written, &follows);
    let (says, is) = (written.outcome(), follows.outcome());
    if says != is {
        let (says, is) = (outcome_in_words(says), outcome_in_words(is));
        found.push(Disagreement::run(format!("the summary says that {says}; from the cases follows that {is}")));
    }
    if !written.interrupted && follows.not_run > 0 && follows.failed == 0 {
        let what = format!("{} planned cases are missing, and the run was not interrupted", follows.not_run);
        found.push(Disagreement::run(what));
    }
    found
}

fn differences(written: &Summary, follows: &Summary) -> Vec<Disagreement> {
    let mut found = Vec::new();
    for (written, follows) in written.clauses.iter().zip(&follows.clauses) {
        if json(written) != json(follows) {
            let what = format!("the summary's result of clause {} does not follow from the cases", follows.id);
            found.push(Disagreement::run(what));
        }
    }
    let all = (json(written), json(follows));
    if found.is_empty()
        && all.0 != all.1
        && let (Some(written), Some(follows)) = (all.0.as_object(), all.1.as_object())
    {
        let fields: Vec<_> = follows
            .iter()
            .filter(|(name, value)| written.get(*name) != Some(value))
            .map(|(name, _)| name.as_str())
            .collect();
        let what = format!("the summary does not follow from the cases: {}", fields.join(", "));
        found.push(Disagreement::run(what));
    }
    found
}

fn json(value: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The outcome of a run as the predicate of a sentence.
pub fn outcome_in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Conforms => "the build conforms",
        Outcome::ConformsWithWaivers => "the build conforms with waivers",
        Outcome::PartPassed => "the chosen part of the suite passed",
        Outcome::OnlyKnownFailures => "the build has known failures only",
        Outcome::GateOutdated => "waivers or known failures are out of date",
        Outcome::DoesNotConform => "the build does not conform",
        Outcome::BadScenario => "a scenario is invalid",
        Outcome::HarnessFailed => "the harness or its environment failed",
        Outcome::Inconclusive => "the run is inconclusive",
        Outcome::Interrupted => "the run was interrupted",
    }
}
