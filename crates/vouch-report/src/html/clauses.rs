//! The clause matrix: each clause with level, status and source.

use super::Page;
use crate::outside_text::line;
use maud::{Markup, html};
use vouch_runner::run::summary::{ClauseResult, ClauseStatus};

impl Page<'_> {
    pub(super) fn clause_matrix(&self) -> Markup {
        let clauses = &self.summary.clauses;
        html! {
            section aria-labelledby="clauses" {
                h2 id="clauses" { "Clauses" }
                @for group in clauses.chunk_by(|a, b| a.group == b.group) { (self.clause_group(group)) }
            }
        }
    }

    fn clause_group(&self, group: &[ClauseResult]) -> Markup {
        let count = |status| group.iter().filter(|clause| clause.status == status).count();
        let (satisfied, violated) = (count(ClauseStatus::Satisfied), count(ClauseStatus::Violated));
        let (known, waived) = (count(ClauseStatus::KnownFailing), count(ClauseStatus::Waived));
        let title = group.first().map_or("", |clause| clause.group.as_str());
        html! {
            details open[violated > 0] {
                summary {
                    b { (line(title)) } ": " (satisfied) " of " (group.len()) " satisfied"
                    @if violated > 0 { ", " b class="bad" { (violated) " violated" } }
                    @if known > 0 { ", " b class="warn" { (known) " known failing" } }
                    @if waived > 0 { ", " b class="warn" { (waived) " waived" } }
                }
                table class="wide" {
                    thead {
                        tr {
                            @for heading in ["Clause", "Level", "Status", "Cases", "Text", "Source"] {
                                th scope="col" { (heading) }
                            }
                        }
                    }
                    tbody { @for clause in group { (self.clause(clause)) } }
                }
            }
        }
    }

    fn clause(&self, clause: &ClauseResult) -> Markup {
        let tone = match clause.status {
            ClauseStatus::Satisfied => "good",
            ClauseStatus::Violated => "bad",
            ClauseStatus::KnownFailing | ClauseStatus::Waived | ClauseStatus::NotTested => "warn",
            ClauseStatus::NotApplicable => "dim",
        };
        html! {
            tr {
                th scope="row" class="id" { (line(&clause.id)) }
                td class="st" { (clause.level.word()) }
                td class={ "st " (tone) } { (clause.status.words()) }
                td class="st" { (clause.satisfied_count) " passed" }
                td class="text" {
                    (line(&clause.text))
                    @if !clause.violated_by.is_empty() { div { b { "Violated by: " } (self.case_links(&clause.violated_by)) } }
                    @if !clause.known_failing_in.is_empty() {
                        div { b { "Known to fail in: " } (self.case_links(&clause.known_failing_in)) }
                    }
                    @if !clause.waived_in.is_empty() { div { b { "Waived in: " } (self.case_links(&clause.waived_in)) } }
                }
                td class="text dim" { @if let Some(source) = &clause.source { (line(&source.to_string())) } }
            }
        }
    }
}
