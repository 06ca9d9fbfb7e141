//! The scheduler of a worker: takes arrivals from the schedule, builds their requests, checks the responses and records the
//! results. It does not know sockets or HTTP versions: an HTTP client drives it.
//!
//! Times are in nanoseconds since the start of the run.

use super::arrivals::ArrivalSchedule;
use super::check::ResponseChecker;
use super::endpoints::{LoadCall, LoadTarget};
use super::failure::Failure;
use super::installations::Installations;
use super::latencies::{Latencies, latencies, record};
use super::locust::ThreadUsers;
use super::measure::{SecondStats, Series};
use super::measurement_window::MeasurementWindow;
use super::request_template::RequestBuffer;
use rand::{Rng, SeedableRng, rngs::SmallRng};
use std::sync::Arc;

/// A workload: calls that one installation makes in sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    pub name: String,
    pub calls: Vec<LoadCall>,
    /// The share of arrivals, relative to the weights of the other workloads.
    pub weight: u32,
    pub on_complete: OnComplete,
}

/// What happens to an installation after its last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnComplete {
    /// A signed-in installation becomes idle again; any other is removed.
    Return,
    /// The installation is signed in now and becomes idle.
    Join,
    /// Its sign-in token is stored for later.
    StoreToken,
}

impl Workload {
    /// The names of its series: the workload, and each call of a workload with several calls. A repeated call is named like
    /// `morning/resource#2`.
    pub fn series(&self) -> Vec<String> {
        let mut names = vec![self.name.clone()];
        if self.calls.len() > 1 {
            for (at, call) in self.calls.iter().enumerate() {
                let before = self.calls[..at].iter().filter(|earlier| *earlier == call).count();
                let suffix = if before == 0 { String::new() } else { format!("#{}", before + 1) };
                names.push(format!("{}/{call}{suffix}", self.name));
            }
        }
        names
    }

    /// Whether it starts with a signed-in installation.
    pub fn needs_installation(&self) -> bool {
        matches!(self.calls.first(), Some(LoadCall::Refresh | LoadCall::Resource))
    }

    /// Whether it starts with a sign-in token that was issued before the run.
    pub fn needs_tokens(&self) -> bool {
        self.calls.first() == Some(&LoadCall::Exchange)
    }
}

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
}

impl InFlight {
    /// A placeholder for connections without a request.
    pub const NONE: InFlight =
        InFlight { workload: 0, step: 0, installation_id: 0, intended: 0, due: 0, earlier_service: 0 };
}

/// The outcome of a request at the client.
pub enum RequestOutcome<'a> {
    Response {
        status: u16,
        body: &'a [u8],
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
    /// Requests that were retried because the server had not processed them.
    pub resent: u64,
    /// TLS handshakes, and how many of them resumed a session.
    pub handshakes: (u64, u64),
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
            handshakes: (0, 0),
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
    pub seed: u64,
}

impl Scheduler {
    pub fn new(parts: SchedulerParts) -> Self {
        let SchedulerParts { load_target, installations, checker, workloads, mut source, window, seed } = parts;
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
            installations,
            checker,
            record,
        }
    }

    /// The target of the load.
    pub fn load_target(&self) -> &LoadTarget {
        &self.load_target
    }

    /// When the next arrival is due; `None` when there are no more. With `max` an arrival is always due.
    pub fn next_due(&self) -> Option<u64> {
        match &self.source {
            ArrivalSource::Scheduled(_) => self.next_due,
            ArrivalSource::Max(0) => None,
            ArrivalSource::Max(_) => Some(0),
            ArrivalSource::Users(users) => users.next_due(),
        }
    }

    /// Stops taking arrivals.
    pub fn close(&mut self) {
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
        while let Some(request) = self.next_request(now, now) {
            self.resolve(request, &RequestOutcome::Failed(Failure::TimedOut, "no connection became free"), now, now);
        }
    }

    /// Starts the next due arrival. `free_since`: when a connection became free for it.
    pub fn next_request(&mut self, now: u64, free_since: u64) -> Option<InFlight> {
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
        self.checker.build_request(self.call(request), request.installation_id, &self.installations, buffer)
    }

    fn call(&self, request: &InFlight) -> LoadCall {
        self.workloads[usize::from(request.workload)].calls[usize::from(request.step)]
    }

    /// Records the outcome of a request that was sent at `sent`. Returns the next request of the workload, if any.
    pub fn resolve(
        &mut self,
        request: InFlight,
        outcome: &RequestOutcome<'_>,
        sent: u64,
        now: u64,
    ) -> Option<InFlight> {
        let call = self.call(&request);
        let check = match outcome {
            RequestOutcome::Response { status, body } => {
                self.checker.check(call, request.installation_id, &mut self.installations, *status, body)
            }
            RequestOutcome::Failed(failure, example) => Err((*failure, (*example).to_owned())),
        };
        let (workload_index, measured) = (usize::from(request.workload), request.intended >= self.window.start);
        let calls = self.workloads[workload_index].calls.len();
        let last = usize::from(request.step) + 1 == calls || check.is_err();
        let (latency, service) = (now.saturating_sub(request.intended), now.saturating_sub(sent));
        let total_service = request.earlier_service.saturating_add(service);
        if last {
            self.record.second.record_check(&check, latency);
        }
        let window = &self.window;
        let mut record_series = |at: usize, latency, service| {
            let series = &mut self.record.series[workload_index][at];
            // Wrong responses count in the warm-up too.
            if measured || check.as_ref().is_err_and(|(failure, _)| failure.is_wrong()) {
                series.record_check(&check, latency, service);
            }
            if check.is_ok() {
                series.completions.record(window, measured, now);
            }
        };
        if calls > 1 {
            record_series(1 + usize::from(request.step), now.saturating_sub(request.due), service);
        }
        if last {
            record_series(0, latency, total_service);
        }
        if let ArrivalSource::Users(users) = &mut self.source {
            let bytes = if let RequestOutcome::Response { body, .. } = outcome { body.len() } else { 0 };
            let failure = check.as_ref().err().map(|(failure, _)| *failure);
            users.record((request.workload, request.step), failure, now.saturating_sub(request.due), bytes);
            if last {
                users.on_complete(request.workload, now);
            }
        }
        if last {
            self.release_installation(&request, call, check.err().map(|(failure, _)| failure));
            return None;
        }
        Some(InFlight { step: request.step + 1, due: now, earlier_service: total_service, ..request })
    }

    /// Releases an installation at the end of a workload.
    fn release_installation(&mut self, request: &InFlight, call: LoadCall, failure: Option<Failure>) {
        self.active_chains = self.active_chains.saturating_sub(1);
        let workload = &self.workloads[usize::from(request.workload)];
        let refused = matches!(failure, Some(Failure::Status(400 | 401 | 403))) && call == LoadCall::Refresh;
        match workload.on_complete {
            // A refused refresh signs the app out; without a response the app keeps its tokens and retries later.
            OnComplete::Return if workload.needs_installation() && !refused => {
                self.installations.return_idle(request.installation_id);
            }
            OnComplete::Join if failure.is_none() => self.installations.return_idle(request.installation_id),
            OnComplete::StoreToken if failure.is_none() => self.installations.store_token(request.installation_id),
            _ => {
                self.record.signed_out += u64::from(refused);
                self.installations.release(request.installation_id);
            }
        }
    }

    /// Ends the run: returns the record, and the state for the next round.
    pub fn into_parts(mut self) -> (WorkerRecord, Installations, ResponseChecker) {
        self.conclude();
        (self.record, self.installations, self.checker)
    }

    /// Counts responses that are recognised as wrong only at the end.
    fn conclude(&mut self) {
        for wrong in self.checker.claims.conclude() {
            if let Some(series) = self.record.series.first_mut().and_then(|all| all.first_mut()) {
                series.reclassify_as_wrong(wrong, "");
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
