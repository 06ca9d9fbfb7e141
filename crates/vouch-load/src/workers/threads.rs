//! Runs each worker on a thread, and merges their statistics per second.

use super::{LoadError, WorkerState, Workers};
use crate::client::{ClientOptions, Http1Client, Http2Client, WorkerClock, WorkerSecond};
use crate::faults::FaultInjector;
use crate::measure::SecondStats;
use crate::measurement_window::MeasurementWindow;
use crate::plan::Protocol;
use crate::round::IntervalStats;
use crate::scheduler::{ArrivalSource, Scheduler, SchedulerParts, WorkerRecord};
use crate::traces::{TraceSampler, Tracer};
use crate::workload::Workload;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// What the requests of the workers are for.
pub(super) enum Phase {
    /// A round, with its faults.
    Round(MeasurementWindow),
    /// Work without a fixed duration and without faults, for example to create users.
    Unbounded,
}

impl Workers {
    /// Runs all workers. `on_interval` receives each second and returns whether to continue.
    pub(super) fn run_threads(
        &mut self,
        workloads: Vec<Workload>,
        sources: Vec<ArrivalSource>,
        phase: Phase,
        duration: Option<Duration>,
        stop: &AtomicBool,
        on_interval: &mut dyn FnMut(&IntervalStats) -> bool,
    ) -> Result<Vec<WorkerRecord>, LoadError> {
        let (window, is_round) = match phase {
            Phase::Round(window) => (window, true),
            Phase::Unbounded => (0..u64::MAX, false),
        };
        let (seconds, receiver) = channel();
        let halt = AtomicBool::new(false);
        let run = rand::random::<u64>();
        let (load_target, options, load, seed) = (&self.load_target, &self.client_options, &self.load, self.load.seed);
        // All workers start at the same time, after all threads were spawned.
        let start = Instant::now() + Duration::from_millis(20);
        let workers = std::mem::take(&mut self.workers);
        let count = workers.len();
        let mut error = None;
        let ended = std::thread::scope(|scope| {
            let threads = workers.into_iter().zip(sources).enumerate().map(|(worker, (worker_state, source))| {
                let (seconds, workloads, window, halt) = (seconds.clone(), workloads.clone(), window.clone(), &halt);
                let seed = seed.wrapping_add(worker as u64);
                let tracer = (is_round && load.trace_ratio > 0.0)
                    .then(|| Tracer::new(TraceSampler::new(load.trace_ratio, run, worker as u64), start));
                let injector = is_round.then(|| FaultInjector::new(load, window.end, seed)).flatten();
                scope.spawn(move || {
                    let parts = SchedulerParts {
                        load_target: load_target.clone(),
                        installations: worker_state.installations,
                        checker: worker_state.checker,
                        workloads,
                        source,
                        injector,
                        tracer,
                        window,
                        seed,
                    };
                    let mut scheduler = Scheduler::new(parts);
                    let clock = WorkerClock::new(start, duration, halt, Some(seconds));
                    let done = run_worker(&mut scheduler, clock, options);
                    let (record, installations, checker) = scheduler.into_parts();
                    (done, record, WorkerState { installations, checker })
                })
            });
            let threads: Vec<_> = threads.collect();
            drop(seconds);
            merge_seconds(&receiver, count, stop, &halt, on_interval);
            threads.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        let mut records = Vec::new();
        for end in ended {
            let Ok((done, record, worker_state)) = end else {
                error = Some("a worker thread panicked".to_owned());
                continue;
            };
            error = done.err().or(error);
            records.push(record);
            self.workers.push(worker_state);
        }
        match error {
            Some(why) => Err(LoadError::new(why)),
            None => Ok(records),
        }
    }
}

/// Runs one worker.
fn run_worker(scheduler: &mut Scheduler, mut clock: WorkerClock<'_>, options: &ClientOptions) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot wait for sockets: {error}");
    let endpoints = scheduler.load_target().endpoints.len();
    let done = match options.protocol {
        Protocol::Http1 => {
            let mut client = Http1Client::new(options.clone(), endpoints).map_err(failed)?;
            clock.wait_for_start();
            let done = client.run(scheduler, &mut clock).map_err(failed);
            scheduler.record.handshakes = client.handshakes;
            done
        }
        Protocol::Http2 => {
            let mut client = Http2Client::new(options.clone(), &scheduler.load_target().endpoints);
            clock.wait_for_start();
            let done = client.run(scheduler, &mut clock).map_err(failed);
            scheduler.record.handshakes = client.handshakes();
            done
        }
    };
    clock.send(scheduler);
    done
}

/// Merges the statistics of the workers per second.
fn merge_seconds(
    receiver: &Receiver<WorkerSecond>,
    workers: usize,
    stop: &AtomicBool,
    halt: &AtomicBool,
    on_interval: &mut dyn FnMut(&IntervalStats) -> bool,
) {
    let mut seconds: BTreeMap<u64, (usize, SecondStats)> = BTreeMap::new();
    let mut next_second = 0;
    let mut report = |second: u64, stats: &SecondStats| {
        if !on_interval(&IntervalStats::new(second, stats)) {
            halt.store(true, Ordering::Relaxed);
        }
    };
    loop {
        match receiver.recv_timeout(Duration::from_millis(100)) {
            Ok(second) if second.second >= next_second => {
                let (count, stats) = seconds.entry(second.second).or_default();
                *count += 1;
                stats.merge(&second.stats);
                let complete = *count >= workers;
                // A worker that was blocked for more than a second sends no statistics for it.
                let overdue = seconds.len() > 3;
                while let Some(first) =
                    seconds.first_entry().filter(|first| first.get().0 >= workers || overdue && complete)
                {
                    let second = *first.key();
                    let (_, stats) = first.remove();
                    report(second, &stats);
                    next_second = second + 1;
                    if !overdue && seconds.is_empty() {
                        break;
                    }
                }
            }
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
        if stop.load(Ordering::Relaxed) {
            halt.store(true, Ordering::Relaxed);
        }
    }
    seconds.iter().for_each(|(second, (_, stats))| report(*second, stats));
}
