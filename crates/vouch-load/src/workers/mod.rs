//! The workers of a load: they make users, tokens and a signed-in fleet before the clock starts, then go through one or
//! more rounds.

mod work;

use super::arrivals::{Arrivals, Schedule};
use super::check::Checker;
use super::client::{Limits, nanoseconds};
use super::endpoints::{LoadCall, Site};
use super::failure::Failure;
use super::installations::{Fleet, User};
use super::measure::{self, Failed};
use super::measurement_window::Window;
use super::plan::Load;
use super::round::{AbortPolicy, IntervalStats, Round, RoundBuilder};
use super::scheduler::{After, Pace, Record, Workload};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use vouch_runner::sut::Place;
use vouch_sim::clock::real_now_ms;

/// Why a load could not be carried out, for the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct LoadError {
    pub what: String,
    pub help: Option<String>,
    /// Somebody pressed Ctrl-C.
    pub interrupted: bool,
}

impl LoadError {
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), help: None, interrupted: false }
    }

    /// What a load needs could not be made; `example` is what was said of one such failure, or empty.
    pub fn cannot_make(what: &str, failure: Failure, example: String) -> Self {
        let example = if example.is_empty() { failure.to_string() } else { example };
        let help = failure.help(&example).map(str::to_owned);
        Self { help, ..Self::new(format!("no {what} could be made: {example}")) }
    }
}

/// What goes on, for the live view.
#[derive(Clone, Debug)]
pub enum ProgressEvent<'a> {
    /// Before the clock: what is made, how many there are and how many there shall be.
    Preparing { what: &'static str, done: u64, of: u64 },
    /// The clock starts.
    Started,
    /// A second is over.
    Second(&'a IntervalStats),
}

/// The window of what has no duration of its own.
const OPEN: Window = 0..u64::MAX;

/// One worker's own.
struct WorkerState {
    fleet: Fleet,
    checker: Checker,
}

/// The workers.
pub struct Workers {
    load: Load,
    site: Arc<Site>,
    limits: Limits,
    hands: Vec<WorkerState>,
    made_users: bool,
    /// Wrong answers since the last round, while users, installations and tokens were made.
    lies: BTreeMap<Failure, Failed>,
}

/// How a workers is put together.
pub struct WorkerParts {
    pub load: Load,
    pub site: Site,
    /// For one worker.
    pub limits: Limits,
    /// Users that exist already, such as those of a backend; empty: they are made.
    pub users: Vec<User>,
    /// Where a backend's answer holds the sign-in token.
    pub token_place: Place,
}

/// A job of preparation: its words, the calls, and what it leaves.
struct WorkItem {
    what: &'static str,
    calls: &'static [LoadCall],
    after: After,
    of: u32,
}

impl Workers {
    pub fn new(parts: WorkerParts) -> Self {
        let WorkerParts { load, site, limits, users, token_place } = parts;
        let site = Arc::new(site);
        let made_users = users.is_empty();
        let shows_access = load.workloads.iter().any(|workload| workload.calls.contains(&LoadCall::Resource));
        let run = uuid::Uuid::new_v4().simple().to_string();
        let hands = (0..load.threads).map(|worker| {
            let mine = |n: &u32| n % load.threads == worker;
            let users: Vec<User> = if made_users {
                let name = |n: u32| format!("vouch-load-{}-{n}", &run[..8]).into_boxed_str();
                let count = load.users.max(load.threads);
                (0..count).filter(mine).map(|n| User { name: name(n), ..User::default() }).collect()
            } else {
                // A worker without users has nothing to do; then all share the few there are.
                let own: Vec<_> =
                    (0_u32..).zip(&users).filter(|(n, _)| mine(n)).map(|(_, user)| user.clone()).collect();
                if own.is_empty() { users.clone() } else { own }
            };
            let fleet = Fleet::new(users, load.recycles);
            WorkerState { fleet, checker: Checker::new(site.clone(), token_place.clone(), load.rotates, shows_access) }
        });
        Self { hands: hands.collect(), made_users, load, site, limits, lies: BTreeMap::new() }
    }

    /// Makes what the load needs before its clock starts.
    pub fn prepare(&mut self, stop: &AtomicBool, on_event: &mut dyn FnMut(ProgressEvent<'_>)) -> Result<(), LoadError> {
        let mut errands = Vec::new();
        let needs = |of: fn(&Workload) -> bool| self.load.workloads.iter().any(of);
        let issues = needs(|workload| workload.calls.contains(&LoadCall::Issue));
        let (fleet, tokens) = (needs(Workload::needs_fleet), needs(Workload::needs_tokens));
        if self.made_users && (fleet || tokens || issues) {
            let users: usize = self.hands.iter().map(|hand| hand.fleet.users.len()).sum();
            let of = u32::try_from(users).unwrap_or(u32::MAX);
            errands.push(WorkItem { what: "users", calls: &[LoadCall::CreateUser], after: After::Return, of });
        }
        if fleet {
            let calls = &[LoadCall::Issue, LoadCall::Exchange];
            errands.push(WorkItem { what: "installations", calls, after: After::Join, of: self.load.fleet });
        }
        for errand in errands {
            self.make(&errand, stop, on_event)?;
        }
        self.check_access_lifetime()
    }

    /// Makes the sign-in tokens that a round needs and the stock has not.
    fn restock(
        &mut self,
        arrivals: &Arrivals,
        duration: Duration,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<(), LoadError> {
        let as_planned = *arrivals == self.load.arrivals && duration == self.load.duration;
        let now_s = now_s();
        self.hands.iter_mut().for_each(|hand| hand.fleet.drop_expired(now_s));
        let wanted = if as_planned { self.load.tokens } else { self.load.tokens_for(arrivals, duration) };
        let stocked: usize = self.hands.iter().map(|hand| hand.fleet.tokens()).sum();
        let missing = wanted.saturating_sub(u32::try_from(stocked).unwrap_or(u32::MAX));
        if missing == 0 {
            return Ok(());
        }
        let calls = &[LoadCall::Issue];
        self.make(&WorkItem { what: "sign-in tokens", calls, after: After::KeepToken, of: missing }, stop, on_event)?;
        self.check_lifetimes(duration)
    }

    fn make(
        &mut self,
        errand: &WorkItem,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<(), LoadError> {
        let threads = self.load.threads;
        let share = |worker: usize| {
            let worker = u32::try_from(worker).unwrap_or(0);
            errand.of / threads + u32::from(worker < errand.of % threads)
        };
        let mut left: Vec<u64> = (0..self.hands.len()).map(|worker| u64::from(share(worker))).collect();
        let of = u64::from(errand.of);
        // A few answers may get lost on the way; what fails again and again is told.
        for _ in 0..3 {
            self.hands.iter_mut().for_each(|hand| hand.fleet.rewind());
            let paces = left.iter().map(|count| self.preparing_pace(*count)).collect();
            let workload =
                Workload { name: errand.what.into(), calls: errand.calls.to_vec(), weight: 1, after: errand.after };
            let before = of - left.iter().sum::<u64>();
            let mut done = before;
            let mut hopeless = false;
            let records = self.work(vec![workload], paces, OPEN, None, stop, &mut |row| {
                done += row.good;
                on_event(ProgressEvent::Preparing { what: errand.what, done: done.min(of), of });
                hopeless = done == before && row.lasting > 0;
                !hopeless
            })?;
            let good = |record: &Record| record.series[0][0].good;
            for (failure, failed) in records.iter().flat_map(|record| &record.series[0][0].failures) {
                if failure.is_wrong() {
                    measure::add(&mut self.lies, *failure, failed);
                }
            }
            left = records.iter().zip(&left).map(|(record, left)| left.saturating_sub(good(record))).collect();
            if left.iter().all(|left| *left == 0) {
                on_event(ProgressEvent::Preparing { what: errand.what, done: of, of });
                return Ok(());
            }
            if stop.load(Ordering::Relaxed) {
                return Err(LoadError { interrupted: true, ..LoadError::new("interrupted while the fleet was made") });
            }
            if hopeless || records.iter().all(|record| good(record) == 0) {
                return Err(cannot_make(errand, &records));
            }
        }
        Err(LoadError::new(format!(
            "{} of {of} {} could not be made in three tries",
            left.iter().sum::<u64>(),
            errand.what
        )))
    }

    fn preparing_pace(&self, count: u64) -> Pace {
        let Some(rate) = self.load.prepare_rate else { return Pace::Max(count) };
        let rate = rate / f64::from(self.load.threads);
        #[allow(clippy::cast_precision_loss, reason = "counts far below 2^53")]
        let duration = Duration::try_from_secs_f64((count as f64 - 0.5).max(0.5) / rate).unwrap_or(Duration::MAX);
        Schedule::new(&Arrivals::Constant(rate), duration, 0, 1, 0).map_or(Pace::Max(count), Pace::Scheduled)
    }

    /// Sign-in tokens that would be over before the run is.
    fn check_lifetimes(&self, duration: Duration) -> Result<(), LoadError> {
        let uses = self.load.workloads.iter().any(Workload::needs_tokens) && !self.load.recycles;
        let earliest = self.hands.iter().filter_map(|hand| hand.fleet.first_end_s()).min();
        let Some(earliest) = earliest.filter(|_| uses) else { return Ok(()) };
        let left = u64::try_from(earliest - now_s()).unwrap_or(0);
        if left >= duration.as_secs() {
            return Ok(());
        }
        Err(LoadError {
            help: Some("make the run shorter, make fewer tokens, or use the workload `signIn`, which issues each token just before its exchange".into()),
            ..LoadError::new(format!(
                "the first sign-in tokens end in {left} s, before the run of {} s does",
                duration.as_secs()
            ))
        })
    }

    /// Access tokens that would be over before the run is, where nothing refreshes them.
    fn check_access_lifetime(&self) -> Result<(), LoadError> {
        let uses = |workload: &Workload| workload.calls.first() == Some(&LoadCall::Resource);
        let Some(name) = self.load.workloads.iter().find(|workload| uses(workload)).map(|workload| &workload.name)
        else {
            return Ok(());
        };
        let shortest = self.hands.iter().filter_map(|hand| hand.checker.shortest_life_s).min();
        match shortest.filter(|life| *life <= self.load.duration.as_secs()) {
            None => Ok(()),
            Some(life) => Err(LoadError {
                help: Some("make the run shorter, or let the workload start with `refresh`".into()),
                ..LoadError::new(format!(
                    "access tokens live {life} s, and `{name}` uses them without a refresh for longer"
                ))
            }),
        }
    }

    /// One round of the load; of its duration, `warm_up` is not measured.
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
        let paces = (0..threads).map(|worker| {
            let schedule = Schedule::new(arrivals, duration, worker, threads, self.load.seed);
            schedule.map_or(Pace::Max(u64::MAX), Pace::Scheduled)
        });
        let paces: Vec<_> = paces.collect();
        let warm_up = warm_up.min(duration);
        let max = (*arrivals == Arrivals::Max).then_some(duration);
        let mut gathering = RoundBuilder::new(&self.load, warm_up, duration, max.is_some());
        on_event(ProgressEvent::Started);
        let (mut hope, mut gave_up) = (AbortPolicy::default(), false);
        let window = nanoseconds(warm_up)..nanoseconds(duration);
        let started = Instant::now();
        let records = self.work(self.load.workloads.clone(), paces, window, max, stop, &mut |row| {
            on_event(ProgressEvent::Second(row));
            gathering.rows.push(row.clone());
            gave_up |= hope.is_lost(row);
            !gave_up
        })?;
        gathering.took = started.elapsed();
        (gathering.gave_up, gathering.interrupted) = (gave_up, stop.load(Ordering::Relaxed));
        let mut round = gathering.close(records, self.hands.iter().map(|hand| &hand.checker));
        round.count_before(&std::mem::take(&mut self.lies));
        Ok(round)
    }

    /// Lets the users of a closed model work until `stop`, over at most so many connections a worker; one pace a worker.
    pub(super) fn until_stopped(
        &mut self,
        paces: Vec<Pace>,
        connections: usize,
        stop: &AtomicBool,
    ) -> Result<Round, LoadError> {
        let (arrivals, duration) = (self.load.arrivals.clone(), self.load.duration);
        self.restock(&arrivals, duration, stop, &mut |_| {})?;
        let mut gathering = RoundBuilder::new(&self.load, Duration::ZERO, Duration::MAX, false);
        let started = Instant::now();
        let before = std::mem::replace(&mut self.limits.connections, connections);
        let records = self.work(self.load.workloads.clone(), paces, OPEN, None, stop, &mut |_| true);
        self.limits.connections = before;
        let records = records?;
        (gathering.took, gathering.interrupted) = (started.elapsed(), true);
        Ok(gathering.close(records, self.hands.iter().map(|hand| &hand.checker)))
    }

    /// Deletes the users that were made. How many could not be.
    pub fn clean_up(&mut self, on_event: &mut dyn FnMut(ProgressEvent<'_>)) -> u64 {
        if !self.made_users || self.load.keeps_users {
            return 0;
        }
        let made: Vec<u64> = self
            .hands
            .iter_mut()
            .map(|hand| {
                hand.fleet.users.retain(|user| !user.id.is_empty());
                hand.fleet.rewind();
                hand.fleet.users.len() as u64
            })
            .collect();
        let of: u64 = made.iter().sum();
        if of == 0 {
            return 0;
        }
        let workload =
            Workload { name: "users".into(), calls: vec![LoadCall::DeleteUser], weight: 1, after: After::Return };
        let paces = made.iter().map(|count| self.preparing_pace(*count)).collect();
        let mut done = 0;
        let never = AtomicBool::new(false);
        let records = self.work(vec![workload], paces, OPEN, Some(Duration::from_secs(60)), &never, &mut |row| {
            done += row.good;
            on_event(ProgressEvent::Preparing { what: "users deleted", done, of });
            true
        });
        let good: u64 = records.map_or(0, |records| records.iter().map(|record| record.series[0][0].good).sum());
        of - good
    }
}

/// Seconds since 1970.
fn now_s() -> i64 {
    real_now_ms() / 1000
}

fn cannot_make(errand: &WorkItem, records: &[Record]) -> LoadError {
    let failures = records.iter().flat_map(|record| &record.series[0][0].failures);
    let Some((failure, failed)) = failures.max_by_key(|(_, failed)| failed.count) else {
        return LoadError::new(format!("no {} could be made", errand.what));
    };
    LoadError::cannot_make(errand.what, *failure, failed.example.clone())
}
