//! The console report: progress while the run goes on; at its end the causes of the findings, each with one finding in full,
//! then the counts of each group, the clauses and the outcome.

mod findings;
mod layout;
mod progress;
mod safe_events;

use crate::run_text::{counted, reuse_notes, shard_words};
use console::Style;
use layout::wrap;
pub use layout::wrapped;
use progress::Progress;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};
use vouch_runner::report::Listener;
use vouch_runner::run::event::{RunEvent, Started};
use vouch_runner::run::summary::{ClauseStatus, Outcome, Summary};
use vouch_runner::run::verdict::{CaseReport, Verdict};
use vouch_spec::protocol::Capability;
use vouch_spec::protocol::message::Area;
use vouch_spec::scenario::Clauses;

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
    /// The cases that have ended, without their records.
    cases: Vec<CaseReport>,
    /// In columns.
    width: usize,
    servers_first: bool,
    /// The start of the run, with its waivers and known failures.
    started: Option<Box<Started>>,
    /// The seed of the conditions that were drawn.
    vary: Option<u64>,
}

/// The number of cases by verdict.
#[derive(Default)]
struct VerdictCounts {
    passed: usize,
    failed: usize,
    warned: usize,
    waived: usize,
    known_failures: usize,
    skipped: usize,
    not_reached: usize,
    in_doubt: usize,
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
            cases: vec![],
            width: layout::width(),
            servers_first: false,
            started: None,
            vary: None,
        }
    }

    /// Also shows the progress on standard error.
    #[must_use]
    pub fn with_progress(mut self) -> Self {
        self.progress = Some(Progress::new());
        self
    }

    fn started(&mut self, started: &Started) -> io::Result<()> {
        if let Some(progress) = &mut self.progress {
            progress.begin(started.cases);
        }
        self.clauses = started.suite.clauses.clone();
        self.started = Some(Box::new(started.clone()));
        self.servers_first = started.cloud_under_test && !started.sdk_under_test;
        let sdk = &started.sdk;
        let platform = if sdk.platform.is_empty() { String::new() } else { format!(" on {}", sdk.platform) };
        let name = self.styles.bold.apply_to(format!("{} {}", sdk.name, sdk.version).trim_end().to_owned());
        let seed = started.seed.map(|seed| format!(", shuffled with seed {seed}")).unwrap_or_default();
        let shard = shard_words(started).map(|words| format!(", {words}")).unwrap_or_default();
        self.vary = started.vary;
        let vary = started.vary.map(|seed| format!(", varied with seed {seed}")).unwrap_or_default();
        writeln!(
            self.out,
            "vouch {}: {name}{platform} ({}), {} time, {}{shard}{seed}{vary}",
            env!("CARGO_PKG_VERSION"),
            started.target,
            started.time,
            cases_counted(started.cases)
        )?;
        self.gate_line(started)?;
        let is_unknown = |word: &&String| Capability::parse(word).is_none();
        let unknown: Vec<_> = started.capabilities.iter().filter(is_unknown).map(|word| format!("`{word}`")).collect();
        if !unknown.is_empty() {
            let text = format!("this version of Vouch does not know what the adapter claims: {}", unknown.join(", "));
            writeln!(self.out, "{}", wrap(&text, self.width, "", "  "))?;
        }
        if started.token_storage != [Area::Secure] {
            let areas: Vec<_> = started.token_storage.iter().map(|area| area.word()).collect();
            writeln!(self.out, "the adapter declares these areas safe for tokens: {}", areas.join(", "))?;
        }
        Ok(())
    }

    /// Which failures do not fail the run, in numbers.
    fn gate_line(&mut self, started: &Started) -> io::Result<()> {
        let gate = &started.gate;
        let mut words = vec![];
        if !gate.waivers.is_empty() {
            words.push(counted(gate.waivers.len(), "waiver", "waivers"));
        }
        words.extend(gate.known_failures.as_ref().map(|known| match known.is_written {
            true => format!("known failures are written to {}", known.file),
            false => format!("{} in {}", counted(known.cases.len(), "known failure", "known failures"), known.file),
        }));
        if words.is_empty() {
            return Ok(());
        }
        writeln!(self.out, "{}", wrap(&words.join(", "), self.width, "", "  "))
    }

    fn case(&mut self, case: CaseReport) {
        let group = self.groups.entry(case.group.clone()).or_default();
        match &case.verdict {
            Verdict::Passed => group.passed += 1,
            Verdict::Warned(_) => group.warned += 1,
            Verdict::Waived(_) => group.waived += 1,
            Verdict::KnownFailure(_) => group.known_failures += 1,
            Verdict::Failed(_) => group.failed += 1,
            Verdict::NotReached(_) => group.not_reached += 1,
            Verdict::InDoubt(_) => group.in_doubt += 1,
            Verdict::Skipped(_) => group.skipped += 1,
            Verdict::BadScenario(_) | Verdict::HarnessFailed(_) => group.other += 1,
        }
        self.cases.push(case);
    }

    /// A line for a case.
    fn case_line(&mut self, case: &CaseReport) -> io::Result<()> {
        let (word, style, reason) = match &case.verdict {
            Verdict::Passed => ("pass", &self.styles.good, String::new()),
            Verdict::Warned(_) => ("WARN", &self.styles.warn, String::new()),
            Verdict::Waived(_) => ("WAIVED", &self.styles.warn, String::new()),
            Verdict::KnownFailure(_) => ("KNOWN", &self.styles.warn, String::new()),
            Verdict::Failed(_) => ("FAIL", &self.styles.bad, String::new()),
            Verdict::NotReached(of) => ("not reached", &self.styles.dim, format!(" (because of {})", of.because_of)),
            Verdict::InDoubt(_) => ("in doubt", &self.styles.warn, String::new()),
            Verdict::Skipped(reason) => ("skip", &self.styles.dim, format!(" ({reason})")),
            Verdict::BadScenario(what) => ("STOP", &self.styles.bad, format!(": the scenario is invalid: {what}")),
            Verdict::HarnessFailed(what) => {
                let what = format!(": the harness failed; the case says nothing about the build: {what}");
                ("STOP", &self.styles.bad, what)
            }
        };
        let late = case.late.as_ref().map(|late| format!(" ({late})")).unwrap_or_default();
        let survived = case.survived.as_ref().map(|survived| format!(" ({survived})")).unwrap_or_default();
        let line = format!("{} / {}{reason}{late}{survived}  {:.0?}", case.group, case.id, case.duration);
        let word = style.apply_to(word);
        writeln!(self.out, "{}", wrap(&line, self.width, &format!("{word} "), "     "))
    }

    /// With `--verbose` every case, else those that say nothing about the build and those that ran again.
    fn case_list(&mut self) -> io::Result<()> {
        let cases = std::mem::take(&mut self.cases);
        let stopped = |case: &&CaseReport| {
            let stopped = matches!(case.verdict, Verdict::BadScenario(_) | Verdict::HarnessFailed(_));
            stopped || case.late.is_some() || case.survived.is_some() || self.detail.every_case
        };
        let listed: Vec<_> = cases.iter().filter(stopped).collect();
        if !listed.is_empty() {
            writeln!(self.out)?;
        }
        for case in listed {
            self.case_line(case)?;
            if case.verdict.findings().is_empty() {
                self.conditions(case)?;
            }
        }
        self.cases = cases;
        Ok(())
    }

    /// The conditions that were drawn for a case, and how to have them again.
    fn conditions(&mut self, case: &CaseReport) -> io::Result<()> {
        let Some(seed) = self.vary.filter(|_| !case.conditions.is_empty()) else { return Ok(()) };
        let drawn: Vec<_> = case.conditions.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        writeln!(self.out, "  {}   {}", self.styles.bold.apply_to("drawn"), drawn.join(", "))?;
        writeln!(self.out, "  {}  --filter '{}' --vary {seed}", self.styles.bold.apply_to("repeat"), case.id)
    }

    fn finished(&mut self, summary: &Summary) -> io::Result<()> {
        if let Some(progress) = self.progress.take() {
            progress.end();
        }
        if self.detail.every_finding { self.every_finding() } else { self.causes(summary) }?;
        self.case_list()?;
        writeln!(self.out)?;
        for (name, group) in &self.groups {
            writeln!(self.out, "  {name:<16}{}", self.describe_counts(group))?;
        }
        if !summary.skip_reasons.is_empty() {
            writeln!(self.out)?;
        }
        for (reason, count) in &summary.skip_reasons {
            let text = format!("skipped: {} because {reason}", cases_counted(*count));
            writeln!(self.out, "{}", wrap(&text, self.width, "  ", "    "))?;
        }
        self.reuse(summary)?;
        self.clause_table(summary)?;
        self.outdated(summary)?;
        let (word, style) = match summary.outcome() {
            Outcome::Conforms => ("the build conforms", &self.styles.good),
            Outcome::PartPassed if summary.shard.is_some() => {
                ("no case of this shard failed; `vouch merge` of all shards gives the verdict", &self.styles.good)
            }
            Outcome::ConformsWithWaivers => ("the build conforms with waivers", &self.styles.warn),
            Outcome::PartPassed if summary.waived > 0 => (
                "the chosen cases passed or are waived; no verdict on the build follows from a part of the suite",
                &self.styles.warn,
            ),
            Outcome::PartPassed => {
                ("the chosen cases passed; no verdict on the build follows from a part of the suite", &self.styles.good)
            }
            Outcome::OnlyKnownFailures => ("the build does not conform; no failure is new", &self.styles.warn),
            Outcome::DoesNotConform => ("the build does not conform", &self.styles.bad),
            Outcome::GateOutdated => ("the run fails: waivers or known failures are out of date", &self.styles.bad),
            Outcome::BadScenario => ("a scenario is invalid; the run says nothing about the build", &self.styles.bad),
            Outcome::HarnessFailed => {
                ("the harness or its environment failed; the run says nothing about the build", &self.styles.bad)
            }
            Outcome::Inconclusive if summary.passed > 0 || summary.in_doubt > 0 => ("inconclusive", &self.styles.warn),
            Outcome::Inconclusive => ("inconclusive: no clause was tested", &self.styles.warn),
            Outcome::Interrupted => ("interrupted; the results so far are above", &self.styles.warn),
        };
        let total = VerdictCounts {
            passed: summary.passed,
            failed: summary.failed,
            warned: summary.warned,
            waived: summary.waived,
            known_failures: summary.known_failures,
            skipped: summary.skipped,
            not_reached: summary.not_reached,
            in_doubt: summary.in_doubt,
            other: summary.bad_scenarios + summary.harness_failures,
        };
        let not_run = if summary.not_run > 0 { format!(", {} not run", summary.not_run) } else { String::new() };
        let words = self.describe_counts(&total);
        writeln!(self.out, "\n{words}{not_run} in {:.2} s", summary.duration.as_secs_f64())?;
        let untested = summary.untested_must_clauses();
        let clauses = if untested == 1 { "must clause is" } else { "must clauses are" };
        match summary.outcome() {
            Outcome::Conforms | Outcome::ConformsWithWaivers if untested > 0 => {
                writeln!(self.out, "{}, as far as it was tested: {untested} {clauses} not tested", style.apply_to(word))
            }
            Outcome::Inconclusive if summary.not_reached > 0 => {
                writeln!(self.out, "{}: {} not reached", style.apply_to(word), cases_counted(summary.not_reached))
            }
            Outcome::Inconclusive if summary.in_doubt > 0 => {
                let word = style.apply_to(word);
                let cases = cases_counted(summary.in_doubt);
                writeln!(self.out, "{word}: {cases} failed on a machine that was late; run again on a quiet one")
            }
            Outcome::Inconclusive if summary.passed > 0 => {
                writeln!(self.out, "{}: {untested} {clauses} not tested", style.apply_to(word))
            }
            _ => writeln!(self.out, "{}", style.apply_to(word)),
        }
    }

    /// Whether the claim `reuse` is wrong.
    fn reuse(&mut self, summary: &Summary) -> io::Result<()> {
        for text in reuse_notes(summary) {
            writeln!(self.out, "\n{}", wrap(&format!("note: {text}"), self.width, "  ", "    "))?;
        }
        Ok(())
    }

    /// Waivers and known failures that are out of date.
    fn outdated(&mut self, summary: &Summary) -> io::Result<()> {
        if !summary.gate_problems.is_empty() {
            writeln!(self.out, "\n  waivers and known failures that are out of date:")?;
        }
        for problem in &summary.gate_problems {
            let kind = self.styles.bad.apply_to(problem.kind.words());
            let text = format!("{}: {kind}: {}", problem.location, problem.text);
            writeln!(self.out, "{}", wrap(&text, self.width, "    ", "      "))?;
        }
        Ok(())
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
        add(group.waived, "waived", &self.styles.warn);
        add(group.known_failures, "known to fail", &self.styles.warn);
        add(group.not_reached, "not reached", &self.styles.warn);
        add(group.in_doubt, "in doubt", &self.styles.warn);
        add(group.skipped, "skipped", &self.styles.dim);
        add(group.other, "without a verdict", &self.styles.bad);
        if words.is_empty() { "no case ran".into() } else { words }
    }

    fn clause_table(&mut self, summary: &Summary) -> io::Result<()> {
        let of = |status: ClauseStatus| summary.clauses.iter().filter(move |clause| clause.status == status);
        let ids = |status| of(status).map(|clause| clause.id.as_str()).collect::<Vec<_>>().join(" ");
        let excused = [ClauseStatus::KnownFailing, ClauseStatus::Waived].map(|status| match of(status).count() {
            0 => String::new(),
            count => format!(" {count} {},", status.words()),
        });
        writeln!(
            self.out,
            "\n  clauses: {} satisfied, {} violated,{} {} not tested, {} not applicable",
            of(ClauseStatus::Satisfied).count(),
            of(ClauseStatus::Violated).count(),
            excused.concat(),
            of(ClauseStatus::NotTested).count(),
            of(ClauseStatus::NotApplicable).count()
        )?;
        for clause in of(ClauseStatus::Violated) {
            let id = self.styles.bold.apply_to(&clause.id);
            let word = self.styles.bad.apply_to("violated");
            let text = format!("{id} {}", clause.text);
            let text = wrap(&text, self.width - 1, &format!("    {word} "), "");
            // The causes above say the rest.
            let mut lines = text.lines();
            let (first, more) = (lines.next().unwrap_or_default(), if lines.next().is_some() { "…" } else { "" });
            writeln!(self.out, "{first}{more}")?;
        }
        for status in [ClauseStatus::KnownFailing, ClauseStatus::Waived, ClauseStatus::NotTested] {
            if of(status).count() > 0 {
                let text = format!("{}: {}", status.words(), ids(status));
                writeln!(self.out, "{}", wrap(&text, self.width, "    ", "      "))?;
            }
        }
        // Most clauses do not apply to a filtered run; the list would be long.
        if (1..=MAX_LISTED_CLAUSES).contains(&of(ClauseStatus::NotApplicable).count()) {
            writeln!(self.out, "    not applicable: {}", ids(ClauseStatus::NotApplicable))?;
        }
        Ok(())
    }
}

fn cases_counted(count: usize) -> String {
    counted(count, "case", "cases")
}

impl<W: Write> Listener for Console<W> {
    fn on_event(&mut self, event: &RunEvent) -> io::Result<()> {
        match safe_events::safe_event(event)? {
            RunEvent::Started(started) => self.started(&started),
            RunEvent::Progress { ended, failed } => {
                self.progress.iter_mut().for_each(|progress| progress.update(ended, failed));
                Ok(())
            }
            RunEvent::CaseFinished(case) => {
                self.case(*case);
                Ok(())
            }
            RunEvent::Finished(summary) => self.finished(&summary),
        }?;
        self.out.flush()
    }
}
