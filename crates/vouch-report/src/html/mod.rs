//! The HTML report: one file without script and without external requests.
//!
//! All text is escaped by the templates of `maud`; text from outside goes through [`outside_text`](crate::outside_text) before,
//! so that no control character or mark of direction reaches the page.

mod cases;
mod clauses;
mod diagram;
mod exchanges;
mod findings;
mod overview;
#[cfg(test)]
mod tests;

use crate::ViewError;
use crate::outside_text::line;
use crate::run_text::{build_name, sorted_cases};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::HashMap;
use vouch_runner::record::RunRecord;
use vouch_runner::run::summary::Summary;
use vouch_runner::run::verdict::{CaseReport, Verdict};

const STYLE: &str = include_str!("style.css");
/// The browser itself refuses scripts and requests.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// What the parts of the page share.
struct Page<'a> {
    record: &'a RunRecord,
    summary: Summary,
    /// In the order of their ids: cases end in any order, and reports of two runs should be comparable.
    cases: Vec<&'a CaseReport>,
    /// The number of each case in `cases`, by its id.
    numbers: HashMap<&'a str, usize>,
}

pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let cases = sorted_cases(record);
    let numbers = cases.iter().enumerate().map(|(number, case)| (case.id.as_str(), number)).collect();
    let page = Page { record, summary: record.summary(), cases, numbers };
    Ok(page.document().into_string())
}

impl Page<'_> {
    fn document(&self) -> Markup {
        let build = build_name(&self.record.started);
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta http-equiv="Content-Security-Policy" content=(POLICY);
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { "Vouch: " (build) }
                    link rel="icon" href="data:,";
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    a class="skip" href="#main" { "Skip to the report" }
                    header { (self.verdict()) (self.navigation()) }
                    main id="main" {
                        (self.outdated())
                        (self.causes())
                        (self.clause_matrix())
                        (self.groups())
                        (self.unsuccessful_cases())
                        (self.passed_cases())
                        (self.skipped_cases())
                        (self.gate())
                        (self.environment())
                    }
                }
            }
        }
    }

    fn navigation(&self) -> Markup {
        let has = |wanted: fn(&Verdict) -> bool| self.cases.iter().any(|case| wanted(&case.verdict));
        let links = [
            (!self.summary.gate_problems.is_empty(), "outdated", "Out of date"),
            (!self.summary.causes.is_empty(), "causes", "Causes"),
            (true, "clauses", "Clauses"),
            (true, "groups", "Groups"),
            (has(cases::is_unsuccessful), "unsuccessful", "Cases in full"),
            (has(|verdict| matches!(verdict, Verdict::Passed)), "passed", "Passed"),
            (has(|verdict| matches!(verdict, Verdict::Skipped(_))), "skipped", "Skipped"),
            (!self.record.started.gate.is_empty(), "gate", "Waivers and known failures"),
            (true, "environment", "Environment"),
        ];
        html! {
            nav aria-label="Sections" {
                ul {
                    @for (_, id, title) in links.iter().filter(|(shown, ..)| *shown) {
                        li { a href={ "#" (id) } { (title) } }
                    }
                }
            }
        }
    }

    /// The id of a case, as a link where the page shows the case.
    fn case_link(&self, id: &str) -> Markup {
        match self.numbers.get(id) {
            Some(number) => html! { a href={ "#case-" (number) } { (line(id)) } },
            None => html! { (line(id)) },
        }
    }

    /// The ids of cases: a few, and the others folded.
    fn case_links(&self, ids: &[String]) -> Markup {
        const SHOWN: usize = 5;
        let list = |ids: &[String]| {
            html! { @for (index, id) in ids.iter().enumerate() { @if index > 0 { ", " } (self.case_link(id)) } }
        };
        let (shown, more) = ids.split_at(ids.len().min(SHOWN));
        html! {
            (list(shown))
            @if !more.is_empty() { details { summary { "and " (more.len()) " more" } (list(more)) } }
        }
    }
}
