//! The exchanges of a case with their redacted bodies, and the storage around a step.

use super::diagram::party;
use crate::outside_text::{block, line};
use maud::{Markup, html};
use std::collections::BTreeMap;
use std::ops::Range;
use vouch_runner::record::{Answer, CaseRecord, HeaderRecord, StoredItem, WireRecord};
use vouch_spec::protocol::message::Area;

/// At most this many exchanges are shown; of more, the last ones.
pub(super) const MAX_EXCHANGES: usize = 150;
/// A longer body is not laid out.
const MAX_PRETTY_BODY: usize = 20_000;

/// The indices of the exchanges that arrived during a step.
pub(super) fn during(record: &CaseRecord, step: usize) -> Range<usize> {
    let first = |step: usize| record.steps.get(step).and_then(|step| step.first_exchange);
    let end = (step + 1..record.steps.len()).find_map(first).map_or(record.wire.len(), |next| next.saturating_sub(1));
    let end = end.min(record.wire.len());
    let start = first(step).map_or(end, |first| first.saturating_sub(1)).min(end);
    start..end
}

/// The exchange that the failed step ends with.
pub(super) fn failing_exchange(record: &CaseRecord, failing: Option<usize>) -> Option<usize> {
    failing.and_then(|step| during(record, step).next_back())
}

pub(super) fn exchanges(record: &CaseRecord, failing: Option<usize>) -> Markup {
    let marked = failing_exchange(record, failing);
    let hidden = record.wire.len().saturating_sub(MAX_EXCHANGES);
    html! {
        @if !record.wire.is_empty() {
            h3 { "HTTP exchanges: " (record.wire.len()) }
            @if hidden > 0 { p class="dim" { "The last " (MAX_EXCHANGES) " are shown." } }
            @for (index, exchange) in record.wire.iter().enumerate().skip(hidden) {
                (one(exchange, marked == Some(index)))
            }
        }
    }
}

fn one(exchange: &WireRecord, marked: bool) -> Markup {
    html! {
        details class="x" open[marked] {
            summary {
                (exchange.number) ". " (party(&exchange.from).title) " to " (party(&exchange.to).title) ": "
                code { (line(&exchange.method)) " " (line(exchange.path.as_str())) } " "
                @if marked { b class="bad" { (answer_words(&exchange.answer)) ", in the failed step" } }
                @else { (answer_words(&exchange.answer)) }
                @if let Some(fault) = &exchange.fault { " " b class="warn" { "fault: " (line(fault)) } }
            }
            p class="dim" {
                (exchange.operation.words()) ", " (line(&exchange.realm)) ", at " (exchange.at_ms) " ms. Request:"
            }
            pre { (message(&exchange.headers, exchange.body.as_str())) }
            @if let Answer::Answered { headers, body, .. } = &exchange.answer {
                p class="dim" { "Answer:" }
                pre { (message(headers, body.as_str())) }
            }
        }
    }
}

/// How an exchange ended, in words.
pub(super) fn answer_words(answer: &Answer) -> String {
    match answer {
        Answer::Answered { status, .. } => status.to_string(),
        Answer::Pending => "not answered".into(),
        Answer::Lost { processed: true } => "connection lost after it was processed".into(),
        Answer::Lost { processed: false } => "connection lost before it was processed".into(),
        Answer::Abandoned => "the caller went away".into(),
        Answer::NoNetwork => "no network".into(),
    }
}

/// Headers and body as text.
fn message(headers: &[HeaderRecord], body: &str) -> String {
    let mut text = String::new();
    for header in headers {
        text += &format!("{}: {}\n", line(&header.name), line(header.value.as_str()));
    }
    if body.is_empty() {
        return text + "(no body)";
    }
    text + "\n" + &block(&pretty(body))
}

/// A JSON body with one member a line, a form with one field a line; any other body as it is.
fn pretty(body: &str) -> String {
    if body.len() > MAX_PRETTY_BODY {
        return body.to_owned();
    }
    match serde_json::from_str::<serde_json::Value>(body) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_else(|_| body.to_owned()),
        Err(_) if body.contains("grant_type=") => body.replace('&', "\n&"),
        Err(_) => body.to_owned(),
    }
}

/// The storage before and after a step.
pub(super) fn storage(record: &CaseRecord, step: usize) -> Markup {
    let known = record.steps.iter().take(step).rev().find_map(|step| step.storage.as_deref());
    let before = known.unwrap_or(&record.storage_at_start);
    let after = record.steps.get(step).and_then(|step| step.storage.as_deref()).unwrap_or(before);
    let mut rows: BTreeMap<(Area, &str), [Option<&StoredItem>; 2]> = BTreeMap::new();
    for (column, items) in [before, after].into_iter().enumerate() {
        for item in items {
            rows.entry((item.area, item.key.as_str())).or_default()[column] = Some(item);
        }
    }
    let cell = |item: Option<&StoredItem>| match item {
        Some(item) if item.value.as_str().is_empty() => html! { span class="dim" { "(empty)" } },
        Some(item) => html! { code { (line(item.value.as_str())) } },
        None => html! { span class="dim" { "(absent)" } },
    };
    html! {
        h3 { "Storage of the device" @if before == after { ": unchanged by the failed step" } @else { ": changed by the failed step" } }
        @if rows.is_empty() {
            p class="dim" { "It was empty." }
        } @else {
            table class="wide" {
                thead {
                    tr { @for heading in ["Item", "Before the failed step", "After it"] { th scope="col" { (heading) } } }
                }
                tbody {
                    @for ((area, key), [before, after]) in &rows {
                        tr class=[(before != after).then_some("changed")] {
                            td { code { (area.word()) " " (line(key)) } }
                            td class="text" { (cell(*before)) }
                            td class="text" { @if before == after { span class="dim" { "the same" } } @else { (cell(*after)) } }
                        }
                    }
                }
            }
        }
    }
}
