//! Lets the users live: goose starts them one after the other, takes each through its stages with time to think between
//! them, and ends them. What they measure is theirs (`tally`): goose's own figures have milliseconds only, and are off.

use super::definition::Journey;
use super::http_client::{Bases, Wire, client};
use super::metrics::JourneyMetrics;
use super::virtual_user::{VirtualUser, VirtualUserParts};
use crate::check::Checker;
use crate::endpoints::{LoadCall, Site};
use crate::installations::{Fleet, User};
use crate::round::{AbortPolicy, IntervalStats, Round};
use crate::workers::{LoadError, ProgressEvent};
use futures_util::StreamExt;
use futures_util::stream;
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction};
use goose::{GooseAttack, GooseError};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_rustls::rustls::ClientConfig;
use vouch_runner::sut::Place;

/// How users come and how they live.
#[derive(Clone, Debug, PartialEq)]
pub struct Pace {
    pub users: u32,
    /// Users that start a second.
    pub spawn_rate: f64,
    /// The least and the most time between two stages.
    pub think: (Duration, Duration),
    /// Of the whole, from the first user on.
    pub duration: Duration,
    /// For one call.
    pub timeout: Duration,
}

/// What a cast is made of.
pub struct CastParts {
    pub scripts: Vec<Arc<Journey>>,
    pub site: Site,
    /// Users that exist already, such as those of a backend; empty: they are made.
    pub users: Vec<User>,
    /// Where a backend's answer holds the sign-in token.
    pub token_place: Place,
    pub tls: Arc<ClientConfig>,
    pub pace: Pace,
    /// A refresh must bring another refresh token.
    pub rotates: bool,
}

/// All users of a load.
pub struct Cast {
    scripts: Vec<Arc<Journey>>,
    tally: Arc<JourneyMetrics>,
    /// Users that have not started, by journey.
    waiting: Arc<Mutex<Vec<VecDeque<VirtualUser>>>>,
    /// Makes and deletes users.
    office: Arc<Wire>,
    pace: Pace,
    made_users: bool,
}

/// Calls at once while users are made or deleted.
const AT_ONCE: usize = 8;
/// How often it is looked whether to stop.
const TICK: Duration = Duration::from_millis(50);
/// What goose may need beyond the last call to end its users.
const GRACE: Duration = Duration::from_secs(5);

impl Cast {
    /// Casts the users; nothing is sent.
    pub fn new(parts: CastParts) -> Result<Self, LoadError> {
        let CastParts { scripts, site, users, token_place, tls, pace, rotates } = parts;
        let site = Arc::new(site);
        let most = scripts.iter().map(|script| script.people.len()).max().unwrap_or(0);
        if !users.is_empty() && users.len() < most {
            let have = users.len();
            return Err(LoadError::new(format!("the scenario has {most} persons, and the backend knows {have} users")));
        }
        let made_users = users.is_empty();
        let no_client = |error: reqwest::Error| LoadError::new(format!("cannot make an HTTP client: {error}"));
        let mut plan = Plan::new(users);
        let roles: Vec<Role> = (0..pace.users as usize)
            .map(|number| plan.role(number % scripts.len(), scripts[number % scripts.len()].people.len()))
            .collect();
        let office = plan.installation();
        let checker = Checker::new(site.clone(), token_place.clone(), rotates, false).with_repeats();
        let tally = Arc::new(JourneyMetrics::new(&scripts, plan.fleet, checker, pace.duration));
        let bases = Arc::new(Bases::of(&site));
        let wire = |device| {
            let client = client(&site, &tls, pace.timeout).map_err(no_client)?;
            Ok::<_, LoadError>(Wire::new(client, site.clone(), bases.clone(), tally.clone(), device))
        };
        let mut waiting: Vec<VecDeque<VirtualUser>> = scripts.iter().map(|_| VecDeque::new()).collect();
        for role in roles {
            let script = scripts[role.journey].clone();
            let (wire, token) = (Arc::new(wire(role.device)?), token_place.clone());
            let parts = VirtualUserParts {
                journey: role.journey,
                script,
                wire,
                people: role.people,
                client: role.client,
                token,
            };
            waiting[role.journey].push_back(VirtualUser::new(parts));
        }
        let office = Arc::new(wire(office)?.of_office());
        Ok(Self { scripts, tally, waiting: Arc::new(Mutex::new(waiting)), office, pace, made_users })
    }

    /// Makes the users at the vendor, where no backend has them.
    pub async fn prepare(
        &self,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<(), LoadError> {
        if !self.made_users {
            return Ok(());
        }
        let of = self.tally.lock().fleet.users.len() as u64;
        let mut done = 0;
        let users = stream::iter(self.each_user());
        let mut calls = users.map(|who| self.office.call(LoadCall::CreateUser, who)).buffer_unordered(AT_ONCE);
        while calls.next().await.is_some() {
            if let Some((failure, example)) = self.office.take().into_iter().find_map(|made| made.verdict.err()) {
                return Err(LoadError::cannot_make("users", failure, example));
            }
            if stop.load(Ordering::Relaxed) {
                return Err(LoadError { interrupted: true, ..LoadError::new("interrupted while users were made") });
            }
            done += 1;
            on_event(ProgressEvent::Preparing { what: "users", done, of });
        }
        Ok(())
    }

    /// An installation for each user of the fleet, for calls about it.
    fn each_user(&self) -> Vec<u32> {
        let mut books = self.tally.lock();
        let users = u32::try_from(books.fleet.users.len()).unwrap_or(u32::MAX);
        (0..users).map(|user| books.fleet.install(user)).collect()
    }

    /// Lets the users live. `stop` ends it early.
    pub async fn live(
        &self,
        stop: &AtomicBool,
        on_event: &mut dyn FnMut(ProgressEvent<'_>),
    ) -> Result<Round, LoadError> {
        let attack = self.attack().map_err(|error| broken(&error))?;
        let connect_timeout = self.pace.duration + self.pace.timeout + GRACE;
        on_event(ProgressEvent::Started);
        self.tally.start();
        let began = Instant::now();
        let mut watch = Watch::new(began, self.pace.duration);
        let mut tick = tokio::time::interval(TICK);
        let mut attack = Box::pin(tokio::time::timeout(connect_timeout, attack.execute()));
        let ended = loop {
            tokio::select! {
                ended = &mut attack => break ended,
                _ = tick.tick() => watch.look(&self.tally, stop, on_event),
            }
        };
        // Goose keeps its end in a static: the next load begins without it.
        goose::reset_killswitch();
        if let Ok(Err(error)) = ended {
            return Err(broken(&error));
        }
        let measured = watch.ended.unwrap_or_else(|| began.elapsed()).min(self.pace.duration);
        let round = self.tally.close(measured);
        Ok(Round { rows: watch.rows, gave_up: watch.gave_up, interrupted: watch.interrupted, ..round })
    }

    /// Deletes the users that were made. How many could not be.
    pub async fn clean_up(&self, on_event: &mut dyn FnMut(ProgressEvent<'_>)) -> u64 {
        if !self.made_users {
            return 0;
        }
        self.office.take();
        let known = |who: &u32| !self.tally.lock().fleet.user(*who).id.is_empty();
        let all: Vec<u32> = self.each_user().into_iter().filter(known).collect();
        let (of, mut done, mut left) = (all.len() as u64, 0, 0);
        let mut calls =
            stream::iter(all).map(|who| self.office.call(LoadCall::DeleteUser, who)).buffer_unordered(AT_ONCE);
        while let Some(reply) = calls.next().await {
            // 404: the journey itself had it deleted.
            if reply.is_some_and(|reply| matches!(reply.status, 200..300 | 404)) {
                done += 1;
            } else {
                left += 1;
            }
            on_event(ProgressEvent::Preparing { what: "users deleted", done, of });
        }
        left
    }

    fn attack(&self) -> Result<GooseAttack, GooseError> {
        let mut attack = GooseAttack::initialize_with_config(self.configuration())?
            .set_scheduler(goose::GooseScheduler::RoundRobin)
            .set_client_builder_without_cookies(goose::client::GooseClientBuilder::new().without_cookies())?;
        let (least, most) = self.pace.think;
        for (journey, script) in self.scripts.iter().enumerate() {
            let mut scenario = Scenario::new(&script.id).set_host("http://127.0.0.1/");
            if !most.is_zero() {
                scenario = scenario.set_wait_time(least, most)?;
            }
            let waiting = self.waiting.clone();
            let enter: TransactionFunction = Arc::new(move |user: &mut GooseUser| {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner)[journey].pop_front();
                if let Some(next) = next {
                    user.set_session_data(Played(Arc::new(tokio::sync::Mutex::new(next))));
                }
                Box::pin(async { Ok(()) })
            });
            scenario = scenario.register_transaction(Transaction::new(enter).set_name("enter").set_on_start());
            for (number, stage) in script.stages.iter().enumerate() {
                let live: TransactionFunction = Arc::new(move |user: &mut GooseUser| {
                    Box::pin(async move {
                        if let Some(Played(virtual_user)) = user.get_session_data::<Played>() {
                            virtual_user.lock().await.live(number).await;
                        }
                        Ok(())
                    })
                });
                let transaction = Transaction::new(live).set_name(&stage.name).set_sequence(number + 1);
                scenario = scenario.register_transaction(transaction);
            }
            attack = attack.register_scenario(scenario);
        }
        Ok(attack)
    }

    /// Goose without a voice and without figures of its own. It runs until it is told to end.
    fn configuration(&self) -> GooseConfiguration {
        let mut configuration = GooseConfiguration::default();
        configuration.users = Some(self.pace.users as usize);
        configuration.increase_rate = Some(self.pace.spawn_rate.to_string());
        configuration.quiet = 2;
        configuration.no_telnet = true;
        configuration.no_metrics = true;
        configuration.no_print_metrics = true;
        configuration.no_error_summary = true;
        configuration
    }
}

fn broken(error: &GooseError) -> LoadError {
    LoadError::new(format!("the journeys could not be started: {error}"))
}

/// What goose keeps for a user; it wants to be able to clone it.
#[derive(Clone)]
struct Played(Arc<tokio::sync::Mutex<VirtualUser>>);

/// Which users and installations of the fleet belong together.
struct Role {
    journey: usize,
    people: Vec<u32>,
    device: u32,
    client: u32,
}

/// The fleet as it is put together.
struct Plan {
    fleet: Fleet,
    made: bool,
    next: usize,
    run: String,
}

impl Plan {
    fn new(users: Vec<User>) -> Self {
        let run = uuid::Uuid::new_v4().simple().to_string()[..8].to_owned();
        Self { made: users.is_empty(), fleet: Fleet::new(users, false), next: 0, run }
    }

    fn role(&mut self, journey: usize, people: usize) -> Role {
        let people: Vec<u32> = (0..people).map(|_| self.user()).collect();
        let (device, client) = (self.installation(), self.installation());
        Role { journey, people, device, client }
    }

    fn user(&mut self) -> u32 {
        let number = self.next;
        self.next += 1;
        if self.made {
            let name = format!("vouch-load-{}-{number}", self.run).into_boxed_str();
            self.fleet.users.push(User { name, ..User::default() });
            return u32::try_from(number).unwrap_or(u32::MAX);
        }
        u32::try_from(number % self.fleet.users.len()).unwrap_or(0)
    }

    fn installation(&mut self) -> u32 {
        if self.fleet.users.is_empty() {
            self.fleet.users.push(User::default());
        }
        self.fleet.install(0)
    }
}

/// Looks at a running load: a row each second, and its end.
struct Watch {
    began: Instant,
    duration: Duration,
    rows: Vec<IntervalStats>,
    cpu: Duration,
    hope: AbortPolicy,
    /// When it was told to end.
    ended: Option<Duration>,
    gave_up: bool,
    interrupted: bool,
}

impl Watch {
    fn new(began: Instant, duration: Duration) -> Self {
        let (rows, cpu) = (vec![], cpu());
        Self {
            began,
            duration,
            rows,
            cpu,
            hope: AbortPolicy::default(),
            ended: None,
            gave_up: false,
            interrupted: false,
        }
    }

    fn look(&mut self, tally: &JourneyMetrics, stop: &AtomicBool, on_event: &mut dyn FnMut(ProgressEvent<'_>)) {
        let now = self.began.elapsed();
        if now.as_secs() > self.rows.len() as u64 && self.ended.is_none() {
            self.row(tally, on_event);
        }
        if self.ended.is_none() {
            self.interrupted = stop.load(Ordering::Relaxed);
            if self.interrupted || self.gave_up || now >= self.duration {
                self.ended = Some(now);
                tally.end();
            }
        }
        // Goose forgets what it was told before it was ready.
        if self.ended.is_some() && !goose::is_killswitch_triggered() {
            goose::trigger_killswitch("the load is over");
        }
    }

    fn row(&mut self, tally: &JourneyMetrics, on_event: &mut dyn FnMut(ProgressEvent<'_>)) {
        let mut second = tally.take_second();
        let used = cpu();
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let spent = used.saturating_sub(self.cpu).as_nanos() / threads as u128;
        second.cpu_ns = u64::try_from(spent).unwrap_or(u64::MAX);
        self.cpu = used;
        let row = IntervalStats::new(self.rows.len() as u64, &second);
        on_event(ProgressEvent::Second(&row));
        self.gave_up = self.hope.is_lost(&row);
        self.rows.push(row);
    }
}

/// The CPU time of this process.
fn cpu() -> Duration {
    let spent = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(spent.tv_sec).unwrap_or(0), u32::try_from(spent.tv_nsec).unwrap_or(0));
    Duration::new(seconds, nanoseconds)
}
