//! The workers of a load: they create users, tokens and signed-in installations before the run, and then send one or more
//! rounds.

mod threads;

use self::threads::Phase;
use super::arrivals::{ArrivalSchedule, Arrivals};
use super::check::ResponseChecker;
use super::client::{ClientOptions, nanoseconds};
use super::endpoints::{LoadCall, LoadTarget};
use super::failure::Failure;
use super::installations::{Installations, User};
use super::measure::{self, FailureStats};
use super::plan::Load;
use super::round::{AbortPolicy, IntervalStats, Round, RoundBuilder};
use super::scheduler::{ArrivalSource, WorkerRecord};
use super::workload::{OnComplete, Workload};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vouch_runner::sut::Place;
use vouch_sim::clock::real_now_ms;

/// A load that could not be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct LoadError {
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub help: Option<String>,
    /// The user interrupted the load.
    pub interrupted: bool,
}

impl LoadError {
    /// An error without advice.
    pub fn new(what: impl ToString) -> Self {
        Self { what: what.to_string(), help: None, interrupted: false }
    }

    /// Users, installations or tokens could not be created. `example` is the message of one such failure, or empty.
    pub fn creation_error(what: &str, failure: Failure, example: String) -> Self {
        let example = if example.is_empty() { failure.to_string() } else { example };
        let help = failure.help(&example).map(str::to_owned);
        Self { help, ..Self::new(format!("no {what} could be created: {example}")) }
    }
}

/// The progress of a load.
#[derive(Clone, Debug)]
pub enum ProgressEvent<'a> {
    /// Before the run: what is created, how many exist and how many are needed.
    Preparing { what: &'static str, done: u64, of: u64 },
    /// The run starts.
    Started,
    /// A second has ended.
    Second(&'a IntervalStats),
}

/// The state of one worker between rounds.
struct WorkerState {
    installations: Installations,
    checker: ResponseChecker,
}

/// The workers.
pub struct Workers {
    load: Load,
    load_target: Arc<LoadTarget>,
    client_options: ClientOptions,
    workers: Vec<WorkerState>,
    creates_users: bool,
    /// Wrong responses since the last round, while users, installations and tokens were created.
    wrong_responses: BTreeMap<Failure, FailureStats>,
}

/// The parts of [`Workers`].
pub struct WorkerParts {
    pub load: Load,
    pub load_target: LoadTarget,
    /// The options of one worker's client.
    pub client_options: ClientOptions,
    /// Existing users, such as those of a backend; if empty, users are created.
    pub users: Vec<User>,
    /// Where the backend's response holds the sign-in token.
    pub token_place: Place,
}

/// A step of the preparation: what is created, by which calls, and how many.
struct PreparationJob {
    what: &'static str,
    calls: &'static [LoadCall],
    on_complete: OnComplete,
    of: u32,
}

impl Workers {
    pub fn new(parts: WorkerParts) -> Self {
        let WorkerParts { load, load_target, client_options, users, token_place } = parts;
        let load_target = Arc::new(load_target);
        let creates_users = users.is_empty();
        let uses_access_token = load.workloads.iter().any(|workload| workload.calls.contains(&LoadCall::Resource));
        let run = uuid::Uuid::new_v4().simple().to_string();
        let workers = (0..load.threads).map(|worker| {
            let mine = |n: &u32| n % load.threads == worker;
            let users: Vec<User> = if creates_users {
                let name = |n: u32| format!("vouch-load-{}-{n}", &run[..8]).into_boxed_str();
                let count = load.users.max(load.threads);
                (0..count).filter(mine).map(|n| User { name: name(n), ..User::default() }).collect()
            } else {
                // With fewer users than workers, the workers share the users.
                let own: Vec<_> =
                    (0_u32..).zip(&users).filter(|(n, _)| mine(n)).map(|(_, user)| user.clone()).collect();
                if own.is_empty() { users.clone() } else { own }
            };
            let installations = Installations::new(users, load.reuse_tokens);
            let checker = ResponseChecker::new(
                load_target.clone(),
                token_place.clone(),
                load.requires_rotation,
                uses_access_token,
            );
            // An installation that lost an answer uses its token again, and the server may repeat its answer.
            let checker = if load.faults.is_empty() { checker } else { checker.with_repeats() };
            WorkerState { installations, checker: checker.with_unchecked(load.unchecked) }
        });
        Self {
            workers: workers.collect(),
            creates_users,
            load,
            load_target,
            client_options,
            wrong_responses: BTreeMap::new(),
        }
    }

    /// Creates what the load needs before the run.
    pub fn prepare(&mut self, stop: &AtomicBool, on_event: &mut dyn FnMut(ProgressEvent<'_>)) -> Result<(), LoadError> {
        let mut jobs = Vec::new();
        let needs = |of: fn(&Workload) -> bool| self.load.workloads.iter().any(of);
        let issues = needs(|workload| workload.calls.contains(&LoadCall::Issue));
        let (installations, tokens) = (needs(Workload::needs_installation), needs(Workload::needs_tokens));
        if self.creates_users && (installations || tokens || issues) {
            let users: usize = self.workers.iter().map(|worker| worker.installations.users.len()).sum();
            let of = u32::try_from(users).unwrap_or(u32::MAX);
            jobs.push(PreparationJob {
                what: "users",
                calls: &[LoadCall::CreateUser],
                on_complete: OnComplete::Return,
                of,
            });
        }
        if installations {
            let calls = &[LoadCall::Issue, LoadCall::Exchange];
            jobs.push(PreparationJob {
                what: "installations",
                calls,
                on_complete: OnComplete::Join,
                of: self.load.installations,
            });
        }
        for job in jobs {
            self.make(&job, stop, on_event)?;
        }
        self.check_access_lifetime()
    }

    /// Issues the sign-in tokens that a round needs in addition to the unused ones.
    fn restock(
        &mut self,
        arrivals: &Arrivals,
        duration: Duration,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<(), LoadError> {
        let as_planned = *arrivals == self.load.arrivals && duration == self.load.duration;
        let now_s = now_s();
        self.workers.iter_mut().for_each(|worker| worker.installations.drop_expired(now_s));
        let wanted = if as_planned { self.load.tokens } else { self.load.tokens_for(arrivals, duration) };
        let stocked: usize = self.workers.iter().map(|worker| worker.installations.token_count()).sum();
        let missing = wanted.saturating_sub(u32::try_from(stocked).unwrap_or(u32::MAX));
        if missing == 0 {
            return Ok(());
        }
        let calls = &[LoadCall::Issue];
        self.make(
            &PreparationJob { what: "sign-in tokens", calls, on_complete: OnComplete::StoreToken, of: missing },
            stop,
            on_event,
        )?;
        self.check_lifetimes(duration)
    }

    fn make(
        &mut self,
        job: &PreparationJob,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<(), LoadError> {
        let threads = self.load.threads;
        let share = |worker: usize| {
            let worker = u32::try_from(worker).unwrap_or(0);
            job.of / threads + u32::from(worker < job.of % threads)
        };
        let mut left: Vec<u64> = (0..self.workers.len()).map(|worker| u64::from(share(worker))).collect();
        let of = u64::from(job.of);
        let mut failures = BTreeMap::new();
        // Single requests may fail; persistent failures are reported.
        for _ in 0..3 {
            self.workers.iter_mut().for_each(|worker| worker.installations.reset_user_cursor());
            let sources = left.iter().map(|count| self.preparation_source(*count)).collect();
            let workload =
                Workload { name: job.what.into(), calls: job.calls.to_vec(), weight: 1, on_complete: job.on_complete };
            let before = of - left.iter().sum::<u64>();
            let mut done = before;
            let mut must_stop = false;
            let (started, timeout) = (Instant::now(), self.load.timeout);
            let records = self.run_threads(vec![workload], sources, Phase::Unbounded, None, stop, &mut |interval| {
                done += interval.good;
                on_event(ProgressEvent::Preparing { what: job.what, done: done.min(of), of });
                // A server that lets its first requests time out would do so with all of them.
                let is_silent = interval.errors > 0 && started.elapsed() >= timeout;
                must_stop = done == before && (interval.permanent > 0 || is_silent);
                !must_stop
            })?;
            let good = |record: &WorkerRecord| record.series[0][0].good;
            for (failure, failed) in records.iter().flat_map(|record| &record.series[0][0].failures) {
                measure::add_failures(&mut failures, *failure, failed);
                if failure.is_wrong() {
                    measure::add_failures(&mut self.wrong_responses, *failure, failed);
                }
            }
            left = records.iter().zip(&left).map(|(record, left)| left.saturating_sub(good(record))).collect();
            if left.iter().all(|left| *left == 0) {
                on_event(ProgressEvent::Preparing { what: job.what, done: of, of });
                return Ok(());
            }
            if stop.load(Ordering::Relaxed) {
                return Err(LoadError { interrupted: true, ..LoadError::new("interrupted during the preparation") });
            }
            if must_stop || records.iter().all(|record| good(record) == 0) {
                return Err(creation_error(job, &records));
            }
        }
        Err(incomplete_error(job, left.iter().sum(), &failures))
    }

    fn preparation_source(&self, count: u64) -> ArrivalSource {
        let Some(rate) = self.load.prepare_rate else { return ArrivalSource::Max(count) };
        let rate = rate / f64::from(self.load.threads);
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let duration = Duration::try_from_secs_f64((count as f64 - 0.5).max(0.5) / rate).unwrap_or(Duration::MAX);
        ArrivalSchedule::new(&Arrivals::Constant(rate), duration, 0, 1, 0)
            .map_or(ArrivalSource::Max(count), ArrivalSource::Scheduled)
    }

    /// Rejects a run that is longer than the lifetime of its sign-in tokens.
    fn check_lifetimes(&self, duration: Duration) -> Result<(), LoadError> {
        let uses = self.load.workloads.iter().any(Workload::needs_tokens) && !self.load.reuse_tokens;
        let earliest = self.workers.iter().filter_map(|worker| worker.installations.earliest_expiry_s()).min();
        let Some(earliest) = earliest.filter(|_| uses) else { return Ok(()) };
        let left = u64::try_from(earliest - now_s()).unwrap_or(0);
        if left >= duration.as_secs() {
            return Ok(());
        }
        Err(LoadError {
            help: Some("use a shorter duration, fewer tokens, or the workload `signIn`, which issues each token just before its exchange".into()),
            ..LoadError::new(format!(
                "the first sign-in tokens expire in {left} s, before the end of the run of {} s",
                duration.as_secs()
            ))
        })
    }

    /// Rejects a run that uses access tokens without a refresh for longer than their lifetime.
    fn check_access_lifetime(&self) -> Result<(), LoadError> {
        let uses = |workload: &Workload| workload.calls.first() == Some(&LoadCall::Resource);
        let Some(name) = self.load.workloads.iter().find(|workload| uses(workload)).map(|workload| &workload.name)
        else {
            return Ok(());
        };
        let shortest = self.workers.iter().filter_map(|worker| worker.checker.shortest_lifetime_s).min();
        match shortest.filter(|lifetime| *lifetime <= self.load.duration.as_secs()) {
            None => Ok(()),
            Some(lifetime) => Err(LoadError {
                help: Some("use a shorter duration, or start the workload with `refresh`".into()),
                ..LoadError::new(format!(
                    "access tokens expire after {lifetime} s, and `{name}` uses them for longer without a refresh"
                ))
            }),
        }
    }

    /// Runs one round. Its first part, `warm_up`, is not measured.
    pub fn round(
        &mut self,
        arrivals: &Arrivals,
        duration: Duration,
        warm_up: Duration,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<Round, LoadError> {
        self.restock(arrivals, duration, stop, on_event)?;
        let threads = self.load.threads;
        let sources = (0..threads).map(|worker| {
            let schedule = ArrivalSchedule::new(arrivals, duration, worker, threads, self.load.seed);
            schedule.map_or(ArrivalSource::Max(u64::MAX), ArrivalSource::Scheduled)
        });
        let sources: Vec<_> = sources.collect();
        let warm_up = warm_up.min(duration);
        let max = (*arrivals == Arrivals::Max).then_some(duration);
        let mut builder = RoundBuilder::new(&self.load, warm_up, duration, max.is_some());
        on_event(ProgressEvent::Started);
        let (mut abort_policy, mut aborted) = (AbortPolicy::default(), false);
        let window = nanoseconds(warm_up)..nanoseconds(duration);
        let started = Instant::now();
        let records =
            self.run_threads(self.load.workloads.clone(), sources, Phase::Round(window), max, stop, &mut |interval| {
                on_event(ProgressEvent::Second(interval));
                builder.intervals.push(interval.clone());
                aborted |= abort_policy.should_abort(interval);
                !aborted
            })?;
        builder.elapsed = started.elapsed();
        (builder.aborted, builder.interrupted) = (aborted, stop.load(Ordering::Relaxed));
        let mut round = builder.close(records, self.workers.iter().map(|worker| &worker.checker));
        round.add_wrong_before_start(&std::mem::take(&mut self.wrong_responses));
        Ok(round)
    }

    /// Runs the users of a closed model until `stop`, with at most `connections` per worker and one source per worker.
    pub(super) fn until_stopped(
        &mut self,
        sources: Vec<ArrivalSource>,
        connections: usize,
        stop: &AtomicBool,
    ) -> Result<Round, LoadError> {
        let (arrivals, duration) = (self.load.arrivals.clone(), self.load.duration);
        self.restock(&arrivals, duration, stop, &mut |_| {})?;
        let mut builder = RoundBuilder::new(&self.load, Duration::ZERO, Duration::MAX, false);
        let started = Instant::now();
        let before = std::mem::replace(&mut self.client_options.connections, connections);
        let records =
            self.run_threads(self.load.workloads.clone(), sources, Phase::Unbounded, None, stop, &mut |_| true);
        self.client_options.connections = before;
        let records = records?;
        (builder.elapsed, builder.interrupted) = (started.elapsed(), true);
        Ok(builder.close(records, self.workers.iter().map(|worker| &worker.checker)))
    }

    /// Deletes the created users. Returns how many could not be deleted.
    pub fn clean_up(&mut self, on_event: &mut dyn FnMut(ProgressEvent<'_>)) -> u64 {
        if !self.creates_users || self.load.keep_users {
            return 0;
        }
        let created: Vec<u64> = self
            .workers
            .iter_mut()
            .map(|worker| {
                worker.installations.users.retain(|user| !user.id.is_empty());
                worker.installations.reset_user_cursor();
                worker.installations.users.len() as u64
            })
            .collect();
        let of: u64 = created.iter().sum();
        if of == 0 {
            return 0;
        }
        let workload = Workload {
            name: "users".into(),
            calls: vec![LoadCall::DeleteUser],
            weight: 1,
            on_complete: OnComplete::Return,
        };
        let sources = created.iter().map(|count| self.preparation_source(*count)).collect();
        let mut done = 0;
        let never = AtomicBool::new(false);
        let records = self.run_threads(
            vec![workload],
            sources,
            Phase::Unbounded,
            Some(Duration::from_secs(60)),
            &never,
            &mut |interval| {
                done += interval.good;
                on_event(ProgressEvent::Preparing { what: "users deleted", done, of });
                true
            },
        );
        let good: u64 = records.map_or(0, |records| records.iter().map(|record| record.series[0][0].good).sum());
        of - good
    }
}

/// Seconds since 1970.
fn now_s() -> i64 {
    real_now_ms() / 1000
}

/// Some of what a job creates could not be created in all attempts.
fn incomplete_error(job: &PreparationJob, missing: u64, failures: &BTreeMap<Failure, FailureStats>) -> LoadError {
    let what = format!("{missing} of {} {} could not be created in three attempts", job.of, job.what);
    let Some((failure, failed)) = failures.iter().max_by_key(|(_, failed)| failed.count) else {
        return LoadError::new(what);
    };
    let all: u64 = failures.values().map(|failed| failed.count).sum();
    let example = Some(&failed.example).filter(|example| !example.is_empty());
    let example = example.map_or_else(String::new, |example| format!(" ({example})"));
    let of = if failed.count == all { String::new() } else { format!(" of the {all} failures") };
    let help = failure.help(&failed.example).map(str::to_owned);
    LoadError { help, ..LoadError::new(format!("{what}: {}{of} × {failure}{example}", failed.count)) }
}

fn creation_error(job: &PreparationJob, records: &[WorkerRecord]) -> LoadError {
    let failures = records.iter().flat_map(|record| &record.series[0][0].failures);
    let Some((failure, failed)) = failures.max_by_key(|(_, failed)| failed.count) else {
        return LoadError::new(format!("no {} could be created", job.what));
    };
    LoadError::creation_error(job.what, *failure, failed.example.clone())
}
