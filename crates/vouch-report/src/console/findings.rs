//! The findings: each cause with one finding in full, or every finding.

use super::layout::{block, wrap};
use super::{Console, cases_counted};
use crate::excuse_text;
use std::io::{self, Write};
use vouch_runner::gate::Excuse;
use vouch_runner::run::cause::{Cause, is_about_servers};
use vouch_runner::run::summary::Summary;
use vouch_runner::run::verdict::{CaseReport, Finding};
use vouch_spec::text::Diagnostic;

/// How many cases of a cause are named.
const NAMED_CASES: usize = 8;

impl<W: Write> Console<W> {
    /// The causes, the widest first, each with the first finding that shows it.
    pub(super) fn causes(&mut self, summary: &Summary) -> io::Result<()> {
        let cases = std::mem::take(&mut self.cases);
        let (excused, shown): (Vec<_>, Vec<_>) = summary.causes.iter().partition(|cause| cause.excuse.is_some());
        let count = shown.len();
        for (number, cause) in shown.into_iter().enumerate() {
            let style = if cause.warning { &self.styles.warn } else { &self.styles.bad };
            let word = style.apply_to(if cause.warning { "WARN" } else { "FAIL" });
            let heading = format!("cause {} of {count}: {}{}", number + 1, extent(cause), self.consequence(cause));
            writeln!(self.out, "\n{}", wrap(&heading, self.width, &format!("{word} "), "     "))?;
            if let Some((case, finding)) = cause.findings(&cases).first() {
                self.case_heading(case)?;
                self.finding(finding)?;
                self.conditions(case)?;
            }
            self.other_cases(cause)?;
        }
        for cause in excused {
            self.excused_cause(cause, &cases)?;
        }
        self.cases = cases;
        Ok(())
    }

    /// A cause that is waived or known, in a few lines: `--full` shows the rest.
    fn excused_cause(&mut self, cause: &Cause, cases: &[CaseReport]) -> io::Result<()> {
        let word = if cause.excuse == Some(Excuse::Waived) { "WAIVED" } else { "KNOWN" };
        let word = self.styles.warn.apply_to(word);
        writeln!(self.out, "\n{}", wrap(&extent(cause), self.width, &format!("{word} "), "     "))?;
        let excuses = self.started.as_ref().map(|started| excuse_text::of_findings(started, cause, cases));
        for excuse in excuses.unwrap_or_default().iter().take(NAMED_CASES) {
            writeln!(self.out, "{}", wrap(excuse, self.width, "  ", "    "))?;
        }
        let got = cause.got.lines().next().unwrap_or("nothing");
        let text = format!("expected {}, got {got}", cause.expected);
        writeln!(self.out, "{}", wrap(&text, self.width, "  ", "    "))?;
        let first = cause.cases.first().map_or("", String::as_str);
        let word = self.styles.bold.apply_to("in");
        writeln!(self.out, "{}", wrap(first, self.width, &format!("  {word} "), "    "))?;
        self.other_cases(cause)
    }

    /// Every finding of every case.
    pub(super) fn every_finding(&mut self) -> io::Result<()> {
        let cases = std::mem::take(&mut self.cases);
        for case in &cases {
            let findings = case.verdict.findings();
            if findings.is_empty() {
                continue;
            }
            writeln!(self.out)?;
            self.case_line(case)?;
            writeln!(self.out, "{}", wrap(&case.title, self.width, "     ", "     "))?;
            for finding in findings {
                self.finding(finding)?;
            }
            self.conditions(case)?;
        }
        self.cases = cases;
        Ok(())
    }

    fn case_heading(&mut self, case: &CaseReport) -> io::Result<()> {
        let id = self.styles.bold.apply_to(case.id.clone());
        writeln!(self.out, "{}", wrap(&format!("{} / {id}", case.group), self.width, "  ", "    "))?;
        writeln!(self.out, "{}", wrap(&case.title, self.width, "  ", "  "))
    }

    /// One finding in full.
    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        for id in &finding.clauses {
            if let Some(clause) = self.clauses.get(id) {
                let id = self.styles.bold.apply_to(id);
                let text = format!("{id} ({}) {}", clause.level.word(), clause.text);
                writeln!(self.out, "{}", wrap(&text, self.width, "  ", "    "))?;
            }
        }
        let (source, span) = finding.excerpt.to_source(&finding.location.file);
        let diagnostic = Diagnostic::new(&source, span, finding.step.to_string());
        write!(self.out, "{}", diagnostic.render(self.styles.colours))?;
        let expected = self.styles.bold.apply_to("expected");
        writeln!(self.out, "{}", wrap(finding.expected.as_str(), self.width, &format!("  {expected}  "), "    "))?;
        let mut got = finding.got.as_str().lines();
        let first = got.next().unwrap_or("nothing");
        let word = self.styles.bold.apply_to("got");
        writeln!(self.out, "{}", wrap(first, self.width, &format!("  {word}       "), "    "))?;
        for line in got {
            writeln!(self.out, "    {line}")?;
        }
        if let Some(advice) = &finding.advice {
            let word = self.styles.bold.apply_to("advice");
            writeln!(self.out, "{}", wrap(advice, self.width, &format!("  {word}    "), "    "))?;
        }
        if !finding.wire.is_empty() {
            writeln!(self.out, "  {}", self.styles.dim.apply_to("last exchanges:"))?;
            for exchange in &finding.wire {
                writeln!(self.out, "{}", block(exchange.as_str(), self.width, "  "))?;
            }
        }
        if !finding.stderr.as_str().trim().is_empty() {
            writeln!(self.out, "  {}", self.styles.dim.apply_to("standard error (last lines):"))?;
            writeln!(self.out, "{}", block(finding.stderr.as_str(), self.width, "    "))?;
        }
        Ok(())
    }

    fn other_cases(&mut self, cause: &Cause) -> io::Result<()> {
        let others = &cause.cases[cause.cases.len().min(1)..];
        if others.is_empty() {
            return Ok(());
        }
        let named = if self.detail.every_case { others.len() } else { NAMED_CASES };
        let mut text = others.iter().take(named).map(String::as_str).collect::<Vec<_>>().join(", ");
        if others.len() > named {
            text += &format!(" and {} more", others.len() - named);
        }
        let word = self.styles.bold.apply_to("also in");
        writeln!(self.out, "{}", wrap(&text, self.width, &format!("  {word}   "), "    "))
    }

    /// What to say of a cause that shows in the SDK while a cloud is under test.
    fn consequence(&self, cause: &Cause) -> &'static str {
        let is_consequence = self.servers_first
            && !cause.clauses.is_empty()
            && !cause.clauses.iter().any(|clause| is_about_servers(clause));
        if is_consequence { "; it shows in the built-in SDK, as a consequence of what the cloud answers" } else { "" }
    }
}

fn extent(cause: &Cause) -> String {
    let mut text = cases_counted(cause.cases.len());
    if !cause.clauses.is_empty() {
        text += &format!(", {}", cause.clauses.join(" "));
    }
    if !cause.not_reached.is_empty() {
        text += &format!("; it keeps {} from being reached", cases_counted(cause.not_reached.len()));
    }
    text
}
