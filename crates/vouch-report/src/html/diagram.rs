//! The sequence diagram of a case, as SVG: the steps at the left, a lifeline for each part, an arrow for each request and answer.

use super::exchanges::{MAX_EXCHANGES, answer_words, during, failing_exchange};
use crate::outside_text::{line, line_up_to};
use console::{measure_text_width, truncate_str};
use maud::{Markup, html};
use vouch_runner::record::{Answer, CaseRecord, StepOutcome, StepRecord, WireRecord};

/// A part that takes part in an exchange.
pub(super) struct Party {
    word: &'static str,
    pub(super) title: &'static str,
}

const PARTIES: [Party; 6] = [
    Party { word: "app", title: "App" },
    Party { word: "sdk", title: "SDK" },
    Party { word: "client", title: "Harness" },
    Party { word: "backend", title: "Backend" },
    Party { word: "api", title: "API" },
    Party { word: "auth", title: "Identity provider" },
];
const OTHER: Party = Party { word: "", title: "Other" };

/// The part of this word of the record.
pub(super) fn party(word: &str) -> &'static Party {
    PARTIES.iter().find(|party| party.word == word).unwrap_or(&OTHER)
}

// All lengths are in pixels of the SVG.
const CHARACTER: usize = 8; // An upper bound of the width of a character at 12 px.
const STEPS: usize = 230;
const LANE: usize = 184;
const HEAD: usize = 34;
const STEP_ROW: usize = 40;
const EXCHANGE_ROW: usize = 50;
const TITLE_CHARACTERS: usize = 1_000;

/// A row from top to bottom.
enum Row<'a> {
    Step { number: usize, step: &'a StepRecord, failing: bool },
    Exchange { exchange: &'a WireRecord, failing: bool },
}

impl Row<'_> {
    fn height(&self) -> usize {
        match self {
            Row::Step { .. } => STEP_ROW,
            Row::Exchange { .. } => EXCHANGE_ROW,
        }
    }
}

pub(super) fn diagram(record: &CaseRecord, failing: Option<usize>, case: &str) -> Markup {
    let rows = rows(record, failing);
    let lanes = lanes(record);
    let width = STEPS + lanes.len() * LANE;
    let height = HEAD + rows.iter().map(Row::height).sum::<usize>() + 10;
    let tops = rows.iter().scan(HEAD, |top, row| Some(std::mem::replace(top, *top + row.height())));
    let label = line(&format!("Sequence diagram of {case}"));
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(label) {
            svg class="seq" role="img" aria-label=(label) width=(width) height=(height) viewBox={ "0 0 " (width) " " (height) } {
                @for (row, top) in rows.iter().zip(tops.clone()) {
                    @if let Row::Step { step, number, failing } = row { (step_row(step, *number, *failing, top, width)) }
                }
                @for (index, lane) in lanes.iter().enumerate() { (lifeline(lane, lane_x(index), height)) }
                @for (row, top) in rows.iter().zip(tops) {
                    @if let Row::Exchange { exchange, failing } = row { (arrows(exchange, *failing, top, &lanes)) }
                }
            }
        }
    }
}

/// The rows in time: before each step's exchanges its label. Of many exchanges the last ones are shown.
fn rows(record: &CaseRecord, failing: Option<usize>) -> Vec<Row<'_>> {
    let marked = failing_exchange(record, failing);
    let hidden = record.wire.len().saturating_sub(MAX_EXCHANGES);
    let of = |indices: std::ops::Range<usize>| {
        indices
            .filter(move |index| *index >= hidden)
            .map(move |index| Row::Exchange { exchange: &record.wire[index], failing: marked == Some(index) })
    };
    let first = record.steps.iter().find_map(|step| step.first_exchange);
    let before = first.map_or(record.wire.len(), |first| first.saturating_sub(1)).min(record.wire.len());
    let mut rows: Vec<_> = of(0..before).collect();
    for (index, step) in record.steps.iter().enumerate() {
        rows.push(Row::Step { number: index + 1, step, failing: failing == Some(index) });
        rows.extend(of(during(record, index)));
    }
    rows
}

/// The parts that the exchanges name; app, SDK, backend, API and identity provider are always there.
fn lanes(record: &CaseRecord) -> Vec<&'static Party> {
    let named = |party: &Party| {
        record
            .wire
            .iter()
            .any(|exchange| [&exchange.from, &exchange.to].iter().any(|word| self::party(word).word == party.word))
    };
    PARTIES.iter().chain([&OTHER]).filter(|party| !matches!(party.word, "client" | "") || named(party)).collect()
}

fn lane_x(index: usize) -> usize {
    STEPS + index * LANE + LANE / 2
}

fn lifeline(party: &Party, x: usize, height: usize) -> Markup {
    html! {
        line class="life" x1=(x) y1=(HEAD) x2=(x) y2=(height) {}
        rect class="head" x=(x - LANE / 2 + 8) y="4" width=(LANE - 16) height=(HEAD - 8) rx="4" {}
        text class="h" x=(x) y="22" { (party.title) }
    }
}

/// The text, cut so that it fits in a width; the whole text is the title.
fn fitted(text: &str, width: usize) -> Markup {
    let safe = line_up_to(text, TITLE_CHARACTERS);
    let shown = truncate_str(&safe, width / CHARACTER, "…");
    html! { (shown) @if measure_text_width(&safe) > width / CHARACTER { title { (safe) } } }
}

fn step_row(step: &StepRecord, number: usize, failing: bool, top: usize, width: usize) -> Markup {
    let result = match &step.outcome {
        StepOutcome::Passed { .. } => String::new(),
        StepOutcome::Failed { got, .. } => format!("✗ got {got}"),
        StepOutcome::Inconclusive { reason } => format!("inconclusive: {reason}"),
    };
    let result = if failing && result.is_empty() { "✗ failed".to_owned() } else { result };
    let class = if failing { "band f" } else { "band" };
    html! {
        rect class=(class) x="0" y=(top + 2) width=(width) height=(STEP_ROW - 4) {}
        text class=[failing.then_some("f")] x="8" y=(top + 17) {
            (fitted(&format!("{number}. {}", step.description), STEPS - 16))
        }
        @if result.is_empty() {
            text class="d" x="8" y=(top + 32) { (step.at_ms) " ms" }
        } @else {
            text class="f" x="8" y=(top + 32) { (fitted(&result, width - 16)) }
        }
    }
}

/// A request and its answer.
fn arrows(exchange: &WireRecord, failing: bool, top: usize, lanes: &[&Party]) -> Markup {
    let lane = |word: &str| lanes.iter().position(|lane| lane.word == party(word).word).unwrap_or(0);
    let (from, to) = (lane_x(lane(&exchange.from)), lane_x(lane(&exchange.to)));
    // An exchange of a part with itself is drawn towards the right edge of its lane.
    let to = if from == to { from + LANE / 2 - 10 } else { to };
    let (middle, room) = (usize::midpoint(from, to), from.abs_diff(to).max(LANE - 20) - 12);
    let (request, answer) = (top + 19, top + 42);
    let summary = format!("{} {}", exchange.method, exchange.path);
    let status = answer_words(&exchange.answer);
    let status = if failing { format!("✗ {status}") } else { status };
    let note = exchange.fault.as_ref().map(|fault| format!("fault: {fault}"));
    let class = if failing { "failing" } else { "exchange" };
    html! {
        g class=(class) {
            text x="24" y=(request) class="d" {
                (fitted(&format!("{}: {}", exchange.number, exchange.operation.words()), STEPS - 32))
            }
            @if let Some(note) = note { text class="w" x="24" y=(request + 16) { (fitted(&format!("⚡ {note}"), STEPS - 32)) } }
            (arrow("a", "p", from, to, request))
            text class="m" x=(middle) y=(request - 5) { (fitted(&summary, room)) }
            @match exchange.answer {
                Answer::Answered { .. } => (arrow("r", "rp", to, from, answer)),
                _ => (lost(to, from, answer)),
            }
            text class="m" x=(middle) y=(answer - 5) { (fitted(&status, room)) }
        }
    }
}

fn arrow(line: &str, head: &str, from: usize, to: usize, y: usize) -> Markup {
    let back = if to > from { to - 8 } else { to + 8 };
    html! {
        path class=(line) d={ "M" (from) " " (y) "H" (back) } {}
        path class=(head) d={ "M" (to) " " (y) "L" (back) " " (y - 4) "V" (y + 4) "Z" } {}
    }
}

/// An answer that does not arrive: half an arrow with a cross.
fn lost(from: usize, to: usize, y: usize) -> Markup {
    let end = usize::midpoint(from, to);
    html! {
        path class="r" d={ "M" (from) " " (y) "H" (end) } {}
        path class="a" d={ "M" (end - 4) " " (y - 4) "l8 8m0-8l-8 8" } {}
    }
}
