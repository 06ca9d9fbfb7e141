//! What a case that did not pass shows: findings, diagram, exchanges, storage.

use super::overview::expected_and_got;
use super::{Page, diagram, exchanges};
use crate::outside_text::{self, block, line};
use maud::{Markup, html};
use vouch_runner::record::{CaseRecord, StepOutcome};
use vouch_runner::run::verdict::{CaseReport, Excerpt, Finding, Verdict};

/// The findings of a case, and the failed step that keeps a case from being reached.
pub(super) fn of(verdict: &Verdict) -> &[Finding] {
    match verdict {
        Verdict::NotReached(reached) => std::slice::from_ref(&reached.setup),
        Verdict::InDoubt(case) => &case.findings,
        other => other.findings(),
    }
}

/// The index of the step that failed: the one whose result was not accepted, or the one in which an invariant was violated.
pub(super) fn failing_step(case: &CaseReport, record: &CaseRecord) -> Option<usize> {
    let failed = record.steps.iter().position(|step| !matches!(step.outcome, StepOutcome::Passed { .. }));
    failed.or_else(|| {
        let findings = of(&case.verdict);
        let found = record.steps.iter().rposition(|step| findings.iter().any(|found| found.location == step.location));
        found.or_else(|| (!findings.is_empty()).then(|| record.steps.len().checked_sub(1)).flatten())
    })
}

impl Page<'_> {
    pub(super) fn case_findings(&self, case: &CaseReport) -> Markup {
        html! {
            @for finding in of(&case.verdict) { (self.finding(finding, case.record.is_none())) }
            @if let Some(record) = &case.record {
                @let failing = failing_step(case, record);
                @if !record.steps.is_empty() || !record.wire.is_empty() {
                    h3 { "Sequence: " (record.steps.len()) " of " (record.planned_steps) " steps performed" }
                    (diagram::diagram(record, failing, &case.id))
                }
                @if let Some(write) = record.crash_at_write { p { "The process was killed at write " (write) " to storage." } }
                @if let Some(step) = failing { (exchanges::storage(record, step)) }
                (exchanges::exchanges(record, failing))
            }
        }
    }

    fn finding(&self, finding: &Finding, with_wire: bool) -> Markup {
        html! {
            (self.clause_list(&finding.clauses))
            p { "Step: " b { (line(finding.step.as_str())) } }
            (expected_and_got(finding.expected.as_str(), finding.got.as_str()))
            @if let Some(advice) = &finding.advice { p class="advice" { b { "Advice: " } (line(advice)) } }
            details {
                summary { "Scenario at " code { (line(&finding.location.to_string())) } }
                (excerpt(&finding.excerpt))
            }
            @if with_wire && !finding.wire.is_empty() {
                details {
                    summary { "Last exchanges" }
                    @for exchange in &finding.wire { pre { (block(exchange.as_str())) } }
                }
            }
            @if !finding.stderr.as_str().trim().is_empty() {
                details { summary { "Standard error, last lines" } pre { (block(finding.stderr.as_str())) } }
            }
        }
    }
}

/// The lines of the scenario with the marked part.
fn excerpt(of: &Excerpt) -> Markup {
    let safe = outside_text::excerpt(of);
    let (before, rest) = safe.text.split_at_checked(safe.start).unwrap_or((&safe.text, ""));
    let (marked, after) = rest.split_at_checked(safe.length).unwrap_or((rest, ""));
    html! { pre { (before) mark { (marked) } (after.trim_end()) } }
}
