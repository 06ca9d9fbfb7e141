//! Workers at work: a thread each, and their seconds put together as they come.

use super::{LoadError, WorkerState, Workers};
use crate::client::{Http1, Http2, Limits, Pulse, Watch};
use crate::measure::Second;
use crate::measurement_window::Window;
use crate::plan::Protocol;
use crate::round::IntervalStats;
use crate::scheduler::{Pace, Record, Scheduler, SchedulerParts, Workload};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

impl Workers {
    /// Lets all workers work. `row` hears of each second and says whether to go on.
    pub(super) fn work(
        &mut self,
        workloads: Vec<Workload>,
        paces: Vec<Pace>,
        window: Window,
        duration: Option<Duration>,
        stop: &AtomicBool,
        row: &mut dyn FnMut(&IntervalStats) -> bool,
    ) -> Result<Vec<Record>, LoadError> {
        let (pulses, heard) = channel();
        let halt = AtomicBool::new(false);
        let (site, limits, seed) = (&self.site, &self.limits, self.load.seed);
        // All start together, and none while another is still being made.
        let start = Instant::now() + Duration::from_millis(20);
        let hands = std::mem::take(&mut self.hands);
        let count = hands.len();
        let mut broken = None;
        let ended = std::thread::scope(|scope| {
            let jobs = hands.into_iter().zip(paces).enumerate().map(|(worker, (hand, pace))| {
                let (pulses, workloads, window, halt) = (pulses.clone(), workloads.clone(), window.clone(), &halt);
                scope.spawn(move || {
                    let parts = SchedulerParts {
                        site: site.clone(),
                        fleet: hand.fleet,
                        checker: hand.checker,
                        workloads,
                        pace,
                        window,
                        seed: seed.wrapping_add(worker as u64),
                    };
                    let mut desk = Scheduler::new(parts);
                    let watch = Watch::new(start, duration, halt, Some(pulses));
                    let done = one(&mut desk, watch, limits);
                    let (record, fleet, checker) = desk.part_with();
                    (done, record, WorkerState { fleet, checker })
                })
            });
            let jobs: Vec<_> = jobs.collect();
            drop(pulses);
            listen(&heard, count, stop, &halt, row);
            jobs.into_iter().map(std::thread::ScopedJoinHandle::join).collect::<Vec<_>>()
        });
        let mut records = Vec::new();
        for end in ended {
            let Ok((done, record, hand)) = end else {
                broken = Some("a worker broke down".to_owned());
                continue;
            };
            broken = done.err().or(broken);
            records.push(record);
            self.hands.push(hand);
        }
        match broken {
            Some(why) => Err(LoadError::new(why)),
            None => Ok(records),
        }
    }
}

/// One worker's work.
fn one(desk: &mut Scheduler, mut watch: Watch<'_>, limits: &Limits) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot wait for sockets: {error}");
    let endpoints = desk.site().endpoints.len();
    let done = match limits.protocol {
        Protocol::Http1 => {
            let mut client = Http1::new(limits.clone(), endpoints).map_err(failed)?;
            watch.wait_for_start();
            let done = client.run(desk, &mut watch).map_err(failed);
            desk.record.handshakes = client.handshakes;
            done
        }
        Protocol::Http2 => {
            let mut client = Http2::new(limits.clone(), &desk.site().endpoints);
            watch.wait_for_start();
            let done = client.run(desk, &mut watch).map_err(failed);
            desk.record.handshakes = client.handshakes();
            done
        }
    };
    watch.send(desk);
    done
}

/// Puts the workers' seconds together as they come.
fn listen(
    heard: &Receiver<Pulse>,
    workers: usize,
    stop: &AtomicBool,
    halt: &AtomicBool,
    row: &mut dyn FnMut(&IntervalStats) -> bool,
) {
    let mut seconds: BTreeMap<u64, (usize, Second)> = BTreeMap::new();
    let mut told = 0;
    let mut tell = |second: u64, figures: &Second| {
        if !row(&IntervalStats::new(second, figures)) {
            halt.store(true, Ordering::Relaxed);
        }
    };
    loop {
        match heard.recv_timeout(Duration::from_millis(100)) {
            Ok(pulse) if pulse.second >= told => {
                let (count, figures) = seconds.entry(pulse.second).or_default();
                *count += 1;
                figures.merge(&pulse.figures);
                let complete = *count >= workers;
                // A worker that was held up for more than a second has no row for it.
                let overdue = seconds.len() > 3;
                while let Some(first) =
                    seconds.first_entry().filter(|first| first.get().0 >= workers || overdue && complete)
                {
                    let second = *first.key();
                    let (_, figures) = first.remove();
                    tell(second, &figures);
                    told = second + 1;
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
    seconds.iter().for_each(|(second, (_, figures))| tell(*second, figures));
}
