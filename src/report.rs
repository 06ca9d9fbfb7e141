//! The result of a run.

use std::fmt;
use vouch_report::{Console, Detail, Format, ViewError};
use vouch_runner::record::RunRecord;
use vouch_runner::report::Listener;
use vouch_runner::run::event::{RunEvent, Started};
use vouch_runner::run::summary::{ClauseResult, Outcome, Summary};
use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};

/// The result of a run: every case with its verdict, every finding, and what the run shows about each clause.
///
/// Its [`Display`](fmt::Display) text is the report that `vouch run` prints. All texts are redacted: tokens and keys are
/// replaced by their kind and a number.
pub struct Report {
    started: Started,
    /// `RunEvent::CaseFinished` each.
    cases: Vec<RunEvent>,
    summary: Summary,
}

impl Report {
    /// The report of a run that has ended.
    pub(crate) fn new(started: Started, cases: Vec<RunEvent>, summary: Summary) -> Self {
        Self { started, cases, summary }
    }

    /// What the run says about the build.
    pub fn outcome(&self) -> Outcome {
        self.summary.outcome()
    }

    /// Whether the build conforms. A run of a part of the suite ([`Suite::filter`](crate::Suite::filter)) never says so.
    pub fn conforms(&self) -> bool {
        self.outcome() == Outcome::Conforms
    }

    /// Whether every case that was chosen passed. Without a filter, the build then [conforms](Self::conforms).
    pub fn passed(&self) -> bool {
        matches!(self.outcome(), Outcome::Conforms | Outcome::PartPassed)
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
        &self.started
    }

    /// Every case, in the order in which they ended.
    pub fn cases(&self) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter_map(|event| match event {
            RunEvent::CaseFinished(case) => Some(&**case),
            _ => None,
        })
    }

    /// Everything that the build does wrong, each with its case. Findings about `should` clauses are included.
    pub fn findings(&self) -> impl Iterator<Item = (&CaseReport, &Finding)> {
        self.cases().flat_map(|case| {
            let findings: &[Finding] = match &case.verdict {
                Verdict::Failed(findings) | Verdict::Warned(findings) => findings,
                _ => &[],
            };
            findings.iter().map(move |finding| (case, finding))
        })
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
    pub fn to_record(&self) -> RunRecord {
        RunRecord {
            started: self.started.clone(),
            cases: self.cases().cloned().collect(),
            written_summary: Some(self.summary.clone()),
            sha256: String::new(),
        }
    }

    /// The report in a format, such as JSON or `JUnit` XML.
    ///
    /// # Errors
    /// If the text of the report cannot be made.
    pub fn render(&self, format: Format) -> Result<String, ViewError> {
        format.render(&self.to_record())
    }

    /// Replays the run to a report writer.
    fn replay(&self, writer: &mut impl Listener) -> std::io::Result<()> {
        writer.on_event(&RunEvent::Started(Box::new(self.started.clone())))?;
        self.cases.iter().try_for_each(|case| writer.on_event(case))?;
        writer.on_event(&RunEvent::Finished(self.summary.clone()))
    }
}

/// What a report writer writes. Writing to memory does not fail.
fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    let _ = write(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut report = f.debug_struct("Report");
        report.field("target", &self.started.target).field("outcome", &self.outcome());
        report.field("cases", &self.cases.len()).finish_non_exhaustive()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text(|out| self.replay(&mut Console::new(out, Detail::default(), false))))
    }
}
