//! The console report: failures in full as they happen, then the counts of each group, the clauses and the outcome.

use console::Style;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::io::{self, Write};
use vouch_runner::report::Listener;
use vouch_runner::run::cause::{Cause, CauseKey, is_about_servers};
use vouch_runner::run::event::{RunEvent, Started};
use vouch_runner::run::summary::{ClauseResult, ClauseStatus, Outcome, Summary};
use vouch_runner::run::verdict::{CaseReport, Finding, Verdict};
use vouch_spec::protocol::message::Area;
use vouch_spec::scenario::{Clauses, Level};
use vouch_spec::text::Diagnostic;

/// Up to this many clauses are listed by id.
const MAX_LISTED_CLAUSES: usize = 12;

/// What the console report shows beside the first finding of each cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// Every case, including passed and skipped ones.
    pub every_case: bool,
    /// Every finding in full, also those that have a cause in common.
    pub every_finding: bool,
}

/// Writes the console report.
pub struct Console<W> {
    out: W,
    styles: Styles,
    clauses: Clauses,
    detail: Detail,
    progress: Option<Progress>,
    groups: BTreeMap<String, VerdictCounts>,
    /// The causes that were shown, each with the case that showed it.
    shown: HashMap<CauseKey, String>,
    servers_first: bool,
    /// The seed of the conditions that were drawn.
    vary: Option<u64>,
}

/// The number of cases by verdict.
#[derive(Default)]
struct VerdictCounts {
    passed: usize,
    failed: usize,
    warned: usize,
    skipped: usize,
    not_reached: usize,
    /// Invalid scenarios and harness failures.
    other: usize,
}

struct Styles {
    good: Style,
    bad: Style,
    warn: Style,
    dim: Style,
    bold: Style,
    colours: bool,
}

/// The progress line on a terminal.
struct Progress {
    term: console::Term,
    done: usize,
    cases: usize,
}

impl<W: Write> Console<W> {
    /// A report that is written to `out`.
    pub fn new(out: W, detail: Detail, colours: bool) -> Self {
        let style = || Style::new().force_styling(colours);
        let styles = Styles {
            good: style().green(),
            bad: style().red().bold(),
            warn: style().yellow(),
            dim: style().dim(),
            bold: style().bold(),
            colours,
        };
        Self {
            out,
            styles,
            clauses: Clauses::default(),
            detail,
            progress: None,
            groups: BTreeMap::new(),
            shown: HashMap::new(),
            servers_first: false,
            vary: None,
        }
    }

    /// Also shows a progress line on standard error, if that is a terminal.
    #[must_use]
    pub fn with_progress(mut self) -> Self {
        let term = console::Term::stderr();
        self.progress = term.is_term().then_some(Progress { term, done: 0, cases: 0 });
        self
    }

    fn started(&mut self, started: &Started) -> io::Result<()> {
        if let Some(progress) = &mut self.progress {
            progress.cases = started.cases;
        }
        self.clauses = started.suite.clauses.clone();
        self.servers_first = started.cloud_under_test && !started.sdk_under_test;
        let sdk = &started.sdk;
        let platform = if sdk.platform.is_empty() { String::new() } else { format!(" on {}", sdk.platform) };
        let name = self.styles.bold.apply_to(format!("{} {}", sdk.name, sdk.version).trim_end().to_owned());
        let seed = started.seed.map(|seed| format!(", shuffled with seed {seed}")).unwrap_or_default();
        self.vary = started.vary;
        let vary = started.vary.map(|seed| format!(", varied with seed {seed}")).unwrap_or_default();
        writeln!(
            self.out,
            "vouch {}: {name}{platform} ({}), {} time, {}{seed}{vary}",
            env!("CARGO_PKG_VERSION"),
            started.target,
            started.time,
            cases(started.cases)
        )?;
        if started.token_storage != [Area::Secure] {
            let areas: Vec<_> = started.token_storage.iter().map(|area| area.word()).collect();
            writeln!(self.out, "the adapter declares these areas safe for tokens: {}", areas.join(", "))?;
        }
        Ok(())
    }

    fn case(&mut self, case: &CaseReport) -> io::Result<()> {
        if let Some(progress) = &mut self.progress {
            progress.done += 1;
            let _ = progress.term.clear_line();
        }
        let group = self.groups.entry(case.group.clone()).or_default();
        let word = match &case.verdict {
            Verdict::Passed => {
                group.passed += 1;
                self.styles.good.apply_to("pass".to_owned())
            }
            Verdict::Warned(_) => {
                group.warned += 1;
                self.styles.warn.apply_to("WARN".to_owned())
            }
            Verdict::Failed(_) => {
                group.failed += 1;
                self.styles.bad.apply_to("FAIL".to_owned())
            }
            Verdict::NotReached(_) => {
                group.not_reached += 1;
                self.styles.dim.apply_to("not reached".to_owned())
            }
            Verdict::Skipped(_) => {
                group.skipped += 1;
                self.styles.dim.apply_to("skip".to_owned())
            }
            Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => {
                group.other += 1;
                self.styles.bad.apply_to("STOP".to_owned())
            }
        };
        let reason = match &case.verdict {
            Verdict::Passed => Some(String::new()),
            Verdict::Skipped(reason) => Some(format!(" ({reason})")),
            Verdict::NotReached(not_reached) => Some(format!(" (because of {})", not_reached.because_of)),
            _ => None,
        };
        if let Some(reason) = reason {
            if self.detail.every_case {
                writeln!(self.out, "{word} {} / {}{reason}  {:.0?}", case.group, case.id, case.duration)?;
                self.conditions(case)?;
            }
            return self.tick();
        }
        let id = self.styles.bold.apply_to(case.id.clone());
        if let Some(known) = self.known_causes(case) {
            writeln!(self.out, "{word} {} / {id}  same cause as {known}", case.group)?;
            return self.tick();
        }
        writeln!(self.out, "\n{word} {} / {id}\n     {}", case.group, case.title)?;
        match &case.verdict {
            Verdict::Failed(findings) | Verdict::Warned(findings) => {
                for finding in findings {
                    let known = self.shown.get(&finding.cause).filter(|_| !self.detail.every_finding).cloned();
                    match known {
                        Some(known) => writeln!(self.out, "  and what {known} shows")?,
                        None => self.finding(finding)?,
                    }
                    self.shown.entry(finding.cause.clone()).or_insert_with(|| case.id.clone());
                }
            }
            Verdict::BadScenario(what) => writeln!(self.out, "     the scenario is invalid: {what}")?,
            Verdict::HarnessFailed(what) => {
                writeln!(self.out, "     the harness failed; the case says nothing about the build: {what}")?;
            }
            _ => {}
        }
        self.conditions(case)?;
        self.tick()
    }

    /// The conditions that were drawn for a case, and how to have them again.
    fn conditions(&mut self, case: &CaseReport) -> io::Result<()> {
        let Some(seed) = self.vary.filter(|_| !case.conditions.is_empty()) else { return Ok(()) };
        let drawn: Vec<_> = case.conditions.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        writeln!(self.out, "  {}   {}", self.styles.bold.apply_to("drawn"), drawn.join(", "))?;
        writeln!(self.out, "  {}  --filter '{}' --vary {seed}", self.styles.bold.apply_to("repeat"), case.id)
    }

    /// The cases that showed every cause of this one already, unless every finding is to be shown.
    fn known_causes(&self, case: &CaseReport) -> Option<String> {
        let (Verdict::Failed(findings) | Verdict::Warned(findings)) = &case.verdict else { return None };
        if self.detail.every_finding || findings.is_empty() {
            return None;
        }
        let mut known: Vec<_> =
            findings.iter().map(|finding| self.shown.get(&finding.cause).map(String::as_str)).collect::<Option<_>>()?;
        known.dedup();
        Some(known.join(", "))
    }

    fn tick(&mut self) -> io::Result<()> {
        if let Some(progress) = &self.progress
            && progress.done < progress.cases
        {
            let _ = progress.term.write_str(&format!("\r{} of {}", progress.done, cases(progress.cases)));
        }
        Ok(())
    }

    fn finding(&mut self, finding: &Finding) -> io::Result<()> {
        for id in &finding.clauses {
            if let Some(clause) = self.clauses.get(id) {
                let level = if clause.level == Level::Must { "must" } else { "should" };
                writeln!(self.out, "  {} ({level}) {}", self.styles.bold.apply_to(id), clause.text)?;
            }
        }
        let (source, span) = finding.excerpt.to_source(&finding.location.file);
        let diagnostic = Diagnostic::new(&source, span, finding.step.to_string());
        write!(self.out, "{}", diagnostic.render(self.styles.colours))?;
        writeln!(self.out, "  {}  {}", self.styles.bold.apply_to("expected"), finding.expected)?;
        let mut got = finding.got.as_str().lines();
        writeln!(self.out, "  {}       {}", self.styles.bold.apply_to("got"), got.next().unwrap_or("nothing"))?;
        for line in got {
            writeln!(self.out, "    {line}")?;
        }
        if let Some(advice) = &finding.advice {
            writeln!(self.out, "  {}    {advice}", self.styles.bold.apply_to("advice"))?;
        }
        if !finding.wire.is_empty() {
            writeln!(self.out, "  {}", self.styles.dim.apply_to("last exchanges:"))?;
            for exchange in &finding.wire {
                write!(self.out, "{}", indent(exchange.as_str()))?;
                writeln!(self.out)?;
            }
        }
        if !finding.stderr.as_str().trim().is_empty() {
            writeln!(self.out, "  {}", self.styles.dim.apply_to("standard error (last lines):"))?;
            writeln!(self.out, "{}", indent(finding.stderr.as_str()))?;
        }
        Ok(())
    }

    fn finished(&mut self, summary: &Summary) -> io::Result<()> {
        if let Some(progress) = self.progress.take() {
            let _ = progress.term.clear_line();
        }
        writeln!(self.out)?;
        for (name, group) in &self.groups {
            writeln!(self.out, "  {name:<16}{}", self.describe_counts(group))?;
        }
        if !summary.skip_reasons.is_empty() {
            writeln!(self.out)?;
        }
        for (reason, count) in &summary.skip_reasons {
            writeln!(self.out, "  skipped: {} because {reason}", cases(*count))?;
        }
        self.causes(summary)?;
        self.clause_table(summary)?;
        let (word, style) = match summary.outcome() {
            Outcome::Conforms => ("the build conforms", &self.styles.good),
            Outcome::PartPassed => {
                ("the chosen cases passed; no verdict on the build follows from a part of the suite", &self.styles.good)
            }
            Outcome::DoesNotConform => ("the build does not conform", &self.styles.bad),
            Outcome::BadScenario => ("a scenario is invalid; the run says nothing about the build", &self.styles.bad),
            Outcome::HarnessFailed => {
                ("the harness or its environment failed; the run says nothing about the build", &self.styles.bad)
            }
            Outcome::Inconclusive if summary.passed > 0 => ("inconclusive", &self.styles.warn),
            Outcome::Inconclusive => ("inconclusive: no clause was tested", &self.styles.warn),
            Outcome::Interrupted => ("interrupted; the results so far are above", &self.styles.warn),
        };
        let total = VerdictCounts {
            passed: summary.passed,
            failed: summary.failed,
            warned: summary.warned,
            skipped: summary.skipped,
            not_reached: summary.not_reached,
            other: summary.bad_scenarios + summary.harness_failures,
        };
        let not_run = if summary.not_run > 0 { format!(", {} not run", summary.not_run) } else { String::new() };
        let words = self.describe_counts(&total);
        writeln!(self.out, "\n{words}{not_run} in {:.2} s", summary.duration.as_secs_f64())?;
        let untested = summary.untested_must_clauses();
        let clauses = if untested == 1 { "must clause is" } else { "must clauses are" };
        match summary.outcome() {
            Outcome::Conforms if untested > 0 => {
                writeln!(self.out, "{}, as far as it was tested: {untested} {clauses} not tested", style.apply_to(word))
            }
            Outcome::Inconclusive if summary.not_reached > 0 => {
                writeln!(self.out, "{}: {} not reached", style.apply_to(word), cases(summary.not_reached))
            }
            Outcome::Inconclusive if summary.passed > 0 => {
                writeln!(self.out, "{}: {untested} {clauses} not tested", style.apply_to(word))
            }
            _ => writeln!(self.out, "{}", style.apply_to(word)),
        }
    }

    fn describe_counts(&self, group: &VerdictCounts) -> String {
        let mut words = String::new();
        let mut add = |count: usize, word: &str, style: &Style| {
            if count > 0 {
                let comma = if words.is_empty() { "" } else { ", " };
                let _ = write!(words, "{comma}{}", style.apply_to(format!("{count} {word}")));
            }
        };
        add(group.passed, "passed", &self.styles.good);
        add(group.failed, "failed", &self.styles.bad);
        add(group.warned, "warned", &self.styles.warn);
        add(group.not_reached, "not reached", &self.styles.warn);
        add(group.skipped, "skipped", &self.styles.dim);
        add(group.other, "without a verdict", &self.styles.bad);
        if words.is_empty() { "no case ran".into() } else { words }
    }

    /// The probable causes of the findings, the widest first.
    fn causes(&mut self, summary: &Summary) -> io::Result<()> {
        if summary.causes.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "\n  probable causes: {}", summary.causes.len())?;
        for (number, cause) in summary.causes.iter().enumerate() {
            let style = if cause.warning { &self.styles.warn } else { &self.styles.bad };
            let clauses = if cause.clauses.is_empty() { "no clause".to_owned() } else { cause.clauses.join(" ") };
            let got = cause.got.lines().next().unwrap_or_default();
            writeln!(
                self.out,
                "    {}. {}  expected {}, got {got}",
                number + 1,
                style.apply_to(clauses),
                cause.expected
            )?;
            writeln!(self.out, "       {}{}", shown_by(cause), self.consequence(cause))?;
        }
        Ok(())
    }

    /// What to say of a cause that shows in the SDK while a cloud is under test.
    fn consequence(&self, cause: &Cause) -> &'static str {
        let is_consequence = self.servers_first
            && !cause.clauses.is_empty()
            && !cause.clauses.iter().any(|clause| is_about_servers(clause));
        if is_consequence { "; it shows in the built-in SDK, as a consequence of what the cloud answers" } else { "" }
    }

    fn clause_table(&mut self, summary: &Summary) -> io::Result<()> {
        let of = |status: ClauseStatus| summary.clauses.iter().filter(move |clause| clause.status == status);
        let ids = |status| of(status).map(|clause| clause.id.as_str()).collect::<Vec<_>>().join(" ");
        writeln!(
            self.out,
            "\n  clauses: {} satisfied, {} violated, {} not tested, {} not applicable",
            of(ClauseStatus::Satisfied).count(),
            of(ClauseStatus::Violated).count(),
            of(ClauseStatus::NotTested).count(),
            of(ClauseStatus::NotApplicable).count()
        )?;
        for clause in of(ClauseStatus::Violated) {
            writeln!(
                self.out,
                "    {} {} {}",
                self.styles.bad.apply_to("violated"),
                self.styles.bold.apply_to(&clause.id),
                violation_summary(clause)
            )?;
        }
        if of(ClauseStatus::NotTested).count() > 0 {
            writeln!(self.out, "    not tested: {}", ids(ClauseStatus::NotTested))?;
        }
        // Most clauses do not apply to a filtered run; the list would be long.
        if (1..=MAX_LISTED_CLAUSES).contains(&of(ClauseStatus::NotApplicable).count()) {
            writeln!(self.out, "    not applicable: {}", ids(ClauseStatus::NotApplicable))?;
        }
        Ok(())
    }
}

fn violation_summary(clause: &ClauseResult) -> String {
    let shown: Vec<_> = clause.violated_by.iter().take(3).map(String::as_str).collect();
    let more = clause.violated_by.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}\n           by {}{more}", clause.text, shown.join(", "))
}

fn shown_by(cause: &Cause) -> String {
    let shown: Vec<_> = cause.cases.iter().take(3).map(String::as_str).collect();
    let more = cause.cases.len().saturating_sub(shown.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let not_reached = match cause.not_reached.len() {
        0 => String::new(),
        count => format!("; it keeps {} from being reached", cases(count)),
    };
    format!("in {}{more}{not_reached}", shown.join(", "))
}

fn cases(count: usize) -> String {
    format!("{count} case{}", if count == 1 { "" } else { "s" })
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}

impl<W: Write> Listener for Console<W> {
    fn on_event(&mut self, event: &RunEvent) -> io::Result<()> {
        match event {
            RunEvent::Started(started) => self.started(started),
            RunEvent::CaseFinished(case) => self.case(case),
            RunEvent::Finished(summary) => self.finished(summary),
        }?;
        self.out.flush()
    }
}
