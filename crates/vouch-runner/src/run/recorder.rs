//! Collects what happens in a case for the run record.

use super::step_result::{StepError, StepFailure, StepResult};
use super::verdict::Location;
use super::world::World;
use crate::record::{
    Answer, CaseRecord, HeaderRecord, RecordedResult, StepOutcome, StepRecord, StoredItem, WireRecord,
};
use hyper::HeaderMap;
use vouch_sim::wire::redact::{Redacted, Redactor};
use vouch_sim::wire::{Exchange, ExchangeOutcome, REASON, render};
use vouch_spec::protocol::message::Item;
use vouch_spec::step::ScenarioStep;
use vouch_spec::text::Source;

/// The request headers that matter to the scheme.
const REQUEST_HEADERS: [&str; 3] = ["authorization", "x-vital-api-key", "content-type"];
const ANSWER_HEADERS: [&str; 6] =
    [REASON, "content-type", "retry-after", "location", "cache-control", "www-authenticate"];
/// Longer values of storage are cut, after they are redacted.
const MAX_STORED_CHARACTERS: usize = 400;

/// Collects the record of one case.
pub(super) struct Recorder {
    record: CaseRecord,
    started_ms: i64,
    last_items: Vec<Item>,
}

impl Recorder {
    /// Begins before the first step. `items`: the storage then.
    pub fn new(world: &World, planned_steps: usize) -> Self {
        let record = CaseRecord { planned_steps, ..CaseRecord::default() };
        Self { record, started_ms: world.clock.now_ms(), last_items: vec![] }
    }

    /// Notes the storage before the first step.
    pub fn launched(&mut self, world: &World, items: &[Item]) {
        self.record.storage_at_start = stored(items, &world.redactor);
        self.last_items = items.to_vec();
    }

    /// The begin of a step.
    pub fn begin(&self, world: &World) -> StepBegin {
        StepBegin { at_ms: world.clock.now_ms() - self.started_ms, exchanges: world.transcript.len() }
    }

    /// Notes a step that was performed. `items`: the storage after it, where it can be read.
    pub fn step(
        &mut self,
        world: &World,
        (step, source): (&ScenarioStep, &Source),
        begin: &StepBegin,
        result: Result<&StepResult, &StepFailure>,
        items: Option<&[Item]>,
    ) {
        let storage = items.filter(|items| **items != *self.last_items).map(|items| {
            self.last_items = items.to_vec();
            stored(items, &world.redactor)
        });
        let arrived = world.transcript.len() > begin.exchanges;
        self.record.steps.push(StepRecord {
            step: step.step.kind().name.to_owned(),
            description: world.redactor.scrub(&step.step.describe()),
            location: Location::of(source, step.span),
            clauses: step.clauses.clone(),
            at_ms: begin.at_ms,
            first_exchange: arrived.then_some(begin.exchanges + 1),
            outcome: match result {
                Ok(result) => passed(step, result, &world.redactor),
                Err(failure) => failed(&failure.error, &world.redactor),
            },
            storage,
        });
    }

    /// The record, when the case has ended.
    pub fn finish(mut self, world: &World) -> CaseRecord {
        let exchanges = world.transcript.since(0);
        self.record.wire = (1..)
            .zip(&exchanges)
            .map(|(number, exchange)| wire(number, exchange, self.started_ms, &world.redactor))
            .collect();
        self.record.crash_at_write = world.crash_point.was_reached().then_some(world.crash_point.write);
        self.record
    }
}

/// When a step began.
pub(super) struct StepBegin {
    at_ms: i64,
    exchanges: usize,
}

fn passed(step: &ScenarioStep, result: &StepResult, redactor: &Redactor) -> StepOutcome {
    if !step.step.kind().has_result {
        return StepOutcome::Passed { result: None, accepted: None };
    }
    let result = match result {
        StepResult::Done => RecordedResult::Done,
        StepResult::Ok => RecordedResult::Ok,
        StepResult::Killed => RecordedResult::Killed,
        StepResult::Http { status } => RecordedResult::Http { status: *status },
        StepResult::Refused { kind, text } => RecordedResult::Refused { error: *kind, text: redactor.scrub(text) },
    };
    StepOutcome::Passed { result: Some(result), accepted: Some(step.expect.clone()) }
}

fn failed(error: &StepError, redactor: &Redactor) -> StepOutcome {
    let build = |expected: &str, got: &str| StepOutcome::Failed {
        expected: redactor.scrub(expected),
        got: redactor.scrub(got),
    };
    let other = |reason: &str| StepOutcome::Inconclusive { reason: redactor.scrub(reason) };
    match error {
        StepError::Unmet { expected, got }
        | StepError::Undocumented { expected, got }
        | StepError::Violates { expected, got, .. } => build(expected, got),
        StepError::Adapter(error) => build("an adapter that complies with the protocol", &error.what),
        StepError::Backend(error) => build("a backend that serves", &error.what),
        StepError::NotApplicable(why) | StepError::Scenario(why) | StepError::Harness(why) => other(why),
        StepError::Inside(inner) => failed(&inner.error, redactor),
    }
}

fn stored(items: &[Item], redactor: &Redactor) -> Vec<StoredItem> {
    let mut stored: Vec<_> = items
        .iter()
        .map(|item| StoredItem {
            area: item.area,
            key: redactor.scrub(&item.key),
            value: redactor.scrub(&item.value).cut(MAX_STORED_CHARACTERS),
        })
        .collect();
    stored.sort();
    stored
}

fn wire(number: usize, exchange: &Exchange, started_ms: i64, redactor: &Redactor) -> WireRecord {
    let request = &exchange.request;
    let (from, to) = (exchange.link.from.word(), exchange.link.to.word());
    WireRecord {
        number,
        at_ms: exchange.at_ms - started_ms,
        from: from.to_owned(),
        to: to.to_owned(),
        realm: exchange.link.realm.to_string(),
        operation: exchange.operation,
        method: request.method.to_string(),
        path: redactor.scrub(&request.path),
        headers: headers(&request.headers, &REQUEST_HEADERS, redactor),
        body: body(&render::body_text(&request.body), redactor),
        fault: exchange.fault.clone(),
        answer: answer(&exchange.outcome, redactor),
    }
}

fn answer(outcome: &ExchangeOutcome, redactor: &Redactor) -> Answer {
    match outcome {
        ExchangeOutcome::Answered { status, headers: map, body: bytes } => Answer::Answered {
            status: status.as_u16(),
            headers: headers(map, &ANSWER_HEADERS, redactor),
            body: body(&render::body_text(bytes), redactor),
        },
        ExchangeOutcome::Pending => Answer::Pending,
        ExchangeOutcome::Lost { processed } => Answer::Lost { processed: *processed },
        ExchangeOutcome::Abandoned => Answer::Abandoned,
        ExchangeOutcome::NoNetwork => Answer::NoNetwork,
    }
}

fn body(text: &str, redactor: &Redactor) -> Redacted {
    if text.is_empty() { Redacted::default() } else { redactor.scrub(text) }
}

fn headers(map: &HeaderMap, kept: &[&str], redactor: &Redactor) -> Vec<HeaderRecord> {
    let mut records = Vec::new();
    for name in kept {
        for value in map.get_all(*name) {
            let value = redactor.scrub(&String::from_utf8_lossy(value.as_bytes()));
            records.push(HeaderRecord { name: (*name).to_owned(), value });
        }
    }
    records
}
