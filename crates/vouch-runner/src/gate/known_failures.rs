//! The list of the cases that a legacy build is known to fail.

use super::waiver_file::check_case;
use crate::run::Plan;
use crate::run::verdict::{CaseReport, Location, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use vouch_spec::text::{Diagnostic, Source, Span};

const HEADER: &str = "\
# Known failures: cases that this build fails and that do not fail `vouch run --known-failures`. One case a line.
# A new failure fails the run. So does a listed case that passes: then remove its line.
";

/// A list of known failures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownFailures {
    /// The path of the file.
    pub file: String,
    pub cases: Vec<KnownCase>,
    /// The run writes the list: every failure is accepted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_written: bool,
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KnownCase {
    pub id: String,
    pub location: Location,
}

impl KnownFailures {
    /// The list of a file. The error contains every mistake of the file.
    pub(super) fn parse(source: &Source, plan: &Plan) -> Result<Self, Vec<Diagnostic>> {
        let (mut problems, mut cases) = (vec![], Vec::<KnownCase>::new());
        for (id, span) in entries(source.text()) {
            let wrong = |message: String, help: String| Diagnostic::new(source, span, message).help(help);
            if let Some(first) = cases.iter().find(|case| case.id == id) {
                let message = format!("`{id}` is listed twice");
                problems.push(wrong(message, format!("remove this line; line {} has it", first.location.line)));
            }
            check_case(id, plan, |message, help| problems.push(wrong(message, help)));
            cases.push(KnownCase { id: id.to_owned(), location: Location::of(source, span) });
        }
        let file = source.path().display().to_string();
        if problems.is_empty() { Ok(Self { file, cases, is_written: false }) } else { Err(problems) }
    }

    /// The line of a case.
    pub fn get(&self, case: &str) -> Option<&KnownCase> {
        self.cases.iter().find(|known| known.id == case)
    }

    /// Whether a failure of the case does not fail the run.
    pub fn accepts(&self, case: &str) -> bool {
        self.is_written || self.get(case).is_some()
    }
}

/// The entries of a list with their places. `#` begins a comment at the start of a line and after a space.
fn entries(text: &str) -> impl Iterator<Item = (&str, Span)> {
    let mut start = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let at = start;
        start += line.len();
        let id = entry(line)?;
        let from = at + line.find(id)?;
        Some((id, Span { start: from, end: from + id.len() }))
    })
}

fn entry(line: &str) -> Option<&str> {
    let comment = line
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|at| line[..*at].chars().all(char::is_whitespace) || line[..*at].ends_with([' ', '\t']));
    let id = line[..comment.unwrap_or(line.len())].trim();
    (!id.is_empty()).then_some(id)
}

/// The list after a run: cases that no longer fail are removed, new failures are added at the end. Comments, and cases that
/// did not run, stay. `text`: the list before, if there was one.
pub fn updated(text: Option<&str>, cases: &[CaseReport]) -> String {
    let mut fails: BTreeMap<&str, bool> = BTreeMap::new();
    for case in cases {
        let failed = match &case.verdict {
            Verdict::Failed(_) | Verdict::KnownFailure(_) | Verdict::NotReached(_) => true,
            Verdict::Passed | Verdict::Warned(_) | Verdict::Waived(_) => false,
            Verdict::InDoubt(_) | Verdict::Skipped(_) | Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => {
                continue;
            }
        };
        *fails.entry(&case.id).or_default() |= failed;
    }
    let before = text.unwrap_or(HEADER);
    let mut listed = BTreeSet::new();
    let mut list = String::new();
    for line in before.lines() {
        let keep = entry(line).is_none_or(|id| listed.insert(id) && fails.get(id).copied().unwrap_or(true));
        if keep {
            list += line;
            list.push('\n');
        }
    }
    for (id, _) in fails.iter().filter(|(id, failed)| **failed && !listed.contains(*id)) {
        list += id;
        list.push('\n');
    }
    list
}
