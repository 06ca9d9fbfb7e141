//! The scheduler of a worker: takes arrivals from the schedule, builds their requests, checks the responses and records the
//! results. It does not know sockets or HTTP versions: an HTTP client drives it.
//!
//! Times are in nanoseconds since the start of the run.

use super::arrivals::ArrivalSchedule;
mod resolve;

use super::check::{ReceivedResponse, ResponseChecker};
use super::endpoints::{LoadCall, LoadTarget};
use super::failure::Failure;
use super::faults::{Attempt, FaultInjector, FaultReport};
use super::installations::Installations;
use super::latencies::{Latencies, latencies, record};
use super::locust::ThreadUsers;
use super::measure::{SecondStats, Series};
use super::measurement_window::MeasurementWindow;
use super::request_template::RequestBuffer;
use super::token_claims::TokenOrigin;
use super::traces::{CallNumber, TracedCall, Tracer};
use super::workload::{Workload, first_call};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::sync::Arc;
use std::time::Duration;

/// The source of arrivals.
pub enum ArrivalSource {
    Scheduled(ArrivalSchedule),
    /// An arrival whenever a connection is free, up to this number.
    Max(u64),
    /// Users who each repeat one workload (a closed model).
    Users(ThreadUsers),
}

/// A request in flight.
#[derive(Clone, Copy, Debug)]
pub struct InFlight {
    workload: u16,
    step: u16,
    installation_id: u32,
    /// When the arrival was due.
    intended: u64,
    /// When this call was due.
    due: u64,
    /// The service time of the earlier calls of the workload.
    earlier_service: u64,
    pub attempt: Attempt,
}

impl InFlight {
    /// A placeholder for connections without a request.
    pub const NONE: InFlight = InFlight {
        workload: 0,
        step: 0,
        installation_id: 0,
        intended: 0,
        due: 0,
        earlier_service: 0,
        attempt: Attempt { arrival: 0, number: 0, ready: 0, cause: None, shifted: false },
    };
}

impl InFlight {
    /// Which call it is, for its trace.
    fn number(&self) -> CallNumber {
        CallNumber { arrival: self.attempt.arrival, step: self.step, attempt: self.attempt.number }
    }
}

/// The outcome of a request at the client.
pub enum RequestOutcome<'a> {
    Response {
        response: ReceivedResponse<'a>,
        /// Of a refusal: the value of `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// No response: the failure, and an example for the report.
    Failed(Failure, &'a str),
}

/// The measurements of a worker.
pub struct WorkerRecord {
    /// By workload, as [`Workload::series`] has them.
    pub series: Vec<Vec<Series>>,
    /// The delays between arrivals and their start with a free connection.
    pub lag: Latencies,
    /// Arrivals without an idle installation or an unused sign-in token.
    pub starved: u64,
    /// Arrivals that waited for a connection.
    pub waited_for_connection: u64,
    pub started: u64,
    /// Installations whose refresh was refused.
    pub signed_out: u64,
    /// Requests that were sent again because the server had closed their connection before it processed them.
    pub resent: u64,
    /// Requests that were sent again because the server had refused their streams.
    pub refused_streams: u64,
    /// TLS handshakes, and how many of them resumed a session.
    pub handshakes: (u64, u64),
    /// What faults led to; `None` in a load without faults and retries.
    pub faults: Option<FaultReport>,
    /// The traced calls that have ended.
    pub traced_calls: Vec<TracedCall>,
    /// The current second.
    pub second: SecondStats,
}

impl WorkerRecord {
    fn new(workloads: &[Workload]) -> Self {
        let series = |workload: &Workload| workload.series().iter().map(|_| Series::default()).collect();
        Self {
            series: workloads.iter().map(series).collect(),
            lag: latencies(3),
            starved: 0,
            waited_for_connection: 0,
            started: 0,
            signed_out: 0,
            resent: 0,
            refused_streams: 0,
            handshakes: (0, 0),
            faults: None,
            traced_calls: vec![],
            second: SecondStats::default(),
        }
    }
}

/// The scheduler of one worker.
pub struct Scheduler {
    load_target: Arc<LoadTarget>,
    workloads: Vec<Workload>,
    total_weight: u64,
    source: ArrivalSource,
    next_due: Option<u64>,
    /// Arrivals that are due before it are not measured.
    window: MeasurementWindow,
    random: SmallRng,
    /// The number of installations with a workload in progress.
    active_chains: u32,
    /// The number of arrivals that were taken.
    arrivals: u64,
    last_was_good: bool,
    injector: Option<FaultInjector>,
    tracer: Option<Tracer>,
    pub installations: Installations,
    pub checker: ResponseChecker,
    pub record: WorkerRecord,
}

/// The parts of a [`Scheduler`].
pub struct SchedulerParts {
    pub load_target: Arc<LoadTarget>,
    pub installations: Installations,
    pub checker: ResponseChecker,
    pub workloads: Vec<Workload>,
    pub source: ArrivalSource,
    pub window: MeasurementWindow,
    pub injector: Option<FaultInjector>,
    pub tracer: Option<Tracer>,
    pub seed: u64,
}

impl Scheduler {
    pub fn new(parts: SchedulerParts) -> Self {
        let SchedulerParts {
            load_target,
            installations,
            checker,
            workloads,
            mut source,
            window,
            injector,
            tracer,
            seed,
        } = parts;
        let total_weight = workloads.iter().map(|workload| u64::from(workload.weight)).sum::<u64>().max(1);
        let next_due = self::next_due(&mut source);
        let record = WorkerRecord::new(&workloads);
        let random = SmallRng::seed_from_u64(seed);
        Self {
            load_target,
            workloads,
            total_weight,
            source,
            next_due,
            window,
            random,
            active_chains: 0,
            arrivals: 0,
            last_was_good: false,
            injector,
            tracer,
            installations,
            checker,
            record,
        }
    }

    /// The target of the load.
    pub fn load_target(&self) -> &LoadTarget {
        &self.load_target
    }

    /// When the next arrival or retry is due; `None` when there are no more. With `max` an arrival is always due.
    pub fn next_due(&self) -> Option<u64> {
        let arrival = match &self.source {
            ArrivalSource::Scheduled(_) => self.next_due,
            ArrivalSource::Max(0) => None,
            ArrivalSource::Max(_) => Some(0),
            ArrivalSource::Users(users) => users.next_due(),
        };
        let Some(injector) = &self.injector else { return arrival };
        arrival.into_iter().chain(injector.next_due()).min()
    }

    /// Stops taking arrivals and retries.
    pub fn close(&mut self) {
        for request in self.injector.as_mut().map(FaultInjector::stop).unwrap_or_default() {
            self.release_installation(&request, Some(Failure::TimedOut));
        }
        if let ArrivalSource::Users(users) = &mut self.source {
            return users.close();
        }
        (self.source, self.next_due) = (ArrivalSource::Max(0), None);
    }

    /// Fails the arrivals that still wait for a connection one timeout after the end of the load. `timeout` in nanoseconds.
    pub fn fail_overdue(&mut self, now: u64, timeout: u64) {
        let scheduled = matches!(self.source, ArrivalSource::Scheduled(_));
        if !scheduled || now < self.window.end.saturating_add(timeout) {
            return;
        }
        while let Some(request) = self.next_arrival(now, now).or_else(|| self.next_waiting(now.saturating_sub(timeout)))
        {
            self.resolve(request, &RequestOutcome::Failed(Failure::TimedOut, "no connection became free"), now, now);
        }
    }

    /// Starts the next due retry or arrival. `free_since`: when a connection became free for it.
    pub fn next_request(&mut self, now: u64, free_since: u64) -> Option<InFlight> {
        loop {
            let waiting = self.next_waiting(now);
            let request = waiting.or_else(|| self.next_arrival(now, free_since))?;
            if let Some(request) = self.admit(request, now) {
                return Some(request);
            }
        }
    }

    fn next_arrival(&mut self, now: u64, free_since: u64) -> Option<InFlight> {
        loop {
            let mut user_workload = None;
            let intended = match &mut self.source {
                ArrivalSource::Scheduled(_) => {
                    let due = self.next_due.filter(|due| *due <= now)?;
                    self.next_due = self::next_due(&mut self.source);
                    due
                }
                ArrivalSource::Max(0) => return None,
                ArrivalSource::Max(left) => {
                    *left -= 1;
                    now
                }
                ArrivalSource::Users(users) => {
                    let (workload, due) = users.take(now)?;
                    user_workload = Some(workload);
                    due
                }
            };
            if intended >= self.window.start {
                let possible = intended.max(free_since);
                let lag = now.saturating_sub(possible);
                record(&mut self.record.lag, lag);
                self.record.second.lag_ns = self.record.second.lag_ns.max(lag);
                self.record.waited_for_connection += u64::from(possible > intended);
            }
            let workload = user_workload.unwrap_or_else(|| self.pick_workload());
            self.arrivals += 1;
            if let Some(installation_id) = self.next_installation(workload) {
                self.record.started += 1;
                self.record.second.started += 1;
                self.active_chains += 1;
                return Some(InFlight {
                    workload,
                    step: 0,
                    installation_id,
                    intended,
                    due: intended,
                    earlier_service: 0,
                    attempt: Attempt { arrival: self.arrivals, ready: intended, ..Attempt::default() },
                });
            }
            if let ArrivalSource::Max(_) = self.source {
                // `max` uses what is idle; it ends when no installation or token is left.
                if self.workloads[usize::from(workload)].needs_tokens() || self.active_chains == 0 {
                    self.close();
                }
                return None;
            }
            if let ArrivalSource::Users(users) = &mut self.source {
                users.on_starved(workload, now);
            }
            self.record.starved += 1;
        }
    }

    fn pick_workload(&mut self) -> u16 {
        if self.workloads.len() == 1 {
            return 0;
        }
        let mut at = self.random.random_range(0..self.total_weight);
        for (number, workload) in self.workloads.iter().enumerate() {
            let weight = u64::from(workload.weight);
            if at < weight {
                return u16::try_from(number).unwrap_or(0);
            }
            at -= weight;
        }
        0
    }

    fn next_installation(&mut self, workload: u16) -> Option<u32> {
        let workload = &self.workloads[usize::from(workload)];
        if workload.needs_installation() {
            self.installations.take_idle()
        } else if workload.needs_tokens() {
            self.installations.take_with_token()
        } else if workload.calls.first() == Some(&LoadCall::CreateUser) {
            self.installations.add_for_next_new_user()
        } else {
            self.installations.add_for_next_user()
        }
    }

    /// Builds a request. Returns the index of its endpoint.
    pub fn build_request(&self, request: &InFlight, buffer: &mut RequestBuffer) -> usize {
        let endpoint =
            self.checker.build_request(self.call(request), request.installation_id, &self.installations, buffer);
        if let Some(context) = self.tracer.as_ref().and_then(|tracer| tracer.context(request.number())) {
            context.write_header(&mut buffer.headers);
        }
        endpoint
    }

    fn call(&self, request: &InFlight) -> LoadCall {
        self.workloads[usize::from(request.workload)].calls[usize::from(request.step)]
    }

    /// Ends the run: returns the record, and the state for the next round.
    pub fn into_parts(mut self) -> (WorkerRecord, Installations, ResponseChecker) {
        self.conclude();
        self.record.traced_calls = self.tracer.map(|tracer| tracer.calls).unwrap_or_default();
        self.record.faults = self.injector.map(|injector| injector.report);
        (self.record, self.installations, self.checker)
    }

    /// Counts responses that are recognised as wrong only at the end.
    fn conclude(&mut self) {
        for sample in self.checker.claims.conclude() {
            let (workload, step) = match sample.origin {
                Some(TokenOrigin { workload, step }) => (usize::from(workload), usize::from(step)),
                None => first_call(&self.workloads, |call| call == LoadCall::from(sample.call)),
            };
            if let Some(series) = self.record.series.get_mut(workload) {
                Series::reclassify_call_as_wrong(series, step, sample.wrong, "");
            }
        }
    }
}

fn next_due(source: &mut ArrivalSource) -> Option<u64> {
    match source {
        ArrivalSource::Scheduled(schedule) => {
            schedule.next().map(|moment| u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX))
        }
        ArrivalSource::Max(_) | ArrivalSource::Users(_) => None,
    }
}
