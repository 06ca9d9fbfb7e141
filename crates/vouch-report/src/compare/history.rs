//! The history of builds in a folder of records: trends, the first record that broke each clause, flaky cases.

use super::matrix::MatrixFormat;
use super::table::{self, Block};
use crate::outside_text::line;
use crate::run_text::{build_name, counted};
use std::collections::{BTreeMap, BTreeSet};
use vouch_runner::record::RunRecord;
use vouch_runner::run::event::Started;
use vouch_runner::run::summary::{ClauseStatus, Completeness, Outcome, Summary};
use vouch_runner::run::verdict::{CaseReport, Verdict};

/// The most records that a table has as rows; the newest stay.
const MAX_RUNS: usize = 30;
/// The characters of a digest that tell builds apart.
const SHORT_DIGEST: usize = 12;

/// The runs of a folder, in series of one target, roles and profile.
#[derive(Clone, Debug, Default)]
pub struct History {
    series: BTreeMap<Subject, Vec<Run>>,
}

/// What the runs of a series have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    target: String,
    roles: String,
    profile: String,
}

#[derive(Clone, Debug)]
struct Run {
    /// The name of the record file.
    source: String,
    started_at: String,
    build: String,
    /// The SHA-256 of the build, if the record has it.
    digest: Option<String>,
    suite: String,
    summary: Summary,
    /// Whether each case failed, in each of its rounds.
    failed: BTreeMap<String, BTreeSet<bool>>,
}

impl History {
    /// A history without runs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a record, with the name of its file.
    pub fn add(&mut self, source: &str, record: &RunRecord) {
        let Started { target, roles, profile, started_at, build_digest, suite, .. } = &record.started;
        let roles = if roles.is_empty() { "built in".to_owned() } else { roles.join(" ") };
        let subject = Subject { target: line(target), roles: line(&roles), profile: line(profile) };
        let mut failed: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
        for case in &record.cases {
            if let Some(bad) = has_failed(case) {
                failed.entry(case.id.clone()).or_default().insert(bad);
            }
        }
        let run = Run {
            source: line(source),
            started_at: started_at.clone(),
            build: build_name(&record.started),
            digest: build_digest.as_ref().map(|digest| digest.sha256.clone()),
            suite: suite.sha256.clone(),
            summary: record.summary(),
            failed,
        };
        let runs = self.series.entry(subject).or_default();
        let at = runs.partition_point(|other| other.started_at <= run.started_at);
        runs.insert(at, run);
    }

    /// Whether there is no run.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// The history in a format.
    pub fn render(&self, format: MatrixFormat) -> String {
        let blocks: Vec<_> = self.series.iter().flat_map(|(subject, runs)| series(subject, runs)).collect();
        table::render("history", &blocks, format)
    }
}

/// Whether a build failed a case; nothing if the case has no verdict on the build.
fn has_failed(case: &CaseReport) -> Option<bool> {
    match case.verdict {
        Verdict::Passed | Verdict::Warned(_) => Some(false),
        Verdict::Failed(_) | Verdict::Waived(_) | Verdict::KnownFailure(_) => Some(true),
        Verdict::NotReached(_)
        | Verdict::InDoubt(_)
        | Verdict::Skipped(_)
        | Verdict::BadScenario(_)
        | Verdict::HarnessFailed(_) => None,
    }
}

fn series(subject: &Subject, runs: &[Run]) -> Vec<Block> {
    let Subject { target, roles, profile } = subject;
    let count = counted(runs.len(), "run", "runs");
    let mut blocks = vec![Block::Heading(format!("{target} (role {roles}, profile {profile}): {count}"))];
    let left_out = runs.len().saturating_sub(MAX_RUNS);
    if left_out > 0 {
        blocks.push(Block::Text(format!("The table leaves out the {left_out} oldest runs.")));
    }
    let head = vec!["started", "record", "build", "passed", "failed", "waived", "known", "outcome"];
    blocks.push(Block::Table { head, rows: runs[left_out..].iter().map(Run::row).collect() });
    let broken: Vec<_> = clause_ids(runs).into_iter().filter_map(|id| broken_clause(id, runs)).collect();
    if broken.is_empty() {
        blocks.push(Block::Text("No run violates a clause.".into()));
    } else {
        let head = vec!["clause", "trend", "now", "first violated in", "satisfied again in"];
        blocks.push(Block::Table { head, rows: broken });
        let shown = "Trend, the oldest run first: + satisfied, X violated, k known failing, w waived, . not tested or not in the run.";
        blocks.push(Block::Text(shown.into()));
    }
    blocks.extend(flaky(runs));
    blocks
}

impl Run {
    fn row(&self) -> Vec<String> {
        let summary = &self.summary;
        let digest = self.digest.as_ref().map(|digest| format!(" {}", short(digest))).unwrap_or_default();
        let numbers = [summary.passed, summary.failed, summary.waived, summary.known_failures];
        let mut row = vec![line(&self.started_at), self.source.clone(), format!("{}{digest}", self.build)];
        row.extend(numbers.map(|number| number.to_string()));
        row.push(outcome(summary).into());
        row
    }

    fn status(&self, clause: &str) -> Option<ClauseStatus> {
        self.summary.clauses.iter().find(|result| result.id == clause).map(|result| result.status)
    }

    fn place(&self) -> String {
        let day = self.started_at.split('T').next().unwrap_or_default();
        format!("{} ({}, {})", self.source, line(day), self.build)
    }
}

fn short(digest: &str) -> String {
    line(digest).chars().take(SHORT_DIGEST).collect()
}

fn outcome(summary: &Summary) -> &'static str {
    match summary.outcome() {
        Outcome::Conforms => "conforms",
        Outcome::ConformsWithWaivers => "conforms with waivers",
        Outcome::PartPassed => "part passed",
        Outcome::OnlyKnownFailures => "known failures",
        Outcome::DoesNotConform if summary.completeness == Completeness::Part => "part failed",
        Outcome::DoesNotConform => "does not conform",
        Outcome::GateOutdated => "waivers out of date",
        Outcome::BadScenario => "invalid scenario",
        Outcome::HarnessFailed => "harness failed",
        Outcome::Inconclusive => "inconclusive",
        Outcome::Interrupted => "interrupted",
    }
}

/// Every clause of the suites, in the order of the newest suite.
fn clause_ids(runs: &[Run]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    let all = runs.iter().rev().flat_map(|run| run.summary.clauses.iter().map(|clause| clause.id.as_str()));
    all.filter(|id| seen.insert(*id)).collect()
}

/// The row of a clause that a run violates: since when, and whether it is mended.
fn broken_clause(id: &str, runs: &[Run]) -> Option<Vec<String>> {
    let is_broken =
        |status| matches!(status, ClauseStatus::Violated | ClauseStatus::KnownFailing | ClauseStatus::Waived);
    let known: Vec<_> = runs
        .iter()
        .filter_map(|run| Some((run, run.status(id)?)))
        .filter(|(_, status)| *status == ClauseStatus::Satisfied || is_broken(*status))
        .collect();
    let last_broken = known.iter().rposition(|(_, status)| is_broken(*status))?;
    // The last time that it broke: after the last run before that satisfied it.
    let satisfied = known[..last_broken].iter().rposition(|(_, status)| *status == ClauseStatus::Satisfied);
    let (first, _) = known[satisfied.map_or(0, |at| at + 1)];
    let mended = known.get(last_broken + 1).map(|(run, _)| run.place()).unwrap_or_default();
    let trend = runs[runs.len().saturating_sub(MAX_RUNS)..].iter().map(|run| symbol(run.status(id))).collect();
    let now = known.last().map_or("", |(_, status)| status.words());
    Some(vec![line(id), trend, now.into(), first.place(), mended])
}

fn symbol(status: Option<ClauseStatus>) -> char {
    match status {
        Some(ClauseStatus::Satisfied) => '+',
        Some(ClauseStatus::Violated) => 'X',
        Some(ClauseStatus::KnownFailing) => 'k',
        Some(ClauseStatus::Waived) => 'w',
        Some(ClauseStatus::NotTested | ClauseStatus::NotApplicable) | None => '.',
    }
}

/// Cases with different outcomes for one build under one suite, between runs or between the rounds of a run.
fn flaky(runs: &[Run]) -> Vec<Block> {
    type Seen<'a> = (Vec<&'a Run>, Vec<&'a Run>);
    let mut seen: BTreeMap<(&str, &str, &str), Seen<'_>> = BTreeMap::new();
    for run in runs {
        // Without a digest, only the rounds of one run have the same build for certain.
        let build = run.digest.as_deref().unwrap_or(&run.source);
        for (case, outcomes) in &run.failed {
            let (passed, failed) = seen.entry((case, build, &run.suite)).or_default();
            outcomes.iter().for_each(|bad| if *bad { failed.push(run) } else { passed.push(run) });
        }
    }
    let rows = seen.into_iter().filter(|(_, (passed, failed))| !passed.is_empty() && !failed.is_empty());
    let rows: Vec<_> = rows
        .map(|((case, build, _), (passed, failed))| {
            let last = failed.last().map(|run| run.source.clone()).unwrap_or_default();
            vec![line(case), short(build), passed.len().to_string(), failed.len().to_string(), last]
        })
        .collect();
    let without = runs.iter().filter(|run| run.digest.is_none()).count();
    let mut blocks = vec![];
    if rows.is_empty() {
        blocks.push(Block::Text("No case is flaky: each has one outcome for each build.".into()));
    } else {
        blocks.push(Block::Text("Flaky cases, which passed and failed for the same build:".into()));
        let head = vec!["case", "build", "runs passed", "runs failed", "last failed in"];
        blocks.push(Block::Table { head, rows });
    }
    if without > 0 {
        let runs = counted(without, "run has", "runs have");
        let text = format!("{runs} no digest of the build, and can show no flaky case (`build` in the target file).");
        blocks.push(Block::Text(text));
    }
    blocks
}
