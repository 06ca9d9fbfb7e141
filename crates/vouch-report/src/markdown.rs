//! The Markdown report, also as the step summary of GitHub Actions.

use crate::ViewError;
use crate::excuse_text;
use crate::outside_text::{block, line_up_to};
use crate::run_text::{
    build_name, counted, counts_sentence, outcome_sentence, reason, shard_words, sorted_cases, verdict_word,
};
use std::fmt::Write as _;
use vouch_runner::record::RunRecord;
use vouch_runner::run::cause::Cause;
use vouch_runner::run::summary::{ClauseStatus, Summary};
use vouch_runner::run::verdict::Finding;

/// GitHub refuses a step summary of more than 1 MiB.
const MAX_SUMMARY: usize = 1_000_000;
/// The longest text in a table or list.
const MAX_CELL: usize = 400;

/// Verdict, causes, clauses, and each case that did not pass with its findings.
pub(crate) fn render(record: &RunRecord) -> Result<String, ViewError> {
    let mut text = summary(record);
    let not_passed: Vec<_> = sorted_cases(record)
        .into_iter()
        .filter(|case| !case.verdict.findings().is_empty() || reason(&case.verdict).is_some())
        .collect();
    if !not_passed.is_empty() {
        text += "\n## Cases that did not pass\n";
    }
    for case in not_passed {
        let _ = write!(text, "\n### {}\n\nTitle: {}\n", inline(&case.id), inline(&case.title));
        for excuse in excuse_text::of_case(&record.started, case) {
            let _ = write!(text, "\n**{}**: {}\n", verdict_word(&case.verdict), inline(&excuse));
        }
        if let Some(reason) = reason(&case.verdict) {
            let _ = write!(text, "\n{}\n", inline(&reason));
        }
        case.verdict.findings().iter().for_each(|found| finding(&mut text, found));
    }
    Ok(text)
}

/// Verdict, causes and clauses, in less than 1 MB.
pub(crate) fn render_summary(record: &RunRecord) -> Result<String, ViewError> {
    let mut text = summary(record);
    if text.len() > MAX_SUMMARY {
        let end = text[..text.floor_char_boundary(MAX_SUMMARY)].rfind('\n').unwrap_or(0);
        text.truncate(end);
        text += "\n\nThe summary is cut here. The report of the run has the rest.\n";
    }
    Ok(text)
}

fn summary(record: &RunRecord) -> String {
    let (started, summary) = (&record.started, record.summary());
    let mut text = format!(
        "# Vouch: {}\n\n**{}** {} in {:.1} s.\n\n",
        inline(&build_name(started)),
        outcome_sentence(&summary),
        sentence(&counts_sentence(&summary)),
        summary.duration.as_secs_f64()
    );
    let roles = if started.roles.is_empty() { "built in".to_owned() } else { started.roles.join(" ") };
    let shard = shard_words(started).map(|words| format!(", {words}")).unwrap_or_default();
    let _ = writeln!(
        text,
        "Target: {}. Role: {}. Profile: {}. Suite: edition {}. Vouch {}, {}{shard}.",
        inline(&started.target),
        inline(&roles),
        inline(&started.profile),
        started.suite.edition,
        inline(&started.vouch),
        inline(&started.started_at)
    );
    outdated(&mut text, &summary);
    causes(&mut text, record, &summary);
    clauses(&mut text, &summary);
    text
}

fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Waivers and known failures that are out of date.
fn outdated(text: &mut String, summary: &Summary) {
    if summary.gate_problems.is_empty() {
        return;
    }
    *text += "\n## Waivers and known failures that are out of date\n\n";
    for problem in &summary.gate_problems {
        let _ = writeln!(text, "- {}", inline(&excuse_text::problem(problem)));
    }
}

fn causes(text: &mut String, record: &RunRecord, summary: &Summary) {
    if summary.causes.is_empty() {
        return;
    }
    *text += "\n## Probable causes\n\n";
    for cause in &summary.causes {
        let _ = writeln!(text, "1. {}", cause_text(record, cause));
    }
}

fn cause_text(record: &RunRecord, cause: &Cause) -> String {
    let clauses = if cause.clauses.is_empty() { "no clause".to_owned() } else { cause.clauses.join(" ") };
    let warning = excuse_text::standing(cause).map(|word| format!(" ({word})")).unwrap_or_default();
    let got = cause.got.lines().next().unwrap_or("nothing");
    let mut text =
        format!("**{}**{warning}: expected {}, got {}.", inline(&clauses), inline(&cause.expected), inline(got));
    let first = cause.cases.first().map_or("", String::as_str);
    let _ = write!(text, " In {}, first in {}", counted(cause.cases.len(), "case", "cases"), inline(first));
    if !cause.not_reached.is_empty() {
        let _ = write!(text, "; it keeps {} from being reached", counted(cause.not_reached.len(), "case", "cases"));
    }
    text.push('.');
    for excuse in excuse_text::of_cause(record, cause) {
        let _ = write!(text, " {}.", inline(&excuse));
    }
    let advice = cause.findings(&record.cases).into_iter().find_map(|(_, finding)| finding.advice.as_ref());
    if let Some(advice) = advice {
        let _ = write!(text, " Advice: {}", inline(advice));
    }
    text
}

fn clauses(text: &mut String, summary: &Summary) {
    let of = |status| summary.clauses.iter().filter(move |clause| clause.status == status);
    let count = |status| of(status).count();
    let _ = write!(
        text,
        "\n## Clauses\n\n{} satisfied, {} violated, {} known failing, {} waived, {} not tested, {} not applicable.\n",
        count(ClauseStatus::Satisfied),
        count(ClauseStatus::Violated),
        count(ClauseStatus::KnownFailing),
        count(ClauseStatus::Waived),
        count(ClauseStatus::NotTested),
        count(ClauseStatus::NotApplicable)
    );
    let order = [
        ClauseStatus::Violated,
        ClauseStatus::KnownFailing,
        ClauseStatus::Waived,
        ClauseStatus::NotTested,
        ClauseStatus::Satisfied,
    ];
    let mut rows = order.into_iter().flat_map(of).peekable();
    if rows.peek().is_some() {
        *text += "\n| clause | level | status | requirement |\n|---|---|---|---|\n";
    }
    for clause in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            inline(&clause.id),
            clause.level.word(),
            clause.status.words(),
            inline(&clause.text)
        );
    }
}

fn finding(text: &mut String, finding: &Finding) {
    let _ = write!(
        text,
        "\n- clauses: {}\n- place: {}\n- step: {}\n- expected: {}\n- got: {}\n",
        inline(&finding.clauses.join(" ")),
        inline(&finding.location.to_string()),
        inline(finding.step.as_str()),
        inline(finding.expected.as_str()),
        inline(finding.got.as_str())
    );
    if let Some(advice) = &finding.advice {
        let _ = writeln!(text, "- advice: {}", inline(advice));
    }
    let wire: Vec<_> = finding.wire.iter().map(|exchange| block(exchange.as_str())).collect();
    if !wire.is_empty() {
        // An indented block: no text in it can end it, as a fence could be ended.
        let _ = write!(text, "\n    {}\n", wire.join("\n\n").replace('\n', "\n    "));
    }
}

/// Text in one line in which no character has a meaning for Markdown or HTML.
pub(crate) fn inline(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in line_up_to(text, MAX_CELL).chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            // No mention of a user, no reference to an issue.
            '@' => out += "&#64;",
            '#' => out += "&#35;",
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '~' | '$' => {
                out.push('\\');
                out.push(character);
            }
            _ => out.push(character),
        }
    }
    // A bare address becomes no link.
    out.replace("://", "&#58;//").replace("www.", "www&#46;")
}
