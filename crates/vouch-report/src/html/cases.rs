//! The groups and the cases.

use super::Page;
use crate::excuse_text;
use crate::outside_text::line;
use maud::{Markup, html};
use std::collections::{BTreeMap, HashSet};
use vouch_runner::run::cause::CauseKey;
use vouch_runner::run::verdict::{CaseReport, Verdict};

/// At most this many cases are unfolded from the start.
const MAX_OPEN_CASES: usize = 10;
/// So many cases that did not pass are shown in full, and as many again that are the first of their cause: a browser opens a
/// page of more in over a second.
const MAX_FULL_CASES: usize = 200;

/// The cases that did not pass and are not shown in full.
fn further_cases(cases: &[(usize, &CaseReport)]) -> Markup {
    html! {
        @if !cases.is_empty() {
            h3 { "Further cases that did not pass: " (cases.len()) }
            p class="dim" { "The run record has them in full: " code { "vouch show RECORD --full" } "." }
            ul class="plain" {
                @for (number, case) in cases {
                    @let (word, tone) = word(&case.verdict);
                    li id={ "case-" (number) } { span class={ "tag " (tone) } { (word) } (line(&case.group)) " / " (line(&case.id)) }
                }
            }
        }
    }
}

/// Whether the report says more of the case than that it passed or was skipped.
pub(super) fn is_unsuccessful(verdict: &Verdict) -> bool {
    !matches!(verdict, Verdict::Passed | Verdict::Skipped(_))
}

/// The word of a verdict and its tone.
fn word(verdict: &Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Passed => ("passed", "good"),
        Verdict::Failed(_) => ("failed", "bad"),
        Verdict::Warned(_) => ("warned", "warn"),
        Verdict::Waived(_) => ("waived", "warn"),
        Verdict::KnownFailure(_) => ("known failure", "warn"),
        Verdict::NotReached(_) => ("not reached", "warn"),
        Verdict::InDoubt(_) => ("in doubt", "warn"),
        Verdict::Skipped(_) => ("skipped", "dim"),
        Verdict::BadScenario(_) => ("invalid scenario", "bad"),
        Verdict::HarnessFailed(_) => ("harness failed", "bad"),
    }
}

const COLUMNS: [&str; 8] =
    ["passed", "failed", "warned", "waived", "known failures", "not reached", "skipped", "no verdict"];

impl Page<'_> {
    pub(super) fn groups(&self) -> Markup {
        let mut groups: BTreeMap<&str, [usize; COLUMNS.len()]> = BTreeMap::new();
        for case in &self.cases {
            let column = match case.verdict {
                Verdict::Passed => 0,
                Verdict::Failed(_) => 1,
                Verdict::Warned(_) => 2,
                Verdict::Waived(_) => 3,
                Verdict::KnownFailure(_) => 4,
                Verdict::NotReached(_) => 5,
                Verdict::Skipped(_) => 6,
                Verdict::InDoubt(_) | Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => 7,
            };
            groups.entry(&case.group).or_default()[column] += 1;
        }
        let used: Vec<_> =
            (0..COLUMNS.len()).filter(|column| groups.values().any(|counts| counts[*column] > 0)).collect();
        html! {
            section aria-labelledby="groups" {
                h2 id="groups" { "Groups" }
                table {
                    thead {
                        tr {
                            th scope="col" { "Group" }
                            @for column in &used { th scope="col" class="num" { (COLUMNS[*column]) } }
                        }
                    }
                    tbody {
                        @for (name, counts) in &groups {
                            tr {
                                th scope="row" { (line(name)) }
                                @for column in &used { td class="num" { (counts[*column]) } }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The cases that did not pass, in full; of very many, the others in one line. The first case of each cause is unfolded.
    pub(super) fn unsuccessful_cases(&self) -> Markup {
        let mut shown: HashSet<&CauseKey> = HashSet::new();
        let mut open = 0;
        let (mut cases, mut others) = (Vec::new(), Vec::new());
        for (number, case) in self.cases.iter().enumerate().filter(|(_, case)| is_unsuccessful(&case.verdict)) {
            let findings = super::findings::of(&case.verdict);
            let news =
                findings.is_empty() || findings.iter().filter(|finding| shown.insert(&finding.cause)).count() > 0;
            if cases.len() >= MAX_FULL_CASES && (!news || cases.len() >= 2 * MAX_FULL_CASES) {
                others.push((number, *case));
                continue;
            }
            let is_open = news && open < MAX_OPEN_CASES;
            open += usize::from(is_open);
            cases.push((number, *case, is_open));
        }
        html! {
            @if !cases.is_empty() {
                section aria-labelledby="unsuccessful" {
                    h2 id="unsuccessful" { "Cases in full: " (cases.len()) }
                    p class="dim" { "The first case of each cause is unfolded." }
                    @for (number, case, is_open) in cases { (self.case(number, case, is_open)) }
                    (further_cases(&others))
                }
            }
        }
    }

    fn case(&self, number: usize, case: &CaseReport, is_open: bool) -> Markup {
        let (word, tone) = word(&case.verdict);
        html! {
            details class="case" id={ "case-" (number) } open[is_open] {
                summary {
                    span class={ "tag " (tone) } { (word) }
                    b { (line(&case.group)) " / " (line(&case.id)) }
                    " " span class="dim" { (line(&case.title)) }
                }
                p class="dim" {
                    "Scenario " code { (line(&case.file)) } ", tests " (line(&case.proves.join(", "))) ", "
                    (format!("{:.3} s", case.duration.as_secs_f64())) "."
                }
                (self.conditions(case))
                @if let Some(late) = &case.late {
                    p { "Ran again, alone: " (line(&late.to_string())) "." }
                }
                @if let Some(survived) = &case.survived {
                    p { "Ran again, in new processes: " (line(&survived.to_string())) "." }
                }
                @match &case.verdict {
                    Verdict::BadScenario(what) => p { "The scenario is invalid: " (line(what.as_str())) },
                    Verdict::HarnessFailed(what) => {
                        p { "The harness failed. The case says nothing about the build: " (line(what.as_str())) }
                    },
                    Verdict::NotReached(reached) => {
                        p {
                            "A step that prepares the case failed. " (self.case_link(&reached.because_of))
                            " shows why, under " (line(&reached.clauses.join(", "))) ". The case says nothing about its clauses."
                        }
                    },
                    Verdict::InDoubt(_) => {
                        p { "The case failed on a machine that was late. It says nothing about the build." }
                    },
                    _ => {},
                }
                @for excuse in excuse_text::of_case(&self.record.started, case) { p { b { (word) ": " } (excuse) } }
                (self.case_findings(case))
            }
        }
    }

    /// The conditions that were drawn for a case, and how to have them again.
    fn conditions(&self, case: &CaseReport) -> Markup {
        let drawn: Vec<_> = case.conditions.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        html! {
            @if !drawn.is_empty() {
                p {
                    "Drawn conditions: " (line(&drawn.join(", "))) ". "
                    @if let Some(seed) = self.record.started.vary {
                        "Repeat with " code { "--filter '" (line(&case.id)) "' --vary " (seed) } "."
                    }
                }
            }
        }
    }

    pub(super) fn passed_cases(&self) -> Markup {
        let mut groups: BTreeMap<&str, Vec<(usize, &CaseReport)>> = BTreeMap::new();
        for (number, case) in self.cases.iter().enumerate() {
            if matches!(case.verdict, Verdict::Passed) {
                groups.entry(&case.group).or_default().push((number, case));
            }
        }
        html! {
            @if !groups.is_empty() {
                section aria-labelledby="passed" {
                    h2 id="passed" { "Passed cases: " (self.summary.passed) }
                    @for (group, cases) in groups {
                        details {
                            summary { b { (line(group)) } ": " (cases.len()) " passed" }
                            ul class="plain" { @for (number, case) in cases { (self.passed_case(number, case)) } }
                        }
                    }
                }
            }
        }
    }

    fn passed_case(&self, number: usize, case: &CaseReport) -> Markup {
        html! {
            li id={ "case-" (number) } {
                (line(&case.id)) " " span class="dim" {
                    (line(&case.title)) " (" (line(&case.proves.join(", "))) ", "
                    (format!("{:.3} s", case.duration.as_secs_f64())) ")"
                }
                (self.conditions(case))
            }
        }
    }

    pub(super) fn skipped_cases(&self) -> Markup {
        let mut reasons: BTreeMap<&str, Vec<(usize, &CaseReport)>> = BTreeMap::new();
        for (number, case) in self.cases.iter().enumerate() {
            if let Verdict::Skipped(reason) = &case.verdict {
                reasons.entry(reason).or_default().push((number, case));
            }
        }
        html! {
            @if !reasons.is_empty() {
                section aria-labelledby="skipped" {
                    h2 id="skipped" { "Skipped cases: " (self.summary.skipped) }
                    @for (reason, cases) in reasons {
                        details {
                            summary { (cases.len()) " because " (line(reason)) }
                            ul class="plain" {
                                @for (number, case) in cases {
                                    li id={ "case-" (number) } { (line(&case.id)) " " span class="dim" { (line(&case.title)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
