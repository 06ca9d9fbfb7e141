//! The verdict, the causes and the environment.

use super::Page;
use crate::excuse_text;
use crate::outside_text::{block, line};
use crate::run_text::{build_name, counted, outcome_sentence, shard_words};
use maud::{Markup, html};
use vouch_runner::run::cause::Cause;
use vouch_runner::run::event::Started;
use vouch_runner::run::summary::{ClauseStatus, Completeness, Outcome, Summary};
use vouch_runner::run::verdict::Strictness;
use vouch_spec::scenario::Level;

impl Page<'_> {
    /// What was tested, the outcome in words, the counts, and how much was tested.
    pub(super) fn verdict(&self) -> Markup {
        let (summary, started) = (&self.summary, &self.record.started);
        let roles = started.roles.join(", ");
        html! {
            div class={ "verdict " (tone(summary.outcome())) } {
                h1 { (build_name(started)) }
                p class="outcome" { (outcome_sentence(summary)) }
                p { (counts(summary)) " in " (format!("{:.1} s", summary.duration.as_secs_f64())) "." }
                (bar(summary))
                p { (coverage(summary)) }
                p class="dim" {
                    "Under test: " @if roles.is_empty() { "the built-in parts" } @else { (line(&roles)) }
                    " (" (line(&started.target)) "). Profile " (line(&started.profile)) ", suite edition "
                    (started.suite.edition) ", " (line(&started.started_at)) "."
                }
            }
        }
    }

    /// Waivers and known failures that are out of date.
    pub(super) fn outdated(&self) -> Markup {
        html! {
            @if !self.summary.gate_problems.is_empty() {
                section aria-labelledby="outdated" {
                    h2 id="outdated" { "Waivers and known failures that are out of date: " (self.summary.gate_problems.len()) }
                    ul {
                        @for problem in &self.summary.gate_problems {
                            li { code { (line(&problem.location.to_string())) } ": " b { (problem.kind.words()) } ": " (line(&problem.text)) }
                        }
                    }
                }
            }
        }
    }

    pub(super) fn causes(&self) -> Markup {
        html! {
            @if !self.summary.causes.is_empty() {
                section aria-labelledby="causes" {
                    h2 id="causes" { "Probable causes: " (self.summary.causes.len()) }
                    @for (index, cause) in self.summary.causes.iter().enumerate() { (self.cause(index + 1, cause)) }
                }
            }
        }
    }

    fn cause(&self, number: usize, cause: &Cause) -> Markup {
        let advice = cause.findings(&self.record.cases).first().and_then(|(_, finding)| finding.advice.as_deref());
        let standing = excuse_text::standing(cause);
        html! {
            article class={ "cause" @if standing.is_some() { " warning" } } {
                h3 {
                    (number) ". " (counted(cause.cases.len(), "case", "cases"))
                    @if let Some(word) = standing { ", " (word) }
                    @if !cause.not_reached.is_empty() {
                        "; it keeps " (counted(cause.not_reached.len(), "case", "cases")) " from being reached"
                    }
                }
                @for excuse in excuse_text::of_cause(self.record, cause) { p { b { (excuse) } } }
                (self.clause_list(&cause.clauses))
                (expected_and_got(&cause.expected, &cause.got))
                @if let Some(advice) = advice { p class="advice" { b { "Advice: " } (line(advice)) } }
                div { b { "Shown by: " } (self.case_links(&cause.cases)) }
                @if !cause.not_reached.is_empty() {
                    div { b { "Not reached: " } (self.case_links(&cause.not_reached)) }
                }
            }
        }
    }

    /// Clauses with level and text.
    pub(super) fn clause_list(&self, ids: &[String]) -> Markup {
        let known = &self.record.started.suite.clauses;
        html! {
            ul class="clauses" {
                @if ids.is_empty() { li class="dim" { "It violates no clause: the build cannot be tested." } }
                @for id in ids {
                    li {
                        b { (line(id)) } " "
                        @if let Some(clause) = known.get(id) { "(" (clause.level.word()) ") " (line(&clause.text)) }
                    }
                }
            }
        }
    }

    /// Every waiver of the run, and how many known failures it lists.
    pub(super) fn gate(&self) -> Markup {
        let gate = &self.record.started.gate;
        html! {
            @if !gate.is_empty() {
                section aria-labelledby="gate" {
                    h2 id="gate" { "Waivers and known failures" }
                    @if !gate.waivers.is_empty() {
                        table class="wide" {
                            thead { tr { @for heading in ["About", "Until", "Owner", "Reason", "Place"] { th scope="col" { (heading) } } } }
                            tbody {
                                @for waiver in &gate.waivers {
                                    tr {
                                        th scope="row" { (line(&waiver.subject())) }
                                        td class="st" { (line(&waiver.expires)) }
                                        td { (line(waiver.owner.as_str())) }
                                        td class="text" { (line(waiver.reason.as_str())) }
                                        td class="text dim" { (line(&waiver.location.to_string())) }
                                    }
                                }
                            }
                        }
                    }
                    @if let Some(known) = &gate.known_failures {
                        p { (counted(known.cases.len(), "known failure", "known failures")) " in " code { (line(&known.file)) } "." }
                    }
                }
            }
        }
    }

    pub(super) fn environment(&self) -> Markup {
        let started = &self.record.started;
        let host = &started.host;
        let suite = if started.suite.bundled { "bundled" } else { "own" };
        let areas: Vec<_> = started.token_storage.iter().map(|area| area.word()).collect();
        let number = |seed: Option<u64>| seed.map_or("none".to_owned(), |seed| seed.to_string());
        let digest = started.build_digest.as_ref().map(|build| format!("{}, SHA-256 {}", build.name, build.sha256));
        let strictness = if started.strictness == Strictness::Strict { "strict" } else { "lenient" };
        let rows = [
            ("Vouch", started.vouch.clone()),
            ("Started", started.started_at.clone()),
            ("Target", started.target.clone()),
            ("Target file", started.target_file.clone().unwrap_or_else(|| "none".into())),
            ("Build", format!("{} {} {}", started.sdk.name, started.sdk.version, started.sdk.platform)),
            ("Build digest", digest.unwrap_or_else(|| "none: the target file names no build".into())),
            ("Profile", started.profile.clone()),
            ("Capabilities", started.capabilities.join(", ")),
            ("Areas for tokens", areas.join(", ")),
            ("Suite", format!("edition {}, {suite}, SHA-256 {}", started.suite.edition, started.suite.sha256)),
            ("Arguments", started.arguments.join(" ")),
            ("Shards", shards(started)),
            ("Time", format!("{}, {} at once", started.time, counted(started.jobs, "case", "cases"))),
            ("Strictness", strictness.into()),
            ("Seed of the order", number(started.seed)),
            ("Seed of drawn conditions", number(started.vary)),
            ("Host", format!("{}, {} {}", host.name, host.os, host.architecture)),
            ("Processors", host.processors.to_string()),
            (
                "Record",
                if self.record.sha256.is_empty() { String::new() } else { format!("SHA-256 {}", self.record.sha256) },
            ),
        ];
        html! {
            section aria-labelledby="environment" {
                h2 id="environment" { "Environment" }
                dl class="env" {
                    @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
                        dt { (name) } dd { (line(value)) }
                    }
                }
            }
        }
    }
}

/// Which shard the run is, or where each shard of a merged record ran.
fn shards(started: &Started) -> String {
    let Some(words) = shard_words(started) else { return String::new() };
    let hosts: Vec<_> = started.merged_from.iter().map(|of| format!("{} on {}", of.shard, of.host.name)).collect();
    if hosts.is_empty() { words } else { format!("{words}: {}", hosts.join(", ")) }
}

/// Expected against got.
pub(super) fn expected_and_got(expected: &str, got: &str) -> Markup {
    html! {
        div class="pair" {
            div class="expected" { p class="dim" { "Expected" } pre { (block(expected)) } }
            div class="got" { p class="dim" { "Got" } pre { (block(if got.is_empty() { "nothing" } else { got })) } }
        }
    }
}

/// What the outcome means for the reader, as a class of the style sheet.
fn tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Conforms | Outcome::PartPassed => "good",
        Outcome::DoesNotConform | Outcome::GateOutdated | Outcome::BadScenario | Outcome::HarnessFailed => "bad",
        Outcome::ConformsWithWaivers | Outcome::OnlyKnownFailures | Outcome::Inconclusive | Outcome::Interrupted => {
            "warn"
        }
    }
}

/// The number of cases by verdict, each with its word and tone.
fn tally(summary: &Summary) -> [(usize, &'static str, &'static str); 10] {
    [
        (summary.passed, "passed", "good"),
        (summary.failed, "failed", "bad"),
        (summary.warned, "warned", "warn"),
        (summary.waived, "waived", "warn"),
        (summary.known_failures, "known to fail", "warn"),
        (summary.not_reached, "not reached", "warn"),
        (summary.in_doubt, "in doubt", "warn"),
        (summary.bad_scenarios + summary.harness_failures, "without a verdict", "bad"),
        (summary.skipped, "skipped", "dim"),
        (summary.not_run, "not run", "dim"),
    ]
}

fn counts(summary: &Summary) -> String {
    let words =
        tally(summary).into_iter().filter(|(count, ..)| *count > 0).map(|(count, word, _)| format!("{count} {word}"));
    let words: Vec<_> = words.collect();
    if words.is_empty() { "No case ran".into() } else { format!("Cases: {}", words.join(", ")) }
}

fn bar(summary: &Summary) -> Markup {
    html! {
        div class="bar" aria-hidden="true" {
            @for (count, _, tone) in tally(summary).iter().filter(|(count, ..)| *count > 0) {
                i class=(tone) style={ "flex:" (count) } {}
            }
        }
    }
}

/// How much was tested.
fn coverage(summary: &Summary) -> String {
    let of = |level: Level, status: ClauseStatus| {
        summary.clauses.iter().filter(|clause| clause.level == level && clause.status == status).count()
    };
    let level = |level: Level| {
        use ClauseStatus::{KnownFailing, NotApplicable, NotTested, Satisfied, Violated, Waived};
        let statuses = [Satisfied, Violated, KnownFailing, Waived, NotTested, NotApplicable];
        let words = statuses.map(|status| (of(level, status), status.words()));
        let words: Vec<_> =
            words.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    };
    let part = match summary.completeness {
        Completeness::Whole => "The run had every case that the roles under test have in the suite.",
        Completeness::Part if summary.shard.is_some() => "The run had one shard of its cases.",
        Completeness::Part => "The run had a part of the suite.",
    };
    format!("{part} Must clauses: {}. Should clauses: {}.", level(Level::Must), level(Level::Should))
}
