//! Traces of sampled calls: their requests carry the header `traceparent` (W3C Trace Context, level 1), so that the spans of the
//! server hang below those of the load.

use foldhash::quality::FixedState;
use std::hash::BuildHasher;
use std::time::{Duration, Instant};

/// Chooses which arrivals are traced, and gives their calls ids. The ids follow from the numbers of a call, so nothing is stored
/// while it is in flight.
#[derive(Clone, Copy, Debug)]
pub struct TraceSampler {
    /// Arrivals whose hash is below are traced.
    threshold: u64,
    /// A random number of the run: no two runs have the same ids.
    run: u64,
    worker: u64,
}

/// Which call is meant: the arrival in the schedule of its worker, the step of the workload, and the attempt.
#[derive(Clone, Copy, Debug)]
pub struct CallNumber {
    pub arrival: u64,
    pub step: u16,
    pub attempt: u32,
}

/// The ids of a traced call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// Never zero; the calls of one arrival share it.
    pub trace_id: u128,
    /// Never zero.
    pub span_id: u64,
}

/// A traced call that has ended.
#[derive(Clone, Debug)]
pub struct TracedCall {
    pub context: TraceContext,
    pub name: &'static str,
    /// When the run started.
    pub run_started: Instant,
    /// When the request was sent and when its answer was there, since the start of the run.
    pub sent: Duration,
    pub ended: Duration,
    /// The status of the answer.
    pub status: Option<u16>,
    /// What was wrong with it.
    pub failure: Option<String>,
}

impl TraceSampler {
    /// A sampler for a share of the arrivals, from 0 to 1.
    pub fn new(ratio: f64, run: u64, worker: u64) -> Self {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "clamped"
        )]
        let threshold = if ratio >= 1.0 { u64::MAX } else { (ratio.max(0.0) * u64::MAX as f64) as u64 };
        Self { threshold, run, worker }
    }

    /// The ids of a call; `None` if it is not traced.
    pub fn context(&self, call: CallNumber) -> Option<TraceContext> {
        let arrival = FixedState::with_seed(self.run).hash_one((self.worker, call.arrival));
        if arrival > self.threshold {
            return None;
        }
        let part = FixedState::with_seed(arrival).hash_one((call.step, call.attempt));
        let trace_id = (u128::from(self.run) << 64 | u128::from(arrival)).max(1);
        Some(TraceContext { trace_id, span_id: part.max(1) })
    }
}

impl TraceContext {
    /// Appends the header line, with its line ending.
    pub fn write_header(self, headers: &mut Vec<u8>) {
        let Self { trace_id, span_id } = self;
        headers.extend_from_slice(format!("traceparent: 00-{trace_id:032x}-{span_id:016x}-01\r\n").as_bytes());
    }
}

/// The traced calls of a worker. More than 20,000 are not kept.
pub struct Tracer {
    sampler: TraceSampler,
    run_started: Instant,
    pub calls: Vec<TracedCall>,
}

/// The most traced calls of a worker that are kept.
const MAX_TRACED: usize = 20_000;

impl Tracer {
    pub fn new(sampler: TraceSampler, run_started: Instant) -> Self {
        Self { sampler, run_started, calls: Vec::new() }
    }

    /// The ids of a call, if it is traced and there is room for it.
    pub fn context(&self, call: CallNumber) -> Option<TraceContext> {
        self.sampler.context(call).filter(|_| self.calls.len() < MAX_TRACED)
    }

    /// Keeps a call that has ended, if it is traced. Times are in nanoseconds since the start of the run. `failure`: what was wrong
    /// with the answer.
    pub fn record(
        &mut self,
        call: CallNumber,
        name: &'static str,
        (sent, ended): (u64, u64),
        status: Option<u16>,
        failure: Option<String>,
    ) {
        let Some(context) = self.context(call) else { return };
        let (sent, ended) = (Duration::from_nanos(sent), Duration::from_nanos(ended));
        let run_started = self.run_started;
        self.calls.push(TracedCall { context, name, run_started, sent, ended, status, failure });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn call(arrival: u64, step: u16, attempt: u32) -> CallNumber {
        CallNumber { arrival, step, attempt }
    }

    #[test]
    fn a_share_of_the_arrivals_is_traced_with_all_their_calls() {
        let sampler = TraceSampler::new(0.1, 7, 1);
        let traced: Vec<u64> = (0..10_000).filter(|arrival| sampler.context(call(*arrival, 0, 0)).is_some()).collect();
        assert!((900..1100).contains(&traced.len()), "{}", traced.len());
        let mut spans = HashSet::new();
        for arrival in traced {
            let all = [(0, 0), (1, 0), (1, 1)].map(|(step, attempt)| sampler.context(call(arrival, step, attempt)));
            let all: Vec<_> = all.into_iter().flatten().collect();
            assert_eq!(all.len(), 3);
            assert!(all.iter().all(|context| context.trace_id == all[0].trace_id && spans.insert(context.span_id)));
        }
        assert!((0..1000).all(|arrival| TraceSampler::new(1.0, 7, 1).context(call(arrival, 0, 0)).is_some()));
        assert!((0..1000).all(|arrival| TraceSampler::new(0.0, 7, 1).context(call(arrival, 0, 0)).is_none()));
    }

    #[test]
    fn the_header_is_that_of_w3c_trace_context() {
        let mut headers = Vec::new();
        TraceContext { trace_id: 0xab, span_id: 0x1f }.write_header(&mut headers);
        let text = String::from_utf8(headers).expect("ASCII");
        assert_eq!(text, format!("traceparent: 00-{}ab-{}1f-01\r\n", "0".repeat(30), "0".repeat(14)));
    }
}
