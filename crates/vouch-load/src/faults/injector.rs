//! Decides which calls of a worker a fault hits, and keeps the calls that wait for their next attempt.

use super::{Fault, FaultKind, FaultReport};
use crate::client::nanoseconds;
use crate::endpoints::LoadCall;
use crate::failure::Failure;
use crate::plan::Load;
use crate::scheduler::InFlight;
use foldhash::quality::FixedState;
use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::hash::BuildHasher;
use std::time::Duration;

/// The wait before the first retry; it doubles with every further one.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait that the server has not asked for.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// After the end of the load and the timeout of its last call, retries are sent for this long.
const DRAIN: Duration = Duration::from_secs(5);

/// Which attempt of which arrival a request is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attempt {
    /// The number of the arrival in the schedule of its worker.
    pub arrival: u64,
    /// The number of attempts before it.
    pub number: u32,
    /// When it was due, in nanoseconds.
    pub ready: u64,
    /// The fault that made it necessary.
    pub cause: Option<u8>,
    /// Planned pauses were taken out of the times of the request.
    pub shifted: bool,
}

/// A fault that hits a call.
#[derive(Clone, Copy, Debug)]
pub struct Injection {
    /// Its number in the load.
    pub fault: u8,
    pub kind: FaultKind,
}

/// What waits until a time.
#[derive(Clone, Copy, Debug)]
pub enum Waiting {
    /// The next attempt of a call, and the fault that took the answer of this one away; `None`: the server failed.
    Retry(InFlight, Option<u8>),
    /// A call, for the delayed answer of the call before it.
    Call(InFlight),
    /// An installation, before it can be used again.
    Installation(InFlight),
}

struct Entry {
    due: u64,
    /// Entries that are due at the same time keep their order.
    order: u64,
    waiting: Waiting,
}

/// The faults of one worker. Times are in nanoseconds since the start of the run.
pub struct FaultInjector {
    faults: Vec<Fault>,
    max_retries: u32,
    timeout: u64,
    /// Later retries are not sent.
    end: u64,
    seed: u64,
    queue: BinaryHeap<Reverse<Entry>>,
    order: u64,
    pub report: FaultReport,
}

impl FaultInjector {
    /// The faults and retries of a load whose arrivals end at `end`; `None` if it has neither.
    pub fn new(load: &Load, end: u64, seed: u64) -> Option<Self> {
        if load.faults.is_empty() && load.retries == 0 {
            return None;
        }
        let timeout = nanoseconds(load.timeout);
        Some(Self {
            faults: load.faults.clone(),
            max_retries: load.retries,
            timeout,
            end: end.saturating_add(timeout).saturating_add(nanoseconds(DRAIN)),
            seed,
            queue: BinaryHeap::new(),
            order: 0,
            report: FaultReport::new(&load.faults),
        })
    }

    /// The first fault that hits an attempt. It depends on the schedule and the seed alone, and not on earlier answers.
    pub fn hit(&self, attempt: &Attempt, step: u16, call: LoadCall) -> Option<Injection> {
        let at = Duration::from_nanos(attempt.ready);
        let is_hit = |(number, fault): &(usize, &Fault)| {
            at >= fault.from
                && at < fault.until
                && fault.hits(call)
                && self.chance((*number, attempt.arrival, step, attempt.number)) < fault.share
        };
        let (number, fault) = self.faults.iter().enumerate().find(is_hit)?;
        Some(Injection { fault: u8::try_from(number).unwrap_or(u8::MAX), kind: fault.kind })
    }

    /// A number from 0 to 1 that depends on the seed and `of`.
    fn chance(&self, of: impl std::hash::Hash) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a share")]
        let chance = (FixedState::with_seed(self.seed).hash_one(of) >> 11) as f64 / (1_u64 << 53) as f64;
        chance
    }

    /// When an installation notices that an answer is lost: at its timeout.
    pub fn timeout_of(&self, sent: u64) -> u64 {
        sent.saturating_add(self.timeout)
    }

    /// When the next attempt of a call starts; `None` if all were made. `retry_after`: what the refusal says. Waits grow, with
    /// jitter, and are not shorter than `Retry-After` (REF-9).
    pub fn next_attempt(&self, attempt: &Attempt, noticed: u64, retry_after: Option<Duration>) -> Option<u64> {
        if attempt.number >= self.max_retries {
            return None;
        }
        let backoff = FIRST_WAIT.saturating_mul(1 << attempt.number.min(10)).min(MAX_WAIT);
        let backoff = backoff.mul_f64(0.5 + self.chance(("backoff", attempt.arrival, attempt.number)) / 2.0);
        Some(noticed.saturating_add(nanoseconds(retry_after.unwrap_or_default().max(backoff))))
    }

    /// Adds what waits until `due`. Returns whether it does: after the end of the load nothing more is sent.
    pub fn wait_until(&mut self, due: u64, waiting: Waiting) -> bool {
        if due > self.end {
            return false;
        }
        self.order += 1;
        self.queue.push(Reverse(Entry { due, order: self.order, waiting }));
        true
    }

    pub fn next_due(&self) -> Option<u64> {
        self.queue.peek().map(|Reverse(entry)| entry.due)
    }

    /// Takes the next entry that is due.
    pub fn take_due(&mut self, now: u64) -> Option<Waiting> {
        self.queue.peek().filter(|Reverse(entry)| entry.due <= now)?;
        self.queue.pop().map(|Reverse(entry)| entry.waiting)
    }

    /// Gives up everything that waits, because the load was stopped, and accepts nothing more. Returns the requests whose
    /// installations are free now.
    pub fn stop(&mut self) -> Vec<InFlight> {
        self.end = 0;
        let give_up = |Reverse(entry): Reverse<Entry>| match entry.waiting {
            Waiting::Retry(request, fault) => {
                let (retries, unfinished) = match fault {
                    Some(fault) => {
                        let outcome = &mut self.report.faults[usize::from(fault)];
                        (&mut outcome.retries, &mut outcome.unfinished)
                    }
                    None => {
                        let outcome = &mut self.report.retries;
                        (&mut outcome.retries, &mut outcome.unfinished)
                    }
                };
                *unfinished += 1;
                *retries = retries.saturating_sub(1);
                request
            }
            Waiting::Call(request) | Waiting::Installation(request) => request,
        };
        std::mem::take(&mut self.queue).into_iter().map(give_up).collect()
    }

    /// Records that a call had its answer, which took more than one attempt because of a fault.
    pub fn recovered(&mut self, cause: u8, now: u64) {
        let outcome = &mut self.report.faults[usize::from(cause)];
        outcome.recovered += 1;
        let after = Duration::from_nanos(now).saturating_sub(outcome.until);
        outcome.last_recovery = outcome.last_recovery.max(after);
    }

    /// Records a call that failed at the server.
    pub fn record_failure(&mut self, cause: Option<u8>, failure: Failure, retry_after: Option<Duration>) {
        if let Some(cause) = cause {
            self.report.faults[usize::from(cause)].failures += 1;
        }
        if matches!(failure, Failure::Status(429 | 503)) {
            let retries = &mut self.report.retries;
            retries.refusals += 1;
            retries.with_retry_after += u64::from(retry_after.is_some());
            retries.longest_retry_after = retries.longest_retry_after.max(retry_after.unwrap_or_default());
        }
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadFile, Overrides};
    use vouch_spec::text::Source;

    const MS: u64 = 1_000_000;

    fn injector(faults: &str, seed: u64) -> FaultInjector {
        let source = Source::new("load.yaml", format!("duration: 100s\nfaults:\n{faults}"));
        let load = LoadFile::parse(&source).expect("a file").resolve(&Overrides::default(), None).expect("a load");
        FaultInjector::new(&load, 100_000 * MS, seed).expect("faults")
    }

    fn attempt(arrival: u64, number: u32, ms: u64) -> Attempt {
        Attempt { arrival, number, ready: ms * MS, ..Attempt::default() }
    }

    #[test]
    fn a_share_of_the_calls_in_the_time_of_a_fault_is_hit_as_the_seed_says() {
        let lost = "  - {from: 10s, until: 20s, answers: lost, share: 5%, at: refresh}\n";
        let hits = |seed: u64, ms: u64, number: u32, call: LoadCall| -> Vec<u64> {
            let injector = injector(lost, seed);
            (0..10_000).filter(|arrival| injector.hit(&attempt(*arrival, number, ms), 0, call).is_some()).collect()
        };
        let first = hits(1, 10_000, 0, LoadCall::Refresh);
        assert!((400..600).contains(&first.len()), "{}", first.len());
        assert_eq!(first, hits(1, 19_999, 0, LoadCall::Refresh), "an answer before it does not matter");
        assert_ne!(first, hits(2, 10_000, 0, LoadCall::Refresh));
        assert_ne!(first, hits(1, 10_000, 1, LoadCall::Refresh), "a retry has a chance of its own");
        for (ms, call) in [(9_999, LoadCall::Refresh), (20_000, LoadCall::Refresh), (10_000, LoadCall::Exchange)] {
            assert_eq!(hits(1, ms, 0, call), [] as [u64; 0], "{ms} {call}");
        }
    }

    #[test]
    fn the_first_fault_that_hits_is_the_one_that_acts() {
        let both = "  - {from: 5s, until: 6s, answers: refused}\n  - {from: 0s, until: 9s, answers: reset}\n";
        let kind = |ms: u64| injector(both, 1).hit(&attempt(7, 0, ms), 0, LoadCall::Refresh).map(|hit| hit.kind);
        assert_eq!([kind(1000), kind(5500)], [Some(FaultKind::Reset), Some(FaultKind::Refused)]);
        assert_eq!(kind(9000), None);
    }

    #[test]
    fn waits_grow_with_jitter_and_are_never_shorter_than_retry_after() {
        let faults = "  - {from: 0s, until: 1s, answers: lost}\nretries: 20\n";
        let injector = injector(faults, 1);
        for arrival in 0..200 {
            for (number, longest) in [(0, 1000), (1, 2000), (2, 4000), (5, 30_000), (19, 30_000)] {
                let next = injector.next_attempt(&attempt(arrival, number, 0), 7 * MS, None).expect("a retry");
                let wait = (next - 7 * MS) / MS;
                assert!((longest / 2..=longest).contains(&wait), "{number}: {wait}");
            }
            let next = injector.next_attempt(&attempt(arrival, 0, 0), 0, Some(Duration::from_secs(9)));
            assert_eq!(next, Some(9000 * MS));
        }
        assert_eq!(injector.next_attempt(&attempt(1, 20, 0), 0, None), None, "all attempts were made");
        let waits: std::collections::HashSet<_> =
            (0..50).map(|arrival| injector.next_attempt(&attempt(arrival, 0, 0), 0, None)).collect();
        assert!(waits.len() > 40, "installations do not come back together");
    }

    #[test]
    fn what_waits_comes_in_order_and_ends_with_the_load() {
        let mut injector = injector("  - {from: 0s, until: 1s, answers: lost}\n", 1);
        let request = |arrival| {
            let mut request = InFlight::NONE;
            request.attempt = Attempt { cause: Some(0), ..attempt(arrival, 1, 0) };
            request
        };
        for (due, arrival) in [(3, 1), (2, 2), (2, 3)] {
            assert!(injector.wait_until(due, Waiting::Retry(request(arrival), Some(0))));
        }
        assert!(injector.wait_until(4, Waiting::Retry(request(5), None)));
        assert!(!injector.wait_until(110_001 * MS, Waiting::Call(request(4))), "the load is over by then");
        let mut order = Vec::new();
        while let Some(Waiting::Retry(next, Some(0))) = injector.take_due(2) {
            order.push(next.attempt.arrival);
        }
        assert_eq!((order, injector.next_due()), (vec![2, 3], Some(3)));
        injector.report.faults[0].retries = 3;
        injector.report.retries.retries = 9;
        let mut given_up: Vec<u64> = injector.stop().iter().map(|request| request.attempt.arrival).collect();
        given_up.sort_unstable();
        assert_eq!(given_up, [1, 5]);
        let outcome = &injector.report.faults[0];
        assert_eq!((injector.next_due(), outcome.unfinished, outcome.retries), (None, 1, 2));
        let retries = &injector.report.retries;
        assert_eq!((retries.retries, retries.unfinished), (8, 1), "what the server failed is counted there");
        assert!(!injector.wait_until(5, Waiting::Retry(request(6), None)), "a stopped load sends nothing more");
    }
}
