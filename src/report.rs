//! The result of a run.

use std::fmt;
use vouch_report::{Console, Detail, Format, ViewError};
use vouch_runner::record::RunRecord;
use vouch_runner::run::event::Started;
use vouch_runner::run::summary::{ClauseResult, Outcome, Summary};
use vouch_runner::run::verdict::{CaseReport, Finding};

/// The result of a run: every case with its verdict, every finding, and what the run shows about each clause.
///
/// Its [`Display`](fmt::Display) text is the report that `vouch run` prints. All texts are redacted: tokens and keys are
/// replaced by their kind and a number.
pub struct Report {
    record: RunRecord,
    summary: Summary,
}

impl Report {
    /// The report of a run that has ended.
    pub(crate) fn new(started: Started, cases: Vec<CaseReport>, summary: Summary) -> Self {
        let record = RunRecord { started, cases, written_summary: Some(summary.clone()), sha256: String::new() };
        Self { record, summary }
    }

    /// What the run says about the build.
    pub fn outcome(&self) -> Outcome {
        self.summary.outcome()
    }

    /// Whether the build conforms. A run of a part of the suite ([`Suite::filter`](crate::Suite::filter)) never says so.
    pub fn conforms(&self) -> bool {
        self.outcome() == Outcome::Conforms
    }

    /// Whether the run passes the gate: no case failed, except for what waivers or known failures accept. Without these and
    /// without a filter, the build then [conforms](Self::conforms).
    pub fn passed(&self) -> bool {
        self.outcome().exit_code() == 0
    }

    /// Panics with the text of the failures unless the build conforms, as far as cases were chosen.
    ///
    /// An inconclusive run panics too: no case passed, or a required clause was not tested.
    ///
    /// # Panics
    /// Unless the run [passed](Self::passed).
    #[track_caller]
    pub fn assert_conforms(&self) {
        assert!(self.passed(), "{self}");
    }

    /// What was tested: the target's name, the build's name, the number of cases, the seed.
    pub fn started(&self) -> &Started {
        &self.record.started
    }

    /// Every case, in the order in which they ended.
    pub fn cases(&self) -> impl Iterator<Item = &CaseReport> {
        self.record.cases.iter()
    }

    /// Everything that the build does wrong, each with its case. Findings about `should` clauses are included.
    pub fn findings(&self) -> impl Iterator<Item = (&CaseReport, &Finding)> {
        self.cases().flat_map(|case| case.verdict.findings().iter().map(move |finding| (case, finding)))
    }

    /// The result of every clause of the suite, in the order of `clauses.yaml`.
    pub fn clauses(&self) -> &[ClauseResult] {
        &self.summary.clauses
    }

    /// The result of a clause, for example `MIG-5`.
    pub fn clause(&self, id: &str) -> Option<&ClauseResult> {
        self.clauses().iter().find(|clause| clause.id == id)
    }

    /// The whole run in numbers.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// The run as a record, of which every report is a view. Its cases have steps, wire and storage if the suite was told to
    /// [keep them](crate::Suite::record_cases).
    pub fn record(&self) -> &RunRecord {
        &self.record
    }

    /// The report in a format, such as JSON or `JUnit` XML.
    ///
    /// # Errors
    /// If the text of the report cannot be made.
    pub fn render(&self, format: Format) -> Result<String, ViewError> {
        format.render(&self.record)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut report = f.debug_struct("Report");
        report.field("target", &self.record.started.target).field("outcome", &self.outcome());
        report.field("cases", &self.record.cases.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::new();
        // Writing to memory does not fail.
        let _ = self.record.replay(&mut Console::new(&mut out, Detail::default(), false));
        f.write_str(&String::from_utf8_lossy(&out))
    }
}
